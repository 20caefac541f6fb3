/* Moves dequantization before nodes that only select elements. */

#include "engine/passes/graph_fold.h"

/* Whether a node selects elements of its operand, so that it may come before or
 * after a monotonic function. */
static bool picks(const struct graph_node *node)
{
    if (graph_is_clamped(node))
        return false;
    return node->op == GRAPH_MAX_POOL || node->op == GRAPH_RESHAPE ||
           (node->op == GRAPH_REDUCE &&
            node->reduce.function == GRAPH_REDUCE_MAX);
}

/* Exchanges a DEQUANTIZE with the node before it, if the result is the same,
 * and returns its new position; or NULL. */
static struct graph_node *pull_up(struct fold *fold, struct graph_node *node)
{
    const struct graph *graph = fold->graph;
    struct graph_node *before = graph_fold_before(fold, node, 0), swapped;
    const struct graph_value *scale = graph_input(graph, node, 1);
    int between = node->inputs[0], out = node->outputs[0];

    if (!before || before->num_inputs == 0 || !picks(before) ||
        graph_is_clamped(node) || !scale->data ||
        graph_shape_count(&scale->shape) != 1 || !(graph_floats(scale)[0] > 0))
        return NULL;
    swapped = *before;
    *before = *node;
    *node = swapped;
    before->inputs[0] = node->inputs[0];
    before->outputs[0] = between;
    node->inputs[0] = between;
    node->outputs[0] = out;
    graph->values[between].shape = graph->values[before->inputs[0]].shape;
    graph_forget_names(fold->graph, between);
    graph_users_add(&fold->users, before);
    graph_users_add(&fold->users, node);
    return before;
}

void graph_fold_dequantize(struct fold *fold)
{
    for (size_t n = 0; n < fold->graph->num_nodes; n++) {
        struct graph_node *node = &fold->graph->nodes[n];

        while (node && node->op == GRAPH_DEQUANTIZE)
            node = pull_up(fold, node);
    }
}
