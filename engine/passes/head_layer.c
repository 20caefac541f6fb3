#include "engine/passes/head_layer.h"

#include "engine/passes/graph_round.h"

/* Returns the input of a QUANTIZE followed by this DEQUANTIZE with the same
 * scale, or GRAPH_NONE. */
static int behind_rounding(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_node *before;
    int value = node->inputs[0];

    if (node->op != GRAPH_DEQUANTIZE)
        return GRAPH_NONE;
    while ((before = graph_producer(graph, value)) &&
           before->op == GRAPH_RESHAPE)
        value = before->inputs[0];
    return before && graph_round_is_pair(graph, before, node)
               ? before->inputs[0]
               : GRAPH_NONE;
}

int head_layer_behind_reshapes(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = graph_producer(graph, value))) {
        int before = node->op == GRAPH_RESHAPE ? node->inputs[0]
                                               : behind_rounding(graph, node);

        if (before == GRAPH_NONE)
            break;
        value = before;
    }
    return value;
}

bool head_layer_is_linear(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);
    size_t num_in;

    if (node->op == GRAPH_LINEAR)
        num_in = graph_input(graph, node, 1)->shape.dim[1];
    else if (node->op == GRAPH_CONV && node->conv.groups == 1 &&
             node->conv.window.kernel[0] == 1 &&
             node->conv.window.kernel[1] == 1 &&
             node->conv.window.pad_before[0] == 0 &&
             node->conv.window.pad_before[1] == 0)
        num_in = x->shape.dim[3];
    else
        return false;
    return graph_shape_count(&x->shape) == num_in &&
           graph_shape_count(&graph_output(graph, node, 0)->shape) ==
               graph_input(graph, node, 1)->shape.dim[0];
}

bool head_layer_is_global_pool(const struct graph *graph,
                               const struct graph_node *node)
{
    const struct graph_value *input = graph_input(graph, node, 0);
    const struct graph_shape *x;
    bool reduces =
        node->op == GRAPH_MEAN ||
        (node->op == GRAPH_REDUCE && node->reduce.function == GRAPH_REDUCE_MAX);

    if (!input)
        return false;
    x = &input->shape;
    if (x->rank != 4 || x->dim[0] != 1)
        return false;
    if (reduces)
        return !node->reduce.axis[0] && node->reduce.axis[1] &&
               node->reduce.axis[2] && !node->reduce.axis[3];
    if (node->op != GRAPH_MAX_POOL || !node->nhwc)
        return false;
    for (int i = 0; i < 2; i++)
        if (node->pool.window.kernel[i] != x->dim[1 + i] ||
            node->pool.window.dilation[i] != 1 ||
            node->pool.window.pad_before[i] > 0 ||
            node->pool.window.pad_after[i] > 0)
            return false;
    return true;
}

int head_layer_norm_operand(const struct graph_node *norm, uint32_t i)
{
    return norm && i < norm->num_inputs ? norm->inputs[i] : GRAPH_NONE;
}

bool head_layer_is_row_norm(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;

    if (node->op != GRAPH_NORM || graph_is_clamped(node) ||
        node->norm.groups > 1)
        return false;
    for (uint32_t i = 1; i < 3; i++) {
        int operand = head_layer_norm_operand(node, i);
        size_t count =
            operand == GRAPH_NONE ? 1 : graph_value_count(graph, operand);

        if ((operand != GRAPH_NONE && !graph->values[operand].data) ||
            (count != 1 && count != graph_shape_count(x)))
            return false;
    }
    for (uint32_t i = 0; node->norm.groups == 0 && i < x->rank; i++)
        if (x->dim[i] > 1 && !node->norm.axis[i])
            return false;
    return node->norm.groups == 0 || x->dim[0] == 1;
}

int head_layer_first_open(const struct graph *graph,
                          const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (node->inputs[i] != GRAPH_NONE && !graph_input(graph, node, i)->data)
            return node->inputs[i];
    return GRAPH_NONE;
}
