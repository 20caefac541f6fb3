#ifndef TESTS_SKETCH_H
#define TESTS_SKETCH_H

/* Builds small graphs in tests, as onnx_read would leave them. Whatever fails
 * here fails the running cmocka test.
 *
 *     struct graph graph = {0};
 *     int x = sketch_input(&graph, SHAPE(1, 3, 8, 8));
 *     int y = sketch_node(&graph, GRAPH_CLAMP, (int[]){x}, 1);
 *     sketch_last(&graph)->max = 6;
 *     sketch_output(&graph, y); */

#include <stddef.h>
#include <stdint.h>

#include "engine/graph/graph.h"

/* A shape of one to GRAPH_MAX_RANK dimensions. */
#define SHAPE(...)                                                  \
    ((struct graph_shape){.rank = sizeof((size_t[]){__VA_ARGS__}) / \
                                  sizeof(size_t),                   \
                          .dim = {__VA_ARGS__}})
#define SCALAR ((struct graph_shape){0})

/* Random numbers that are the same on every machine; `= {seed}` starts them.
 * The seed must not be 0. */
struct sketch_random {
    uint64_t state;
};

/* A number below `bound`. */
size_t sketch_below(struct sketch_random *random, size_t bound);

/* A number between `min` and `max`. */
float sketch_between(struct sketch_random *random, float min, float max);

void sketch_fill(struct sketch_random *random, float *values, size_t count,
                 float min, float max);

/* The graph's input; returns the value's number, as all of these do. */
int sketch_input(struct graph *graph, struct graph_shape shape);

/* Constants: given, or random between min and max. */
int sketch_floats(struct graph *graph, struct graph_shape shape,
                  const float *values);
int sketch_ints(struct graph *graph, struct graph_shape shape,
                const int64_t *values);
int sketch_noise(struct graph *graph, struct graph_shape shape,
                 struct sketch_random *random, float min, float max);

/* Appends a node with one output of the type of its first input (integers for
 * GRAPH_SHAPE, floats for GRAPH_FILL); ONNX's attributes are for the caller to
 * set, through sketch_last. */
int sketch_node(struct graph *graph, enum graph_op op, const int *inputs,
                uint32_t num_inputs);

/* The node appended last. */
struct graph_node *sketch_last(struct graph *graph);

/* A convolution's attributes: square kernel, stride and padding. */
int sketch_conv(struct graph *graph, int x, int weights, int bias,
                size_t kernel, size_t stride, size_t pad, size_t groups);

/* Adds a value to the graph's outputs. */
void sketch_output(struct graph *graph, int value);

/* How many nodes do `op`. */
size_t sketch_count(const struct graph *graph, enum graph_op op);

#endif
