#ifndef ENGINE_PASSES_GRAPH_BUILD_H
#define ENGINE_PASSES_GRAPH_BUILD_H

/* Adds nodes to the end of a graph whose shapes are inferred. The shape of each
 * node is inferred when it is added.
 *
 *     struct graph_node sum = graph_build_node(GRAPH_ADD, name, "layout");
 *     int value = graph_build(graph, &sum, (int[]){a, b}, 2, err);
 *
 * The new values have no names. All functions that return a value return
 * GRAPH_NONE on failure: ERROR_INPUT if operands do not fit together,
 * ERROR_UNSUPPORTED, ERROR_LIMIT, ERROR_MEMORY. They invalidate pointers to
 * nodes and values. */

#include "engine/graph/graph.h"

/* Returns a node of the operation without a clamp, fields or operands. Both
 * strings must live as long as the graph. */
struct graph_node graph_build_node(enum graph_op op, const char *name,
                                   const char *onnx_op);

/* Adds a node whose fields are set as graph_infer leaves them, and returns its
 * output, a new value. If all operands are constants, so is the output. */
int graph_build(struct graph *graph, const struct graph_node *node,
                const int *inputs, uint32_t num_inputs, struct error *err)
    __attribute__((warn_unused_result));

/* The same for a node whose fields do not determine the shape of its output,
 * such as RESHAPE and EXPAND; NULL: they do. */
int graph_build_shaped(struct graph *graph, const struct graph_node *node,
                       const int *inputs, uint32_t num_inputs,
                       const struct graph_shape *shape, struct error *err)
    __attribute__((warn_unused_result));

/* Reshapes a value; returns the value itself if it already has the shape.
 * `node` is from graph_build_node and gives the names. */
int graph_build_reshape(struct graph *graph, const struct graph_node *node,
                        int value, const struct graph_shape *shape,
                        struct error *err) __attribute__((warn_unused_result));

/* Transposes a value: axis i of the result is axis perm[i] of `value`. */
int graph_build_transpose(struct graph *graph, const struct graph_node *node,
                          int value, const size_t *perm, struct error *err)
    __attribute__((warn_unused_result));

/* Adds a constant of floats, initially zeros. *floats stays valid. */
int graph_build_floats(struct graph *graph, const struct graph_shape *shape,
                       float **floats, struct error *err)
    __attribute__((warn_unused_result));

#endif
