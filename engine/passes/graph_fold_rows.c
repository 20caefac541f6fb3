/* Makes one layer of a selection of a layer's outputs, or of several layers'
 * outputs. */

#include "engine/passes/graph_fold.h"

#include <string.h>

/* Whether a LINEAR, or a 1 x 1 CONV on one pixel, computes one number for each
 * row of its weights. */
static bool is_of_rows(const struct graph *graph,
                       const struct graph_node *layer)
{
    const struct graph_shape *weights = &graph_input(graph, layer, 1)->shape;

    if (layer->op == GRAPH_CONV)
        for (int i = 0; i < 2; i++)
            if (layer->conv.window.kernel[i] != 1 ||
                layer->conv.window.pad_before[i] > 0 ||
                layer->conv.window.pad_after[i] > 0)
                return false;
    return graph_input(graph, layer, 1)->data &&
           graph_shape_count(&graph_input(graph, layer, 0)->shape) ==
               weights->dim[1] &&
           graph_shape_count(&graph_output(graph, layer, 0)->shape) ==
               weights->dim[0];
}

/* Copies row `from` of a layer to row `to` of the new one. */
static void copy_row(const struct graph *graph, const struct graph_node *layer,
                     size_t from, struct fold_layer *new, size_t to)
{
    const struct graph_value *own = graph_input(graph, layer, 2);
    size_t num_in = graph_input(graph, layer, 1)->shape.dim[1];

    memcpy(new->weights + to *num_in,
           graph_floats(graph_input(graph, layer, 1)) + from * num_in,
           num_in * sizeof(float));
    new->bias[to] = own ? graph_floats(own)[from] : 0;
}

/* Creates operands for a layer of `num` rows, which the caller fills. */
static bool make_rows(struct fold *fold, struct fold_layer *new,
                      const struct graph_node *layer, size_t num)
{
    struct graph_shape shape = graph_input(fold->graph, layer, 1)->shape;

    shape.dim[0] = num;
    return graph_fold_new_layer(fold, new, layer, &shape, num);
}

/* Disconnects the reshapes between a value and its layer, which are no longer
 * needed. */
static void cut_reshapes(const struct graph *graph, int value,
                         const struct graph_node *layer)
{
    struct graph_node *node;

    while ((node = &graph->nodes[graph->values[value].producer]) != layer) {
        value = node->inputs[0];
        node->num_inputs = 0;
    }
}

/* Sets the layer's rows, and turns the node into a reshape of its output. */
static void put_rows(struct fold *fold, struct graph_node *node,
                     struct graph_node *layer, const struct fold_layer *new)
{
    const struct graph *graph = fold->graph;

    graph_output(graph, layer, 0)
        ->shape.dim[graph_fold_channel_axis(graph, layer)] =
        graph->values[new->inputs[1]].shape.dim[0];
    graph_fold_put_layer(fold, layer, new);
    graph_fold_forget(fold, layer->outputs[0]);
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = layer->outputs[0];
    node->num_inputs = 1;
    graph_users_add(&fold->users, node);
}

/* The index in the row of element i of a SLICE or a GATHER; or -1. */
static int64_t picked(const struct graph *graph, const struct graph_node *node,
                      size_t i)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    int64_t length, index;
    size_t axis = 0;

    while (axis + 1 < x->rank && x->dim[axis] == 1)
        axis++;
    length = (int64_t)x->dim[axis];
    if (node->op == GRAPH_SLICE) {
        index = node->slice.start[axis] + (int64_t)i * node->slice.step[axis];
    } else {
        const struct graph_value *indices = graph_input(graph, node, 1);

        if (!indices->data || indices->type != GRAPH_INT ||
            (size_t)node->axis != axis ||
            i >= graph_shape_count(&indices->shape))
            return -1;
        index = graph_ints(indices)[i];
        if (index < 0)
            index += length;
    }
    return index >= 0 && index < length ? index : -1;
}

/* A selection of a layer's outputs is a layer with fewer rows, for example a
 * head without its first class, the background. */
bool graph_fold_pick(struct fold *fold, struct graph_node *node)
{
    const struct graph *graph = fold->graph;
    struct graph_node *layer = graph_fold_layer_of(fold, node->inputs[0]);
    size_t num = graph_shape_count(&graph_output(graph, node, 0)->shape);
    struct fold_layer new;

    if (!layer || !is_of_rows(graph, layer) || graph_is_clamped(node))
        return true;
    for (size_t i = 0; i < num; i++)
        if (picked(graph, node, i) < 0)
            return true;
    if (!make_rows(fold, &new, layer, num))
        return false;
    for (size_t i = 0; i < num; i++)
        copy_row(graph, layer, (size_t)picked(graph, node, i), &new, i);
    cut_reshapes(graph, node->inputs[0], layer);
    put_rows(fold, node, layer, &new);
    return true;
}

/* Returns the layer that computes operand i of a CONCAT, if its input is that
 * of `first` (which may be NULL). */
static struct graph_node *joined(const struct fold *fold,
                                 const struct graph_node *node, uint32_t i,
                                 const struct graph_node *first)
{
    const struct graph *graph = fold->graph;
    struct graph_node *layer = graph_fold_layer_of(fold, node->inputs[i]);

    if (!layer || !is_of_rows(graph, layer) ||
        (first && (first->op != layer->op ||
                   graph_behind_reshapes(graph, first->inputs[0]) !=
                       graph_behind_reshapes(graph, layer->inputs[0]) ||
                   !graph_shape_equal(&graph_input(graph, first, 0)->shape,
                                      &graph_input(graph, layer, 0)->shape))))
        return NULL;
    return layer;
}

/* Whether the output of a CONCAT is one row, not a stack for graph_fold_stack.
 */
static bool makes_row(const struct fold *fold, const struct graph_node *node)
{
    const struct graph_shape *out = &graph_output(fold->graph, node, 0)->shape;
    const struct graph_node *user =
        graph_users_sole(&fold->users, node->outputs[0]);

    return out->dim[node->axis] == graph_shape_count(out) &&
           !(user && (user->op == GRAPH_MEAN || user->op == GRAPH_REDUCE)) &&
           !graph_is_clamped(node);
}

/* The concatenated outputs of layers with the same input are one layer, for
 * example several tasks, or a class that was added later. */
bool graph_fold_join(struct fold *fold, struct graph_node *node)
{
    const struct graph *graph = fold->graph;
    struct graph_node *last = NULL;
    struct fold_layer new;
    size_t num = 0;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        struct graph_node *layer = joined(fold, node, i, last);

        if (!layer)
            return true;
        num += graph_input(graph, layer, 1)->shape.dim[0];
        last = layer > last ? layer : last;
    }
    if (!last || !makes_row(fold, node))
        return true;
    if (!make_rows(fold, &new, last, num))
        return false;
    num = 0;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_node *layer =
            graph_fold_layer_of(fold, node->inputs[i]);
        size_t rows = graph_input(graph, layer, 1)->shape.dim[0];

        for (size_t k = 0; k < rows; k++)
            copy_row(graph, layer, k, &new, num++);
        cut_reshapes(graph, node->inputs[i], layer);
    }
    put_rows(fold, node, last, &new);
    return true;
}
