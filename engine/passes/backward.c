#include "engine/passes/backward.h"

#include <assert.h>
#include <string.h>

#include "engine/passes/graph_build.h"

int backward_in(const struct backward *back, uint32_t i)
{
    return i < back->node->num_inputs ? back->node->inputs[i] : GRAPH_NONE;
}

bool backward_needs(const struct backward *back, uint32_t i)
{
    int value = backward_in(back, i);

    return value != GRAPH_NONE && back->depends[value];
}

struct graph_shape backward_shape(const struct backward *back, int value)
{
    return value == GRAPH_NONE ? (struct graph_shape){0}
                               : back->graph->values[value].shape;
}

bool backward_give(struct backward *back, uint32_t i, int g)
{
    struct graph_shape shape;
    int value = backward_in(back, i);

    if (!backward_needs(back, i))
        return true;
    shape = backward_shape(back, value);
    g = backward_sum_to(back, g, &shape);
    if (g != GRAPH_NONE && back->sums[value] != GRAPH_NONE)
        g = backward_binary(back, GRAPH_ADD, back->sums[value], g);
    back->sums[value] = g;
    return g != GRAPH_NONE;
}

struct graph_node backward_like(enum graph_op op)
{
    return graph_build_node(op, NULL, "gradient");
}

int backward_node(struct backward *back, const struct graph_node *like,
                  const int *inputs, uint32_t num_inputs,
                  const struct graph_shape *shape)
{
    struct graph_node node = *like;
    int out;

    for (uint32_t i = 0; i < num_inputs; i++)
        if (inputs[i] == GRAPH_NONE)
            return GRAPH_NONE;
    node.name = back->node->name;
    out = graph_build_shaped(back->graph, &node, inputs, num_inputs, shape,
                             back->err);
    assert(!shape || out == GRAPH_NONE ||
           graph_shape_equal(&back->graph->values[out].shape, shape));
    return out;
}

int backward_binary(struct backward *back, enum graph_op op, int a, int b)
{
    struct graph_node like = backward_like(op);

    return backward_node(back, &like, (int[]){a, b}, 2, NULL);
}

static int function_of(struct backward *back, enum graph_function function,
                       float alpha, int x)
{
    struct graph_node like = backward_like(GRAPH_UNARY);

    like.unary.function = function;
    like.unary.alpha = alpha;
    return backward_node(back, &like, &x, 1, NULL);
}

int backward_function(struct backward *back, enum graph_function function,
                      int x)
{
    return function_of(back, function, 0, x);
}

int backward_power(struct backward *back, int x, float exponent)
{
    return function_of(back, GRAPH_POWER, exponent, x);
}

int backward_scaled(struct backward *back, int x, float factor)
{
    if (factor == 1 || x == GRAPH_NONE)
        return x;
    return factor == -1 ? backward_function(back, GRAPH_NEGATE, x)
                        : backward_binary(back, GRAPH_MUL, x,
                                          backward_number(back, factor));
}

static int constant(struct backward *back, enum graph_type type,
                    const struct graph_shape *shape)
{
    return graph_add_constant(back->graph, "", type, shape, back->err);
}

int backward_number(struct backward *back, float number)
{
    int value = constant(back, GRAPH_FLOAT, &(struct graph_shape){0});

    if (value != GRAPH_NONE)
        *(float *)back->graph->values[value].data = number;
    return value;
}

int backward_floats(struct backward *back, const struct graph_shape *shape,
                    float **elements)
{
    int value = constant(back, GRAPH_FLOAT, shape);

    *elements = value == GRAPH_NONE ? NULL : back->graph->values[value].data;
    return value;
}

int backward_ints(struct backward *back, const struct graph_shape *shape,
                  int64_t **elements)
{
    int value = constant(back, GRAPH_INT, shape);

    *elements = value == GRAPH_NONE ? NULL : back->graph->values[value].data;
    return value;
}

int backward_reshaped(struct backward *back, int x,
                      const struct graph_shape *shape)
{
    struct graph_shape old = backward_shape(back, x);
    struct graph_node like = backward_like(GRAPH_RESHAPE);

    if (x == GRAPH_NONE || graph_shape_equal(&old, shape))
        return x;
    return backward_node(back, &like, &x, 1, shape);
}

int backward_transposed(struct backward *back, int x,
                        const size_t perm[GRAPH_MAX_RANK])
{
    struct graph_node like = backward_like(GRAPH_TRANSPOSE);

    memcpy(like.perm, perm, sizeof like.perm);
    like.num_perm = backward_shape(back, x).rank;
    return backward_node(back, &like, &x, 1, NULL);
}

int backward_expanded(struct backward *back, int x,
                      const struct graph_shape *shape)
{
    struct graph_shape old = backward_shape(back, x);
    struct graph_node like = backward_like(GRAPH_EXPAND);

    if (x == GRAPH_NONE || graph_shape_equal(&old, shape))
        return x;
    return backward_node(back, &like, &x, 1, shape);
}

/* The mean of all pixels is quick with every XNNPACK. */
int backward_sum(struct backward *back, int x, const bool axis[GRAPH_MAX_RANK])
{
    struct graph_shape old = backward_shape(back, x), shape = old;
    bool of_pixels =
        old.rank == 4 && !axis[0] && !axis[1] && axis[2] && axis[3];
    struct graph_node like =
        backward_like(of_pixels ? GRAPH_MEAN : GRAPH_REDUCE);
    int sum;

    for (uint32_t i = 0; i < old.rank; i++)
        if (axis[i])
            shape.dim[i] = 1;
    if (graph_shape_equal(&shape, &old))
        return x;
    memcpy(like.reduce.axis, axis, sizeof like.reduce.axis);
    like.reduce.function = GRAPH_REDUCE_SUM;
    like.reduce.keep_dims = true;
    sum = backward_node(back, &like, &x, 1, &shape);
    return of_pixels
               ? backward_scaled(back, sum, (float)(old.dim[2] * old.dim[3]))
               : sum;
}

/* Axis i of a shape as one of `rank` axes. */
static size_t length_of(const struct graph_shape *shape, uint32_t i,
                        uint32_t rank)
{
    return i + shape->rank < rank ? 1 : shape->dim[i + shape->rank - rank];
}

int backward_sum_to(struct backward *back, int g,
                    const struct graph_shape *shape)
{
    struct graph_shape from = backward_shape(back, g);
    bool axis[GRAPH_MAX_RANK] = {false};

    if (g == GRAPH_NONE)
        return GRAPH_NONE;
    for (uint32_t i = 0; i < from.rank; i++)
        axis[i] = from.dim[i] != length_of(shape, i, from.rank);
    return backward_reshaped(back, backward_sum(back, g, axis), shape);
}

/* How many y an x is in, at most. */
static size_t count_taps(const float *matrix, size_t num, size_t length)
{
    size_t most = 1;

    for (size_t k = 0; k < length; k++) {
        size_t taps = 0;

        for (size_t i = 0; i < num; i++)
            taps += matrix[i * length + k] != 0;
        most = taps > most ? taps : most;
    }
    return most;
}

int backward_along(struct backward *back, int g, size_t axis,
                   const float *matrix, size_t num, size_t length)
{
    struct graph_shape shape = backward_shape(back, g);
    struct graph_shape table = {.rank = 2, .dim = {length, 1}};
    struct graph_node like = backward_like(GRAPH_MIX);
    int indices, weights;
    int64_t *index;
    float *weight;

    table.dim[1] = count_taps(matrix, num, length);
    indices = backward_ints(back, &table, &index);
    weights = backward_floats(back, &table, &weight);
    if (indices == GRAPH_NONE || weights == GRAPH_NONE)
        return GRAPH_NONE;
    for (size_t k = 0; k < length; k++) {
        size_t tap = k * table.dim[1];

        for (size_t i = 0; i < num; i++)
            if (matrix[i * length + k] != 0) {
                index[tap] = (int64_t)i;
                weight[tap++] = matrix[i * length + k];
            }
    }
    like.axis = (int64_t)axis;
    shape.dim[axis] = length;
    return backward_node(back, &like, (int[]){g, indices, weights}, 3, &shape);
}
