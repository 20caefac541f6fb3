/* Folds nodes into the node before or after, where they cost nothing. */

#include "engine/passes/graph_fold.h"

#include <math.h>

#include "engine/passes/graph_build.h"

/* ---- shared by graph_fold*.c ---- */

void graph_fold_prune(struct fold *fold)
{
    graph_prune(fold->graph);
    graph_users_find(&fold->users, fold->graph);
}

struct graph_node *graph_fold_before(const struct fold *fold,
                                     const struct graph_node *node, uint32_t i)
{
    return i < node->num_inputs
               ? graph_users_sole_producer(&fold->users, node->inputs[i])
               : NULL;
}

void graph_fold_bypass(struct fold *fold, struct graph_node *node)
{
    int out = node->outputs[0], in = node->inputs[0];

    node->num_inputs = 0; /* so that it no longer uses `in` */
    graph_users_replace(&fold->users, out, in);
}

void graph_fold_forget(struct fold *fold, int value)
{
    const struct graph_node *node;
    int at = GRAPH_USERS_START;

    graph_forget_names(fold->graph, value);
    while ((node = graph_users_next(&fold->users, value, &at)))
        if (node->op == GRAPH_RESHAPE)
            graph_fold_forget(fold, node->outputs[0]);
}

void graph_fold_drop(struct fold *fold, int value)
{
    if (value == GRAPH_NONE || graph_users_count(&fold->users, value) > 0)
        return;
    graph_drop_constant(&fold->graph->values[value]);
}

bool graph_fold_new_layer(struct fold *fold, struct fold_layer *layer,
                          const struct graph_node *node,
                          const struct graph_shape *weights, size_t num_bias)
{
    struct graph *graph = fold->graph;
    struct graph_shape bias = {.rank = 1, .dim = {num_bias}};
    int *inputs = arena_take(&graph->arena, 3, sizeof *inputs, fold->err);

    if (!inputs)
        return false;
    layer->inputs = inputs;
    inputs[0] = node->inputs[0];
    inputs[1] = graph_build_floats(graph, weights, &layer->weights, fold->err);
    if (inputs[1] == GRAPH_NONE)
        return false;
    inputs[2] = graph_build_floats(graph, &bias, &layer->bias, fold->err);
    return inputs[2] != GRAPH_NONE;
}

void graph_fold_put_layer(struct fold *fold, struct graph_node *node,
                          const struct fold_layer *layer)
{
    const struct graph_node old = *node;

    node->inputs = layer->inputs;
    node->num_inputs = 3;
    graph_users_add(&fold->users, node);
    for (uint32_t i = 1; i < old.num_inputs; i++)
        graph_fold_drop(fold, old.inputs[i]);
}

size_t graph_fold_channel_axis(const struct graph *graph,
                               const struct graph_node *node)
{
    return node->op == GRAPH_CONV
               ? 1
               : graph_output(graph, node, 0)->shape.rank - 1;
}

/* ---- clamps, padding, shapes ---- */

/* Two clamps in a row are one clamp between the clamped bounds. */
static void fold_clamp(struct fold *fold, struct graph_node *node)
{
    struct graph_node *before = graph_fold_before(fold, node, 0);
    float min, max;

    if (!before || !graph_op_has(before->op, GRAPH_CLAMPS))
        return;
    min = fminf(fmaxf(before->min, node->min), node->max);
    max = fminf(fmaxf(before->max, node->min), node->max);
    if (!(min < max) &&
        before->op != GRAPH_CLAMP) /* kernels cannot clamp to such bounds */
        return;
    if (min > before->min || max < before->max)
        graph_fold_forget(fold, before->outputs[0]);
    before->min = min;
    before->max = max;
    graph_fold_bypass(fold, node);
}

/* Makes zero padding before a convolution the convolution's own padding. */
static void fold_pad(struct fold *fold, struct graph_node *node)
{
    const struct graph_node *pad = graph_producer(fold->graph, node->inputs[0]);

    if (!pad || pad->op != GRAPH_PAD || pad->num_inputs == 0 ||
        pad->pad.value != 0 || pad->pad.mode != GRAPH_PAD_CONSTANT ||
        pad->pad.before[0] || pad->pad.after[0] || pad->pad.before[1] ||
        pad->pad.after[1])
        return;
    for (int i = 2; i < 4; i++)
        if (pad->pad.before[i] < 0 || pad->pad.after[i] < 0)
            return;
    for (int i = 0; i < 2; i++) {
        node->conv.window.pad_before[i] += (size_t)pad->pad.before[2 + i];
        node->conv.window.pad_after[i] += (size_t)pad->pad.after[2 + i];
    }
    node->inputs[0] = pad->inputs[0];
    graph_users_add(&fold->users, node);
}

/* Removes reshapes before another reshape, and reshapes that change nothing. */
static void fold_reshape(struct fold *fold, struct graph_node *node)
{
    const struct graph *graph = fold->graph;
    const struct graph_node *before = graph_producer(graph, node->inputs[0]);

    if (before && before->op == GRAPH_RESHAPE && before->num_inputs > 0) {
        node->inputs[0] = before->inputs[0];
        graph_users_add(&fold->users, node);
    }
    if (graph_shape_equal(&graph_input(graph, node, 0)->shape,
                          &graph_output(graph, node, 0)->shape))
        graph_fold_bypass(fold, node);
}

/* ---- the pass ---- */

static bool fold_node(struct fold *fold, struct graph_node *node)
{
    switch (node->op) {
    case GRAPH_CAST: /* between types of floats */
        if (graph_input(fold->graph, node, 0)->type ==
            graph_output(fold->graph, node, 0)->type)
            graph_fold_bypass(fold, node);
        return true;
    case GRAPH_CLAMP:
        fold_clamp(fold, node);
        return true;
    case GRAPH_BATCH_NORM:
        return graph_fold_batch_norm(fold, node);
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
        return graph_fold_binary(fold, node) && graph_fold_sum(fold, node);
    case GRAPH_MEAN:
    case GRAPH_REDUCE:
        return graph_fold_stack(fold, node);
    case GRAPH_CONCAT:
        if (node->num_inputs > 1)
            return graph_fold_join(fold, node);
        graph_fold_bypass(fold, node);
        return true;
    case GRAPH_SLICE:
    case GRAPH_GATHER:
        return graph_fold_pick(fold, node);
    case GRAPH_CONV:
        fold_pad(fold, node);
        return true;
    case GRAPH_RESHAPE:
        fold_reshape(fold, node);
        return true;
    default:
        return true;
    }
}

bool graph_fold(struct graph *graph, struct error *err)
{
    struct fold fold = {.graph = graph, .err = err};
    bool ok;

    graph_users_find(&fold.users, graph);
    graph_fold_moves(&fold);
    graph_fold_prune(&fold);
    graph_fold_dequantize(&fold);
    graph_fuse(graph);
    graph_users_find(&fold.users, graph);
    ok = graph_fold_pool(&fold);
    for (size_t n = 0; ok && n < graph->num_nodes; n++)
        ok = fold_node(&fold, &graph->nodes[n]);
    if (ok) {
        graph_fold_prune(&fold); /* the rest of consecutive reshapes */
        ok = graph_fold_linear(&fold);
    }
    if (ok)
        graph_prune(graph);
    graph_users_release(&fold.users);
    return ok;
}
