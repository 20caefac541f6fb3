/* What works element by element, or along axes, wherever these are stored. */

#include "engine/passes/graph_layout.h"

#include <string.h>

/* All operands are stored alike: as the first is that is not constant, of the
 * full rank, and not as meant; else as meant. */
static bool make_alike(struct layout_pass *pass, struct graph_node *node,
                       struct layout_view *view)
{
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    memcpy(view->perm, graph_layout_identity, sizeof view->perm);
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        struct layout_view own = graph_layout_view(pass, node->inputs[i]);
        const struct graph_value *stored = &pass->graph->values[own.stored];

        if (stored->shape.rank == rank && !stored->data &&
            graph_layout_is_same(view->perm, graph_layout_identity, rank))
            *view = own;
    }
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        int value = node->inputs[i];

        if (pass->graph->values[graph_layout_view(pass, value).stored]
                .shape.rank < rank)
            value = graph_layout_with_rank(pass, value, rank);
        if (value != GRAPH_NONE)
            value = graph_layout_stored_as(pass, value, view->perm);
        if (value == GRAPH_NONE)
            return false;
        node->inputs[i] = value;
    }
    return true;
}

bool graph_layout_binary(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view;

    if (!make_alike(pass, node, &view))
        return false;
    graph_layout_store_output(pass, node, view.perm);
    return graph_layout_emit(pass, node);
}

bool graph_layout_concat(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view;

    if (!make_alike(pass, node, &view))
        return false;
    node->axis = (int64_t)view.perm[node->axis];
    graph_layout_store_output(pass, node, view.perm);
    return graph_layout_emit(pass, node);
}

bool graph_layout_softmax(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);

    if (node->to_matrix)
        return graph_layout_as_meant(pass, node);
    node->axis = (int64_t)view.perm[node->axis];
    return graph_layout_any(pass, node);
}

/* The axes of a normalization as they are stored. */
static void turn_norm(struct graph_node *node, const size_t *perm,
                      uint32_t rank)
{
    bool axis[GRAPH_MAX_RANK] = {false};

    for (uint32_t i = 0; i < rank; i++)
        axis[perm[i]] = node->norm.axis[i];
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.channel = perm[node->norm.channel];
}

bool graph_layout_norm_gradient(struct layout_pass *pass,
                                struct graph_node *node)
{
    struct layout_view view;

    if (!make_alike(pass, node, &view))
        return false;
    turn_norm(node, view.perm, graph_output(pass->graph, node, 0)->shape.rank);
    graph_layout_store_output(pass, node, view.perm);
    return graph_layout_emit(pass, node);
}

bool graph_layout_norm(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    turn_norm(node, view.perm, rank);
    for (uint32_t i = 1; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        if (node->norm.groups == 0)
            node->inputs[i] =
                graph_layout_with_rank(pass, node->inputs[i], rank);
        if (node->inputs[i] != GRAPH_NONE)
            node->inputs[i] = graph_layout_stored_as(
                pass, node->inputs[i],
                node->norm.groups > 0 ? graph_layout_identity : view.perm);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    return graph_layout_any(pass, node);
}

bool graph_layout_quantize(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);

    node->quant.axis = (int64_t)view.perm[node->quant.axis];
    for (uint32_t i = 1; i < node->num_inputs; i++) {
        if (!graph_layout_operand(pass, node, i, graph_layout_identity))
            return false;
    }
    return graph_layout_any(pass, node);
}

bool graph_layout_lrn(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);

    node->lrn.channel = view.perm[node->lrn.channel];
    return graph_layout_any(pass, node);
}

/* Along one axis, by a list of indices or by one that drops the axis. */
bool graph_layout_gather(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    const struct graph_value *indices = graph_input(pass->graph, node, 1);

    if (indices->shape.rank != 1 || pass->graph->values[view.stored].data)
        return graph_layout_as_meant(pass, node);
    node->axis = (int64_t)view.perm[node->axis];
    return graph_layout_any(pass, node);
}

bool graph_layout_mix(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);

    node->axis = (int64_t)view.perm[node->axis];
    return graph_layout_any(pass, node);
}

bool graph_layout_pad(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    int64_t before[GRAPH_MAX_RANK] = {0}, after[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < rank; i++) {
        before[view.perm[i]] = node->pad.before[i];
        after[view.perm[i]] = node->pad.after[i];
    }
    memcpy(node->pad.before, before, sizeof before);
    memcpy(node->pad.after, after, sizeof after);
    return graph_layout_any(pass, node);
}

bool graph_layout_slice(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    int64_t start[GRAPH_MAX_RANK] = {0}, step[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < rank; i++) {
        start[view.perm[i]] = node->slice.start[i];
        step[view.perm[i]] = node->slice.step[i];
    }
    memcpy(node->slice.start, start, sizeof start);
    memcpy(node->slice.step, step, sizeof step);
    return graph_layout_any(pass, node);
}
