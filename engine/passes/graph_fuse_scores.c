/* Sigmoid and softmax, and their logarithms. */

#include "engine/passes/graph_fuse.h"

#include <math.h>

static bool is_one(const struct graph *graph, int value)
{
    double number;

    return graph_fuse_is_number(graph, value, &number) && fabs(number - 1) <= 0;
}

/* value = 1 + other */
static bool is_one_more(const struct graph *graph, int value, int *other)
{
    double number;

    return graph_fuse_is_with(graph, value, GRAPH_ADD, -INFINITY, INFINITY,
                              other, &number) &&
           fabs(number - 1) <= 0;
}

/* value = -other */
static bool is_negative(const struct graph *graph, int value, int *other)
{
    const struct graph_node *node =
        graph_fuse_function(graph, value, GRAPH_NEGATE);
    double factor;

    if (node) {
        *other = node->inputs[0];
        return true;
    }
    return graph_fuse_is_scaled(graph, value, other, &factor) &&
           fabs(factor + 1) <= 0;
}

/* 1 / (1 + exp(-x)), with a division or the function reciprocal; or exp(x) / (1
 * + exp(x)). */
static void match_sigmoid(struct graph *graph, struct graph_node *node)
{
    int below = node->inputs[node->op == GRAPH_DIV], power, x;
    const struct graph_node *exp_node;

    if (!is_one_more(graph, below, &power))
        return;
    exp_node = graph_fuse_function(graph, power, GRAPH_EXP);
    if (!exp_node)
        return;
    x = exp_node->inputs[0];
    if (node->op == GRAPH_DIV && node->inputs[0] == power)
        graph_fuse_become(graph, node, x, GRAPH_SIGMOID);
    else if ((node->op == GRAPH_UNARY || is_one(graph, node->inputs[0])) &&
             is_negative(graph, x, &x))
        graph_fuse_become(graph, node, x, GRAPH_SIGMOID);
}

/* (1 + tanh(x / 2)) / 2, with the factor 1/2 applied before or after the sum.
 */
static void match_tanh(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *tanh_node;
    double number;
    int inner;

    if (node->op == GRAPH_ADD) {
        if (!graph_fuse_is_with(graph, node->outputs[0], GRAPH_ADD, -INFINITY,
                                INFINITY, &inner, &number) ||
            !graph_fuse_is_near(number, 0.5) ||
            !graph_fuse_is_scaled(graph, inner, &inner, &number) ||
            !graph_fuse_is_near(number, 0.5))
            return;
    } else if (!graph_fuse_is_scaled(graph, node->outputs[0], &inner,
                                     &number) ||
               !graph_fuse_is_near(number, 0.5) ||
               !is_one_more(graph, inner, &inner)) {
        return;
    }
    tanh_node = graph_fuse_function(graph, inner, GRAPH_TANH);
    if (tanh_node &&
        graph_fuse_is_scaled(graph, tanh_node->inputs[0], &inner, &number) &&
        graph_fuse_is_near(number, 0.5))
        graph_fuse_become(graph, node, inner, GRAPH_SIGMOID);
}

/* sigmoid(x) in two forms, one for x >= 0 and one for x < 0, so that neither
 * overflows. */
static void match_stable_sigmoid(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *a =
        graph_fuse_function(graph, node->inputs[1], GRAPH_SIGMOID);
    const struct graph_node *b =
        graph_fuse_function(graph, node->inputs[2], GRAPH_SIGMOID);

    if (a && b && a->inputs[0] == b->inputs[0])
        graph_fuse_become(graph, node, a->inputs[0], GRAPH_SIGMOID);
}

/* -softplus(-x), which is log(sigmoid(x)) */
static void match_log_sigmoid(struct graph_users *users,
                              struct graph_node *node)
{
    struct graph *graph = users->graph;
    int plus = node->inputs[0], x;
    struct graph_node *softplus = graph_users_sole_producer(users, plus);

    if (!softplus || softplus->op != GRAPH_UNARY ||
        softplus->unary.function != GRAPH_SOFTPLUS ||
        !is_negative(graph, softplus->inputs[0], &x) ||
        !graph_shape_equal(&graph->values[x].shape, &graph->values[plus].shape))
        return;
    graph_fuse_become(graph, softplus, x, GRAPH_SIGMOID);
    graph_forget_names(graph, plus);
    graph_users_add(users, softplus);
    node->unary.function = GRAPH_LOG;
}

/* Returns the one axis of a reduction of x, if the axis is kept or a reshape
 * restores it; else -1. */
static int64_t reduced_axis(const struct graph *graph, int value, int x,
                            enum graph_reduction function)
{
    struct graph_shape shape = graph->values[x].shape;
    const struct graph_node *reshape =
        graph_fuse_maker(graph, value, GRAPH_RESHAPE);
    const struct graph_node *node = graph_fuse_maker(
        graph, reshape ? reshape->inputs[0] : value, GRAPH_REDUCE);
    int64_t axis = -1;

    if (!node || node->reduce.function != function || node->inputs[0] != x)
        return -1;
    for (uint32_t i = 0; i < shape.rank; i++) {
        if (node->reduce.axis[i] && axis >= 0)
            return -1;
        if (node->reduce.axis[i])
            axis = i;
    }
    if (axis >= 0)
        shape.dim[axis] = 1;
    return graph_shape_equal(&shape, &graph->values[value].shape) ? axis : -1;
}

/* If x = y - maximum of y along the axis, returns y; else x. */
static int without_maximum(const struct graph *graph, int x, int64_t axis)
{
    const struct graph_node *node = graph_fuse_maker(graph, x, GRAPH_SUB);

    return node && graph_fuse_is_clamped(node, -INFINITY, INFINITY) &&
                   reduced_axis(graph, node->inputs[1], node->inputs[0],
                                GRAPH_REDUCE_MAX) == axis
               ? node->inputs[0]
               : x;
}

static void become_softmax(struct graph *graph, struct graph_node *node,
                           enum graph_op op, int x, int64_t axis)
{
    x = without_maximum(graph, x, axis);
    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    node->op = op;
    node->inputs[0] = x;
    node->num_inputs = 1;
    node->axis = axis;
    node->to_matrix = false;
}

/* exp(x) / sum of exp(x); the maximum may be subtracted from x */
static void match_softmax(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *power =
        graph_fuse_function(graph, node->inputs[0], GRAPH_EXP);
    int64_t axis = power ? reduced_axis(graph, node->inputs[1], node->inputs[0],
                                        GRAPH_REDUCE_SUM)
                         : -1;

    if (axis >= 0)
        become_softmax(graph, node, GRAPH_SOFTMAX, power->inputs[0], axis);
}

/* x - log(sum of exp(x)), likewise */
static void match_log_softmax(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0];
    const struct graph_node *log =
        graph_fuse_function(graph, node->inputs[1], GRAPH_LOG);
    const struct graph_node *sum =
        log ? graph_fuse_maker(graph,
                               graph_behind_reshapes(graph, log->inputs[0]),
                               GRAPH_REDUCE)
            : NULL;
    const struct graph_node *power =
        sum ? graph_fuse_function(graph, sum->inputs[0], GRAPH_EXP) : NULL;
    int64_t axis;

    if (power && power->inputs[0] == x)
        axis = reduced_axis(graph, log->inputs[0], sum->inputs[0],
                            GRAPH_REDUCE_SUM);
    else
        axis =
            reduced_axis(graph, node->inputs[1], x, GRAPH_REDUCE_LOG_SUM_EXP);
    if (axis >= 0)
        become_softmax(graph, node, GRAPH_LOG_SOFTMAX, x, axis);
}

void graph_fuse_scores(struct graph_users *users, struct graph_node *node)
{
    struct graph *graph = users->graph;

    switch (node->op) {
    case GRAPH_UNARY:
        if (node->unary.function == GRAPH_RECIPROCAL)
            match_sigmoid(graph, node);
        if (node->unary.function == GRAPH_NEGATE)
            match_log_sigmoid(users, node);
        break;
    case GRAPH_WHERE:
        match_stable_sigmoid(graph, node);
        break;
    case GRAPH_DIV:
        match_sigmoid(graph, node);
        if (node->op == GRAPH_DIV)
            match_softmax(graph, node);
        if (node->op == GRAPH_DIV)
            match_tanh(graph, node);
        break;
    case GRAPH_ADD:
    case GRAPH_MUL:
        match_tanh(graph, node);
        break;
    case GRAPH_SUB:
        match_log_softmax(graph, node);
        break;
    default:
        break;
    }
}
