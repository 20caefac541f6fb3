#ifndef ENGINE_PASSES_INFER_H
#define ENGINE_PASSES_INFER_H

/* Shared declarations of shape inference, private to graph_shape*.c. */

#include "engine/graph/graph.h"

/* The inference of one node. */
struct infer {
    struct graph *graph;
    struct graph_node *node;
    struct graph_shape shape; /* result: the shape of the first output */
    struct error *err;
};

/* Operand i, or NULL if it is omitted; and its shape. */
struct graph_value *infer_in(const struct infer *infer, uint32_t i);
const struct graph_shape *infer_shape(const struct infer *infer, uint32_t i);

/* Operand i as constant integers; NULL, without an error, if it is omitted.
 * Fails if it is not constant, has another type or more than `max` elements. */
bool infer_ints(const struct infer *infer, uint32_t i, const char *what,
                size_t max, const int64_t **ints, size_t *count)
    __attribute__((warn_unused_result));

/* Operand i as one constant float; *number is unchanged if it is omitted. */
bool infer_float(const struct infer *infer, uint32_t i, const char *what,
                 float *number) __attribute__((warn_unused_result));

/* Operand i as a constant shape. */
bool infer_target(const struct infer *infer, uint32_t i,
                  struct graph_shape *shape)
    __attribute__((warn_unused_result));

/* Converts an axis that may be negative (counted from the end). */
bool infer_axis(const struct infer *infer, int64_t raw, uint32_t rank,
                size_t *axis) __attribute__((warn_unused_result));

/* Marks the axes given by the attribute or, without one, by operand 1. */
bool infer_axes(const struct infer *infer, const int64_t *raw, size_t num_raw,
                uint32_t rank, bool marked[GRAPH_MAX_RANK], size_t *count)
    __attribute__((warn_unused_result));

/* Sets the output's shape to that of two broadcast shapes. */
bool infer_broadcast(struct infer *infer, const struct graph_shape *a,
                     const struct graph_shape *b)
    __attribute__((warn_unused_result));

/* Infers one node of a graph whose operands have shapes: resolves the node,
 * infers its output's shape, and computes it if its operands are constant. A
 * resolved node is not changed. ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT,
 * ERROR_MEMORY, as in graph_infer, but without the node's name. */
bool infer_node(struct graph *graph, struct graph_node *node, struct error *err)
    __attribute__((warn_unused_result));

/* Keeps the known shape of a resolved node's output, for rules that need
 * operands which are gone. */
bool infer_again(struct infer *infer) __attribute__((warn_unused_result));

/* The rules: graph_shape_SHAPE for each word in graph_node.h. Each sets
 * infer->shape and resolves operands that must be constant. */
#define X(op, name, floats, facts, work, shape, ...) \
    bool graph_shape_##shape(struct infer *infer);
GRAPH_OPS(X)
#undef X

#endif
