#include "engine/passes/graph_build.h"

#include <math.h>
#include <string.h>

#include "engine/passes/infer.h"

struct graph_node graph_build_node(enum graph_op op, const char *name,
                                   const char *onnx_op)
{
    return (struct graph_node){
        .op = op,
        .name = name,
        .onnx_op = onnx_op,
        .min = -INFINITY,
        .max = INFINITY,
    };
}

int graph_build_shaped(struct graph *graph, const struct graph_node *node,
                       const int *inputs, uint32_t num_inputs,
                       const struct graph_shape *shape, struct error *err)
{
    int *operands =
        arena_take(&graph->arena, num_inputs + 1, sizeof *operands, err);
    uint32_t like = node->op == GRAPH_WHERE ? 1 : 0; /* operand of its type */
    enum graph_type type = GRAPH_FLOAT;
    struct graph_node *added;
    int out;

    if (!operands)
        return GRAPH_NONE;
    if (node->op == GRAPH_SHAPE)
        type = GRAPH_INT;
    else if (like < num_inputs && inputs[like] != GRAPH_NONE)
        type = graph->values[inputs[like]].type;
    out = graph_add_value(graph, "", type, err);
    added = out == GRAPH_NONE ? NULL : graph_append(graph, node, err);
    if (!added)
        return GRAPH_NONE;
    memcpy(operands, inputs, num_inputs * sizeof *inputs);
    operands[num_inputs] = out;
    added->inputs = operands;
    added->num_inputs = num_inputs;
    added->outputs = operands + num_inputs;
    added->num_outputs = 1;
    added->resolved = true;
    graph->values[out].producer = (int)graph->num_nodes - 1;
    if (shape)
        graph->values[out].shape = *shape;
    return infer_node(graph, added, err) ? out : GRAPH_NONE;
}

int graph_build(struct graph *graph, const struct graph_node *node,
                const int *inputs, uint32_t num_inputs, struct error *err)
{
    return graph_build_shaped(graph, node, inputs, num_inputs, NULL, err);
}

int graph_build_reshape(struct graph *graph, const struct graph_node *node,
                        int value, const struct graph_shape *shape,
                        struct error *err)
{
    struct graph_node reshape = *node;

    if (graph_shape_equal(&graph->values[value].shape, shape))
        return value;
    reshape.op = GRAPH_RESHAPE;
    return graph_build_shaped(graph, &reshape, &value, 1, shape, err);
}

int graph_build_transpose(struct graph *graph, const struct graph_node *node,
                          int value, const size_t *perm, struct error *err)
{
    struct graph_node transpose = *node;

    transpose.op = GRAPH_TRANSPOSE;
    memcpy(transpose.perm, perm,
           graph->values[value].shape.rank * sizeof *perm);
    return graph_build_shaped(graph, &transpose, &value, 1, NULL, err);
}

int graph_build_floats(struct graph *graph, const struct graph_shape *shape,
                       float **floats, struct error *err)
{
    int value = graph_add_constant(graph, "", GRAPH_FLOAT, shape, err);

    if (value != GRAPH_NONE)
        *floats = graph->values[value].data;
    return value;
}
