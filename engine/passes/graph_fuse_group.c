/* GroupNorm: an image (N, C, H, W) is reshaped to (N, groups, ...), normalized
 * within each group, and reshaped back. As one operation on the image it does
 * not need NCHW. */

#include "engine/passes/graph_fuse.h"

/* Whether exactly the axes from `first` on are normalized over. */
static bool is_over_last(const struct graph_node *norm, uint32_t first,
                         uint32_t rank)
{
    for (uint32_t i = 0; i < rank; i++)
        if (norm->norm.axis[i] != (i >= first))
            return false;
    return true;
}

static bool is_of_one_number(const struct graph *graph,
                             const struct graph_node *node, uint32_t i)
{
    const struct graph_value *value = graph_input(graph, node, i);

    return !value || graph_shape_count(&value->shape) == 1;
}

/* Returns the input of a quantized network's pair of rounding nodes with a
 * single scale; or the value itself if there is no such pair or it has other
 * users. */
static int behind_rounding(const struct graph_users *users, int value)
{
    const struct graph *graph = users->graph;
    const struct graph_node *back =
        graph_fuse_maker(graph, value, GRAPH_DEQUANTIZE);
    const struct graph_node *there =
        back ? graph_fuse_maker(graph, back->inputs[0], GRAPH_QUANTIZE) : NULL;

    return there && is_of_one_number(graph, back, 1) &&
                   is_of_one_number(graph, back, 2) &&
                   is_of_one_number(graph, there, 1) &&
                   is_of_one_number(graph, there, 2) &&
                   graph_users_count(users, value) == 1 &&
                   graph_users_count(users, back->inputs[0]) == 1
               ? there->inputs[0]
               : value;
}

/* Makes the node's operand x, rounded by the same pair of nodes if there is
 * one, in the shape of x. */
static void take_rounded(struct graph_users *users, struct graph_node *node,
                         int x)
{
    struct graph *graph = users->graph;
    int value = node->inputs[0];
    const struct graph_node *back, *there;

    if (behind_rounding(users, value) == value) {
        node->inputs[0] = x;
        graph_users_add(users, node);
        return;
    }
    back = graph_producer(graph, value);
    there = graph_producer(graph, back->inputs[0]);
    there->inputs[0] = x;
    graph_users_add(users, there);
    graph->values[there->outputs[0]].shape = graph->values[x].shape;
    graph->values[value].shape = graph->values[x].shape;
}

void graph_fuse_group(struct graph_users *users, struct graph_node *back)
{
    struct graph *graph = users->graph;
    const struct graph_shape *to = &graph_output(graph, back, 0)->shape;
    int made = behind_rounding(users, back->inputs[0]);
    const struct graph_node *there;
    struct graph_shape *shape = &graph->values[made].shape;
    struct graph_node *norm = graph_users_sole_producer(users, made);

    if (!norm || norm->op != GRAPH_NORM)
        return;
    there = graph_fuse_maker(graph, behind_rounding(users, norm->inputs[0]),
                             GRAPH_RESHAPE);
    if (!there || to->rank < 3 || shape->rank < 3 ||
        !graph_shape_equal(&graph->values[there->inputs[0]].shape, to) ||
        to->dim[0] != shape->dim[0] || shape->dim[1] == 0 ||
        to->dim[1] % shape->dim[1] != 0 || !is_over_last(norm, 2, shape->rank))
        return;
    if (norm->norm.groups == 0 && norm->num_inputs > 1)
        return; /* scale and bias broadcast to another shape */
    if (norm->norm.groups != 0 && norm->norm.groups != shape->dim[1])
        return;
    norm->norm.groups = shape->dim[1];
    norm->norm.channel = 1;
    for (uint32_t i = 0; i < to->rank; i++)
        norm->norm.axis[i] = i >= 2;
    take_rounded(users, norm, there->inputs[0]);
    *shape = *to;
    take_rounded(users, back, made);
}
