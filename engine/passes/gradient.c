#include "engine/passes/gradient.h"

#include <math.h>
#include <stdlib.h>

#include "engine/passes/backward.h"
#include "engine/passes/graph_const.h"

static bool (*const rules[GRAPH_NUM_OPS])(struct backward *back, int g) = {
#define X(op, name, floats, facts, work, shape, layout, kernel, gradient) \
    [op] = gradient_##gradient,
    GRAPH_OPS(X)
#undef X
};

bool gradient_none(struct backward *back, int g)
{
    (void)g;
    return fail(back->err, ERROR_UNSUPPORTED, "%s has no gradient here",
                graph_op_name(back->node->op));
}

bool gradient_zero(struct backward *back, int g)
{
    (void)back;
    (void)g;
    return true;
}

/* Whether the forward pass uses the value as a factor of larger ones and for
 * nothing else, as the gates of squeeze-and-excitation are. */
static bool is_factor(const struct graph_users *users, int value)
{
    const struct graph *graph = users->graph;
    size_t count = graph_value_count(graph, value);
    const struct graph_node *node;
    int at = GRAPH_USERS_START;
    bool is_used = false;

    while ((node = graph_users_next(users, value, &at))) {
        if (node->op == GRAPH_RESHAPE || node->op == GRAPH_EXPAND
                ? !is_factor(users, node->outputs[0])
                : node->op != GRAPH_MUL ||
                      graph_value_count(
                          graph, node->inputs[node->inputs[0] == value]) <=
                          count)
            return false;
        is_used = true;
    }
    return is_used;
}

/* All of g between the bounds, below only what is positive and above only what
 * is negative: two gates, of which each one is open to one side. */
static int redirected(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    struct graph_shape shape = backward_shape(back, g);
    struct graph_node rising = backward_like(GRAPH_GATE);
    struct graph_node falling = backward_like(GRAPH_GATE);
    int y = node->outputs[0], up, down;

    rising.gate.low = -INFINITY;
    rising.gate.high = node->max;
    rising.min = 0;
    falling.gate.low = node->min;
    falling.gate.high = INFINITY;
    falling.max = 0;
    up = backward_node(back, &rising, (int[]){y, g}, 2, &shape);
    down = backward_node(back, &falling, (int[]){y, g}, 2, &shape);
    return backward_binary(back, GRAPH_ADD, up, down);
}

/* What the node's clamp lets through of g. */
static int gated(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    struct graph_shape shape = backward_shape(back, g);
    struct graph_node gate = backward_like(GRAPH_GATE);

    if (!graph_is_clamped(node))
        return g;
    if (back->rule == GRADIENT_REDIRECTED)
        return redirected(back, g);
    gate.gate.low = node->min;
    gate.gate.high = node->max;
    if (back->rule != GRADIENT_PLAIN &&
        !(node->max < INFINITY && is_factor(&back->users, node->outputs[0]))) {
        if (node->min != 0) {
            fail(back->err, ERROR_UNSUPPORTED,
                 "guided backpropagation and the deconvnet are defined for "
                 "ReLU and Clip(0, c)");
            return GRAPH_NONE;
        }
        gate.min = 0;
    }
    if (back->rule == GRADIENT_DECONVNET && gate.min == 0) {
        gate.op = GRAPH_CLAMP;
        return backward_node(back, &gate, &g, 1, &shape);
    }
    return backward_node(back, &gate, (int[]){node->outputs[0], g}, 2, &shape);
}

/* Takes the gradient of a node's output to its operands. */
static bool go_back(struct backward *back, size_t n)
{
    const struct graph_node node = back->graph->nodes[n];
    int out = node.outputs[0], g;
    bool is_needed = false;

    back->node = &node;
    for (uint32_t i = 0; i < node.num_inputs; i++)
        is_needed |= backward_needs(back, i);
    if (!is_needed || back->sums[out] == GRAPH_NONE ||
        rules[node.op] == gradient_zero)
        return true;
    g = gated(back, back->sums[out]);
    return (g != GRAPH_NONE && rules[node.op](back, g)) ||
           error_prefix(back->err, "node \"%.100s\" (%.60s)", node.name,
                        node.onnx_op);
}

/* Marks what depends on the wanted values. */
static void find_dependants(struct backward *back,
                            const struct gradient_options *options)
{
    const struct graph *graph = back->graph;

    for (size_t i = 0; i < options->num_wanted; i++)
        back->depends[options->wanted[i]] = true;
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *node = &graph->nodes[n];

        for (uint32_t i = 0; i < node->num_inputs; i++)
            if (node->inputs[i] != GRAPH_NONE && back->depends[node->inputs[i]])
                back->depends[node->outputs[0]] = true;
    }
}

static bool add_seed(struct backward *back, int source)
{
    struct graph *graph = back->graph;
    int seed = graph_add_value(graph, "", GRAPH_FLOAT, back->err);

    if (seed == GRAPH_NONE)
        return false;
    graph->values[seed].shape = graph->values[source].shape;
    graph->values[seed].has_shape = true;
    back->sums[source] = seed;
    return graph_add_input(graph, seed, back->err);
}

/* Lists the gradients behind the outputs that there are. */
static bool add_outputs(const struct backward *back,
                        const struct gradient_options *options)
{
    struct graph *graph = back->graph;
    int *outputs =
        realloc(graph->outputs, (graph->num_outputs + options->num_wanted + 1) *
                                    sizeof *outputs);

    if (!outputs)
        return fail(back->err, ERROR_MEMORY,
                    "not enough memory for the outputs");
    graph->outputs = outputs;
    for (size_t i = 0; i < options->num_wanted; i++) {
        int value = options->wanted[i];

        if (back->sums[value] == GRAPH_NONE)
            return fail(back->err, ERROR_UNSUPPORTED,
                        "\"%.100s\" does not depend on \"%.100s\", or in steps "
                        "only",
                        graph->values[options->source].name,
                        graph->values[value].name);
        outputs[graph->num_outputs++] = back->sums[value];
    }
    graph->output_names = NULL;
    return true;
}

bool gradient_append(struct graph *graph,
                     const struct gradient_options *options, struct error *err)
{
    struct backward back = {
        .graph = graph,
        .rule = options->rule,
        .depends = calloc(graph->num_values + 1, sizeof *back.depends),
        .sums = calloc(graph->num_values + 1, sizeof *back.sums),
        .err = err,
    };
    bool ok = back.depends && back.sums;

    if (!ok)
        fail(err, ERROR_MEMORY, "not enough memory for gradients");
    for (size_t v = 0; ok && v < graph->num_values; v++)
        back.sums[v] = GRAPH_NONE;
    if (ok)
        find_dependants(&back, options);
    graph_const_allow(graph);
    if (gradient_rule_is_strict(options->rule))
        graph_users_find(&back.users, graph);
    ok = ok && add_seed(&back, options->source);
    for (size_t n = ok ? graph->num_nodes : 0; ok && n-- > 0;)
        ok = go_back(&back, n);
    ok = ok && add_outputs(&back, options);
    if (ok)
        graph_prune(graph);
    free(back.depends);
    free(back.sums);
    graph_users_release(&back.users);
    return ok;
}
