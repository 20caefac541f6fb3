#include "engine/passes/graph_round.h"

#include <string.h>

/* Whether operand i of two nodes is the same constant number, or omitted in
 * both. */
static bool is_same_constant(const struct graph *graph,
                             const struct graph_node *a,
                             const struct graph_node *b, uint32_t i)
{
    const struct graph_value *of_a =
        i < a->num_inputs ? graph_input(graph, a, i) : NULL;
    const struct graph_value *of_b =
        i < b->num_inputs ? graph_input(graph, b, i) : NULL;

    if (of_a == of_b)
        return true;
    return of_a && of_b && of_a->data && of_b->data &&
           of_a->type == of_b->type && graph_shape_count(&of_a->shape) == 1 &&
           graph_shape_count(&of_b->shape) == 1 &&
           memcmp(of_a->data, of_b->data,
                  of_a->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float)) ==
               0;
}

bool graph_round_is_pair(const struct graph *graph,
                         const struct graph_node *there,
                         const struct graph_node *back)
{
    return there->op == GRAPH_QUANTIZE && back->op == GRAPH_DEQUANTIZE &&
           !graph_is_clamped(there) && !graph_is_clamped(back) &&
           is_same_constant(graph, there, back, 1) &&
           is_same_constant(graph, there, back, 2);
}

/* Operand i as a constant number, or `fallback` if it is omitted. */
static bool read_number(float *number, const struct graph *graph,
                        const struct graph_node *node, uint32_t i,
                        float fallback)
{
    const struct graph_value *value =
        i < node->num_inputs ? graph_input(graph, node, i) : NULL;

    *number = fallback;
    if (!value)
        return true;
    if (!value->data || graph_shape_count(&value->shape) != 1)
        return false;
    *number = value->type == GRAPH_INT ? (float)graph_ints(value)[0]
                                       : graph_floats(value)[0];
    return true;
}

/* Makes a function of what the QUANTIZE before the node takes. */
static void become_grid(struct graph *graph, struct graph_node *node)
{
    const struct graph_node *before = graph_producer(graph, node->inputs[0]);
    float step, zero;

    if (!before || !graph_round_is_pair(graph, before, node) ||
        !read_number(&step, graph, before, 1, 0) ||
        !read_number(&zero, graph, before, 2, 0) || !(step > 0))
        return;
    node->op = GRAPH_UNARY;
    node->unary.function = GRAPH_GRID;
    node->unary.alpha = step;
    node->unary.beta = before->quant.low - zero;
    node->unary.gamma = before->quant.high - zero;
    node->inputs[0] = before->inputs[0];
    node->num_inputs = 1;
}

void graph_round(struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_DEQUANTIZE)
            become_grid(graph, &graph->nodes[n]);
    graph_prune(graph);
}
