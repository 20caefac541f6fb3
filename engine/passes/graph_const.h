#ifndef ENGINE_PASSES_GRAPH_CONST_H
#define ENGINE_PASSES_GRAPH_CONST_H

/* Constant folding, for graph_infer. */

#include "engine/graph/graph.h"

/* Sets limits for graph_const_fold, as multiples of the number of constant
 * elements in the graph: one for the work, one for the elements stored at a
 * time. So a small file cannot cause excessive use of time or memory. Weights
 * that are standardized or normalized by about ten nodes each stay well within
 * the limits. */
void graph_const_allow(struct graph *graph);

/* Computes the output of a node whose operands are all constant (or whose
 * result does not depend on their elements: SHAPE, EYE), if it has a plain
 * kernel. The output's shape must be set. Does nothing for other nodes.
 * ERROR_INPUT (kernel.h), ERROR_LIMIT (graph_const_allow), ERROR_MEMORY. */
bool graph_const_fold(struct graph *graph, struct graph_node *node,
                      struct error *err) __attribute__((warn_unused_result));

/* Releases a constant that is no longer needed. */
void graph_const_drop(struct graph *graph, int value);

/* Turns a MATMUL whose b (I, O), or (O, I) if transposed, and c are constant
 * into a LINEAR: weights (O, I) = alpha b, bias (O) = beta c.
 * ERROR_UNSUPPORTED: c is not one bias for each of the O outputs.
 * ERROR_MEMORY. */
bool graph_const_linear(struct graph *graph, struct graph_node *node,
                        struct error *err) __attribute__((warn_unused_result));

#endif
