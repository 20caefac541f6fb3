#ifndef ENGINE_RUN_PRODUCT_H
#define ENGINE_RUN_PRODUCT_H

/* Products of stacks of matrices that are both computed, as attention has them,
 * by the tiles of dense.c: the second operand is packed into panels as part of
 * each run. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/run/dense_tile.h"

/* Whether this processor has a kernel for the node: a MATMUL of operands of at
 * least two dimensions, with one row of the first after another and no third
 * operand. Any thread. */
bool product_supports(const struct graph *graph, const struct graph_node *node);

/* How many floats of scratch a run of a supported node needs. */
size_t product_scratch_len(const struct graph *graph,
                           const struct graph_node *node);

/* Computes the node on the caller's thread and on the member's helpers (NULL:
 * none), by a kernel; NULL is the fastest one for this processor, and any
 * other's panels are at most as long. Results do not depend on the number of
 * threads. The arrays must not overlap. */
void product_run(const struct graph *graph, const struct graph_node *node,
                 const struct dense_kernel *kernel, float *out, const float *a,
                 const float *b, float *scratch, struct team_member *member);

#endif
