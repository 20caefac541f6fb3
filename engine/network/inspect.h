#ifndef ENGINE_NETWORK_INSPECT_H
#define ENGINE_NETWORK_INSPECT_H

/* What there is to know of a network before one uses it: what it is made of,
 * every node that stands in the way, the head, and what it costs.
 *
 *     struct inspection inspection = {0};
 *
 *     if (!inspect_open(&inspection, "model.onnx", &options, &err))
 *         ...
 *     if (!inspect_can_run(&inspection))
 *         ... inspection.problems, inspection.failure
 *     else if (inspect_measure(&inspection, 10, &err))
 *         ... inspection.run_ms, inspection.steps[i].ms
 *     inspect_release(&inspection);
 *
 * One thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/network/network.h"
#include "engine/onnx/onnx_summary.h"

struct inspect_options {
    uint32_t width, height;  /* of the input where the file leaves it open;
                                0: what model.json says, if there is one */
    bool override;           /* the file's own size yields to it */
    const char *output;      /* the output to be served; NULL: what model.json
                                says, if there is one, or any */
    enum head_scores scores; /* likewise */
    const char *labels; /* a labels.txt apart; NULL: the folder's, if it has
                           one */
};

/* A part of the plan (plan.h): an XNNPACK runtime of several nodes, or a kernel
 * of our own for one. */
struct inspect_step {
    const char *node, *onnx_op; /* the first one's */
    size_t num_nodes;
    enum plan_runner runner;
    double ms;
};

/* `= {0}` is empty. What is borrowed lives as long as the inspection. */
struct inspection {
    struct onnx_summary file;
    struct graph_problems problems; /* nodes that cannot be read or run */
    struct error failure; /* why else it cannot be run; empty where it can,
                             or where there are problems */

    /* From here on only where it can be run. */
    size_t input_width, input_height, channels;
    bool takes_bytes;    /* its input is of type uint8 */
    const char *output;  /* the file's output that is served */
    const char *scores;  /* what makes scores of its logits: "softmax" or
                            "sigmoid" */
    const char *head;    /* such as "gap-linear"; NULL: no classifier */
    const char *refusal; /* why there are no class activation maps, or NULL */
    bool is_normalized;  /* the maps' scale is each picture's own (head.h) */
    size_t num_classes;
    size_t map_width, map_height, num_features; /* 0 where there is no map */
    uint64_t macs;       /* multiplications with addition, of one run */
    const char *runtime; /* the XNNPACK generation in use, such as "2022" */
    struct inspect_step *steps; /* (num_steps) owned */
    size_t num_steps, num_run_by[PLAN_NUM_RUNNERS];
    size_t num_left_out; /* nodes of the file that `output` does not need */
    size_t num_nodes;    /* all steps together */
    size_t num_int8; /* nodes that would compute with integers of 8 bits where
                        that is asked for (engine.h); here floats do */
    double load_ms;

    /* From inspect_measure. */
    size_t session_bytes; /* memory of one session, packed weights included;
                             0: unknown */
    double run_ms;        /* the median, on one thread */
    double kernel_share;  /* of the time, in plain kernels */

    struct network network; /* private */
};

/* Looks at an ONNX file, or at a model's folder. That the network cannot be
 * run is no failure.
 * ERROR_IO     it cannot be read
 * ERROR_INPUT  it is not an ONNX model, or the folder not a model's
 * ERROR_LIMIT, ERROR_UNSUPPORTED, ERROR_MEMORY
 * On failure the inspection is empty. */
bool inspect_open(struct inspection *inspection, const char *path,
                  const struct inspect_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Whether there are no problems and no failure. */
bool inspect_can_run(const struct inspection *inspection);

/* Runs a network that can be run `num_runs` times, on an input of zeros.
 * ERROR_MEMORY, ERROR_INTERNAL. */
bool inspect_measure(struct inspection *inspection, size_t num_runs,
                     struct error *err) __attribute__((warn_unused_result));

void inspect_release(struct inspection *inspection);

#endif
