#include "tests/sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Marsaglia's xorshift64*. */
static uint64_t next(struct sketch_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}

size_t sketch_below(struct sketch_random *random, size_t bound)
{
    return (size_t)((next(random) >> 33) % bound);
}

float sketch_between(struct sketch_random *random, float min, float max)
{
    float share = (float)(next(random) >> 40) / (float)(1 << 24);

    return min + share * (max - min);
}

void sketch_fill(struct sketch_random *random, float *values, size_t count,
                 float min, float max)
{
    for (size_t i = 0; i < count; i++)
        values[i] = sketch_between(random, min, max);
}

/* Names values and nodes by their number. */
static const char *name_of(char name[32], const char *what, size_t number)
{
    snprintf(name, 32, "%s%zu", what, number);
    return name;
}

int sketch_input(struct graph *graph, struct graph_shape shape)
{
    struct error err = {0};
    int value = graph_add_value(graph, "input", GRAPH_FLOAT, &err);

    assert_int_not_equal(value, GRAPH_NONE);
    graph->values[value].shape = shape;
    graph->values[value].has_shape = true;
    assert_true(graph_add_input(graph, value, &err));
    return value;
}

static int constant(struct graph *graph, enum graph_type type,
                    struct graph_shape shape, const void *elements)
{
    struct error err = {0};
    char name[32];
    int value =
        graph_add_constant(graph, name_of(name, "constant", graph->num_values),
                           type, &shape, &err);
    size_t count = graph_shape_count(&shape);

    assert_int_not_equal(value, GRAPH_NONE);
    if (elements)
        memcpy(graph->values[value].data, elements,
               count * (type == GRAPH_INT ? sizeof(int64_t) : sizeof(float)));
    return value;
}

int sketch_floats(struct graph *graph, struct graph_shape shape,
                  const float *values)
{
    return constant(graph, GRAPH_FLOAT, shape, values);
}

int sketch_ints(struct graph *graph, struct graph_shape shape,
                const int64_t *values)
{
    return constant(graph, GRAPH_INT, shape, values);
}

int sketch_noise(struct graph *graph, struct graph_shape shape,
                 struct sketch_random *random, float min, float max)
{
    int value = constant(graph, GRAPH_FLOAT, shape, NULL);

    sketch_fill(random, graph->values[value].data, graph_shape_count(&shape),
                min, max);
    return value;
}

int sketch_node(struct graph *graph, enum graph_op op, const int *inputs,
                uint32_t num_inputs)
{
    struct error err = {0};
    char name[32];
    struct graph_node *node;
    enum graph_type type = GRAPH_FLOAT;
    int value;

    if (op == GRAPH_SHAPE)
        type = GRAPH_INT;
    else if (op != GRAPH_FILL && num_inputs > 0 && inputs[0] != GRAPH_NONE)
        type = graph->values[inputs[0]].type;
    value = graph_add_value(graph, name_of(name, "value", graph->num_values),
                            type, &err);
    assert_int_not_equal(value, GRAPH_NONE);
    node = graph_add_node(graph, op, name_of(name, "node", graph->num_nodes),
                          graph_op_name(op), num_inputs, 1, &err);
    assert_non_null(node);
    for (uint32_t i = 0; i < num_inputs; i++)
        node->inputs[i] = inputs[i];
    node->outputs[0] = value;
    graph->values[value].producer = (int)graph->num_nodes - 1;
    return value;
}

struct graph_node *sketch_last(struct graph *graph)
{
    assert_true(graph->num_nodes > 0);
    return &graph->nodes[graph->num_nodes - 1];
}

int sketch_conv(struct graph *graph, int x, int weights, int bias,
                size_t kernel, size_t stride, size_t pad, size_t groups)
{
    int y = sketch_node(graph, GRAPH_CONV, (int[]){x, weights, bias},
                        bias == GRAPH_NONE ? 2 : 3);
    struct graph_node *node = sketch_last(graph);

    for (int i = 0; i < 2; i++) {
        node->conv.window.kernel[i] = kernel;
        node->conv.window.stride[i] = stride;
        node->conv.window.dilation[i] = 1;
        node->conv.window.pad_before[i] = pad;
        node->conv.window.pad_after[i] = pad;
    }
    node->conv.groups = groups;
    return y;
}

void sketch_output(struct graph *graph, int value)
{
    int *outputs =
        realloc(graph->outputs, (graph->num_outputs + 1) * sizeof *outputs);

    assert_non_null(outputs);
    outputs[graph->num_outputs++] = value;
    graph->outputs = outputs;
}

size_t sketch_count(const struct graph *graph, enum graph_op op)
{
    size_t count = 0;

    for (size_t i = 0; i < graph->num_nodes; i++)
        count += graph->nodes[i].op == op;
    return count;
}
