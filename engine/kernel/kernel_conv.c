/* Convolutions and transposed convolutions in the forms that XNNPACK
 * rejects. */

#include "engine/kernel/kernel_call.h"

/* The strides of the axes, in elements, for any order of storage. */
struct layout {
    int64_t n, c, y, x;
};

static struct layout layout_of(const struct graph_shape *shape, bool nhwc)
{
    int64_t stride[GRAPH_MAX_RANK];

    kernel_strides(shape, stride);
    return nhwc ? (struct layout){stride[0], stride[3], stride[1], stride[2]}
                : (struct layout){stride[0], stride[1], stride[2], stride[3]};
}

/* The weights' strides: n for output channels, c for a group's inputs. In a
 * file, weights of a transposed convolution have them swapped: (I, O/groups,
 * kh, kw). */
static struct layout layout_of_weights(const struct graph_node *node,
                                       const struct graph_shape *shape)
{
    struct layout to = layout_of(shape, node->nhwc);

    if (node->nhwc ? node->conv.depthwise : node->op == GRAPH_DECONV)
        return (struct layout){to.c, to.n, to.y, to.x};
    return to;
}

/* The position in the input of tap k of output `out`; negative if it is
 * outside. */
static int64_t tap_of(const struct graph_node *node, int axis, size_t out,
                      size_t k, size_t length)
{
    const struct graph_window *window = &node->conv.window;
    int64_t stride = (int64_t)window->stride[axis], at;
    int64_t reach = (int64_t)(k * window->dilation[axis]);

    if (node->op == GRAPH_CONV) {
        at = (int64_t)out * stride + reach - (int64_t)window->pad_before[axis];
    } else {
        at = (int64_t)out + (int64_t)window->pad_before[axis] - reach;
        if (at < 0 || at % stride != 0)
            return -1;
        at /= stride;
    }
    return at < (int64_t)length ? at : -1;
}

/* One output channel at one position; `image` is the group's first channel. */
static float sum_at(const struct kernel_call *call, const float *image,
                    const float *weights, size_t y, size_t x)
{
    const struct graph_node *node = call->node;
    const struct graph_window *window = &node->conv.window;
    const struct graph_shape *in = &kernel_in(call, 0)->shape;
    struct layout from = layout_of(in, node->nhwc);
    struct layout tap = layout_of_weights(node, &kernel_in(call, 1)->shape);
    size_t rows = node->nhwc ? 1 : 2, channels = in->dim[node->nhwc ? 3 : 1];
    float sum = 0;

    for (size_t ky = 0; ky < window->kernel[0]; ky++) {
        int64_t row = tap_of(node, 0, y, ky, in->dim[rows]);

        for (size_t kx = 0; row >= 0 && kx < window->kernel[1]; kx++) {
            int64_t column = tap_of(node, 1, x, kx, in->dim[rows + 1]);
            const float *a = image + row * from.y + column * from.x;
            const float *b =
                weights + (int64_t)ky * tap.y + (int64_t)kx * tap.x;

            if (column < 0)
                continue;
            for (size_t i = 0; i < channels / node->conv.groups; i++)
                sum += a[(int64_t)i * from.c] * b[(int64_t)i * tap.c];
        }
    }
    return sum;
}

/* A row of pixels of a transposed convolution of each channel by itself, whose
 * weights are (1, kh, kw, channels). */
static void strew_row(const struct kernel_call *call, const float *picture,
                      float *out, size_t y)
{
    const struct graph_node *node = call->node;
    const size_t *in = kernel_in(call, 0)->shape.dim, *kernel;
    size_t width = call->to->shape.dim[2], channels = in[3];
    const float *bias = kernel_in(call, 2) ? call->inputs[2] : NULL;

    kernel = node->conv.window.kernel;
    for (size_t x = 0; x < width; x++) {
        float *restrict pixel = out + x * channels;

        for (size_t c = 0; c < channels; c++)
            pixel[c] = bias ? bias[c] : 0;
        for (size_t k = 0; k < kernel[0] * kernel[1]; k++) {
            int64_t row = tap_of(node, 0, y, k / kernel[1], in[1]);
            int64_t column = tap_of(node, 1, x, k % kernel[1], in[2]);
            const float *restrict weights =
                (const float *)call->inputs[1] + k * channels;
            const float *restrict from = picture;

            if (row < 0 || column < 0)
                continue;
            from += (size_t)(row * (int64_t)in[2] + column) * channels;
            for (size_t c = 0; c < channels; c++)
                pixel[c] += from[c] * weights[c];
        }
        for (size_t c = 0; graph_is_clamped(node) && c < channels; c++)
            pixel[c] = kernel_clamped(node, pixel[c]);
    }
}

static bool run_depthwise_deconv(const struct kernel_call *call)
{
    const size_t *in = kernel_in(call, 0)->shape.dim;
    const size_t *to = call->to->shape.dim;

    for (size_t n = 0; n < to[0]; n++)
        for (size_t y = 0; y < to[1]; y++)
            strew_row(call,
                      (const float *)call->inputs[0] +
                          n * in[1] * in[2] * in[3],
                      (float *)call->out + (n * to[1] + y) * to[2] * to[3], y);
    return true;
}

bool kernel_conv(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *in = &kernel_in(call, 0)->shape;
    const struct graph_shape *out = &call->to->shape;
    struct layout from = layout_of(in, node->nhwc);
    struct layout to = layout_of(out, node->nhwc);
    struct layout tap = layout_of_weights(node, &kernel_in(call, 1)->shape);
    size_t rows = node->nhwc ? 1 : 2, axis = node->nhwc ? 3 : 1;
    size_t in_group = in->dim[axis] / node->conv.groups;
    size_t out_group = out->dim[axis] / node->conv.groups;
    const float *bias = kernel_in(call, 2) ? call->inputs[2] : NULL;

    if (node->op == GRAPH_DECONV && node->conv.depthwise)
        return run_depthwise_deconv(call);
    for (size_t i = 0; i < call->count; i++) {
        size_t at[4], c, y, x, group;
        const float *weights = call->inputs[1], *image = call->inputs[0];

        at[3] = i % out->dim[3];
        at[2] = i / out->dim[3] % out->dim[2];
        at[1] = i / out->dim[3] / out->dim[2] % out->dim[1];
        at[0] = i / out->dim[3] / out->dim[2] / out->dim[1];
        c = at[axis];
        y = at[rows];
        x = at[rows + 1];
        group = c / out_group;
        image += (int64_t)at[0] * from.n + (int64_t)(group * in_group) * from.c;
        /* In a file, the groups of a transposed convolution's weights follow
         * one another along the inputs. */
        weights += node->op == GRAPH_DECONV && !node->nhwc
                       ? (int64_t)(group * in_group) * tap.c +
                             (int64_t)(c % out_group) * tap.n
                       : (int64_t)c * tap.n;
        ((float *)call->out)[(int64_t)at[0] * to.n + (int64_t)c * to.c +
                             (int64_t)y * to.y + (int64_t)x * to.x] =
            kernel_clamped(node, (bias ? bias[c] : 0) +
                                     sum_at(call, image, weights, y, x));
    }
    return true;
}
