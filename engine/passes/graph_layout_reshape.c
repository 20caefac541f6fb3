/* Layout of reshapes and transposes. */

#include "engine/passes/graph_layout.h"

#include <string.h>

/* A group of dimensions, first .. first + num - 1, of a reshape's operand,
 * which become dimensions to .. to + num_to - 1 of its output. */
struct group {
    uint32_t first, num, to, num_to;
};

/* Divides the dimensions of two shapes with the same number of elements into
 * corresponding groups, as small as possible. */
static uint32_t find_groups(struct group groups[2 * GRAPH_MAX_RANK],
                            const struct graph_shape *x,
                            const struct graph_shape *y)
{
    uint32_t i = 0, k = 0, num = 0;

    while (i < x->rank || k < y->rank) {
        struct group *group = &groups[num++];
        size_t of_x = 1, of_y = 1;

        *group = (struct group){.first = i, .to = k};
        if (i < x->rank)
            of_x = x->dim[i++];
        if (k < y->rank)
            of_y = y->dim[k++];
        while (of_x != of_y)
            if (of_x < of_y)
                of_x *= x->dim[i++];
            else
                of_y *= y->dim[k++];
        group->num = i - group->first;
        group->num_to = k - group->to;
    }
    return num;
}

/* Finds an order of storage in which the dimensions of each group are adjacent:
 * separate ones are moved to the last of them. Dimensions of length 1 do not
 * matter; they come first. order[i] is an axis in the file's order. */
static void gather_groups(size_t order[GRAPH_MAX_RANK],
                          const struct group *groups, uint32_t num_groups,
                          const struct graph_shape *x,
                          const size_t perm[GRAPH_MAX_RANK])
{
    size_t at[GRAPH_MAX_RANK], group_of[GRAPH_MAX_RANK]; /* by stored axis */
    uint32_t count = 0, left[2 * GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < x->rank; i++) {
        at[perm[i]] = i;
        if (x->dim[i] == 1)
            order[count++] = i;
    }
    for (uint32_t g = 0; g < num_groups; g++)
        for (uint32_t i = groups[g].first; i < groups[g].first + groups[g].num;
             i++) {
            group_of[perm[i]] = g;
            left[g] += x->dim[i] != 1;
        }
    for (uint32_t s = 0; s < x->rank; s++) {
        const struct group *group = &groups[group_of[s]];

        if (x->dim[at[s]] == 1 || --left[group_of[s]] > 0)
            continue;
        for (uint32_t i = group->first; i < group->first + group->num; i++)
            if (x->dim[i] != 1)
                order[count++] = i;
    }
}

/* A reshape that only splits and merges axes works in any layout in which the
 * axes to be merged are adjacent; a transpose makes them so if necessary. */
bool graph_layout_reshape(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    struct graph_value *out = graph_output(pass->graph, node, 0);
    const struct graph_shape stored = pass->graph->values[view.stored].shape;
    struct graph_shape x = {.rank = stored.rank}, y = out->shape;
    struct group groups[2 * GRAPH_MAX_RANK];
    size_t order[GRAPH_MAX_RANK], wanted[GRAPH_MAX_RANK];
    size_t perm[GRAPH_MAX_RANK];
    uint32_t num_groups, count = 0;
    int input;

    for (uint32_t i = 0; i < x.rank; i++)
        x.dim[i] = stored.dim[view.perm[i]];
    if (graph_layout_moves_nothing(&stored, view.perm) ||
        graph_shape_count(&x) == 0) {
        node->inputs[0] = view.stored;
        graph_layout_store_output(pass, node, graph_layout_identity);
        return graph_layout_emit(pass, node);
    }
    num_groups = find_groups(groups, &x, &y);
    gather_groups(order, groups, num_groups, &x, view.perm);
    memcpy(wanted, graph_layout_identity, sizeof wanted);
    for (uint32_t i = 0; i < x.rank; i++)
        wanted[order[i]] = i;
    if (graph_layout_moves_nothing(&x, order))
        return graph_layout_as_meant(pass, node);
    input = graph_layout_order_matters(&stored, view.perm, wanted)
                ? graph_layout_stored_as(pass, node->inputs[0], wanted)
                : view.stored;
    if (input == GRAPH_NONE)
        return false;
    /* Dimensions of length 1 first, then the groups in stored order. */
    memcpy(perm, graph_layout_identity, sizeof perm);
    for (uint32_t k = 0; k < y.rank; k++)
        if (y.dim[k] == 1)
            perm[k] = count++;
    for (uint32_t i = 0; i < x.rank; i++)
        for (uint32_t g = 0; g < num_groups; g++) {
            uint32_t first = groups[g].first;

            while (first < groups[g].first + groups[g].num && x.dim[first] == 1)
                first++;
            if (order[i] != first || x.dim[order[i]] == 1 || groups[g].num == 0)
                continue;
            for (uint32_t k = groups[g].to; k < groups[g].to + groups[g].num_to;
                 k++)
                if (y.dim[k] != 1)
                    perm[k] = count++;
        }
    node->inputs[0] = input;
    graph_layout_store_output(pass, node, perm);
    return graph_layout_emit(pass, node);
}

/* A transpose in the file only changes the view of its operand. */
bool graph_layout_transpose(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    size_t perm[GRAPH_MAX_RANK];

    memcpy(perm, graph_layout_identity, sizeof perm);
    for (uint32_t i = 0; i < rank; i++)
        perm[i] = view.perm[node->perm[i]];
    graph_layout_set_view(pass, node->outputs[0], view.stored, perm);
    graph_take_names(pass->graph, view.stored, node->outputs[0]);
    return true;
}
