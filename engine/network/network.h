#ifndef ENGINE_NETWORK_NETWORK_H
#define ENGINE_NETWORK_NETWORK_H

/* A network from the file to the plan that a session runs: all passes in their
 * order, for whoever opens one.
 *
 *     onnx_read                the file's nodes; a picture is its input
 *     graph_infer              shapes
 *     graph_fold
 *     graph_layout
 *     outputs_choose           which output is served; the file is then read
 *                              anew for this one alone
 *     head_find_at             what a class activation map is made of
 *     head_set_outputs         logits and features are the graph's outputs
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
#include "engine/onnx/onnx.h"
#include "engine/passes/head.h"
#include "engine/run/plan.h"
#include "engine/run/precision_choice.h"

/* Weights of 2 GB are the most that one ONNX file can hold. */
#define NETWORK_MAX_BYTES ((size_t)1 << 31)

/* `= {0}` is empty. */
struct network {
    struct graph graph;
    struct head head;  /* head.output is what the file calls the output */
    struct plan *plan; /* owned; NULL until network_plan */
};

/* The last of the passes over the graph. */
enum network_pass {
    NETWORK_ALL, /* the head is looked for */
    NETWORK_INFER,
    NETWORK_FOLD,
    NETWORK_LAYOUT,
};

/* `= {0}` is for a classifier of pictures that is to be served. */
struct network_options {
    struct onnx_input input; /* the picture's size and, whatever else is asked
                                for, the file's folder */
    struct head_wish wish;   /* what is known of the classes */

    /* Every node that stands in the way is listed here, if the network cannot
     * be read for such nodes; it is empty before. It is in the graph's memory.
     * NULL: the first such node is the error. Not with keep_outputs. */
    struct graph_problems *problems;

    /* All outputs stay, and none of them may fail. The head is that of the
     * first that is a row of classes; its features become one more output, the
     * last. Where there is no head, head.name is NULL. */
    bool keep_outputs;

    /* (num_tensors) What the inputs are bound to instead of one picture; NULL:
     * a picture. Inputs and outputs are then laid out as the file says.
     * With keep_outputs only. */
    const struct onnx_binding *tensors;
    size_t num_tensors;

    /* Those after it are left out. With keep_outputs only. */
    enum network_pass last;
};

/* Reads a file into an empty network.
 *
 * ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_IO, ERROR_MEMORY: as the
 * passes have it. After a failure the network may be released only. */
bool network_read(struct network *network, const uint8_t *bytes, size_t len,
                  const struct network_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* The passes from graph_infer to `last` over a graph that was made in another
 * way. Fails as they do. */
bool network_prepare(struct graph *graph, enum network_pass last,
                     struct error *err) __attribute__((warn_unused_result));

/* Plans it; fails as precision_plan does. */
bool network_plan(struct network *network, enum precision_choice precision,
                  struct error *err) __attribute__((warn_unused_result));

void network_release(struct network *network);

#endif
