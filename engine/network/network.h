#ifndef ENGINE_NETWORK_NETWORK_H
#define ENGINE_NETWORK_NETWORK_H

/* Takes a network from the file to the plan that sessions run: all passes in
 * their order.
 *
 *     onnx_read                reads the file's nodes
 *     graph_infer              infers shapes
 *     graph_fold
 *     layers_find              lists the feature maps
 *     plan_layout
 *     outputs_choose           chooses the output; the file is then read again
 *                              for this one alone
 *     head_find_at             finds the layers that maps are computed from
 *     stage_find               finds the stage before the last layer's
 *     graph_set_outputs        logits, default layer and stage
 *     precision_plan
 *
 *     struct network network = {0};
 *
 *     if (!network_read(&network, bytes, len, &options, &err) ||
 *         !network_plan(&network, PRECISION_FP32, &err))
 *         ...
 *     network_release(&network);
 *
 * Immutable once it is planned; one thread at a time before. */

#include "engine/base/error.h"
#include "engine/graph/graph.h"
#include "engine/network/layers.h"
#include "engine/network/stage.h"
#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "engine/run/precision_choice.h"

/* Weights of 2 GB are the most that one ONNX file can hold. */
#define NETWORK_MAX_BYTES ((size_t)1 << 31)

/* `= {0}` is empty. */
struct network {
    struct graph graph;
    struct head head;     /* head.output is the file's name for the output */
    struct layers layers; /* of the output that is used; their values are those
                             before graph_layout. Empty with keep_outputs */
    int layer_value;    /* the default layer's value, (1, H, W, C), which is an
                           output; GRAPH_NONE if there is none. Not with
                           keep_outputs */
    struct stage stage; /* its values are outputs too. Not with keep_outputs:
                           all zeros */
    struct plan *plan;  /* owned; NULL until network_plan */
};

/* The last pass to run on the graph. */
enum network_pass {
    NETWORK_ALL, /* including the search for the head */
    NETWORK_INFER,
    NETWORK_FOLD,
    NETWORK_LAYOUT,
};

/* `= {0}` is for an image classifier. */
struct network_options {
    struct onnx_input input; /* the image's size and the file's folder */
    struct head_wish wish;   /* what is known of the classes */

    /* If unsupported nodes prevent the network from being read, all of them are
     * listed here; must be empty before. The list is in the graph's memory.
     * NULL: the first unsupported node is the error. Not with keep_outputs. */
    struct graph_problems *problems;

    /* Keep all outputs; none of them may fail. The head is that of the first
     * output that is a row of classes. Its features are added as the last
     * output. Without a head, head.name is NULL. */
    bool keep_outputs;

    /* (num_tensors) Bindings of the inputs; NULL: the input is an image. With
     * bindings, inputs and outputs keep the file's layout. Only with
     * keep_outputs. */
    const struct onnx_binding *tensors;
    size_t num_tensors;

    /* Later passes are skipped. Only with keep_outputs. */
    enum network_pass last;
};

/* Reads a file into an empty network.
 *
 * ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_IO, ERROR_MEMORY: as in
 * the passes. After a failure the network may only be released. */
bool network_read(struct network *network, const uint8_t *bytes, size_t len,
                  const struct network_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* The same for an open file of at most NETWORK_MAX_BYTES, whose weights are not
 * copied on the way. Not with tensors. */
bool network_read_file(struct network *network, int fd,
                       const struct network_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Runs the passes from graph_infer to `last` on a graph that does not come from
 * a file. Fails like the passes. */
bool network_prepare(struct graph *graph, enum network_pass last,
                     struct error *err) __attribute__((warn_unused_result));

/* Plans the network, and drops the constants that the plan has copies of, but
 * for those of the head and of the stage's block. Fails like precision_plan. */
bool network_plan(struct network *network, enum precision_choice precision,
                  struct error *err) __attribute__((warn_unused_result));

void network_release(struct network *network);

#endif
