#ifndef ENGINE_NETWORK_INSPECT_H
#define ENGINE_NETWORK_INSPECT_H

/* Describes a network before it is used: its nodes, the unsupported ones among
 * them, the head, and the cost.
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
    uint32_t width, height;  /* of the input, if the file leaves it open; 0: the
                                size in model.json, if any */
    bool override;           /* use this size instead of the file's */
    const char *output;      /* the one to use; NULL: model.json's, if any */
    enum head_scores scores; /* likewise */
    const char *labels; /* a labels.txt; NULL: the folder's, if it has one */
};

/* A step of the plan (plan.h): an XNNPACK runtime of several nodes, or a plain
 * kernel for one. */
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
    struct error failure; /* why it cannot be run although there are no
                             problems; else empty */

    /* From here on: only if it can be run. */
    size_t input_width, input_height, channels;
    bool takes_bytes;    /* its input is of type uint8 */
    const char *output;  /* the name of the output that is used */
    const char *scores;  /* how logits become scores: "softmax" or "sigmoid" */
    const char *head;    /* such as "gap-linear"; NULL: not a classifier */
    const char *refusal; /* why there are no class activation maps, or NULL */
    bool is_normalized;  /* the scale of a map depends on the image (head.h) */
    size_t num_classes;
    size_t map_width, map_height, num_features; /* 0 without a map */
    uint64_t macs;       /* multiply-accumulate operations of one run */
    const char *runtime; /* the XNNPACK generation in use, such as "2022" */
    struct inspect_step *steps; /* (num_steps) owned */
    size_t num_steps, num_run_by[PLAN_NUM_RUNNERS];
    size_t num_left_out; /* nodes of the file not needed for `output` */
    size_t num_nodes;    /* all steps together */
    size_t num_int8; /* nodes that would use 8-bit integers in a model opened
                        with int8 (engine.h); here they use floats */
    double load_ms;

    /* From inspect_measure. */
    size_t session_bytes; /* memory of one session, including packed weights; 0:
                             unknown */
    double run_ms;        /* the median, on one thread */
    double kernel_share;  /* share of the time in plain kernels */

    struct network network; /* private */
};

/* Inspects an ONNX file or a model's folder. Succeeds for a network that cannot
 * be run, too.
 * ERROR_IO     it cannot be read
 * ERROR_INPUT  not an ONNX model, or not the folder of a model
 * ERROR_LIMIT, ERROR_UNSUPPORTED, ERROR_MEMORY
 * On failure the inspection is empty. */
bool inspect_open(struct inspection *inspection, const char *path,
                  const struct inspect_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Whether there are no problems and no failure. */
bool inspect_can_run(const struct inspection *inspection);

/* Measures a network that can be run: runs it `num_runs` times on zeros.
 * ERROR_MEMORY, ERROR_INTERNAL. */
bool inspect_measure(struct inspection *inspection, size_t num_runs,
                     struct error *err) __attribute__((warn_unused_result));

void inspect_release(struct inspection *inspection);

#endif
