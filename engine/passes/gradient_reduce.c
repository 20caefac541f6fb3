/* Gradients of what sums over axes: reductions, normalizations, products of
 * matrices. */

#include <stdlib.h>
#include <string.h>

#include "engine/passes/backward.h"

/* ---- reductions ---- */

/* The operand's shape with the reduced axes of length 1. */
static struct graph_shape kept_shape(const struct backward *back)
{
    struct graph_shape shape = backward_shape(back, backward_in(back, 0));

    for (uint32_t i = 0; i < shape.rank; i++)
        if (back->node->reduce.axis[i])
            shape.dim[i] = 1;
    return shape;
}

bool gradient_mean(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_shape kept = kept_shape(back);
    size_t count = graph_shape_count(&x) / graph_shape_count(&kept);

    g = backward_binary(back, GRAPH_DIV, g,
                        backward_number(back, (float)count));
    g = backward_reshaped(back, g, &kept);
    return backward_give(back, 0, backward_expanded(back, g, &x));
}

/* To the first of the largest pixels, as a pool does. */
static int to_largest_pixel(struct backward *back, int g,
                            const struct graph_shape *x)
{
    struct graph_node like = backward_like(GRAPH_MAX_POOL_GRADIENT);

    for (int i = 0; i < 2; i++) {
        like.pool.window.kernel[i] = x->dim[2 + i];
        like.pool.window.stride[i] = like.pool.window.dilation[i] = 1;
    }
    return backward_node(back, &like, (int[]){backward_in(back, 0), g}, 2, x);
}

/* To all that are y, in equal shares. */
static int to_equal(struct backward *back, int g, int y)
{
    int x = backward_in(back, 0);
    int mask = backward_binary(back, GRAPH_EQUAL, x, y);
    int count = backward_sum(back, mask, back->node->reduce.axis);

    g = backward_binary(back, GRAPH_DIV, g, count);
    return backward_binary(back, GRAPH_MUL, mask, g);
}

/* g times the derivative of y at each x; both g and y have the kept axes. */
static int reduce_slope(struct backward *back, int g, int y)
{
    int x = backward_in(back, 0);

    switch (back->node->reduce.function) {
    case GRAPH_REDUCE_PROD: /* y / x: of numbers other than 0 */
        return backward_binary(back, GRAPH_DIV,
                               backward_binary(back, GRAPH_MUL, g, y), x);
    case GRAPH_REDUCE_L1:
        return backward_binary(back, GRAPH_MUL,
                               backward_function(back, GRAPH_SIGN, x), g);
    case GRAPH_REDUCE_L2:
        return backward_binary(back, GRAPH_MUL, x,
                               backward_binary(back, GRAPH_DIV, g, y));
    case GRAPH_REDUCE_SUM_SQUARE:
        return backward_binary(back, GRAPH_MUL, x, backward_scaled(back, g, 2));
    case GRAPH_REDUCE_LOG_SUM:
        return backward_binary(back, GRAPH_DIV, g,
                               backward_function(back, GRAPH_EXP, y));
    case GRAPH_REDUCE_LOG_SUM_EXP:
        x = backward_function(back, GRAPH_EXP,
                              backward_binary(back, GRAPH_SUB, x, y));
        return backward_binary(back, GRAPH_MUL, x, g);
    default:
        return g;
    }
}

bool gradient_reduce(struct backward *back, int g)
{
    enum graph_reduction function = back->node->reduce.function;
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_shape kept = kept_shape(back);
    const bool *axis = back->node->reduce.axis;
    int y;

    g = backward_reshaped(back, g, &kept);
    y = backward_reshaped(back, back->node->outputs[0], &kept);
    if (function == GRAPH_REDUCE_MAX && x.rank == 4 && !axis[0] && !axis[1] &&
        axis[2] && axis[3])
        g = to_largest_pixel(back, g, &x);
    else if (function == GRAPH_REDUCE_MAX || function == GRAPH_REDUCE_MIN)
        g = to_equal(back, g, y);
    else
        g = reduce_slope(back, g, y);
    return backward_give(back, 0, backward_expanded(back, g, &x));
}

bool gradient_cumsum(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, g);
    struct graph_node like = backward_like(GRAPH_CUMSUM);

    like.cumsum = back->node->cumsum;
    like.cumsum.reverse = !like.cumsum.reverse;
    return backward_give(back, 0, backward_node(back, &like, &g, 1, &x));
}

/* ---- normalizations ---- */

/* A scale of channels, or of groups of them, as it broadcasts to x. */
static int broadcast_scale(struct backward *back, const struct graph_shape *x)
{
    int scale = backward_in(back, 1);
    struct graph_shape shape = {.rank = x->rank - 1}, old;

    old = backward_shape(back, scale);
    if (back->node->norm.groups == 0)
        return scale;
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dim[i] = 1;
    if (old.dim[0] != x->dim[1]) {
        struct graph_shape one = {.rank = 2, .dim = {old.dim[0], 1}};
        struct graph_shape each = {.rank = 2,
                                   .dim = {old.dim[0], x->dim[1] / old.dim[0]}};

        scale = backward_reshaped(back, scale, &one);
        scale = backward_expanded(back, scale, &each);
    }
    shape.dim[0] = x->dim[1];
    return backward_reshaped(back, scale, &shape);
}

bool gradient_norm(struct backward *back, int g)
{
    int x = backward_in(back, 0);
    struct graph_shape shape = backward_shape(back, x);
    struct graph_node like = backward_like(GRAPH_NORM_GRADIENT);

    if (backward_needs(back, 1) || backward_needs(back, 2))
        return fail(back->err, ERROR_UNSUPPORTED,
                    "a scale that depends on the picture has no gradient here");
    if (backward_in(back, 1) != GRAPH_NONE)
        g = backward_binary(back, GRAPH_MUL, g, broadcast_scale(back, &shape));
    like.norm = back->node->norm;
    return backward_give(back, 0,
                         backward_node(back, &like, (int[]){x, g}, 2, &shape));
}

/* The sums over neighbouring channels, of so many before and after each, that
 * a sum over `back->node`'s has an element in. */
static int sum_of_channels(struct backward *back, int x, bool turned)
{
    const struct graph_node *node = back->node;
    size_t axis = node->lrn.channel, size = node->lrn.size;
    size_t length = backward_shape(back, x).dim[axis];
    size_t before = turned ? size / 2 : (size - 1) / 2;
    float *matrix = calloc(length * length + 1, sizeof *matrix);
    int sum = GRAPH_NONE;

    if (!matrix)
        fail(back->err, ERROR_MEMORY,
             "not enough memory for a sum of channels");
    for (size_t i = 0; matrix && i < length; i++)
        for (size_t k = 0; k < size; k++)
            if (i + k >= before && i + k - before < length)
                matrix[(i + k - before) * length + i] = 1;
    if (matrix && x != GRAPH_NONE)
        sum = backward_along(back, x, axis, matrix, length, length);
    free(matrix);
    return sum;
}

/* Of y = x / d^beta, d being bias + sum of share x of channels around, share
 * being alpha / size x: g / d^beta - 2 beta share (sum of g y / d of channels
 * that x is in). */
bool gradient_lrn(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    int x = backward_in(back, 0), y = node->outputs[0], divisor, rest;
    int share =
        backward_binary(back, GRAPH_DIV,
                        backward_binary(back, GRAPH_MUL, x,
                                        backward_number(back, node->lrn.alpha)),
                        backward_number(back, (float)node->lrn.size));

    divisor = backward_binary(back, GRAPH_MUL, x, share);
    divisor = sum_of_channels(back, divisor, false);
    divisor = backward_binary(back, GRAPH_ADD, divisor,
                              backward_number(back, node->lrn.bias));
    rest = backward_binary(back, GRAPH_DIV,
                           backward_binary(back, GRAPH_MUL, g, y), divisor);
    rest = sum_of_channels(back, rest, true);
    rest = backward_binary(back, GRAPH_MUL, share,
                           backward_scaled(back, rest, 2 * node->lrn.beta));
    g = backward_binary(back, GRAPH_MUL, g,
                        backward_power(back, divisor, -node->lrn.beta));
    return backward_give(back, 0, backward_binary(back, GRAPH_SUB, g, rest));
}

/* The axes that a softmax is over. */
static void softmax_axes(const struct backward *back, bool axis[GRAPH_MAX_RANK])
{
    for (int64_t i = 0; i < GRAPH_MAX_RANK; i++)
        axis[i] = i == back->node->axis ||
                  (back->node->to_matrix && i > back->node->axis);
}

/* y (g - sum of g y) */
bool gradient_softmax(struct backward *back, int g)
{
    int y = back->node->outputs[0], sum;
    bool axis[GRAPH_MAX_RANK];

    softmax_axes(back, axis);
    sum = backward_sum(back, backward_binary(back, GRAPH_MUL, g, y), axis);
    g = backward_binary(back, GRAPH_SUB, g, sum);
    return backward_give(back, 0, backward_binary(back, GRAPH_MUL, g, y));
}

/* g - exp(y) sum of g */
bool gradient_log_softmax(struct backward *back, int g)
{
    int y = backward_function(back, GRAPH_EXP, back->node->outputs[0]);
    bool axis[GRAPH_MAX_RANK];

    softmax_axes(back, axis);
    y = backward_binary(back, GRAPH_MUL, y, backward_sum(back, g, axis));
    return backward_give(back, 0, backward_binary(back, GRAPH_SUB, g, y));
}

/* ---- products ---- */

/* A linear layer with the weights turned. */
bool gradient_linear(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_LINEAR);
    struct graph_shape old = backward_shape(back, backward_in(back, 1));
    struct graph_shape shape = {.rank = 2, .dim = {old.dim[1], old.dim[0]}};
    const float *from;
    float *to;
    int weights;

    if (backward_needs(back, 1) || backward_needs(back, 2))
        return gradient_none(back, g);
    weights = backward_floats(back, &shape, &to);
    if (weights == GRAPH_NONE)
        return false;
    from = graph_floats(graph_input(back->graph, back->node, 1));
    for (size_t o = 0; o < old.dim[0]; o++)
        for (size_t i = 0; i < old.dim[1]; i++)
            to[i * old.dim[0] + o] = from[o * old.dim[1] + i];
    return backward_give(
        back, 0, backward_node(back, &like, (int[]){g, weights}, 2, &x));
}

/* A matrix, or a stack of them, the other way round. */
static int turned(struct backward *back, int x)
{
    size_t perm[GRAPH_MAX_RANK];
    uint32_t rank = backward_shape(back, x).rank;

    if (x == GRAPH_NONE)
        return GRAPH_NONE;
    for (uint32_t i = 0; i < GRAPH_MAX_RANK; i++)
        perm[i] = i;
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    return backward_transposed(back, x, perm);
}

/* The product of stacks of matrices. */
static int product(struct backward *back, int a, int b)
{
    struct graph_node like = backward_like(GRAPH_MATMUL);
    struct graph_shape of_a = backward_shape(back, a);
    struct graph_shape of_b = backward_shape(back, b), shape;

    if (a == GRAPH_NONE || b == GRAPH_NONE)
        return GRAPH_NONE;
    shape = of_a.rank > of_b.rank ? of_a : of_b;
    for (uint32_t i = 2; i < shape.rank; i++) {
        size_t of_stack = i < of_a.rank ? of_a.dim[of_a.rank - 1 - i] : 1;

        if (of_stack == 1 && i < of_b.rank)
            of_stack = of_b.dim[of_b.rank - 1 - i];
        shape.dim[shape.rank - 1 - i] = of_stack;
    }
    shape.dim[shape.rank - 2] = of_a.dim[of_a.rank - 2];
    shape.dim[shape.rank - 1] = of_b.dim[of_b.rank - 1];
    like.gemm.alpha = like.gemm.beta = 1;
    return backward_node(back, &like, (int[]){a, b}, 2, &shape);
}

/* Operand i as it is multiplied: a matrix, a vector being one row or one
 * column, and turned where the node says so. */
static int factor(struct backward *back, uint32_t i)
{
    int x = backward_in(back, i);
    struct graph_shape shape = backward_shape(back, x);
    bool is_turned =
        i == 0 ? back->node->gemm.transpose_a : back->node->gemm.transpose_b;

    if (shape.rank == 1) {
        shape = (struct graph_shape){.rank = 2,
                                     .dim = {shape.dim[0], shape.dim[0]}};
        shape.dim[i] = 1;
        if (i == 0)
            shape = (struct graph_shape){.rank = 2, .dim = {1, shape.dim[1]}};
        x = backward_reshaped(back, x, &shape);
    }
    return is_turned ? turned(back, x) : x;
}

/* Gives operand i its gradient, which is for it as `factor` has it. */
static bool give_factor(struct backward *back, uint32_t i, int g)
{
    struct graph_shape shape = backward_shape(back, backward_in(back, i));
    struct graph_shape matrix = shape;
    bool is_turned =
        i == 0 ? back->node->gemm.transpose_a : back->node->gemm.transpose_b;

    if (shape.rank == 1) {
        matrix = (struct graph_shape){.rank = 2, .dim = {1, 1}};
        matrix.dim[1 - i] = shape.dim[0];
        g = backward_sum_to(back, g, &matrix);
        g = backward_reshaped(back, g, &shape);
    }
    if (is_turned)
        g = turned(back, g);
    return backward_give(back, i,
                         backward_scaled(back, g, back->node->gemm.alpha));
}

/* d(a b) = da b + a db: g b' for a, a' g for b. */
bool gradient_matmul(struct backward *back, int g)
{
    struct graph_shape out = backward_shape(back, g), wide = out;
    bool of_a = backward_shape(back, backward_in(back, 0)).rank == 1;
    bool of_b = backward_shape(back, backward_in(back, 1)).rank == 1;
    int whole;

    if (of_b)
        wide.dim[wide.rank++] = 1;
    if (of_a) {
        wide.dim[wide.rank] = wide.dim[wide.rank - 1];
        wide.dim[wide.rank++ - 1] = 1;
    }
    whole = backward_reshaped(back, g, &wide);
    if (backward_needs(back, 0) &&
        !give_factor(back, 0,
                     product(back, whole, turned(back, factor(back, 1)))))
        return false;
    if (backward_needs(back, 1) &&
        !give_factor(back, 1,
                     product(back, turned(back, factor(back, 0)), whole)))
        return false;
    return !backward_needs(back, 2) ||
           backward_give(back, 2,
                         backward_scaled(back, g, back->node->gemm.beta));
}
