#ifndef ENGINE_PASSES_GRAPH_CONST_H
#define ENGINE_PASSES_GRAPH_CONST_H

/* What graph_infer computes once, from constants. */

#include "engine/graph/graph.h"

/* Allows graph_const_fold to compute many times as many elements as the graph
 * has now, and to hold a few times as many at once, so that a small file
 * cannot ask for a great deal of time or memory. Weights that are standardized
 * or normalized by some ten nodes each fit well. */
void graph_const_allow(struct graph *graph);

/* Computes the outputs of a node whose operands are all constant (or whose
 * result does not depend on their elements: SHAPE, EYE), where there is a plain
 * kernel for it. The output's shape must be set. Does nothing otherwise.
 * ERROR_INPUT (kernel.h), ERROR_LIMIT (graph_const_allow), ERROR_MEMORY. */
bool graph_const_fold(struct graph *graph, struct graph_node *node,
                      struct error *err) __attribute__((warn_unused_result));

/* Gives up a constant that nothing needs any more. */
void graph_const_drop(struct graph *graph, int value);

/* Turns a MATMUL whose b (I, O), or (O, I) if transposed, and c are constant
 * into a LINEAR: weights (O, I) = alpha b, bias (O) = beta c.
 * ERROR_UNSUPPORTED: c is not one bias for each of the O. ERROR_MEMORY. */
bool graph_const_linear(struct graph *graph, struct graph_node *node,
                        struct error *err) __attribute__((warn_unused_result));

#endif
