#ifndef ENGINE_PASSES_HEAD_LAYER_H
#define ENGINE_PASSES_HEAD_LAYER_H

/* The layers of a head. Private to the files of head.h. */

#include "engine/graph/graph.h"

/* Follows reshapes, and a quantized network's pairs of rounding nodes, back
 * from `value`. */
int head_layer_behind_reshapes(const struct graph *graph, int value);

/* Whether the node is a linear layer on one row, or the equivalent 1 x 1
 * convolution on one pixel; both store their weights as (O, I). */
bool head_layer_is_linear(const struct graph *graph,
                          const struct graph_node *node);

/* Whether the node pools over a whole image, (1, H, W, C). */
bool head_layer_is_global_pool(const struct graph *graph,
                               const struct graph_node *node);

/* Whether the node normalizes one whole row of numbers. Its scale and bias are
 * in the next layer (graph_fold_linear), except in quantized networks that
 * round between the two. */
bool head_layer_is_row_norm(const struct graph *graph,
                            const struct graph_node *node);

/* Returns operand i of a normalization of a row, or GRAPH_NONE. */
int head_layer_norm_operand(const struct graph_node *norm, uint32_t i);

/* Returns a node's first operand that is not constant, or GRAPH_NONE. */
int head_layer_first_open(const struct graph *graph,
                          const struct graph_node *node);

#endif
