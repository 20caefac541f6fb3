#ifndef ENGINE_PASSES_GRAPH_FOLD_H
#define ENGINE_PASSES_GRAPH_FOLD_H

/* Shared declarations, private to graph_fold*.c. */

#include "engine/graph/graph.h"
#include "engine/graph/graph_users.h"

/* A graph being folded. */
struct fold {
    struct graph *graph;
    struct graph_users users; /* kept up to date */
    struct error *err;
};

/* Runs graph_prune, which invalidates pointers to nodes. */
void graph_fold_prune(struct fold *fold);

/* Returns the node that computes operand i, if the operand has no other user;
 * or NULL. */
struct graph_node *graph_fold_before(const struct fold *fold,
                                     const struct graph_node *node, uint32_t i);

/* Bypasses a node: users of its output use its first input instead. The next
 * graph_fold_prune removes the node. */
void graph_fold_bypass(struct fold *fold, struct graph_node *node);

/* Removes the names of a value whose elements have changed, and of its
 * reshapes. */
void graph_fold_forget(struct fold *fold, int value);

/* Frees a constant that has no users any more; a file's weights may be folded
 * many times. */
void graph_fold_drop(struct fold *fold, int value);

/* New operands of a layer, or of a normalization. */
struct fold_layer {
    int *inputs; /* (3) x and the new constants, initially zeros: */
    float *weights, *bias;
};

/* Creates the operands for a node. ERROR_MEMORY, ERROR_LIMIT. */
bool graph_fold_new_layer(struct fold *fold, struct fold_layer *layer,
                          const struct graph_node *node,
                          const struct graph_shape *weights, size_t num_bias)
    __attribute__((warn_unused_result));

/* Sets them as the node's operands, and frees its old constants. */
void graph_fold_put_layer(struct fold *fold, struct graph_node *node,
                          const struct fold_layer *layer);

/* The axis of the channels in the output of a CONV or LINEAR. */
size_t graph_fold_channel_axis(const struct graph *graph,
                               const struct graph_node *node);

/* graph_fold_identity.c: removes nodes whose output equals one of their
 * operands; if only the shape differs, a reshape remains. */
void graph_fold_moves(struct fold *fold);

/* graph_fold_dequantize.c: moves DEQUANTIZE before nodes such as max pooling
 * that give the same result either way, because a map needs the dequantized
 * values. */
void graph_fold_dequantize(struct fold *fold);

/* graph_fold_pool.c: replaces nodes that together are a global pooling by one
 * MEAN over rows and columns, or by one REDUCE for the maximum. ERROR_MEMORY,
 * ERROR_LIMIT. */
bool graph_fold_pool(struct fold *fold) __attribute__((warn_unused_result));

/* graph_fold_batch_norm.c: folds a scale and a shift for each channel into the
 * weights of the layer before or after: BATCH_NORM, and ADD, SUB, MUL, DIV with
 * a constant. ERROR_INPUT, ERROR_MEMORY. */
bool graph_fold_batch_norm(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_binary(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* graph_fold_sum.c: combines layers that have the same input and differ only in
 * their weights, if they are added (ADD, SUB), or stacked and averaged (MEAN,
 * REDUCE). ERROR_MEMORY. */
bool graph_fold_sum(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_stack(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* Returns the LINEAR or CONV that computes the value, possibly through
 * reshapes, if nothing else uses its output; or NULL. */
struct graph_node *graph_fold_layer_of(const struct fold *fold, int value);

/* graph_fold_rows.c: makes one layer of a selection of a layer's outputs
 * (SLICE, GATHER), or of the concatenated outputs of several layers (CONCAT).
 * ERROR_MEMORY. */
bool graph_fold_pick(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));
bool graph_fold_join(struct fold *fold, struct graph_node *node)
    __attribute__((warn_unused_result));

/* graph_fold_linear.c: combines consecutive linear layers, possibly with
 * reshapes between them, into one; also a layer whose inputs are multiplied by
 * constants, or have constants added. Layers with more than one row of input
 * are left alone, and so are layers whose product would take too long to
 * compute. ERROR_MEMORY. */
bool graph_fold_linear(struct fold *fold) __attribute__((warn_unused_result));

#endif
