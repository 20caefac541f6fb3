#include "engine/passes/graph_const.h"

#include "engine/kernel/kernel.h"

/* LEAST is the number of elements that may always be computed and stored; the
 * factors apply to the number of elements in the file's constants. */
#define LEAST ((size_t)1 << 24)
enum { MAX_COMPUTED = 64, MAX_HELD = 4 };

void graph_const_allow(struct graph *graph)
{
    size_t count = 0;

    for (size_t v = 0; v < graph->num_values; v++)
        if (graph->values[v].data)
            count += graph_shape_count(&graph->values[v].shape);
    graph->budget = LEAST + MAX_COMPUTED * count;
    graph->constants_left = LEAST + MAX_HELD * count;
}

void graph_const_drop(struct graph *graph, int number)
{
    struct graph_value *value = &graph->values[number];

    if (value->data)
        graph->constants_left += graph_shape_count(&value->shape);
    graph_drop_constant(value);
}

bool graph_const_fold(struct graph *graph, struct graph_node *node,
                      struct error *err)
{
    struct graph_value *out = graph_output(graph, node, 0);
    const void **inputs;
    void *outputs[1];
    size_t count;

    if (!kernel_supports(node))
        return true;
    inputs = arena_take(&graph->arena, node->num_inputs, sizeof *inputs, err);
    if (!inputs)
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && !value->data && !graph_op_has(node->op, GRAPH_OF_SHAPE))
            return true;
        inputs[i] = value ? value->data : NULL;
    }
    count = graph_work(graph, node);
    if (count > graph->budget)
        return fail(err, ERROR_LIMIT,
                    "computing it from constants takes %zu elements; at most "
                    "%zu more are allowed",
                    count, graph->budget);
    if (graph_shape_count(&out->shape) > graph->constants_left)
        return fail(err, ERROR_LIMIT,
                    "its output has %zu elements; only %zu more are allowed in "
                    "constants",
                    graph_shape_count(&out->shape), graph->constants_left);
    graph->budget -= count;
    graph->constants_left -= graph_shape_count(&out->shape);
    if (!graph_make_constant(out, err))
        return false;
    outputs[0] = out->data;
    return kernel_run(graph, node, inputs, outputs, NULL, err);
}

/* Adds the bias beta c as a constant (O), or returns GRAPH_NONE if there is
 * none. */
static bool linear_bias(struct graph *graph, const struct graph_node *node,
                        size_t num_out, int *bias, struct error *err)
{
    const struct graph_value *c = graph_input(graph, node, 2);
    struct graph_shape shape = {.rank = 1, .dim = {num_out}};
    size_t count = c ? graph_shape_count(&c->shape) : 0;

    *bias = GRAPH_NONE;
    if (!c)
        return true;
    if (count != 1 &&
        (count != num_out || c->shape.dim[c->shape.rank - 1] != num_out))
        return fail(err, ERROR_UNSUPPORTED,
                    "its third input is not one bias per output");
    *bias = graph_add_constant(graph, "", GRAPH_FLOAT, &shape, err);
    if (*bias == GRAPH_NONE)
        return false;
    c = graph_input(graph, node, 2); /* values may have moved */
    for (size_t o = 0; o < num_out; o++)
        ((float *)graph->values[*bias].data)[o] =
            node->gemm.beta * graph_floats(c)[count == 1 ? 0 : o];
    return true;
}

bool graph_const_linear(struct graph *graph, struct graph_node *node,
                        struct error *err)
{
    const struct graph_value *b = graph_input(graph, node, 1);
    bool transposed = node->gemm.transpose_b;
    size_t num_in = b->shape.dim[transposed ? 1 : 0];
    size_t num_out = b->shape.dim[transposed ? 0 : 1];
    struct graph_shape shape = {.rank = 2, .dim = {num_out, num_in}};
    float alpha = node->gemm.alpha, *weights;
    int bias, w;
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, err);

    if (!inputs || !linear_bias(graph, node, num_out, &bias, err))
        return false;
    b = graph_input(graph, node, 1); /* values may have moved */
    if (transposed && alpha == 1) {  /* as exporters write it */
        w = graph_share_constant(graph, "", b, err);
        if (w == GRAPH_NONE)
            return false;
    } else {
        w = graph_add_constant(graph, "", GRAPH_FLOAT, &shape, err);
        if (w == GRAPH_NONE)
            return false;
        weights = graph->values[w].data;
        b = graph_input(graph, node, 1); /* likewise */
        for (size_t o = 0; o < num_out; o++)
            for (size_t i = 0; i < num_in; i++)
                weights[o * num_in + i] =
                    alpha *
                    graph_floats(
                        b)[transposed ? o * num_in + i : i * num_out + o];
    }
    inputs[0] = node->inputs[0];
    inputs[1] = w;
    inputs[2] = bias;
    node->inputs = inputs;
    node->num_inputs = 3;
    node->op = GRAPH_LINEAR;
    return true;
}
