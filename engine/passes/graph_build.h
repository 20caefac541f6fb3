#ifndef ENGINE_PASSES_GRAPH_BUILD_H
#define ENGINE_PASSES_GRAPH_BUILD_H

/* Adds to a graph whose shapes are inferred: a node at a time, at the end, and
 * its shape is inferred as it is added.
 *
 *     struct graph_node sum = graph_build_node(GRAPH_ADD, name, "layout");
 *     int value = graph_build(graph, &sum, (int[]){a, b}, 2, err);
 *
 * What is added has no name of the file's. All of these return GRAPH_NONE on
 * failure: ERROR_INPUT where operands do not fit together, ERROR_UNSUPPORTED,
 * ERROR_LIMIT, ERROR_MEMORY. Pointers to nodes and values do not survive
 * them. */

#include "engine/graph/graph.h"

/* A node of that operation without a clamp, fields or operands. The texts are
 * to live as long as the graph. */
struct graph_node graph_build_node(enum graph_op op, const char *name,
                                   const char *onnx_op);

/* Adds such a node, whose fields are as graph_infer leaves them, and returns
 * its output, a new value; a constant, where all operands are. */
int graph_build(struct graph *graph, const struct graph_node *node,
                const int *inputs, uint32_t num_inputs, struct error *err)
    __attribute__((warn_unused_result));

/* A value in another shape; the value itself, where it has this shape. `node`
 * is an empty one and says the names. */
int graph_build_reshape(struct graph *graph, const struct graph_node *node,
                        int value, const struct graph_shape *shape,
                        struct error *err) __attribute__((warn_unused_result));

/* A value whose axis i is axis perm[i] of another. */
int graph_build_transpose(struct graph *graph, const struct graph_node *node,
                          int value, const size_t *perm, struct error *err)
    __attribute__((warn_unused_result));

/* A constant of floats, which are zeros still; they stay where they are. */
int graph_build_floats(struct graph *graph, const struct graph_shape *shape,
                       float **floats, struct error *err)
    __attribute__((warn_unused_result));

#endif
