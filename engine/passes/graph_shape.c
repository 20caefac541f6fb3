/* Infers shapes, node by node in order, and resolves operands that must be
 * constant. */

#include "engine/graph/graph.h"
#include "engine/passes/graph_const.h"
#include "engine/passes/infer.h"

/* Whether an operand has no shape because its node is a problem. */
static bool is_blocked(const struct graph *graph, const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && !value->has_shape)
            return true;
    }
    return false;
}

/* Returns the last node that uses each value; SIZE_MAX for the graph's outputs.
 * Returns NULL on ERROR_MEMORY. */
static size_t *find_last_uses(struct graph *graph, struct error *err)
{
    size_t *last =
        arena_take(&graph->arena, graph->num_values + 1, sizeof *last, err);

    for (size_t n = 0; last && n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            if (graph->nodes[n].inputs[i] != GRAPH_NONE)
                last[graph->nodes[n].inputs[i]] = n;
    for (size_t i = 0; last && i < graph->num_outputs; i++)
        last[graph->outputs[i]] = SIZE_MAX;
    return last;
}

/* Frees constants whose last user, node n, has been computed. Constants that
 * are used at run time are kept. */
static void drop_used(struct graph *graph, size_t n, size_t *last,
                      size_t num_last)
{
    const struct graph_node *node = &graph->nodes[n];
    bool is_constant = graph_output(graph, node, 0)->data != NULL;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        int value = node->inputs[i];

        if (value == GRAPH_NONE || (size_t)value >= num_last)
            continue;
        if (!is_constant)
            last[value] = SIZE_MAX;
        else if (last[value] == n)
            graph_const_drop(graph, value);
    }
}

bool graph_infer(struct graph *graph, struct error *err)
{
    struct graph_problems *problems = graph->problems;
    size_t num_last = graph->num_values;
    size_t *last = find_last_uses(graph, err);

    if (!last)
        return false;
    graph_const_allow(graph);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];

        if (problems && is_blocked(graph, node)) {
            problems->num_blocked++;
        } else if (!infer_node(graph, node, err)) {
            if (!graph_forgive(graph, node->name, node->onnx_op, err))
                return false;
            graph_output(graph, node, 0)->has_shape = false;
        } else {
            drop_used(graph, n, last, num_last);
        }
    }
    if (problems && problems->count > 0)
        return fail(err, ERROR_UNSUPPORTED,
                    "%zu of the network's nodes and inputs are not supported",
                    problems->count);
    graph_prune(graph);
    return true;
}
