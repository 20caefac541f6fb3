#ifndef ENGINE_RUN_EXPAND_H
#define ENGINE_RUN_EXPAND_H

/* A convolution with integers (dense_int8.h) and the depthwise one behind it
 * (depthwise.h) together, a band of rows after another: networks for phones
 * expand a feature map to six times its channels only to take it in again, and
 * at their first layers' sizes it does not fit a core's cache. Results are the
 * same as of one after the other. */

#include "engine/run/dense_int8.h"
#include "engine/run/depthwise.h"

/* Whether a node that dense_int8_supports, and a depthwise one that
 * depthwise_supports and that alone takes its output, gain from it. Any
 * thread. */
bool expand_pays(const struct graph *graph, const struct graph_node *depthwise);

/* How many floats of scratch a run needs. */
size_t expand_scratch_len(const struct dense_int8 *dense,
                          const struct graph *graph,
                          const struct graph_node *depthwise);

/* Computes both on the caller's thread and on the member's helpers (NULL:
 * none). `depthwise` says what the second one does, but for its input. */
void expand_run(const struct dense_int8 *dense,
                const struct depthwise *depthwise, const float *in,
                float *scratch, struct team_member *member);

#endif
