/* What looks at pictures through a window, or changes their size: NHWC. */

#include "engine/passes/graph_layout.h"

#include <string.h>

#include "engine/passes/graph_build.h"

bool graph_layout_conv(struct layout_pass *pass, struct graph_node *node)
{
    /* (O, I/groups, kh, kw) to (O, kh, kw, I/groups); of a depthwise
     * convolution, where I/groups is 1, to (1, kh, kw, O). */
    static const size_t ordinary[GRAPH_MAX_RANK] = {0, 2, 3, 1, 4, 5};
    static const size_t depthwise[GRAPH_MAX_RANK] = {1, 2, 3, 0, 4, 5};
    const struct graph_shape *w = &graph_input(pass->graph, node, 1)->shape;

    node->conv.depthwise = node->conv.groups > 1 && w->dim[1] == 1;
    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    node->inputs[1] = graph_layout_transposed(
        pass, node->inputs[1], node->conv.depthwise ? depthwise : ordinary);
    if (node->inputs[1] == GRAPH_NONE)
        return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    return graph_layout_emit(pass, node);
}

/* Weights (I, O/groups, kh, kw) become (O, kh, kw, I/groups); of each channel
 * by itself (1, kh, kw, O). */
bool graph_layout_deconv(struct layout_pass *pass, struct graph_node *node)
{
    static const size_t order[GRAPH_MAX_RANK] = {0, 2, 3, 4, 1, 5};
    static const size_t depthwise[GRAPH_MAX_RANK] = {1, 2, 3, 0, 4, 5};
    const struct graph_shape w = graph_input(pass->graph, node, 1)->shape;
    size_t groups = node->conv.groups;
    struct graph_shape split = {
        .rank = 5,
        .dim = {groups, w.dim[0] / groups, w.dim[1], w.dim[2], w.dim[3]}};
    struct graph_shape joined = {
        .rank = 4,
        .dim = {groups * w.dim[1], w.dim[2], w.dim[3], w.dim[0] / groups}};
    int weights;

    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    node->conv.depthwise = groups > 1 && groups == w.dim[0] && w.dim[1] == 1;
    weights = node->conv.depthwise
                  ? graph_layout_transposed(pass, node->inputs[1], depthwise)
                  : graph_layout_reshaped(pass, node->inputs[1], &split);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = graph_layout_transposed(pass, weights, order);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = graph_layout_reshaped(pass, weights, &joined);
    if (weights == GRAPH_NONE)
        return false;
    node->inputs[1] = weights;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    return graph_layout_emit(pass, node);
}

/* A convolution of each channel by itself in which every tap weighs the same,
 * in place of a node with one operand that is NHWC. */
static bool emit_uniform_conv(struct layout_pass *pass, struct graph_node *node,
                              const struct graph_window *window, float weight)
{
    const struct graph_value *x = graph_input(pass->graph, node, 0);
    size_t channels = x->shape.dim[3];
    struct graph_shape shape = {
        .rank = 4, .dim = {1, window->kernel[0], window->kernel[1], channels}};
    int *operands =
        arena_take(&pass->graph->arena, 2, sizeof *operands, pass->err);
    float *weights;

    if (!operands)
        return false;
    operands[1] = graph_build_floats(pass->graph, &shape, &weights, pass->err);
    if (operands[1] == GRAPH_NONE)
        return false;
    for (size_t i = 0; i < graph_shape_count(&shape); i++)
        weights[i] = weight;
    operands[0] = node->inputs[0];
    node->op = GRAPH_CONV;
    node->inputs = operands;
    node->num_inputs = 2;
    node->conv.window = *window;
    node->conv.groups = channels;
    node->conv.depthwise = channels > 1;
    return graph_layout_emit(pass, node);
}

/* An average whose windows all count the same number of elements, in a form
 * that pools do not come in, is a convolution; so is a window of one pixel. */
bool graph_layout_pool(struct layout_pass *pass, struct graph_node *node)
{
    const struct graph_window window = node->pool.window;
    size_t taps = window.kernel[0] * window.kernel[1], pads = 0, over = 0;
    bool dilated = false;

    for (int i = 0; i < 2; i++) {
        pads += window.pad_before[i] + window.pad_after[i];
        over += node->pool.over[i];
        dilated |= window.dilation[i] > 1;
    }
    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    if (taps <= 64 && over == 0 &&
        ((node->op == GRAPH_AVERAGE_POOL &&
          (pads > 0 ? node->pool.count_pad : dilated)) ||
         (node->op != GRAPH_LP_POOL && taps == 1 && pads == 0)))
        return emit_uniform_conv(pass, node, &window, 1 / (float)taps);
    return graph_layout_emit(pass, node);
}

/* All of it as NHWC. */
bool graph_layout_picture(struct layout_pass *pass, struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (!graph_layout_operand(pass, node, i, graph_layout_nchw))
            return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    return graph_layout_emit(pass, node);
}

/* Pixels made of one, or of some, are a picture. */
bool graph_layout_expand(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    if (rank != 4 || pass->graph->values[view.stored].shape.rank != rank)
        return graph_layout_as_meant(pass, node);
    return graph_layout_picture(pass, node);
}

bool graph_layout_resize(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    const double *meant = node->resize.scale;
    double scale[GRAPH_MAX_RANK] = {0};

    if (rank == 4 && meant[0] == 1 && meant[1] == 1) {
        memcpy(view.perm, graph_layout_nchw, sizeof view.perm);
        node->nhwc = true;
    }
    for (uint32_t i = 0; i < rank; i++)
        scale[view.perm[i]] = meant[i];
    memcpy(node->resize.scale, scale, sizeof scale);
    return node->nhwc ? graph_layout_picture(pass, node)
                      : graph_layout_any(pass, node);
}
