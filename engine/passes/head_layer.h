#ifndef ENGINE_PASSES_HEAD_LAYER_H
#define ENGINE_PASSES_HEAD_LAYER_H

/* The layers that a head is made of. Private to the files of head.h. */

#include "engine/graph/graph.h"

/* The value that reshapes between it and `value` merely rename, and a
 * quantized network's pairs of nodes merely round. */
int head_layer_behind_reshapes(const struct graph *graph, int value);

/* A linear layer on one row, or a 1 x 1 convolution on one pixel, which is the
 * same: weights (O, I) in this order of elements either way. */
bool head_layer_is_linear(const struct graph *graph,
                          const struct graph_node *node);

/* Pooling over all of a picture, (1, H, W, C). */
bool head_layer_is_global_pool(const struct graph *graph,
                               const struct graph_node *node);

/* A normalization of one row of numbers, all of it. Its scale and bias are the
 * next layer's (graph_fold_linear), but where a quantized network rounds
 * between the two. */
bool head_layer_is_row_norm(const struct graph *graph,
                            const struct graph_node *node);

/* Operand i of a normalization of a row, or GRAPH_NONE. */
int head_layer_norm_operand(const struct graph_node *norm, uint32_t i);

/* A node's first operand that is not constant, or GRAPH_NONE. */
int head_layer_first_open(const struct graph *graph,
                          const struct graph_node *node);

#endif
