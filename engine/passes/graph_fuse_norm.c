/* Normalizations: LayerNorm, RMSNorm and division by the L2 norm. */

#include "engine/passes/graph_fuse.h"

#include <math.h>
#include <string.h>

#include "engine/passes/graph_build.h"

/* If value = 1 / sqrt(y), returns y; else GRAPH_NONE. */
static int inverse_root_of(const struct graph *graph, int value)
{
    const struct graph_node *node = graph_fuse_maker(graph, value, GRAPH_DIV);
    double one;

    if (!node)
        node = graph_fuse_function(graph, value, GRAPH_RECIPROCAL);
    else if (!graph_fuse_is_clamped(node, -INFINITY, INFINITY) ||
             !graph_fuse_is_number(graph, node->inputs[0], &one) || one != 1)
        return GRAPH_NONE;
    if (node)
        node = graph_fuse_function(graph, node->inputs[node->num_inputs - 1],
                                   GRAPH_SQRT);
    else if ((node = graph_fuse_function(graph, value, GRAPH_POWER)) &&
             node->unary.alpha != -0.5f)
        node = NULL;
    return node ? node->inputs[0] : GRAPH_NONE;
}

/* d / sqrt(mean of squares of d + epsilon), where d = x - mean of x. */
static void match_norm(struct graph *graph, struct graph_node *node, int d,
                       int under_root)
{
    int sum, square;
    const struct graph_node *difference = graph_fuse_maker(graph, d, GRAPH_SUB);
    const struct graph_node *mean, *variance, *squared;
    bool axis[GRAPH_MAX_RANK];
    double epsilon;

    if (under_root == GRAPH_NONE || !difference ||
        !graph_fuse_is_clamped(difference, -INFINITY, INFINITY) ||
        !graph_fuse_is_with(graph, under_root, GRAPH_ADD, -INFINITY, INFINITY,
                            &sum, &epsilon))
        return;
    mean = graph_fuse_maker(graph, difference->inputs[1], GRAPH_MEAN);
    variance = graph_fuse_maker(graph, sum, GRAPH_MEAN);
    if (!mean || !variance || mean->inputs[0] != difference->inputs[0] ||
        !mean->reduce.keep_dims || !variance->reduce.keep_dims ||
        memcmp(mean->reduce.axis, variance->reduce.axis, sizeof axis) != 0)
        return;
    square = variance->inputs[0];
    squared = graph_fuse_function(graph, square, GRAPH_SQUARE);
    if (!squared) {
        squared = graph_fuse_maker(graph, square, GRAPH_MUL);
        if (!squared || squared->inputs[1] != d ||
            !graph_fuse_is_clamped(squared, -INFINITY, INFINITY))
            return;
    }
    if (squared->inputs[0] != d ||
        !graph_shape_equal(&graph->values[mean->inputs[0]].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    memcpy(axis, mean->reduce.axis, sizeof axis);
    node->inputs[0] = mean->inputs[0];
    node->num_inputs = 1;
    node->op = GRAPH_NORM;
    memset(&node->norm, 0, sizeof node->norm);
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.epsilon = (float)epsilon;
}

/* Returns the MEAN that computes the value from the squares of another, or
 * NULL. */
static const struct graph_node *mean_of_squares(const struct graph *graph,
                                                int value, int x)
{
    const struct graph_node *mean = graph_fuse_maker(graph, value, GRAPH_MEAN),
                            *squared;

    if (!mean || !mean->reduce.keep_dims)
        return NULL;
    squared = graph_fuse_function(graph, mean->inputs[0], GRAPH_SQUARE);
    if (squared)
        return squared->inputs[0] == x ? mean : NULL;
    squared = graph_fuse_maker(graph, mean->inputs[0], GRAPH_MUL);
    return squared && squared->inputs[0] == x && squared->inputs[1] == x &&
                   graph_fuse_is_clamped(squared, -INFINITY, INFINITY)
               ? mean
               : NULL;
}

/* Makes the node a normalization of x about zero, over the axes of another
 * node. */
static void make_about_zero(struct graph *graph, struct graph_node *node, int x,
                            const struct graph_node *over, double epsilon)
{
    bool axis[GRAPH_MAX_RANK];

    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    memcpy(axis, over->reduce.axis, sizeof axis);
    node->inputs[0] = x;
    node->num_inputs = 1;
    node->op = GRAPH_NORM;
    memset(&node->norm, 0, sizeof node->norm);
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.epsilon = (float)epsilon;
    node->norm.about_zero = true;
}

/* RMSNorm: x / sqrt(mean of squares of x + epsilon). */
static void match_rms_norm(struct graph *graph, struct graph_node *node, int x,
                           int under_root)
{
    const struct graph_node *mean;
    double epsilon;
    int sum;

    if (node->op == GRAPH_NORM || under_root == GRAPH_NONE ||
        !graph_fuse_is_with(graph, under_root, GRAPH_ADD, -INFINITY, INFINITY,
                            &sum, &epsilon) ||
        !(mean = mean_of_squares(graph, sum, x)))
        return;
    make_about_zero(graph, node, x, mean, epsilon);
}

/* PyTorch's normalize: x / max(sqrt(sum of squares of x), bound), which is x /
 * sqrt(mean of squares + bound^2 / n) / sqrt(n) but for x as small as the
 * bound, some 1e-12. */
static void match_l2_norm(struct graph *graph, struct graph_node *node)
{
    int x = node->inputs[0], value = node->inputs[1], scale;
    const struct graph_node *expand =
        graph_fuse_maker(graph, value, GRAPH_EXPAND);
    const struct graph_node *clamp, *norm;
    const struct graph_shape *shape = &graph->values[x].shape;
    double bound = 0, count = 1;
    float *floats;

    if (expand)
        value = expand->inputs[0];
    clamp = graph_fuse_maker(graph, value, GRAPH_CLAMP);
    if (clamp && clamp->min > 0 && clamp->max == INFINITY) {
        bound = (double)clamp->min;
        value = clamp->inputs[0];
    } else if (!graph_fuse_is_with(graph, value, GRAPH_MAX, -INFINITY, INFINITY,
                                   &value, &bound)) {
        return;
    }
    norm = graph_fuse_maker(graph, value, GRAPH_REDUCE);
    if (!norm || norm->reduce.function != GRAPH_REDUCE_L2 ||
        !norm->reduce.keep_dims || norm->inputs[0] != x || !(bound > 0) ||
        bound > 1e-6)
        return;
    for (uint32_t i = 0; i < shape->rank; i++)
        count *= norm->reduce.axis[i] ? (double)shape->dim[i] : 1;
    if (count < 1)
        return;
    scale = graph_build_floats(
        graph, &(struct graph_shape){.rank = 1, .dim = {1}}, &floats, NULL);
    if (scale == GRAPH_NONE)
        return; /* it stays as it is */
    floats[0] = (float)(1 / sqrt(count));
    make_about_zero(graph, node, x, norm, bound * bound / count);
    if (node->op != GRAPH_NORM)
        return;
    node->inputs[1] = scale;
    node->num_inputs = 2;
}

void graph_fuse_norm(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *root =
        graph_fuse_function(graph, node->inputs[1], GRAPH_SQRT);
    int a = node->inputs[0], b = node->inputs[1];

    if (node->op == GRAPH_DIV) {
        if (root)
            match_norm(graph, node, a, root->inputs[0]);
        if (root && node->op == GRAPH_DIV)
            match_rms_norm(graph, node, a, root->inputs[0]);
        if (node->op == GRAPH_DIV)
            match_l2_norm(graph, node);
        return;
    }
    match_norm(graph, node, a, inverse_root_of(graph, b));
    if (node->op == GRAPH_MUL)
        match_norm(graph, node, b, inverse_root_of(graph, a));
    if (node->op == GRAPH_MUL)
        match_rms_norm(graph, node, a, inverse_root_of(graph, b));
    if (node->op == GRAPH_MUL)
        match_rms_norm(graph, node, b, inverse_root_of(graph, a));
}
