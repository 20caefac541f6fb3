/* Recognises operations that exporters spell out for lack of an operator, if
 * one node is less work or shows what a network's numbers mean. */

#include "engine/passes/graph_fuse.h"

#include <math.h>

bool graph_fuse_is_near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fabs(b);
}

const struct graph_node *graph_fuse_maker(const struct graph *graph, int value,
                                          enum graph_op op)
{
    int producer =
        value == GRAPH_NONE ? GRAPH_NONE : graph->values[value].producer;

    if (producer == GRAPH_NONE || graph->nodes[producer].op != op)
        return NULL;
    return &graph->nodes[producer];
}

const struct graph_node *graph_fuse_function(const struct graph *graph,
                                             int value,
                                             enum graph_function function)
{
    const struct graph_node *node = graph_fuse_maker(graph, value, GRAPH_UNARY);

    return node && node->unary.function == function ? node : NULL;
}

bool graph_fuse_is_clamped(const struct graph_node *node, float min, float max)
{
    return node->min == min && node->max == max;
}

bool graph_fuse_is_number(const struct graph *graph, int value, double *number)
{
    const struct graph_value *constant = &graph->values[value];

    if (!constant->data || constant->type != GRAPH_FLOAT ||
        graph_shape_count(&constant->shape) != 1)
        return false;
    *number = (double)graph_floats(constant)[0];
    return true;
}

bool graph_fuse_is_with(const struct graph *graph, int value, enum graph_op op,
                        float min, float max, int *other, double *number)
{
    const struct graph_node *node = graph_fuse_maker(graph, value, op);
    uint32_t i; /* of the number */

    if (!node || !graph_fuse_is_clamped(node, min, max))
        return false;
    i = graph_fuse_is_number(graph, node->inputs[1], number) ? 1 : 0;
    *other = node->inputs[1 - i];
    return i == 1 || (op != GRAPH_DIV &&
                      graph_fuse_is_number(graph, node->inputs[0], number));
}

bool graph_fuse_is_scaled(const struct graph *graph, int value, int *other,
                          double *factor)
{
    if (graph_fuse_is_with(graph, value, GRAPH_MUL, -INFINITY, INFINITY, other,
                           factor))
        return true;
    if (!graph_fuse_is_with(graph, value, GRAPH_DIV, -INFINITY, INFINITY, other,
                            factor))
        return false;
    *factor = 1 / *factor;
    return true;
}

void graph_fuse_become(struct graph *graph, struct graph_node *node, int x,
                       enum graph_function function)
{
    if (!graph_shape_equal(&graph->values[x].shape,
                           &graph_output(graph, node, 0)->shape))
        return;
    node->op = GRAPH_UNARY;
    node->unary.function = function;
    node->inputs[0] = x;
    node->num_inputs = 1;
}

static void match(struct graph_users *users, struct graph_node *node)
{
    struct graph *graph = users->graph;

    if (node->op == GRAPH_RESHAPE)
        graph_fuse_group(users, node);
    if (graph_is_clamped(node) ||
        graph_output(graph, node, 0)->type != GRAPH_FLOAT)
        return;
    graph_fuse_scores(users, node);
    if (node->op != GRAPH_MUL && node->op != GRAPH_DIV)
        return;
    graph_fuse_gate(graph, node);
    if (node->op == GRAPH_DIV || node->op == GRAPH_MUL)
        graph_fuse_norm(graph, node);
    if (node->op == GRAPH_DIV)
        graph_fuse_lrn(graph, node);
}

void graph_fuse(struct graph *graph)
{
    struct graph_users users = {0};

    graph_users_find(&users, graph);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        match(&users, &graph->nodes[n]);
        graph_users_add(&users, &graph->nodes[n]);
    }
    graph_users_release(&users);
    graph_prune(graph);
}
