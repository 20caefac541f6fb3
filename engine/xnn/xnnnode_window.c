/* Operations with a window, and those that move pixels. */

#include "engine/xnn/xnnnode.h"

static bool supports_conv(const struct graph *graph,
                          const struct graph_node *node)
{
    (void)graph;
    return node->nhwc;
}

static enum xnn_status define_conv(struct xnnnode_builder *builder,
                                   const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    const struct graph_value *x = graph_input(builder->graph, node, 0);
    const struct graph_value *y = graph_output(builder->graph, node, 0);
    uint32_t top = (uint32_t)window->pad_before[0];
    uint32_t left = (uint32_t)window->pad_before[1];
    uint32_t bottom = (uint32_t)window->pad_after[0];
    uint32_t right = (uint32_t)window->pad_after[1];
    uint32_t kernel_h = (uint32_t)window->kernel[0];
    uint32_t kernel_w = (uint32_t)window->kernel[1];
    uint32_t stride_h = (uint32_t)window->stride[0];
    uint32_t stride_w = (uint32_t)window->stride[1];
    uint32_t dilation_h = (uint32_t)window->dilation[0];
    uint32_t dilation_w = (uint32_t)window->dilation[1];
    size_t groups = node->conv.groups;
    size_t channels_in = x->shape.dim[3], channels_out = y->shape.dim[3];

    if (node->conv.depthwise)
        return xnn_define_depthwise_convolution_2d(
            builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
            stride_h, stride_w, dilation_h, dilation_w,
            (uint32_t)(channels_out / groups), channels_in, node->min,
            node->max, xnnnode_in(builder, node, 0),
            xnnnode_in(builder, node, 1), xnnnode_in(builder, node, 2),
            xnnnode_out(builder, node), 0);
    return xnn_define_convolution_2d(
        builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
        stride_h, stride_w, dilation_h, dilation_w, (uint32_t)groups,
        channels_in / groups, channels_out / groups, node->min, node->max,
        xnnnode_in(builder, node, 0), xnnnode_in(builder, node, 1),
        xnnnode_in(builder, node, 2), xnnnode_out(builder, node), 0);
}

static bool supports_deconv(const struct graph *graph,
                            const struct graph_node *node)
{
    (void)graph;
    /* Each channel by itself would be a group there, one after another: the
     * plain kernel takes all of them at once. */
    return node->nhwc && !node->conv.depthwise &&
           node->conv.extra[0] < node->conv.window.stride[0] &&
           node->conv.extra[1] < node->conv.window.stride[1];
}

static enum xnn_status define_deconv(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    const struct graph_value *x = graph_input(builder->graph, node, 0);
    const struct graph_value *y = graph_output(builder->graph, node, 0);
    size_t groups = node->conv.groups;

    return xnn_define_deconvolution_2d(
        builder->subgraph, (uint32_t)window->pad_before[0],
        (uint32_t)window->pad_after[1], (uint32_t)window->pad_after[0],
        (uint32_t)window->pad_before[1], (uint32_t)node->conv.extra[0],
        (uint32_t)node->conv.extra[1], (uint32_t)window->kernel[0],
        (uint32_t)window->kernel[1], (uint32_t)window->stride[0],
        (uint32_t)window->stride[1], (uint32_t)window->dilation[0],
        (uint32_t)window->dilation[1], (uint32_t)groups,
        x->shape.dim[3] / groups, y->shape.dim[3] / groups, node->min,
        node->max, xnnnode_in(builder, node, 0), xnnnode_in(builder, node, 1),
        xnnnode_in(builder, node, 2), xnnnode_out(builder, node), 0);
}

static uint32_t resize_flags(const struct graph_node *node)
{
    return node->resize.coordinates == GRAPH_RESIZE_ALIGN_CORNERS
               ? XNN_FLAG_ALIGN_CORNERS
           : node->resize.coordinates == GRAPH_RESIZE_ASYMMETRIC
               ? XNN_FLAG_TENSORFLOW_LEGACY_MODE
               : 0;
}

/* XNNPACK derives the scales from the sizes. */
static bool supports_resize(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *y = &graph_output(graph, node, 0)->shape;

    if (!node->nhwc || node->resize.filter != GRAPH_RESIZE_LINEAR ||
        node->resize.coordinates == GRAPH_RESIZE_SYMMETRIC ||
        node->resize.coordinates == GRAPH_RESIZE_TENSORFLOW)
        return false;
    for (int i = 1; i < 3; i++)
        if (y->dim[i] == 1 || x->dim[i] == 1 ||
            (double)x->dim[i] * node->resize.scale[i] != (double)y->dim[i])
            return false;
    return true;
}

static enum xnn_status define_resize(struct xnnnode_builder *builder,
                                     const struct graph_node *node)
{
    const struct graph_shape *y = &graph_output(builder->graph, node, 0)->shape;

    return xnn_define_static_resize_bilinear_2d(
        builder->subgraph, y->dim[1], y->dim[2], xnnnode_in(builder, node, 0),
        xnnnode_out(builder, node), resize_flags(node));
}

static bool supports_block(const struct graph *graph,
                           const struct graph_node *node)
{
    (void)graph;
    return node->nhwc && !node->block.columns_first && node->block.size > 1;
}

static enum xnn_status define_depth_to_space(struct xnnnode_builder *builder,
                                             const struct graph_node *node)
{
    return xnn_define_depth_to_space(
        builder->subgraph, xnnnode_in(builder, node, 0),
        xnnnode_out(builder, node), (uint32_t)node->block.size, 0);
}

#if XNN_IS_2024
static enum xnn_status define_space_to_depth(struct xnnnode_builder *builder,
                                             const struct graph_node *node)
{
    return xnn_define_space_to_depth_2d(
        builder->subgraph, (uint32_t)node->block.size,
        xnnnode_in(builder, node, 0), xnnnode_out(builder, node), 0);
}
#endif

/* XNNPACK never counts padding, and fills it with the nearest pixel in the
 * window. */
static bool supports_pool(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_window *window = &node->pool.window;
    bool padded = false, dilated = false;

    (void)graph;
    for (int i = 0; i < 2; i++) {
        padded |=
            window->pad_before[i] + window->pad_after[i] + node->pool.over[i] >
            0;
        dilated |= window->dilation[i] > 1;
        if (window->stride[i] > window->kernel[i]) /* not supported by 2024 */
            return false;
    }
    if (!node->nhwc || window->kernel[0] * window->kernel[1] == 1)
        return false;
    return node->op == GRAPH_MAX_POOL
               ? !(padded && dilated)
               : !dilated && !(padded && node->pool.count_pad);
}

static enum xnn_status define_pool(struct xnnnode_builder *builder,
                                   const struct graph_node *node)
{
    const struct graph_window *window = &node->pool.window;
    uint32_t top = (uint32_t)window->pad_before[0];
    uint32_t left = (uint32_t)window->pad_before[1];
    uint32_t bottom = (uint32_t)(window->pad_after[0] + node->pool.over[0]);
    uint32_t right = (uint32_t)(window->pad_after[1] + node->pool.over[1]);
    uint32_t kernel_h = (uint32_t)window->kernel[0];
    uint32_t kernel_w = (uint32_t)window->kernel[1];
    uint32_t stride_h = (uint32_t)window->stride[0];
    uint32_t stride_w = (uint32_t)window->stride[1];

    if (node->op == GRAPH_AVERAGE_POOL)
        return xnn_define_average_pooling_2d(
            builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
            stride_h, stride_w, node->min, node->max,
            xnnnode_in(builder, node, 0), xnnnode_out(builder, node), 0);
    return xnn_define_max_pooling_2d(
        builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
        stride_h, stride_w, (uint32_t)window->dilation[0],
        (uint32_t)window->dilation[1], node->min, node->max,
        xnnnode_in(builder, node, 0), xnnnode_out(builder, node), 0);
}

const struct xnnnode_row xnnnode_window_rows[GRAPH_NUM_OPS] = {
    [GRAPH_CONV] = {supports_conv, define_conv},
    [GRAPH_DECONV] = {supports_deconv, define_deconv},
    [GRAPH_RESIZE] = {supports_resize, define_resize},
    [GRAPH_DEPTH_TO_SPACE] = {supports_block, define_depth_to_space},
#if XNN_IS_2024
    [GRAPH_SPACE_TO_DEPTH] = {supports_block, define_space_to_depth},
#endif
    [GRAPH_MAX_POOL] = {supports_pool, define_pool},
    [GRAPH_AVERAGE_POOL] = {supports_pool, define_pool},
};
