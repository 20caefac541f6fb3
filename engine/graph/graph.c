#include "engine/graph/graph.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t floats;
    unsigned facts;
} ops[GRAPH_NUM_OPS] = {
#define X(op, name, floats, facts, ...) [op] = {name, floats, facts},
    GRAPH_OPS(X)
#undef X
};

const char *graph_op_name(enum graph_op op)
{
    return (unsigned)op < GRAPH_NUM_OPS ? ops[op].name : "unknown";
}

uint32_t graph_op_floats(enum graph_op op)
{
    return ops[op].floats;
}

bool graph_op_has(enum graph_op op, enum graph_fact fact)
{
    return (ops[op].facts & fact) != 0;
}

bool graph_forgive(struct graph *graph, const char *node, const char *onnx_op,
                   struct error *err)
{
    struct graph_problems *problems = graph->problems;
    struct graph_problem *problem;

    if (!problems || !err || err->kind == ERROR_MEMORY ||
        err->kind == ERROR_INTERNAL)
        return error_prefix(err, "node \"%.100s\" (%.60s)", node, onnx_op);
    problem = arena_take(&graph->arena, 1, sizeof *problem, NULL);
    if (problem) {
        problem->node = arena_text(&graph->arena, node, strlen(node), NULL);
        problem->onnx_op =
            arena_text(&graph->arena, onnx_op, strlen(onnx_op), NULL);
    }
    if (!problem || !problem->node || !problem->onnx_op)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of problems");
    problem->why = *err;
    *err = (struct error){0};
    if (problems->last)
        problems->last->next = problem;
    else
        problems->first = problem;
    problems->last = problem;
    problems->count++;
    return true;
}

size_t graph_shape_count(const struct graph_shape *shape)
{
    size_t count = 1;

    for (uint32_t i = 0; i < shape->rank; i++)
        count *= shape->dim[i];
    return count;
}

size_t graph_value_count(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

bool graph_shape_equal(const struct graph_shape *a, const struct graph_shape *b)
{
    return a->rank == b->rank &&
           memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

bool graph_shape_check(const struct graph_shape *shape, struct error *err)
{
    size_t count = 1;
    char text[GRAPH_SHAPE_TEXT];

    for (uint32_t i = 0; i < shape->rank; i++) {
        size_t dim = shape->dim[i];

        /* The others are limited even if one dimension is 0. */
        if (dim > GRAPH_MAX_ELEMENTS / count)
            return fail(err, ERROR_LIMIT,
                        "a tensor of %s has more than %zu elements",
                        graph_shape_text(text, shape), GRAPH_MAX_ELEMENTS);
        if (dim > 0)
            count *= dim;
    }
    return true;
}

const char *graph_shape_text(char text[GRAPH_SHAPE_TEXT],
                             const struct graph_shape *shape)
{
    size_t len = 0;

    snprintf(text, GRAPH_SHAPE_TEXT, "scalar");
    for (uint32_t i = 0; i < shape->rank; i++)
        len += (size_t)snprintf(text + len, GRAPH_SHAPE_TEXT - len, "%s%zu",
                                i ? " x " : "", shape->dim[i]);
    return text;
}

/* Grows an array if one more element does not fit; returns the array. */
static void *grow(void *array, size_t num, size_t *cap, size_t size,
                  struct error *err)
{
    size_t wanted = *cap ? *cap * 2 : 64;
    void *grown;

    if (num < *cap)
        return array;
    if (num >= GRAPH_MAX_VALUES) {
        fail(err, ERROR_LIMIT, "the network has more than %d values",
             GRAPH_MAX_VALUES);
        return NULL;
    }
    grown = realloc(array, wanted * size);
    if (!grown) {
        fail(err, ERROR_MEMORY, "not enough memory for the network's graph");
        return NULL;
    }
    *cap = wanted;
    return grown;
}

int graph_add_value(struct graph *graph, const char *name, enum graph_type type,
                    struct error *err)
{
    struct graph_value *values = grow(graph->values, graph->num_values,
                                      &graph->cap_values, sizeof *values, err);
    struct graph_name *copy = NULL;

    if (!values)
        return GRAPH_NONE;
    graph->values = values;
    if (*name) {
        copy =
            arena_take(&graph->arena, 1, sizeof *copy + strlen(name) + 1, err);
        if (!copy)
            return GRAPH_NONE;
        memcpy(copy->text, name, strlen(name) + 1);
    }
    values[graph->num_values] = (struct graph_value){
        .name = copy ? copy->text : "",
        .names = copy,
        .type = type,
        .producer = GRAPH_NONE,
    };
    return (int)graph->num_values++;
}

static bool has_name(const struct graph_value *value, const char *name)
{
    for (const struct graph_name *n = value->names; n; n = n->next)
        if (strcmp(n->text, name) == 0)
            return true;
    return false;
}

static bool is_input(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->num_inputs; i++)
        if (graph->inputs[i] == value)
            return true;
    return false;
}

int graph_find(const struct graph *graph, const char *name)
{
    for (size_t v = 0; v < graph->num_values; v++) {
        const struct graph_value *value = &graph->values[v];

        if (has_name(value, name) &&
            (value->data || value->producer != GRAPH_NONE ||
             is_input(graph, (int)v)))
            return (int)v;
    }
    return GRAPH_NONE;
}

void graph_take_names(struct graph *graph, int value, int from)
{
    struct graph_value *to = &graph->values[value];
    struct graph_name **end = &to->names;

    if (value == from)
        return;
    while (*end)
        end = &(*end)->next;
    *end = graph->values[from].names;
    to->name = to->names ? to->names->text : "";
    graph_forget_names(graph, from);
}

void graph_forget_names(struct graph *graph, int value)
{
    graph->values[value].names = NULL;
    graph->values[value].name = "";
}

bool graph_add_input(struct graph *graph, int value, struct error *err)
{
    int *inputs =
        realloc(graph->inputs, (graph->num_inputs + 1) * sizeof *inputs);

    if (!inputs)
        return fail(err, ERROR_MEMORY, "not enough memory for the inputs");
    graph->inputs = inputs;
    inputs[graph->num_inputs++] = value;
    return true;
}

static int *no_operands(struct graph *graph, uint32_t count, struct error *err)
{
    int *operands = arena_take(&graph->arena, count, sizeof *operands, err);

    for (uint32_t i = 0; operands && i < count; i++)
        operands[i] = GRAPH_NONE;
    return operands;
}

bool graph_is_clamped(const struct graph_node *node)
{
    return node->min > -INFINITY || node->max < INFINITY;
}

bool graph_set_outputs(struct graph *graph, const int *values, size_t count,
                       struct error *err)
{
    int *outputs = malloc((count + 1) * sizeof *outputs);

    if (!outputs)
        return fail(err, ERROR_MEMORY, "not enough memory for the outputs");
    memcpy(outputs, values, count * sizeof *outputs);
    free(graph->outputs);
    graph->outputs = outputs;
    graph->num_outputs = count;
    graph->output_names = NULL;
    return true;
}

struct graph_node *graph_add_node(struct graph *graph, enum graph_op op,
                                  const char *name, const char *onnx_op,
                                  uint32_t num_inputs, uint32_t num_outputs,
                                  struct error *err)
{
    struct graph_node node = {
        .op = op,
        .num_inputs = num_inputs,
        .num_outputs = num_outputs,
        .min = -INFINITY,
        .max = INFINITY,
    };

    node.name = arena_text(&graph->arena, name, strlen(name), err);
    node.onnx_op = arena_text(&graph->arena, onnx_op, strlen(onnx_op), err);
    node.inputs = no_operands(graph, num_inputs, err);
    node.outputs = no_operands(graph, num_outputs, err);
    if (!node.name || !node.onnx_op || !node.inputs || !node.outputs)
        return NULL;
    return graph_append(graph, &node, err);
}

struct graph_node *graph_append(struct graph *graph,
                                const struct graph_node *node,
                                struct error *err)
{
    struct graph_node *nodes = grow(graph->nodes, graph->num_nodes,
                                    &graph->cap_nodes, sizeof *nodes, err);

    if (!nodes)
        return NULL;
    graph->nodes = nodes;
    nodes[graph->num_nodes] = *node;
    return &nodes[graph->num_nodes++];
}

/* Reverses a range of nodes. Three reversals exchange two adjacent ranges. */
static void reverse(struct graph_node *nodes, size_t from, size_t to)
{
    while (from + 1 < to) {
        struct graph_node node = nodes[from];

        nodes[from++] = nodes[--to];
        nodes[to] = node;
    }
}

void graph_move_nodes(struct graph *graph, size_t first, size_t to)
{
    reverse(graph->nodes, to, first);
    reverse(graph->nodes, first, graph->num_nodes);
    reverse(graph->nodes, to, graph->num_nodes);
    for (size_t n = to; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_outputs; i++)
            if (graph->nodes[n].outputs[i] != GRAPH_NONE)
                graph->values[graph->nodes[n].outputs[i]].producer = (int)n;
}

static struct graph_value *operand(const struct graph *graph,
                                   const int *operands, uint32_t count,
                                   uint32_t i)
{
    if (i >= count || operands[i] == GRAPH_NONE)
        return NULL;
    return &graph->values[operands[i]];
}

struct graph_value *graph_input(const struct graph *graph,
                                const struct graph_node *node, uint32_t i)
{
    return operand(graph, node->inputs, node->num_inputs, i);
}

struct graph_value *graph_output(const struct graph *graph,
                                 const struct graph_node *node, uint32_t i)
{
    return operand(graph, node->outputs, node->num_outputs, i);
}

const struct graph_node *graph_producer(const struct graph *graph, int value)
{
    int node = graph->values[value].producer;

    return node == GRAPH_NONE ? NULL : &graph->nodes[node];
}

int graph_behind_reshapes(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = graph_producer(graph, value)) && node->op == GRAPH_RESHAPE &&
           node->num_inputs > 0)
        value = node->inputs[0];
    return value;
}

/* The operand of a removed node takes over its names, if it is renamed only. */
static void hand_names_back(struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);
    const struct graph_value *out = graph_output(graph, node, 0);
    bool renames = node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE ||
                   node->op == GRAPH_IDENTITY;

    if (renames && x && out && !out->data)
        graph_take_names(graph, node->inputs[0], node->outputs[0]);
}

/* Walks backwards, since producers come before users; keeps the order. */
void graph_prune(struct graph *graph)
{
    size_t kept = 0;
    /* `producer` of a value that is needed is marked with this. */
    enum { NEEDED = -2 };

    for (size_t v = 0; v < graph->num_values; v++)
        graph->values[v].producer = GRAPH_NONE;
    for (size_t i = 0; i < graph->num_outputs; i++)
        graph->values[graph->outputs[i]].producer = NEEDED;
    for (size_t n = graph->num_nodes; n-- > 0;) {
        struct graph_node *node = &graph->nodes[n];
        bool needed = false;

        for (uint32_t i = 0; i < node->num_outputs; i++)
            needed |= node->outputs[i] != GRAPH_NONE &&
                      graph->values[node->outputs[i]].producer == NEEDED &&
                      !graph->values[node->outputs[i]].data;
        if (!needed) {
            hand_names_back(graph, node);
            node->num_outputs = 0; /* marks the node as removed */
            continue;
        }
        for (uint32_t i = 0; i < node->num_inputs; i++)
            if (node->inputs[i] != GRAPH_NONE)
                graph->values[node->inputs[i]].producer = NEEDED;
    }
    for (size_t v = 0; v < graph->num_values; v++) {
        struct graph_value *value = &graph->values[v];

        if (value->producer != NEEDED)
            graph_drop_constant(value);
        value->producer = GRAPH_NONE;
    }
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].num_outputs > 0)
            graph->nodes[kept++] = graph->nodes[n];
    graph->num_nodes = kept;
    for (size_t n = 0; n < kept; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_outputs; i++)
            if (graph->nodes[n].outputs[i] != GRAPH_NONE)
                graph->values[graph->nodes[n].outputs[i]].producer = (int)n;
}

void graph_release(struct graph *graph)
{
    for (size_t v = 0; v < graph->num_values; v++)
        graph_drop_constant(&graph->values[v]);
    free(graph->values);
    free(graph->nodes);
    free(graph->inputs);
    free(graph->outputs);
    arena_release(&graph->arena);
    *graph = (struct graph){0};
}
