/* Shapes of what looks at images through a window, and of Resize. */

#include "engine/passes/infer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/passes/graph_const.h"

/* How many elements a window spans. */
static size_t window_reach(const struct graph_window *window, int axis)
{
    return window->dilation[axis] * (window->kernel[axis] - 1) + 1;
}

/* Output length along one spatial axis; resolves auto_pad. Where `over` is
 * given, a window may begin in the picture or the border before it and reach
 * *over elements beyond the border after it. */
static bool window_length(const struct infer *infer,
                          struct graph_window *window, int axis, size_t length,
                          size_t *out, size_t *over)
{
    size_t reach = window_reach(window, axis);
    size_t stride = window->stride[axis], padded;

    if (window->auto_pad != GRAPH_PAD_GIVEN) {
        size_t steps = (length + stride - 1) / stride;
        size_t needed = (steps - 1) * stride + reach;
        size_t total = needed > length ? needed - length : 0;
        size_t small = total / 2, large = total - total / 2;
        bool upper = window->auto_pad == GRAPH_PAD_SAME_UPPER;

        window->pad_before[axis] = upper ? small : large;
        window->pad_after[axis] = upper ? large : small;
    }
    padded = length + window->pad_before[axis] + window->pad_after[axis];
    if (padded < reach)
        return fail(infer->err, ERROR_INPUT,
                    "its window of %zu is larger than its input of %zu", reach,
                    padded);
    *out = (padded - reach) / stride + 1;
    if (over && (padded - reach) % stride > 0 &&
        *out * stride < length + window->pad_before[axis])
        *over = (*out)++ * stride + reach - padded;
    return true;
}

/* Where rows are; columns follow. */
static uint32_t row_axis(const struct graph_node *node)
{
    return node->nhwc ? 1 : 2;
}

static uint32_t channel_axis(const struct graph_node *node)
{
    return node->nhwc ? 3 : 1;
}

/* What weights are for. */
struct filters {
    size_t num_in, num_out; /* channels */
    const size_t *kernel;
};

static struct filters read_filters(const struct graph_node *node,
                                   const struct graph_shape *w)
{
    size_t groups = node->conv.groups;
    struct filters filters = {.kernel = &w->dim[row_axis(node)]};

    if (node->nhwc && node->conv.depthwise) {
        filters.num_in = groups;
        filters.num_out = w->dim[3];
    } else if (node->nhwc || node->op == GRAPH_CONV) {
        filters.num_in = w->dim[channel_axis(node)] * groups;
        filters.num_out = w->dim[0];
    } else {
        filters.num_in = w->dim[0];
        filters.num_out = w->dim[1] * groups;
    }
    return filters;
}

static bool fail_weights(const struct infer *infer)
{
    char text_x[GRAPH_SHAPE_TEXT], text_w[GRAPH_SHAPE_TEXT];

    return fail(
        infer->err, ERROR_INPUT,
        "weights of shape %s in %zu groups do not match an input of shape %s",
        graph_shape_text(text_w, infer_shape(infer, 1)),
        infer->node->conv.groups,
        graph_shape_text(text_x, infer_shape(infer, 0)));
}

/* What convolutions of both directions ask of their operands, and the channels
 * of what comes out; the window's size is that of the weights where the node
 * does not say it. */
static bool read_weights(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    struct graph_window *window = &infer->node->conv.window;
    const struct graph_value *weights = infer_in(infer, 1),
                             *bias = infer_in(infer, 2);
    const struct graph_shape *x = infer_shape(infer, 0), *w = &weights->shape;
    size_t groups = node->conv.groups;
    struct filters filters = read_filters(node, w);

    if (!weights->data || (bias && !bias->data))
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its weights depend on the image");
    if (x->rank != 4 || w->rank != 4)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "only images with 2 spatial dimensions are supported");
    if (window->kernel[0] == 0)
        memcpy(window->kernel, filters.kernel, sizeof window->kernel);
    if (graph_shape_count(w) == 0 || filters.num_in % groups != 0 ||
        filters.num_out % groups != 0 ||
        filters.num_in != x->dim[channel_axis(node)] ||
        window->kernel[0] != filters.kernel[0] ||
        window->kernel[1] != filters.kernel[1] ||
        (bias &&
         (bias->shape.rank != 1 || bias->shape.dim[0] != filters.num_out)))
        return fail_weights(infer);
    infer->shape = *x;
    infer->shape.dim[channel_axis(node)] = filters.num_out;
    return true;
}

bool graph_shape_conv(struct infer *infer)
{
    struct graph_window *window = &infer->node->conv.window;
    const struct graph_shape *x = infer_shape(infer, 0);
    uint32_t rows = row_axis(infer->node);

    if (!read_weights(infer))
        return false;
    for (uint32_t i = 0; i < 2; i++)
        if (!window_length(infer, window, (int)i, x->dim[rows + i],
                           &infer->shape.dim[rows + i], NULL))
            return false;
    window->auto_pad = GRAPH_PAD_GIVEN;
    return true;
}

/* Output length along one spatial axis; resolves a wanted length, or auto_pad,
 * to pads. */
static bool deconv_length(const struct infer *infer, int axis, size_t length,
                          size_t *out)
{
    struct graph_node *node = infer->node;
    struct graph_window *window = &node->conv.window;
    size_t stride = window->stride[axis], pads;
    size_t full = stride * (length - 1) + node->conv.extra[axis] +
                  window_reach(window, axis);
    size_t target = node->conv.target[axis];

    if (target == 0 && window->auto_pad != GRAPH_PAD_GIVEN)
        target = stride * length;
    if (target > 0) {
        size_t total = full > target ? full - target : 0;
        bool upper = window->auto_pad == GRAPH_PAD_SAME_UPPER;

        node->conv.extra[axis] += target > full ? target - full : 0;
        full += target > full ? target - full : 0;
        window->pad_before[axis] = upper ? total / 2 : total - total / 2;
        window->pad_after[axis] = upper ? total - total / 2 : total / 2;
    }
    pads = window->pad_before[axis] + window->pad_after[axis];
    if (full <= pads)
        return fail(
            infer->err, ERROR_INPUT,
            "its padding of %zu leaves nothing of an axis of length %zu", pads,
            full);
    *out = full - pads;
    return true;
}

bool graph_shape_deconv(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    uint32_t rows = row_axis(node);

    if (!read_weights(infer))
        return false;
    if (graph_shape_count(x) == 0)
        return fail_weights(infer);
    for (uint32_t i = 0; i < 2; i++)
        if (!deconv_length(infer, (int)i, x->dim[rows + i],
                           &infer->shape.dim[rows + i]))
            return false;
    node->conv.target[0] = node->conv.target[1] = 0;
    node->conv.window.auto_pad = GRAPH_PAD_GIVEN;
    return true;
}

/* The mean of all pixels, which has a name of its own, if it is that. */
static void whole_average_to_mean(struct graph_node *node,
                                  const struct graph_shape *x)
{
    const struct graph_window window = node->pool.window;

    for (int i = 0; i < 2; i++)
        if (window.kernel[i] != x->dim[2 + i] || window.dilation[i] != 1 ||
            window.pad_before[i] + window.pad_after[i] + node->pool.over[i] > 0)
            return;
    memset(&node->reduce, 0, sizeof node->reduce);
    node->op = GRAPH_MEAN;
    node->reduce.keep_dims = true;
    node->reduce.axis[2] = node->reduce.axis[3] = true;
}

/* The largest of a row, or of a body, as all of it. */
static bool whole_maximum(struct infer *infer)
{
    struct graph_node *node = infer->node;

    memset(&node->reduce, 0, sizeof node->reduce);
    node->op = GRAPH_REDUCE;
    node->reduce.function = GRAPH_REDUCE_MAX;
    node->reduce.keep_dims = true;
    node->reduce.of_pixels = true;
    return graph_shape_reduce(infer);
}

bool graph_shape_pool(struct infer *infer)
{
    struct graph_node *node = infer->node;
    struct graph_window *window = &node->pool.window;
    const struct graph_shape *x = infer_shape(infer, 0);
    uint32_t rows = row_axis(node);

    if (node->op == GRAPH_MAX_POOL && window->kernel[0] == 0 && x->rank != 4)
        return whole_maximum(infer);
    if (x->rank != 4)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "only images with 2 spatial dimensions are supported");
    if (node->op == GRAPH_LP_POOL && node->pool.p < 1)
        return fail(infer->err, ERROR_INPUT,
                    "attribute p is %" PRId64 "; it must be positive",
                    node->pool.p);
    infer->shape = *x;
    for (uint32_t i = 0; i < 2; i++) {
        if (window->kernel[i] == 0) /* the whole picture */
            window->kernel[i] = x->dim[rows + i];
        if (window->kernel[i] == 0)
            return fail(infer->err, ERROR_INPUT, "its input is empty");
        if (!window_length(infer, window, (int)i, x->dim[rows + i],
                           &infer->shape.dim[rows + i],
                           node->pool.ceil ? &node->pool.over[i] : NULL))
            return false;
        if (window->pad_before[i] >= window_reach(window, (int)i) ||
            window->pad_after[i] >= window_reach(window, (int)i))
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "its padding is as large as its window");
    }
    window->auto_pad = GRAPH_PAD_GIVEN;
    if (node->op == GRAPH_AVERAGE_POOL && !node->resolved)
        whole_average_to_mean(node, x);
    return true;
}

/* The operand `i` as constant scales of the axes; *count is 0 where it is left
 * out or empty. */
static bool resize_scales(const struct infer *infer, uint32_t i,
                          const float **scales, size_t *count)
{
    const struct graph_value *value = infer_in(infer, i);
    const struct graph_node *node = infer->node;

    *scales = node->resize.raw_scales;
    *count = node->resize.num_raw_scales;
    if (!value)
        return true;
    if (!value->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its scales depend on the image");
    if (value->type != GRAPH_FLOAT || value->shape.rank > 1)
        return fail(infer->err, ERROR_INPUT,
                    "its scales are not a list of floats");
    *scales = value->data;
    *count = graph_shape_count(&value->shape);
    return true;
}

/* Sizes given for `num` axes; the policy may want one scale for all. */
static bool resize_to_sizes(struct infer *infer, const size_t *axes,
                            const int64_t *sizes, size_t num)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    bool larger = node->resize.policy == GRAPH_RESIZE_NOT_SMALLER;
    double common = larger ? 0 : INFINITY;

    for (size_t i = 0; i < num; i++) {
        double length = (double)x->dim[axes[i]];

        if (sizes[i] < 1 || sizes[i] > INT32_MAX || length == 0)
            return fail(infer->err, ERROR_INPUT,
                        "its size is invalid: %" PRId64, sizes[i]);
        common = larger ? fmax(common, (double)sizes[i] / length)
                        : fmin(common, (double)sizes[i] / length);
        node->resize.scale[axes[i]] = (double)sizes[i] / length;
        infer->shape.dim[axes[i]] = (size_t)sizes[i];
    }
    for (size_t i = 0; node->resize.policy != GRAPH_RESIZE_STRETCH && i < num;
         i++) {
        double length = (double)x->dim[axes[i]];

        if (common * length > INT32_MAX)
            return fail(infer->err, ERROR_INPUT, "its output is too large");
        node->resize.scale[axes[i]] = common;
        infer->shape.dim[axes[i]] =
            (size_t)fmaxf(roundf((float)common * (float)length), 1);
    }
    return true;
}

bool graph_shape_resize(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    uint32_t at = node->resize.scales_at;
    size_t axes[GRAPH_MAX_RANK], num = x->rank, count, num_sizes;
    const float *scales;
    const int64_t *sizes;

    if (node->resolved)
        return infer_again(infer);
    if (!resize_scales(infer, at, &scales, &count) ||
        !infer_ints(infer, at + 1, "list of sizes", GRAPH_MAX_RANK, &sizes,
                    &num_sizes))
        return false;
    if (x->rank == 0)
        return fail(infer->err, ERROR_INPUT, "its input is a scalar");
    if (node->resize.num_raw_axes > 0)
        num = node->resize.num_raw_axes;
    for (size_t i = 0; i < num; i++) {
        axes[i] = i;
        if (node->resize.num_raw_axes > 0 &&
            !infer_axis(infer, node->resize.raw_axes[i], x->rank, &axes[i]))
            return false;
    }
    if ((count > 0) == (num_sizes > 0) || count + num_sizes != num)
        return fail(infer->err, ERROR_INPUT,
                    "it has %zu scales and %zu sizes for %zu axes", count,
                    num_sizes, num);
    infer->shape = *x;
    for (uint32_t i = 0; i < x->rank; i++)
        node->resize.scale[i] = 1;
    for (size_t i = 0; i < count; i++) {
        /* A product of floats, as ONNX Runtime has it: 20 by 0.7f, which is
         * less than 0.7, are 14. */
        float length = floorf((float)x->dim[axes[i]] * scales[i]);

        if (!(length >= 1 && length < 0x1p31f))
            return fail(infer->err, ERROR_INPUT,
                        "its scale is out of range: %g", (double)scales[i]);
        node->resize.scale[axes[i]] = (double)scales[i];
        infer->shape.dim[axes[i]] = (size_t)length;
    }
    if (num_sizes > 0 && !resize_to_sizes(infer, axes, sizes, num))
        return false;
    node->num_inputs = 1;
    /* As runtimes have it: a scale that does not change the size, such as 1.1
     * of 5, does not move anything either. */
    if (graph_shape_equal(&infer->shape, x))
        node->op = GRAPH_IDENTITY;
    return true;
}

bool graph_shape_block(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    bool to_space = node->op == GRAPH_DEPTH_TO_SPACE;
    size_t size = node->block.size;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t *channels = &infer->shape.dim[channel_axis(node)];
    size_t *rows = &infer->shape.dim[row_axis(node)];

    if (x->rank != 4)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "only images with 2 spatial dimensions are supported");
    infer->shape = *x;
    if (to_space ? *channels % (size * size) != 0
                 : rows[0] % size != 0 || rows[1] % size != 0)
        return fail(infer->err, ERROR_INPUT,
                    "its input cannot be divided into blocks of %zu", size);
    *channels = to_space ? *channels / (size * size) : *channels * size * size;
    for (int i = 0; i < 2; i++)
        rows[i] = to_space ? rows[i] * size : rows[i] / size;
    return true;
}
