/* Removes nodes that change nothing. */

#include "engine/passes/graph_fold.h"

/* Whether the indices select each element along the axis, in order. */
static bool takes_all(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    const struct graph_value *indices = graph_input(graph, node, 1);
    size_t count = graph_shape_count(&indices->shape);
    int64_t length = (int64_t)x->dim[node->axis];

    if (!indices->data || indices->type != GRAPH_INT ||
        (int64_t)count != length)
        return false;
    for (int64_t i = 0; i < length; i++) {
        int64_t index = graph_ints(indices)[i];

        if (index != i && index != i - length)
            return false;
    }
    return true;
}

/* Whether all elements of a constant equal the number. */
static bool is_all(const struct graph_value *value, double number)
{
    if (!value || !value->data)
        return false;
    for (size_t i = 0; i < graph_shape_count(&value->shape); i++)
        if ((value->type == GRAPH_INT
                 ? (double)graph_ints(value)[i]
                 : (double)graph_floats(value)[i]) != number)
            return false;
    return true;
}

/* Whether only axes of length 1 move past others. */
static bool is_still(const struct graph_shape *x, const size_t *perm)
{
    size_t last = 0;

    for (uint32_t i = 0; i < x->rank; i++) {
        if (x->dim[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* The operand whose elements equal the node's result, in the same order; or -1.
 */
static int same_as(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *b = graph_input(graph, node, 1);
    const struct graph_shape *x;
    bool starts_first = true;

    if (node->num_inputs == 0 || !graph_input(graph, node, 0) ||
        graph_is_clamped(node))
        return -1;
    x = &graph_input(graph, node, 0)->shape;
    switch (node->op) {
    case GRAPH_IDENTITY:
    case GRAPH_EXPAND: /* to as many elements */
        return 0;
    case GRAPH_SLICE:
        for (uint32_t i = 0; i < x->rank; i++)
            starts_first &= node->slice.start[i] == 0;
        return starts_first ? 0 : -1;
    case GRAPH_PAD: /* by nothing */
        for (uint32_t i = 0; i < x->rank; i++)
            starts_first &= node->pad.before[i] == 0 && node->pad.after[i] == 0;
        return starts_first ? 0 : -1;
    case GRAPH_GATHER:
        return takes_all(graph, node) ? 0 : -1;
    case GRAPH_TRANSPOSE:
        return is_still(x, node->perm) ? 0 : -1;
    case GRAPH_WHERE:
        if (!is_all(graph_input(graph, node, 0), 1))
            return is_all(graph_input(graph, node, 0), 0) ? 2 : -1;
        return 1;
    case GRAPH_MUL:
    case GRAPH_ADD:
        if (is_all(b, node->op == GRAPH_MUL))
            return 0;
        return is_all(graph_input(graph, node, 0), node->op == GRAPH_MUL) ? 1
                                                                          : -1;
    case GRAPH_DIV:
    case GRAPH_SUB:
        return is_all(b, node->op == GRAPH_DIV) ? 0 : -1;
    default:
        return -1;
    }
}

void graph_fold_moves(struct fold *fold)
{
    const struct graph *graph = fold->graph;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];
        const struct graph_value *out = graph_output(graph, node, 0), *x;
        int same = same_as(graph, node);

        if (same < 0 || !out || node->num_outputs != 1)
            continue;
        x = graph_input(graph, node, (uint32_t)same);
        if (x->data || x->type != out->type ||
            graph_shape_count(&x->shape) != graph_shape_count(&out->shape))
            continue;
        node->inputs[0] = node->inputs[same];
        node->num_inputs = 1;
        if (graph_shape_equal(&x->shape, &out->shape))
            graph_fold_bypass(fold, node);
        else
            node->op = GRAPH_RESHAPE;
    }
}
