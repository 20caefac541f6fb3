/* Gradients of what computes element by element. */

#include <math.h>

#include "engine/passes/backward.h"

bool gradient_pass(struct backward *back, int g)
{
    return backward_give(back, 0, g);
}

bool gradient_add(struct backward *back, int g)
{
    return backward_give(back, 0, g) && backward_give(back, 1, g);
}

bool gradient_sub(struct backward *back, int g)
{
    return backward_give(back, 0, g) &&
           (!backward_needs(back, 1) ||
            backward_give(back, 1, backward_scaled(back, g, -1)));
}

bool gradient_mul(struct backward *back, int g)
{
    for (uint32_t i = 0; i < 2; i++)
        if (backward_needs(back, i) &&
            !backward_give(
                back, i,
                backward_binary(back, GRAPH_MUL, g, backward_in(back, 1 - i))))
            return false;
    return true;
}

/* d(a / b) = (da - a / b db) / b */
bool gradient_div(struct backward *back, int g)
{
    int a = backward_in(back, 0), b = backward_in(back, 1);

    g = backward_binary(back, GRAPH_DIV, g, b);
    if (!backward_give(back, 0, g))
        return false;
    if (!backward_needs(back, 1))
        return true;
    g = backward_binary(back, GRAPH_MUL, g,
                        backward_binary(back, GRAPH_DIV, a, b));
    return backward_give(back, 1, backward_scaled(back, g, -1));
}

/* d(a^b) = b a^(b - 1) da + a^b log(a) db */
bool gradient_pow(struct backward *back, int g)
{
    int a = backward_in(back, 0), b = backward_in(back, 1), slope;

    if (backward_needs(back, 0)) {
        slope = backward_binary(back, GRAPH_SUB, b, backward_number(back, 1));
        slope = backward_binary(back, GRAPH_POW, a, slope);
        slope = backward_binary(back, GRAPH_MUL, slope, b);
        if (!backward_give(back, 0, backward_binary(back, GRAPH_MUL, g, slope)))
            return false;
    }
    if (!backward_needs(back, 1))
        return true;
    slope =
        backward_binary(back, GRAPH_MUL, backward_binary(back, GRAPH_POW, a, b),
                        backward_function(back, GRAPH_LOG, a));
    return backward_give(back, 1, backward_binary(back, GRAPH_MUL, g, slope));
}

/* To the one that it is; half to each where they are equal. */
bool gradient_extreme(struct backward *back, int g)
{
    bool is_max = back->node->op == GRAPH_MAX;

    for (uint32_t i = 0; i < 2; i++) {
        int less = backward_in(back, is_max ? 1 - i : i);
        int more = backward_in(back, is_max ? i : 1 - i), share;

        if (!backward_needs(back, i))
            continue;
        share = backward_binary(
            back, GRAPH_ADD, backward_binary(back, GRAPH_LESS, less, more),
            backward_binary(back, GRAPH_LESS_EQUAL, less, more));
        share = backward_binary(back, GRAPH_MUL, g, share);
        if (!backward_give(back, i, backward_scaled(back, share, 0.5f)))
            return false;
    }
    return true;
}

/* a - b floor(a / b) */
bool gradient_modulo(struct backward *back, int g)
{
    if (backward_needs(back, 1))
        return fail(back->err, ERROR_UNSUPPORTED,
                    "its divisor has no gradient here");
    return backward_give(back, 0, g);
}

static bool check_activation(struct backward *back)
{
    return !gradient_rule_is_strict(back->rule) ||
           fail(back->err, ERROR_UNSUPPORTED,
                "guided backpropagation and the deconvnet are defined for "
                "ReLU and Clip(0, c)");
}

static int chosen(struct backward *back, int condition, int a, int b)
{
    struct graph_shape shape = backward_shape(back, back->node->outputs[0]);
    struct graph_node like = backward_like(GRAPH_WHERE);

    return backward_node(back, &like, (int[]){condition, a, b}, 3, &shape);
}

bool gradient_prelu(struct backward *back, int g)
{
    int a = backward_in(back, 0), slope = backward_in(back, 1);
    int zero = backward_number(back, 0), is_below, turned;

    if (!check_activation(back))
        return false;
    is_below = backward_binary(back, GRAPH_LESS, a, zero);
    if (backward_needs(back, 0)) {
        turned = backward_binary(back, GRAPH_MUL, g, slope);
        if (!backward_give(back, 0, chosen(back, is_below, turned, g)))
            return false;
    }
    if (!backward_needs(back, 1))
        return true;
    turned = backward_binary(back, GRAPH_MUL, g, a);
    return backward_give(back, 1, chosen(back, is_below, turned, zero));
}

bool gradient_where(struct backward *back, int g)
{
    int condition = backward_in(back, 0), zero = backward_number(back, 0);

    return (!backward_needs(back, 1) ||
            backward_give(back, 1, chosen(back, condition, g, zero))) &&
           (!backward_needs(back, 2) ||
            backward_give(back, 2, chosen(back, condition, zero, g)));
}

/* ---- functions of one number ---- */

/* X(function, kind), for each of GRAPH_FUNCTIONS: ACTIVATION, one that takes a
 * ReLU's place; STEPS, whose derivative is 0; GATE, which is an activation
 * where it is multiplied by as many elements (SiLU); or NUMBER. */
#define KINDS(X)                          \
    X(GRAPH_ABS, NUMBER)                  \
    X(GRAPH_NEGATE, NUMBER)               \
    X(GRAPH_SIGN, STEPS)                  \
    X(GRAPH_NOT, STEPS)                   \
    X(GRAPH_FLOOR, STEPS)                 \
    X(GRAPH_CEIL, STEPS)                  \
    X(GRAPH_ROUND, STEPS)                 \
    X(GRAPH_SQUARE, NUMBER)               \
    X(GRAPH_POWER, NUMBER)                \
    X(GRAPH_SQRT, NUMBER)                 \
    X(GRAPH_RECIPROCAL, NUMBER)           \
    X(GRAPH_EXP, NUMBER)                  \
    X(GRAPH_LOG, NUMBER)                  \
    X(GRAPH_ERF, GATE)                    \
    X(GRAPH_SIN, NUMBER)                  \
    X(GRAPH_COS, NUMBER)                  \
    X(GRAPH_TAN, NUMBER)                  \
    X(GRAPH_ASIN, NUMBER)                 \
    X(GRAPH_ACOS, NUMBER)                 \
    X(GRAPH_ATAN, NUMBER)                 \
    X(GRAPH_SINH, NUMBER)                 \
    X(GRAPH_COSH, NUMBER)                 \
    X(GRAPH_TANH, GATE)                   \
    X(GRAPH_ASINH, NUMBER)                \
    X(GRAPH_ACOSH, NUMBER)                \
    X(GRAPH_ATANH, NUMBER)                \
    X(GRAPH_SIGMOID, GATE)                \
    X(GRAPH_HARD_SWISH, ACTIVATION)       \
    X(GRAPH_LEAKY_RELU, ACTIVATION)       \
    X(GRAPH_THRESHOLDED_RELU, ACTIVATION) \
    X(GRAPH_ELU, ACTIVATION)              \
    X(GRAPH_CELU, ACTIVATION)             \
    X(GRAPH_SOFTPLUS, ACTIVATION)         \
    X(GRAPH_SOFTSIGN, ACTIVATION)         \
    X(GRAPH_MISH, ACTIVATION)             \
    X(GRAPH_SILU, ACTIVATION)             \
    X(GRAPH_GELU, ACTIVATION)             \
    X(GRAPH_GELU_TANH, ACTIVATION)        \
    X(GRAPH_IS_NAN, STEPS)                \
    X(GRAPH_IS_INF, STEPS)                \
    X(GRAPH_SHRINK, ACTIVATION)           \
    X(GRAPH_GRID, NUMBER)

enum kind { NO_KIND, NUMBER, STEPS, ACTIVATION, GATE };

static const enum kind kinds[GRAPH_NUM_FUNCTIONS] = {
#define X(function, kind) [function] = kind,
    KINDS(X)
#undef X
};

#define X(function, kind) +1
_Static_assert(0 KINDS(X) == GRAPH_NUM_FUNCTIONS, "a row for each function");
#undef X

/* Whether the node's output, but for arithmetic with constants, is multiplied
 * by as many elements. */
static bool is_half_of_activation(const struct graph *graph, int value)
{
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];
        const struct graph_value *other;

        for (uint32_t i = 0; node->num_inputs == 2 && i < 2; i++) {
            other = graph_input(graph, node, 1 - i);
            if (node->inputs[i] != value || !other)
                continue;
            if (other->data
                    ? is_half_of_activation(graph, node->outputs[0])
                    : node->op == GRAPH_MUL &&
                          graph_shape_count(&other->shape) ==
                              graph_shape_count(&graph->values[value].shape))
                return true;
        }
    }
    return false;
}

bool gradient_unary(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    struct graph_node like = backward_like(GRAPH_SLOPE);
    struct graph_shape shape = backward_shape(back, g);
    enum kind kind = kinds[node->unary.function];

    if (kind == STEPS)
        return true;
    if (kind == ACTIVATION ||
        (kind == GATE && gradient_rule_is_strict(back->rule) &&
         is_half_of_activation(back->graph, node->outputs[0])))
        if (!check_activation(back))
            return false;
    if (node->unary.function == GRAPH_NEGATE)
        return backward_give(back, 0, backward_scaled(back, g, -1));
    like.unary = node->unary;
    return backward_give(back, 0,
                         backward_node(back, &like,
                                       (int[]){backward_in(back, 0), g}, 2,
                                       &shape));
}

/* The same without what is added. */
bool gradient_batch_norm(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, g);
    struct graph_shape shape = {.rank = 1, .dim = {x.dim[1]}};
    struct graph_node like = backward_like(GRAPH_BATCH_NORM);
    float *elements;
    int zeros = backward_floats(back, &shape, &elements);

    like.epsilon = back->node->epsilon;
    return backward_give(back, 0,
                         backward_node(back, &like,
                                       (int[]){g, backward_in(back, 1), zeros,
                                               zeros, backward_in(back, 4)},
                                       5, &x));
}
