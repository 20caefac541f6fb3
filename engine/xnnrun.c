#include "xnnrun.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <xnnpack.h>

#include "pages.h"
#include "pthreadpool_of.h"

/* A flag that came after 2022 and before 2024. */
#ifdef XNN_FLAG_KEEP_DIMS
#define IS_2024 1
#else
#define IS_2024 0
#endif

struct xnnrun {
    xnn_runtime_t runtime; /* owned */
};

/* A subgraph under construction. */
struct builder {
    const struct graph *graph;
    const struct xnnweights *weights;
    xnn_subgraph_t subgraph; /* owned */
    uint32_t *ids;           /* (graph's num_values) XNNPACK's numbers; owned */
    uint32_t *int8_ids;      /* (num_values, 2) of the same quantized, for
                                linear layers and for convolutions; owned */
};

const char *xnnrun_generation(void)
{
    return IS_2024 ? "2024" : "2022";
}

static void *allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void *reallocate(void *context, void *memory, size_t size)
{
    (void)context;
    return realloc(memory, size);
}

static void deallocate(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* Weights and feature maps. */
static void *allocate_aligned(void *context, size_t alignment, size_t size)
{
    (void)context;
    return alignment <= PAGES_ALIGNMENT ? pages_take(size) : NULL;
}

static void deallocate_aligned(void *context, void *memory)
{
    (void)context;
    pages_give(memory);
}

bool xnnrun_has_int8(void)
{
    return IS_2024;
}

static enum xnn_status initialized = xnn_status_uninitialized;

static void initialize(void)
{
    static const struct xnn_allocator allocator = {
        .allocate = allocate,
        .reallocate = reallocate,
        .deallocate = deallocate,
        .aligned_allocate = allocate_aligned,
        .aligned_deallocate = deallocate_aligned,
    };

    initialized = xnn_initialize(&allocator);
}

static bool init_library(struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, initialize);
    if (initialized == xnn_status_out_of_memory)
        return fail(err, ERROR_MEMORY, "no room for XNNPACK");
    if (initialized != xnn_status_success)
        return fail(err, ERROR_UNSUPPORTED,
                    "XNNPACK does not support this processor, or /proc or /sys "
                    "is not mounted (status %d)",
                    (int)initialized);
    return true;
}

/* ---- nodes ---- */

static uint32_t id_of(const struct builder *builder, int value)
{
    return value == GRAPH_NONE ? XNN_INVALID_VALUE_ID : builder->ids[value];
}

static uint32_t in_id(const struct builder *builder,
                      const struct graph_node *node, uint32_t i)
{
    return i < node->num_inputs ? id_of(builder, node->inputs[i])
                                : XNN_INVALID_VALUE_ID;
}

static uint32_t out_id(const struct builder *builder,
                       const struct graph_node *node)
{
    return id_of(builder, node->outputs[0]);
}

static bool always(const struct graph *graph, const struct graph_node *node)
{
    (void)graph;
    (void)node;
    return true;
}

static bool supports_conv(const struct graph *graph,
                          const struct graph_node *node)
{
    (void)graph;
    return node->nhwc;
}

static enum xnn_status define_conv(struct builder *builder,
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
            node->max, in_id(builder, node, 0), in_id(builder, node, 1),
            in_id(builder, node, 2), out_id(builder, node), 0);
    return xnn_define_convolution_2d(
        builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
        stride_h, stride_w, dilation_h, dilation_w, (uint32_t)groups,
        channels_in / groups, channels_out / groups, node->min, node->max,
        in_id(builder, node, 0), in_id(builder, node, 1),
        in_id(builder, node, 2), out_id(builder, node), 0);
}

static bool supports_deconv(const struct graph *graph,
                            const struct graph_node *node)
{
    (void)graph;
    return node->nhwc && node->conv.extra[0] < node->conv.window.stride[0] &&
           node->conv.extra[1] < node->conv.window.stride[1];
}

static enum xnn_status define_deconv(struct builder *builder,
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
        node->max, in_id(builder, node, 0), in_id(builder, node, 1),
        in_id(builder, node, 2), out_id(builder, node), 0);
}

static uint32_t resize_flags(const struct graph_node *node)
{
    return node->resize.coordinates == GRAPH_RESIZE_ALIGN_CORNERS
               ? XNN_FLAG_ALIGN_CORNERS
           : node->resize.coordinates == GRAPH_RESIZE_ASYMMETRIC
               ? XNN_FLAG_TENSORFLOW_LEGACY_MODE
               : 0;
}

/* XNNPACK takes the scales from the sizes. */
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

static enum xnn_status define_resize(struct builder *builder,
                                     const struct graph_node *node)
{
    const struct graph_shape *y = &graph_output(builder->graph, node, 0)->shape;

    return xnn_define_static_resize_bilinear_2d(
        builder->subgraph, y->dim[1], y->dim[2], in_id(builder, node, 0),
        out_id(builder, node), resize_flags(node));
}

static bool supports_block(const struct graph *graph,
                           const struct graph_node *node)
{
    (void)graph;
    return node->nhwc && !node->block.columns_first && node->block.size > 1;
}

static enum xnn_status define_depth_to_space(struct builder *builder,
                                             const struct graph_node *node)
{
    return xnn_define_depth_to_space(builder->subgraph, in_id(builder, node, 0),
                                     out_id(builder, node),
                                     (uint32_t)node->block.size, 0);
}

#if IS_2024
static enum xnn_status define_space_to_depth(struct builder *builder,
                                             const struct graph_node *node)
{
    return xnn_define_space_to_depth_2d(
        builder->subgraph, (uint32_t)node->block.size, in_id(builder, node, 0),
        out_id(builder, node), 0);
}
#endif

/* Padding never counts in XNNPACK, which fills it with the nearest pixel that
 * the window has. */
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
        if (window->stride[i] > window->kernel[i]) /* 2024 has no such */
            return false;
    }
    if (!node->nhwc || window->kernel[0] * window->kernel[1] == 1)
        return false;
    return node->op == GRAPH_MAX_POOL
               ? !(padded && dilated)
               : !dilated && !(padded && node->pool.count_pad);
}

static enum xnn_status define_pool(struct builder *builder,
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
            stride_h, stride_w, node->min, node->max, in_id(builder, node, 0),
            out_id(builder, node), 0);
    return xnn_define_max_pooling_2d(
        builder->subgraph, top, right, bottom, left, kernel_h, kernel_w,
        stride_h, stride_w, (uint32_t)window->dilation[0],
        (uint32_t)window->dilation[1], node->min, node->max,
        in_id(builder, node, 0), out_id(builder, node), 0);
}

static enum xnn_status define_linear(struct builder *builder,
                                     const struct graph_node *node)
{
    return xnn_define_fully_connected(
        builder->subgraph, node->min, node->max, in_id(builder, node, 0),
        in_id(builder, node, 1), in_id(builder, node, 2), out_id(builder, node),
        0);
}

static enum xnn_status define_binary(struct builder *builder,
                                     const struct graph_node *node)
{
#if IS_2024
    static const enum xnn_binary_operator operators[] = {
        [GRAPH_ADD] = xnn_binary_add,      [GRAPH_SUB] = xnn_binary_subtract,
        [GRAPH_MUL] = xnn_binary_multiply, [GRAPH_DIV] = xnn_binary_divide,
        [GRAPH_MIN] = xnn_binary_minimum,  [GRAPH_MAX] = xnn_binary_maximum,
        [GRAPH_PRELU] = xnn_binary_prelu,
    };
    struct xnn_binary_params params = {
        .output_min = (double)node->min,
        .output_max = (double)node->max,
    };

    return xnn_define_binary(builder->subgraph, operators[node->op], &params,
                             in_id(builder, node, 0), in_id(builder, node, 1),
                             out_id(builder, node), 0);
#else
    static enum xnn_status (*const defines[])(xnn_subgraph_t, float, float,
                                              uint32_t, uint32_t, uint32_t,
                                              uint32_t) = {
        [GRAPH_ADD] = xnn_define_add2,
        [GRAPH_SUB] = xnn_define_subtract,
        [GRAPH_MUL] = xnn_define_multiply2,
        [GRAPH_DIV] = xnn_define_divide,
    };

    return defines[node->op](builder->subgraph, node->min, node->max,
                             in_id(builder, node, 0), in_id(builder, node, 1),
                             out_id(builder, node), 0);
#endif
}

#if !IS_2024
static enum xnn_status define_extreme(struct builder *builder,
                                      const struct graph_node *node)
{
    return (node->op == GRAPH_MIN ? xnn_define_minimum2 : xnn_define_maximum2)(
        builder->subgraph, in_id(builder, node, 0), in_id(builder, node, 1),
        out_id(builder, node), 0);
}

static enum xnn_status define_prelu(struct builder *builder,
                                    const struct graph_node *node)
{
    return xnn_define_prelu(builder->subgraph, in_id(builder, node, 0),
                            in_id(builder, node, 1), out_id(builder, node), 0);
}
#endif

static bool supports_extreme(const struct graph *graph,
                             const struct graph_node *node)
{
    (void)graph;
    return !graph_is_clamped(node);
}

/* One constant slope for each element of the last axis. */
static bool supports_prelu(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;
    const struct graph_value *slope = graph_input(graph, node, 1);
    uint32_t rank = slope->shape.rank;

    return !graph_is_clamped(node) && slope->data && rank > 0 &&
           rank <= x->rank &&
           slope->shape.dim[rank - 1] == x->dim[x->rank - 1] &&
           graph_shape_count(&slope->shape) == slope->shape.dim[rank - 1];
}

#if IS_2024
static const enum xnn_unary_operator unaries[GRAPH_NUM_FUNCTIONS] = {
    /* 0 is none of these */
    [GRAPH_ABS] = xnn_unary_abs,
    [GRAPH_CEIL] = xnn_unary_ceiling,
    [GRAPH_ELU] = xnn_unary_elu,
    [GRAPH_EXP] = xnn_unary_exp,
    [GRAPH_FLOOR] = xnn_unary_floor,
    [GRAPH_GELU] = xnn_unary_gelu,
    [GRAPH_HARD_SWISH] = xnn_unary_hardswish,
    [GRAPH_LEAKY_RELU] = xnn_unary_leaky_relu,
    [GRAPH_LOG] = xnn_unary_log,
    [GRAPH_NEGATE] = xnn_unary_negate,
    [GRAPH_ROUND] = xnn_unary_bankers_rounding,
    [GRAPH_SIGMOID] = xnn_unary_sigmoid,
    [GRAPH_SQRT] = xnn_unary_square_root,
    [GRAPH_SQUARE] = xnn_unary_square,
    [GRAPH_TANH] = xnn_unary_tanh,
};
#else
typedef enum xnn_status define_unary(xnn_subgraph_t subgraph, uint32_t in,
                                     uint32_t out, uint32_t flags);
typedef enum xnn_status define_unary_by(xnn_subgraph_t subgraph, float alpha,
                                        uint32_t in, uint32_t out,
                                        uint32_t flags);

static define_unary *const unaries[GRAPH_NUM_FUNCTIONS] = {
    [GRAPH_ABS] = xnn_define_abs,
    [GRAPH_CEIL] = xnn_define_ceiling,
    [GRAPH_FLOOR] = xnn_define_floor,
    [GRAPH_HARD_SWISH] = xnn_define_hardswish,
    [GRAPH_NEGATE] = xnn_define_negate,
    [GRAPH_ROUND] = xnn_define_bankers_rounding,
    [GRAPH_SIGMOID] = xnn_define_sigmoid,
    [GRAPH_SQRT] = xnn_define_square_root,
    [GRAPH_SQUARE] = xnn_define_square,
};
static define_unary_by *const unaries_by[GRAPH_NUM_FUNCTIONS] = {
    [GRAPH_ELU] = xnn_define_elu,
    [GRAPH_LEAKY_RELU] = xnn_define_leaky_relu,
};
#endif

static bool supports_unary(const struct graph *graph,
                           const struct graph_node *node)
{
    enum graph_function function = node->unary.function;
    float alpha = node->unary.alpha;

    (void)graph;
    if (graph_is_clamped(node) ||
        (function == GRAPH_LEAKY_RELU && !isfinite(alpha)) ||
        (function == GRAPH_ELU &&
         !(isfinite(alpha) && alpha > 0 && node->unary.beta == 1)))
        return false;
#if !IS_2024
    if (unaries_by[function])
        return true;
#endif
    return unaries[function] != 0;
}

static enum xnn_status define_function(struct builder *builder,
                                       const struct graph_node *node)
{
    enum graph_function function = node->unary.function;
#if IS_2024
    union xnn_unary_params params = {0};

    if (function == GRAPH_ELU)
        params.elu.alpha = node->unary.alpha;
    else
        params.leaky_relu.negative_slope = node->unary.alpha;
    return xnn_define_unary(builder->subgraph, unaries[function], &params,
                            in_id(builder, node, 0), out_id(builder, node), 0);
#else
    if (unaries_by[function])
        return unaries_by[function](builder->subgraph, node->unary.alpha,
                                    in_id(builder, node, 0),
                                    out_id(builder, node), 0);
    return unaries[function](builder->subgraph, in_id(builder, node, 0),
                             out_id(builder, node), 0);
#endif
}

static enum xnn_status define_clamp(struct builder *builder,
                                    const struct graph_node *node)
{
#if IS_2024
    union xnn_unary_params params = {
        .clamp = {.min = node->min, .max = node->max}};

    return xnn_define_unary(builder->subgraph, xnn_unary_clamp, &params,
                            in_id(builder, node, 0), out_id(builder, node), 0);
#else
    return xnn_define_clamp(builder->subgraph, node->min, node->max,
                            in_id(builder, node, 0), out_id(builder, node), 0);
#endif
}

static bool supports_pad(const struct graph *graph,
                         const struct graph_node *node)
{
    for (uint32_t i = 0; i < graph_output(graph, node, 0)->shape.rank; i++)
        if (node->pad.before[i] < 0 || node->pad.after[i] < 0)
            return false;
    return node->pad.mode == GRAPH_PAD_CONSTANT;
}

static enum xnn_status define_pad(struct builder *builder,
                                  const struct graph_node *node)
{
    size_t before[GRAPH_MAX_RANK], after[GRAPH_MAX_RANK];

    for (int i = 0; i < GRAPH_MAX_RANK; i++) {
        before[i] = (size_t)node->pad.before[i];
        after[i] = (size_t)node->pad.after[i];
    }
    return xnn_define_static_constant_pad(
        builder->subgraph, before, after, node->pad.value,
        in_id(builder, node, 0), out_id(builder, node), 0);
}

/* 2022 has the mean over the pixels of a picture only. */
static bool supports_mean(const struct graph *graph,
                          const struct graph_node *node)
{
    const bool *axis = node->reduce.axis;

    if (!node->reduce.keep_dims)
        return false;
    return IS_2024 || (graph_input(graph, node, 0)->shape.rank == 4 &&
                       !axis[0] && axis[1] && axis[2] && !axis[3]);
}

#if IS_2024
/* Stacks of matrices of equal shape. */
static bool supports_matmul(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *a = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *b = &graph_input(graph, node, 1)->shape;

    if (graph_is_clamped(node) || node->num_inputs > 2 ||
        node->gemm.alpha != 1 || node->gemm.transpose_a ||
        node->gemm.transpose_b || a->rank < 3 || a->rank != b->rank)
        return false;
    for (uint32_t i = 0; i + 2 < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

static enum xnn_status define_matmul(struct builder *builder,
                                     const struct graph_node *node)
{
    return xnn_define_batch_matrix_multiply(
        builder->subgraph, in_id(builder, node, 0), in_id(builder, node, 1),
        out_id(builder, node), 0);
}

static bool supports_reduce(const struct graph *graph,
                            const struct graph_node *node)
{
    return node->reduce.function == GRAPH_REDUCE_SUM &&
           supports_mean(graph, node);
}
#endif

static enum xnn_status define_mean(struct builder *builder,
                                   const struct graph_node *node)
{
#if IS_2024
    int64_t axes[GRAPH_MAX_RANK];
    size_t count = 0;

    for (int64_t i = 0; i < GRAPH_MAX_RANK; i++)
        if (node->reduce.axis[i])
            axes[count++] = i;
    return xnn_define_static_reduce_v2(
        builder->subgraph,
        node->op == GRAPH_MEAN ? xnn_reduce_mean : xnn_reduce_sum, count, axes,
        in_id(builder, node, 0), out_id(builder, node), XNN_FLAG_KEEP_DIMS);
#else
    return xnn_define_global_average_pooling_2d(
        builder->subgraph, -INFINITY, INFINITY, in_id(builder, node, 0),
        out_id(builder, node), 0);
#endif
}

static bool supports_softmax(const struct graph *graph,
                             const struct graph_node *node)
{
    return !node->to_matrix &&
           node->axis + 1 == (int64_t)graph_input(graph, node, 0)->shape.rank;
}

static enum xnn_status define_softmax(struct builder *builder,
                                      const struct graph_node *node)
{
    return xnn_define_softmax(builder->subgraph, in_id(builder, node, 0),
                              out_id(builder, node), 0);
}

static enum xnn_status define_reshape(struct builder *builder,
                                      const struct graph_node *node)
{
    const struct graph_shape *shape =
        &graph_output(builder->graph, node, 0)->shape;

    return xnn_define_static_reshape(builder->subgraph, shape->rank, shape->dim,
                                     in_id(builder, node, 0),
                                     out_id(builder, node), 0);
}

#if IS_2024
/* Part of a concatenation under construction: a value, and its length along
 * the axis. */
struct part {
    uint32_t id;
    size_t length;
};

/* Concatenates 2 to 5 parts. */
static enum xnn_status join_parts(struct builder *builder, int32_t axis,
                                  const struct part *parts, size_t num,
                                  uint32_t out)
{
    xnn_subgraph_t subgraph = builder->subgraph;

    switch (num) {
    case 2:
        return xnn_define_concatenate2(subgraph, axis, parts[0].id, parts[1].id,
                                       out, 0);
    case 3:
        return xnn_define_concatenate3(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, out, 0);
    case 4:
        return xnn_define_concatenate4(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, parts[3].id, out, 0);
    default:
        return xnn_define_concatenate5(subgraph, axis, parts[0].id, parts[1].id,
                                       parts[2].id, parts[3].id, parts[4].id,
                                       out, 0);
    }
}

/* Makes five parts one until five are left. Those made come last, so that
 * each is copied about log5 times; the order stays. */
static enum xnn_status join_all(struct builder *builder, int32_t axis,
                                struct part *parts, size_t num,
                                struct graph_shape shape, uint32_t out)
{
    enum xnn_status status = xnn_status_success;

    while (status == xnn_status_success && num > 5) {
        size_t made = 0;

        for (size_t i = 0; status == xnn_status_success && i < num; i += 5) {
            size_t count = num - i < 5 ? num - i : 5;
            struct part whole = {.id = XNN_INVALID_VALUE_ID};

            for (size_t k = i; k < i + count; k++)
                whole.length += parts[k].length;
            if (count == 1) {
                parts[made++] = parts[i];
                continue;
            }
            shape.dim[axis] = whole.length;
            status = xnn_define_tensor_value(
                builder->subgraph, xnn_datatype_fp32, shape.rank, shape.dim,
                NULL, XNN_INVALID_VALUE_ID, 0, &whole.id);
            if (status == xnn_status_success)
                status = join_parts(builder, axis, &parts[i], count, whole.id);
            parts[made++] = whole;
        }
        num = made;
    }
    return status == xnn_status_success
               ? join_parts(builder, axis, parts, num, out)
               : status;
}

static bool supports_concat(const struct graph *graph,
                            const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (graph_shape_count(&graph_input(graph, node, i)->shape) == 0)
            return false;
    return node->num_inputs > 1;
}

static enum xnn_status define_concat(struct builder *builder,
                                     const struct graph_node *node)
{
    struct part *parts = calloc(node->num_inputs, sizeof *parts);
    enum xnn_status status;

    if (!parts)
        return xnn_status_out_of_memory;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        parts[i].id = in_id(builder, node, i);
        parts[i].length =
            graph_input(builder->graph, node, i)->shape.dim[node->axis];
    }
    status = join_all(builder, (int32_t)node->axis, parts, node->num_inputs,
                      graph_output(builder->graph, node, 0)->shape,
                      out_id(builder, node));
    free(parts);
    return status;
}

static bool supports_slice(const struct graph *graph,
                           const struct graph_node *node)
{
    for (uint32_t i = 0; i < graph_output(graph, node, 0)->shape.rank; i++)
        if (node->slice.step[i] != 1)
            return false;
    return true;
}

static enum xnn_status define_slice(struct builder *builder,
                                    const struct graph_node *node)
{
    const struct graph_shape *shape =
        &graph_output(builder->graph, node, 0)->shape;
    size_t start[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < shape->rank; i++)
        start[i] = (size_t)node->slice.start[i];
    return xnn_define_static_slice(builder->subgraph, shape->rank, start,
                                   shape->dim, in_id(builder, node, 0),
                                   out_id(builder, node), 0);
}

static enum xnn_status define_transpose(struct builder *builder,
                                        const struct graph_node *node)
{
    return xnn_define_static_transpose(
        builder->subgraph, graph_input(builder->graph, node, 0)->shape.rank,
        node->perm, in_id(builder, node, 0), out_id(builder, node), 0);
}
#endif

/* What XNNPACK runs. Adding an operation is adding a row. */
static const struct row {
    bool (*supports)(const struct graph *graph, const struct graph_node *node);
    enum xnn_status (*define)(struct builder *builder,
                              const struct graph_node *node);
} rows[GRAPH_NUM_OPS] = {
    [GRAPH_ADD] = {always, define_binary},
    [GRAPH_SUB] = {always, define_binary},
    [GRAPH_MUL] = {always, define_binary},
    [GRAPH_DIV] = {always, define_binary},
#if IS_2024
    [GRAPH_MIN] = {supports_extreme, define_binary},
    [GRAPH_MAX] = {supports_extreme, define_binary},
    [GRAPH_PRELU] = {supports_prelu, define_binary},
#else
    [GRAPH_MIN] = {supports_extreme, define_extreme},
    [GRAPH_MAX] = {supports_extreme, define_extreme},
    [GRAPH_PRELU] = {supports_prelu, define_prelu},
#endif
    [GRAPH_UNARY] = {supports_unary, define_function},
    [GRAPH_CLAMP] = {always, define_clamp},
    [GRAPH_CONV] = {supports_conv, define_conv},
    [GRAPH_RESIZE] = {supports_resize, define_resize},
    [GRAPH_DEPTH_TO_SPACE] = {supports_block, define_depth_to_space},
#if IS_2024
    [GRAPH_SPACE_TO_DEPTH] = {supports_block, define_space_to_depth},
#endif
    [GRAPH_DECONV] = {supports_deconv, define_deconv},
    [GRAPH_MAX_POOL] = {supports_pool, define_pool},
    [GRAPH_AVERAGE_POOL] = {supports_pool, define_pool},
    [GRAPH_PAD] = {supports_pad, define_pad},
    [GRAPH_MEAN] = {supports_mean, define_mean},
    [GRAPH_LINEAR] = {always, define_linear},
    [GRAPH_SOFTMAX] = {supports_softmax, define_softmax},
    [GRAPH_RESHAPE] = {always, define_reshape},
#if IS_2024
    [GRAPH_CONCAT] = {supports_concat, define_concat},
    [GRAPH_SLICE] = {supports_slice, define_slice},
    [GRAPH_REDUCE] = {supports_reduce, define_mean},
    [GRAPH_MATMUL] = {supports_matmul, define_matmul},
    [GRAPH_TRANSPOSE] = {always, define_transpose},
#endif
};

/* ---- quantized nodes ---- */

/* A convolution that looks at one pixel at a time. */
static bool is_pointwise(const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    bool plain = node->nhwc && node->conv.groups == 1 && !node->conv.depthwise;

    for (int i = 0; i < 2; i++)
        plain &= window->kernel[i] == 1 && window->pad_before[i] == 0 &&
                 window->pad_after[i] == 0;
    return plain;
}

bool xnnrun_supports_int8(const struct graph *graph,
                          const struct graph_node *node)
{
    const struct graph_value *x, *weights;

    if (!IS_2024 ||
        (node->op != GRAPH_LINEAR &&
         !(node->op == GRAPH_CONV && is_pointwise(node))) ||
        !xnnrun_supports(graph, node))
        return false;
    x = graph_input(graph, node, 0);
    weights = graph_input(graph, node, 1);
    return x && !x->data && x->shape.rank >= 2 && weights && weights->data &&
           weights->type == GRAPH_FLOAT &&
           x->shape.dim[x->shape.rank - 1] >= XNNRUN_INT8_CHANNELS;
}

#if IS_2024
/* The number of a value's quantized twin. A convolution takes one scale and
 * one zero for the picture; a linear layer one for each row. */
static enum xnn_status convert(struct builder *builder, int number,
                               bool for_conv, uint32_t *id)
{
    const struct graph_value *value = &builder->graph->values[number];
    uint32_t *known = &builder->int8_ids[2 * number + for_conv];
    enum xnn_status status;

    *id = *known;
    if (*id != XNN_INVALID_VALUE_ID)
        return xnn_status_success;
    status = xnn_define_dynamically_quantized_tensor_value(
        builder->subgraph, xnn_datatype_qdint8, value->shape.rank,
        for_conv ? 3 : 1, value->shape.dim, XNN_INVALID_VALUE_ID, 0, id);
    if (status == xnn_status_success)
        status = xnn_define_unary(builder->subgraph, xnn_unary_convert, NULL,
                                  builder->ids[number], *id, 0);
    if (status == xnn_status_success)
        *known = *id;
    return status;
}

/* Defines a node as ever, but on the quantized twins of its operands. */
static enum xnn_status define_int8(struct builder *builder,
                                   const struct graph_node *node,
                                   const struct xnnweights_int8 *weights)
{
    const struct graph_shape *shape =
        &graph_input(builder->graph, node, 1)->shape;
    uint32_t *x = &builder->ids[node->inputs[0]];
    uint32_t *filter = &builder->ids[node->inputs[1]];
    const uint32_t float_x = *x, float_filter = *filter;
    uint32_t int8_x, int8_filter;
    enum xnn_status status =
        convert(builder, node->inputs[0], node->op == GRAPH_CONV, &int8_x);

    if (status == xnn_status_success)
        status = xnn_define_channelwise_quantized_tensor_value(
            builder->subgraph, xnn_datatype_qcint8, weights->scales,
            shape->rank, 0, shape->dim, weights->data, XNN_INVALID_VALUE_ID, 0,
            &int8_filter);
    if (status != xnn_status_success)
        return status;
    *x = int8_x;
    *filter = int8_filter;
    status = rows[node->op].define(builder, node);
    *x = float_x;
    *filter = float_filter;
    return status;
}
#endif

bool xnnrun_supports(const struct graph *graph, const struct graph_node *node)
{
    const struct row *row = &rows[node->op];

    /* An empty range is legal in ONNX, and an error in XNNPACK. */
    return row->supports && node->min < node->max && row->supports(graph, node);
}

/* ---- runtimes ---- */

static const char *status_text(enum xnn_status status)
{
    switch (status) {
    case xnn_status_invalid_parameter:
        return "invalid parameter";
    case xnn_status_invalid_state:
        return "invalid state";
    case xnn_status_unsupported_parameter:
        return "unsupported parameter";
    case xnn_status_unsupported_hardware:
        return "unsupported processor";
    case xnn_status_out_of_memory:
        return "no memory";
    default:
        return "failure";
    }
}

static bool check(enum xnn_status status, const char *what, struct error *err)
{
    if (status == xnn_status_success)
        return true;
    return fail(
        err, status == xnn_status_out_of_memory ? ERROR_MEMORY : ERROR_INTERNAL,
        "XNNPACK (%s): %s", what, status_text(status));
}

/* Tells XNNPACK of a value, unless it knows it. `external` is its number, and
 * `flags` its direction, where it is one; XNN_INVALID_VALUE_ID and 0 else. */
static bool define_value(struct builder *builder, int number, uint32_t external,
                         uint32_t flags, struct error *err)
{
    const struct graph_value *value;

    if (number == GRAPH_NONE || builder->ids[number] != XNN_INVALID_VALUE_ID)
        return true;
    value = &builder->graph->values[number];
    return check(xnn_define_tensor_value(builder->subgraph, xnn_datatype_fp32,
                                         value->shape.rank, value->shape.dim,
                                         value->data, external, flags,
                                         &builder->ids[number]),
                 value->name, err);
}

static enum xnn_status define(struct builder *builder,
                              const struct graph_node *node)
{
#if IS_2024
    if (xnnrun_supports_int8(builder->graph, node)) {
        struct xnnweights_int8 weights =
            xnnweights_get(builder->weights, node->inputs[1]);

        if (weights.data)
            return define_int8(builder, node, &weights);
    }
#endif
    return rows[node->op].define(builder, node);
}

static bool define_node(struct builder *builder, const struct graph_node *node,
                        struct error *err)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (!define_value(builder, node->inputs[i], XNN_INVALID_VALUE_ID, 0,
                          err))
            return false;
    return define_value(builder, node->outputs[0], XNN_INVALID_VALUE_ID, 0,
                        err) &&
           check(define(builder, node), node->name, err);
}

static bool define_all(struct builder *builder, size_t first, size_t count,
                       const struct xnnrun_external *externals,
                       size_t num_externals, struct error *err)
{
    for (size_t v = 0; v < builder->graph->num_values; v++)
        builder->ids[v] = builder->int8_ids[2 * v] =
            builder->int8_ids[2 * v + 1] = XNN_INVALID_VALUE_ID;
    for (size_t i = 0; i < num_externals; i++)
        if (!define_value(builder, externals[i].value, (uint32_t)i,
                          externals[i].is_output
                              ? XNN_VALUE_FLAG_EXTERNAL_OUTPUT
                              : XNN_VALUE_FLAG_EXTERNAL_INPUT,
                          err))
            return false;
    for (size_t n = first; n < first + count; n++)
        if (!define_node(builder, &builder->graph->nodes[n], err))
            return false;
    return true;
}

/* Gives the runtime the addresses of its externals, once and for all. */
static bool set_up(struct xnnrun *run, const struct xnnrun_external *externals,
                   size_t num_externals, struct error *err)
{
    struct xnn_external_value *values = calloc(num_externals, sizeof *values);
    bool ok;

    if (!values)
        return fail(err, ERROR_MEMORY, "no room for %zu addresses",
                    num_externals);
    for (size_t i = 0; i < num_externals; i++) {
        values[i].id = (uint32_t)i;
        values[i].data = externals[i].data;
    }
    ok = check(xnn_setup_runtime(run->runtime, num_externals, values),
               "setting up", err);
    free(values);
    return ok;
}

/* Makes the runtime of a finished subgraph. */
static bool make_runtime(struct xnnrun *run, const struct builder *builder,
                         struct xnnweights *weights, size_t first,
                         struct team_member *member, struct error *err)
{
    struct xnn_weights_cache_provider *shared =
        xnnweights_begin(weights, first);
    enum xnn_status status;

#if IS_2024
    /* With _v4 it would take and give back its workspace differently. */
    status = xnn_create_runtime_v3(builder->subgraph, shared,
                                   pthreadpool_of(member), 0, &run->runtime);
#else
    (void)shared;
    status = xnn_create_runtime_v2(builder->subgraph, pthreadpool_of(member), 0,
                                   &run->runtime);
#endif
    xnnweights_end(weights);
    return check(status, "making a runtime", err);
}

struct xnnrun *xnnrun_new(const struct graph *graph, struct xnnweights *weights,
                          size_t first, size_t count,
                          const struct xnnrun_external *externals,
                          size_t num_externals, struct team_member *member,
                          struct error *err)
{
    struct builder builder = {.graph = graph, .weights = weights};
    struct xnnrun *run = NULL;
    bool ok = false;

    if (!init_library(err))
        return NULL;
    run = calloc(1, sizeof *run);
    builder.ids = calloc(graph->num_values, sizeof *builder.ids);
    builder.int8_ids = calloc(graph->num_values, 2 * sizeof *builder.int8_ids);
    if (!run || !builder.ids || !builder.int8_ids) {
        fail(err, ERROR_MEMORY, "no room for a runtime");
        goto out;
    }
    ok = check(
             xnn_create_subgraph((uint32_t)num_externals, 0, &builder.subgraph),
             "making a subgraph", err) &&
         define_all(&builder, first, count, externals, num_externals, err) &&
         make_runtime(run, &builder, weights, first, member, err) &&
         set_up(run, externals, num_externals, err);
out:
    if (builder.subgraph)
        xnn_delete_subgraph(builder.subgraph);
    free(builder.ids);
    free(builder.int8_ids);
    if (!ok) {
        xnnrun_free(run);
        run = NULL;
    }
    return run;
}

bool xnnrun_run(struct xnnrun *run, struct error *err)
{
    return check(xnn_invoke_runtime(run->runtime), "running", err);
}

void xnnrun_free(struct xnnrun *run)
{
    if (run && run->runtime)
        xnn_delete_runtime(run->runtime);
    free(run);
}
