/* Pools: the maximum, the mean, or a norm over a window; and the way back to
 * the maximum. */

#include "engine/kernel/kernel_call.h"

#include <math.h>
#include <string.h>

/* The taps of a window that lie in the image: first .. end - 1. `begin` is
 * where the window begins; it is negative if that is in the padding. */
struct span {
    int64_t begin, first, end;
};

static struct span span_of(const struct graph_window *window, int axis,
                           size_t out, size_t length)
{
    int64_t dilation = (int64_t)window->dilation[axis];
    int64_t taps = (int64_t)window->kernel[axis], fit;
    struct span span = {.begin = (int64_t)(out * window->stride[axis]) -
                                 (int64_t)window->pad_before[axis]};

    if (span.begin < 0)
        span.first = (-span.begin + dilation - 1) / dilation;
    fit = ((int64_t)length - span.begin + dilation - 1) / dilation;
    span.end = fit < taps ? fit : taps;
    return span;
}

/* How many taps count in an average: those in the padding may count, but none
 * beyond it. */
static int64_t num_counted(const struct graph_node *node, int axis,
                           const struct span *span, size_t length)
{
    struct graph_window window = node->pool.window;
    size_t padding = window.pad_after[axis];

    if (!node->pool.count_pad)
        return span->end - span->first;
    window.pad_before[axis] = 0;
    window.stride[axis] = 1;
    return span_of(&window, axis,
                   (size_t)(span->begin +
                            (int64_t)node->pool.window.pad_before[axis]),
                   length + node->pool.window.pad_before[axis] + padding)
        .end;
}

static float norm_term(int64_t p, float x)
{
    return p == 1 ? fabsf(x) : p == 2 ? x * x : powf(fabsf(x), (float)p);
}

static float norm_root(int64_t p, float sum)
{
    return p == 1 ? sum : p == 2 ? sqrtf(sum) : powf(sum, 1 / (float)p);
}

/* One window of one channel, whose pixels are stride[i] elements apart along
 * axis i. */
static float pool_at(const struct graph_node *node, const float *x,
                     const int64_t stride[2], const struct span span[2])
{
    const struct graph_window *window = &node->pool.window;
    float result = node->op == GRAPH_MAX_POOL ? -INFINITY : 0;

    for (int64_t ky = span[0].first; ky < span[0].end; ky++)
        for (int64_t kx = span[1].first; kx < span[1].end; kx++) {
            int64_t row = span[0].begin + ky * (int64_t)window->dilation[0];
            int64_t column = span[1].begin + kx * (int64_t)window->dilation[1];
            float value = x[row * stride[0] + column * stride[1]];

            if (node->op == GRAPH_MAX_POOL)
                result = fmaxf(result, value);
            else if (node->op == GRAPH_LP_POOL)
                result += norm_term(node->pool.p, value);
            else
                result += value;
        }
    return result;
}

/* All channels at one position. */
static void pool_pixel(const struct kernel_call *call, size_t n, size_t y,
                       size_t x)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *in = &kernel_in(call, 0)->shape;
    size_t rows = node->nhwc ? 1 : 2, channels = node->nhwc ? 3 : 1;
    int64_t from[GRAPH_MAX_RANK], to[GRAPH_MAX_RANK], count = 1;
    struct span span[2];
    const float *image = call->inputs[0];
    float *out = call->out;

    kernel_strides(in, from);
    kernel_strides(&call->to->shape, to);
    for (int i = 0; i < 2; i++) {
        size_t length = in->dim[rows + (size_t)i];

        span[i] = span_of(&node->pool.window, i, i == 0 ? y : x, length);
        count *= num_counted(node, i, &span[i], length);
    }
    image += (int64_t)n * from[0];
    out +=
        (int64_t)n * to[0] + (int64_t)y * to[rows] + (int64_t)x * to[rows + 1];
    for (size_t c = 0; c < in->dim[channels]; c++) {
        float value = pool_at(node, image + (int64_t)c * from[channels],
                              &from[rows], span);

        if (node->op == GRAPH_LP_POOL)
            value = norm_root(node->pool.p, value);
        else if (node->op == GRAPH_AVERAGE_POOL)
            value /= (float)(count > 0 ? count : 1);
        out[(int64_t)c * to[channels]] = kernel_clamped(node, value);
    }
}

bool kernel_pool(const struct kernel_call *call)
{
    const struct graph_shape *out = &call->to->shape;
    size_t rows = call->node->nhwc ? 1 : 2;

    for (size_t n = 0; n < out->dim[0]; n++)
        for (size_t y = 0; y < out->dim[rows]; y++)
            for (size_t x = 0; x < out->dim[rows + 1]; x++)
                pool_pixel(call, n, y, x);
    return true;
}

/* ---- the gradient of the largest ---- */

enum { BLOCK = 64 };

/* Finds where the largest of a window are: offsets from x of up to BLOCK
 * channels, `step` elements apart. The first of several that are equal. Offsets
 * are as wide as floats (a value has fewer than 2^31 elements), so that both
 * are chosen by the same vectors. */
static inline void
find_largest(int32_t *restrict at, const struct graph_node *node,
             const float *restrict x, const struct span span[2],
             const int64_t stride[2], size_t count, size_t step)
{
    const size_t *dilation = node->pool.window.dilation;
    float best[BLOCK];

    for (size_t c = 0; c < count; c++) {
        best[c] = -INFINITY;
        at[c] = -1;
    }
    for (int64_t ky = span[0].first; ky < span[0].end; ky++)
        for (int64_t kx = span[1].first; kx < span[1].end; kx++) {
            int64_t row = span[0].begin + ky * (int64_t)dilation[0];
            int64_t column = span[1].begin + kx * (int64_t)dilation[1];
            int32_t offset = (int32_t)(row * stride[0] + column * stride[1]);
            const float *from = x + offset;

            for (size_t c = 0; c < count; c++) {
                float value = from[c * step];
                int32_t larger = -(value > best[c]); /* all bits, or none */

                at[c] = (offset & larger) | (at[c] & ~larger);
                best[c] = value > best[c] ? value : best[c];
            }
        }
}

/* Adds what all channels at one place of the output get to what the largest
 * in its window have. */
static void strew_pixel(const struct kernel_call *call, size_t n, size_t y,
                        size_t x)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *in = &kernel_in(call, 0)->shape;
    size_t rows = node->nhwc ? 1 : 2, axis = node->nhwc ? 3 : 1;
    int64_t from[GRAPH_MAX_RANK], to[GRAPH_MAX_RANK];
    int32_t at[BLOCK];
    const float *picture = call->inputs[0], *g = call->inputs[1];
    float *out = call->out;
    struct span span[2];

    kernel_strides(in, from);
    kernel_strides(&kernel_in(call, 1)->shape, to);
    for (int i = 0; i < 2; i++)
        span[i] = span_of(&node->pool.window, i, i == 0 ? y : x,
                          in->dim[rows + (size_t)i]);
    picture += (int64_t)n * from[0];
    out += (int64_t)n * from[0];
    g += (int64_t)n * to[0] + (int64_t)y * to[rows] + (int64_t)x * to[rows + 1];
    for (size_t c = 0; c < in->dim[axis]; c += BLOCK) {
        size_t count = in->dim[axis] - c < BLOCK ? in->dim[axis] - c : BLOCK;
        int64_t first = (int64_t)c * from[axis];

        if (from[axis] == 1)
            find_largest(at, node, picture + first, span, &from[rows], count,
                         1);
        else
            find_largest(at, node, picture + first, span, &from[rows], count,
                         (size_t)from[axis]);
        for (size_t i = 0; i < count; i++)
            if (at[i] >= 0)
                out[first + (int64_t)i * from[axis] + at[i]] +=
                    g[(int64_t)(c + i) * to[axis]];
    }
}

bool kernel_max_pool_gradient(const struct kernel_call *call)
{
    const struct graph_shape *g = &kernel_in(call, 1)->shape;
    size_t rows = call->node->nhwc ? 1 : 2;

    memset(call->out, 0, call->count * sizeof(float));
    for (size_t n = 0; n < g->dim[0]; n++)
        for (size_t y = 0; y < g->dim[rows]; y++)
            for (size_t x = 0; x < g->dim[rows + 1]; x++)
                strew_pixel(call, n, y, x);
    return true;
}
