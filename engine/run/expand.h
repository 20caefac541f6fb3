#ifndef ENGINE_RUN_EXPAND_H
#define ENGINE_RUN_EXPAND_H

/* A convolution (dense.h, or dense_int8.h with integers) and the depthwise one
 * behind it (depthwise.h) together, a band of rows after another: networks for
 * phones expand a feature map to six times its channels only to take it in
 * again, and at their first layers' sizes it does not fit a core's cache.
 * Results are the same as of one after the other. */

#include "engine/run/dense.h"
#include "engine/run/dense_int8.h"
#include "engine/run/depthwise.h"

/* Whether a node whose rows can be computed some at a time, and a depthwise one
 * that depthwise_supports and that alone takes its output, gain from it. Any
 * thread. */
bool expand_pays(const struct graph *graph, const struct graph_node *depthwise);

/* The first of the two; one of them is NULL. */
struct expand_layer {
    const struct dense *dense;           /* one that dense_gives_rows; or */
    const struct dense_int8 *dense_int8; /* borrowed, both */
    const struct graph_node *function;   /* of its results, one that
                                            kernel_applies; or NULL */
};

/* How many floats of scratch a run needs. */
size_t expand_scratch_len(const struct expand_layer *layer,
                          const struct graph *graph,
                          const struct graph_node *depthwise);

/* Computes both on the caller's thread and on the member's helpers (NULL:
 * none). `depthwise` says what the second one does, but for its input. */
void expand_run(const struct expand_layer *layer,
                const struct depthwise *depthwise, const float *in,
                float *scratch, struct team_member *member);

#endif
