#ifndef ENGINE_PASSES_GRAPH_FOLD_H
#define ENGINE_PASSES_GRAPH_FOLD_H

/* What the files of folding share. Private to graph_fold*.c. */

#include "engine/graph/graph.h"
#include "engine/graph/graph_users.h"

/* A graph being folded. */
struct fold {
    struct graph *graph;
    struct graph_users users; /* kept up to date */
    struct error *err;
};

/* graph_prune. Pointers to nodes do not survive it. */
void graph_fold_prune(struct fold *fold);

/* The node that makes operand i, if the operand has no other user; or NULL. */
struct graph_node *graph_fold_before(const struct fold *fold,
                                     const struct graph_node *node, uint32_t i);

/* Takes a node out: whoever used its output uses its first input instead. The
 * node itself goes with the next graph_fold_prune. */
void graph_fold_bypass(struct fold *fold, struct graph_node *node);

/* A value holds other elements from now on, and so do those that are merely
 * reshaped from it: what the file calls them is gone. */
void graph_fold_forget(struct fold *fold, int value);

/* Frees a constant, if nothing uses it any more: a file may fold its weights
 * over and over. */
void graph_fold_drop(struct fold *fold, int value);

/* New operands of a layer, or of a normalization. */
struct fold_layer {
    int *inputs; /* (3) its x, and constants that are zeros still: */
    float *weights, *bias;
};

/* Makes them for a node. ERROR_MEMORY, ERROR_LIMIT. */
bool graph_fold_new_layer(struct fold *fold, struct fold_layer *layer,
                          const struct graph_node *node,
                          const struct graph_shape *weights, size_t num_bias)
    __attribute__((warn_unused_result));

/* Gives them to the node, and drops the constants that it had. */
void graph_fold_put_layer(struct fold *fold, struct graph_node *node,
                          const struct fold_layer *layer);

/* The dimension that counts the channels of what a CONV or LINEAR makes. */
size_t graph_fold_channel_axis(const struct graph *graph,
                               const struct graph_node *node);

/* graph_fold_same.c: takes out what gives one of its operands as it is; where
 * only the shape is another, a reshape remains. */
void graph_fold_moves(struct fold *fold);

/* graph_fold_dequantize.c: the largest of integers that are dequantized
 * afterwards is the largest of what they stand for: a map is to be read from
 * those. */
void graph_fold_dequantize(struct fold *fold);

/* graph_fold_pool.c: makes one MEAN over rows and columns, or one REDUCE for
 * the maximum, of several nodes that pool all of a picture in other words.
 * ERROR_MEMORY, ERROR_LIMIT. */
bool graph_fold_pool(struct fold *fold) __attribute__((warn_unused_result));

/* graph_fold_affine.c: puts a scale and a shift of each channel into the
 * weights before, or after: BATCH_NORM, and ADD, SUB, MUL, DIV of a constant.
 * ERROR_INPUT, ERROR_MEMORY. */
bool graph_fold_batch_norm(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_binary(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* graph_fold_sum.c: layers that do the same to the same but for their weights
 * are one, where they are added (ADD, SUB), or stacked and averaged (MEAN,
 * REDUCE). ERROR_MEMORY. */
bool graph_fold_sum(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_stack(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* The LINEAR or CONV of which the value is the result, maybe reshaped, if
 * nothing else uses it; or NULL. */
struct graph_node *graph_fold_layer_of(const struct fold *fold, int value);

/* graph_fold_rows.c: some of a layer's classes (SLICE, GATHER), or those of
 * several in a row (CONCAT), are a layer's. ERROR_MEMORY. */
bool graph_fold_pick(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_join(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* graph_fold_linear.c: of linear layers in a row, with nothing but reshapes
 * between them, makes one; so too of one after numbers that each of its inputs
 * is multiplied by, or that are added. Layers on more than one row of numbers
 * stay as they are, and so do those where it would take too long.
 * ERROR_MEMORY. */
bool graph_fold_linear(struct fold *fold) __attribute__((warn_unused_result));

#endif
