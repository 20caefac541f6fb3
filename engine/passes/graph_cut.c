#include "engine/passes/graph_cut.h"

static bool is_used(const struct graph *graph, int value)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] == value)
                return true;
    for (size_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i] == value)
            return true;
    return false;
}

/* Removes the inputs that no node takes and that are no outputs. */
static void drop_inputs(struct graph *graph)
{
    size_t kept = 0;

    for (size_t i = 0; i < graph->num_inputs; i++)
        if (is_used(graph, graph->inputs[i]))
            graph->inputs[kept++] = graph->inputs[i];
    graph->num_inputs = kept;
}

bool graph_cut(struct graph *graph, int value, struct error *err)
{
    int producer = graph->values[value].producer, unused;
    struct graph_node *node;

    graph->values[value].is_cut = true;
    if (producer == GRAPH_NONE)
        return graph_add_input(graph, value, err);
    unused = graph_add_value(graph, "", graph->values[value].type, err);
    if (unused == GRAPH_NONE)
        return false;
    graph->values[unused].shape = graph->values[value].shape;
    graph->values[unused].has_shape = true;
    graph->values[unused].producer = producer;
    node = &graph->nodes[producer];
    for (uint32_t i = 0; i < node->num_outputs; i++)
        if (node->outputs[i] == value)
            node->outputs[i] = unused;
    graph->values[value].producer = GRAPH_NONE;
    if (!graph_add_input(graph, value, err))
        return false;
    graph_prune(graph);
    drop_inputs(graph);
    return true;
}
