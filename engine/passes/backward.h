#ifndef ENGINE_PASSES_BACKWARD_H
#define ENGINE_PASSES_BACKWARD_H

/* What the rules of gradient_*.c build with. Private to gradient*.c.
 *
 * Each function that makes a value returns its number, or GRAPH_NONE after a
 * failure, and also where an operand is GRAPH_NONE; so calls may be nested, and
 * backward_give reports what failed in any of them. */

#include "engine/graph/graph.h"
#include "engine/graph/graph_users.h"
#include "engine/passes/gradient_rule.h"

/* A graph being differentiated. */
struct backward {
    struct graph *graph;
    const struct graph_node *node; /* whose rule runs: a copy of it */
    enum gradient_rule rule;
    bool *depends; /* (num_values at the start) on a wanted value */
    int *sums;     /* (likewise) the value's gradient so far, or GRAPH_NONE */
    struct graph_users users; /* of the forward values; unused by the plain
                                 rule */
    struct error *err;
};

/* The node's operand i; whether its gradient is to be made. */
int backward_in(const struct backward *back, uint32_t i);
bool backward_needs(const struct backward *back, uint32_t i);

struct graph_shape backward_shape(const struct backward *back, int value);

/* Adds g to the gradient of operand i, if that is to be made. Where the operand
 * was broadcast to the shape that g has, the sum over its copies is taken. */
bool backward_give(struct backward *back, uint32_t i, int g)
    __attribute__((warn_unused_result));

/* An operation without a clamp, for the caller to set its fields. */
struct graph_node backward_like(enum graph_op op);

/* Adds a node like another one by graph_build_shaped; where its fields
 * determine the shape, they must give this one, unless it is NULL. */
int backward_node(struct backward *back, const struct graph_node *like,
                  const int *inputs, uint32_t num_inputs,
                  const struct graph_shape *shape);

/* Of two numbers, broadcast. */
int backward_binary(struct backward *back, enum graph_op op, int a, int b);

/* x times a number, or to its power; a function of x. */
int backward_scaled(struct backward *back, int x, float factor);
int backward_power(struct backward *back, int x, float exponent);
int backward_function(struct backward *back, enum graph_function function,
                      int x);

/* Constants: a number, and zeroed elements, which the caller fills while it
 * makes no other value. */
int backward_number(struct backward *back, float number);
int backward_floats(struct backward *back, const struct graph_shape *shape,
                    float **elements);
int backward_ints(struct backward *back, const struct graph_shape *shape,
                  int64_t **elements);

int backward_reshaped(struct backward *back, int x,
                      const struct graph_shape *shape);
int backward_transposed(struct backward *back, int x,
                        const size_t perm[GRAPH_MAX_RANK]);
int backward_expanded(struct backward *back, int x,
                      const struct graph_shape *shape);

/* The sum over the marked axes, which stay with length 1. */
int backward_sum(struct backward *back, int x, const bool axis[GRAPH_MAX_RANK]);

/* g brought to what a broadcast operand of this shape gets of it. */
int backward_sum_to(struct backward *back, int g,
                    const struct graph_shape *shape);

/* Through a map along one axis that made `length` elements x of `num` y: the
 * gradient of x from that of y. matrix[i * length + k] is how much of x[k] is
 * in y[i]. */
int backward_along(struct backward *back, int g, size_t axis,
                   const float *matrix, size_t num, size_t length);

/* The rules, gradient_GRADIENT for each word in graph_node.h: each gives the
 * node's operands what comes to them of g, the gradient of its output. */
#define X(op, name, floats, facts, work, shape, layout, kernel, gradient) \
    bool gradient_##gradient(struct backward *back, int g);
GRAPH_OPS(X)
#undef X

#endif
