#ifndef ENGINE_PASSES_INFER_H
#define ENGINE_PASSES_INFER_H

/* What the files of shape inference share. Private to graph_shape*.c. */

#include "engine/graph/graph.h"

/* One node under inference. */
struct infer {
    struct graph *graph;
    struct graph_node *node;
    struct graph_shape shape; /* out: of the first output */
    struct error *err;
};

/* Operand i, NULL where it is left out; its shape. */
struct graph_value *infer_in(const struct infer *infer, uint32_t i);
const struct graph_shape *infer_shape(const struct infer *infer, uint32_t i);

/* Operand i as constant integers; NULL, silently, where it is left out. Fails
 * where it is not constant, of another type, or longer than `max`. */
bool infer_ints(const struct infer *infer, uint32_t i, const char *what,
                size_t max, const int64_t **ints, size_t *count)
    __attribute__((warn_unused_result));

/* Operand i as one constant float; *number stays where it is left out. */
bool infer_float(const struct infer *infer, uint32_t i, const char *what,
                 float *number) __attribute__((warn_unused_result));

/* Operand i as a constant shape. */
bool infer_target(const struct infer *infer, uint32_t i,
                  struct graph_shape *shape)
    __attribute__((warn_unused_result));

/* An axis counted from the end, if negative, to one from the start. */
bool infer_axis(const struct infer *infer, int64_t raw, uint32_t rank,
                size_t *axis) __attribute__((warn_unused_result));

/* Marks the axes given as attribute or, if there is none, as operand 1. */
bool infer_axes(const struct infer *infer, const int64_t *raw, size_t num_raw,
                uint32_t rank, bool marked[GRAPH_MAX_RANK], size_t *count)
    __attribute__((warn_unused_result));

/* The shape that two shapes broadcast to, as the output's. */
bool infer_broadcast(struct infer *infer, const struct graph_shape *a,
                     const struct graph_shape *b)
    __attribute__((warn_unused_result));

/* Infers one node of a graph whose operands have shapes: resolves the node,
 * gives its output a shape, and computes it if its operands are constant. A
 * node that is resolved stays as it is.
 * ERROR_INPUT, ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_MEMORY, as graph_infer has
 * them, but without the node's name. */
bool infer_node(struct graph *graph, struct graph_node *node, struct error *err)
    __attribute__((warn_unused_result));

/* The shape that the output of a resolved node has already, for rules whose
 * operands said it once. */
bool infer_again(struct infer *infer) __attribute__((warn_unused_result));

/* The rules, graph_shape_SHAPE for each word in graph_node.h: each sets the
 * infer's shape and resolves what must be constant. */
#define X(op, name, floats, facts, work, shape, ...) \
    bool graph_shape_##shape(struct infer *infer);
GRAPH_OPS(X)
#undef X

#endif
