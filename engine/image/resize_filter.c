#include "engine/image/resize_filter.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/scratch.h"

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2)
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* The radius of a filter, in input pixels when enlarging. */
static double support_of(enum resize_filter filter)
{
    return filter == RESIZE_BICUBIC ? 2 : 1;
}

/* The unnormalised weight of input pixel i in an output pixel. `center` is the
 * output pixel's centre in the input, where pixel i covers i .. i + 1. */
static double unnormalised_weight(enum resize_filter filter, double center,
                                  double scale, uint32_t i)
{
    double x = (i + 0.5 - center) / scale;

    return filter == RESIZE_BICUBIC ? cubic(x) : triangle(x);
}

/* Computes the weights of one output pixel. */
static void find_weights(struct resize_span *span, int32_t *weights,
                         enum resize_filter filter, double center, double scale,
                         uint32_t in)
{
    const double support = support_of(filter) * scale;
    const double low = center - support + 0.5;
    const double high = center + support + 0.5;
    const uint32_t first = low > 0 ? (uint32_t)low : 0;
    const uint32_t end = high < in ? (uint32_t)high : in;
    double sum = 0;

    for (uint32_t i = first; i < end; i++)
        sum += unnormalised_weight(filter, center, scale, i);
    for (uint32_t i = first; i < end; i++)
        weights[i - first] =
            (int32_t)round(unnormalised_weight(filter, center, scale, i) / sum *
                           (1 << RESIZE_WEIGHT_BITS));
    *span = (struct resize_span){.first = first, .count = end - first};
}

/* Selects one input pixel for each output pixel. The centres are accumulated as
 * in Pillow, because rounding decides when a centre lies on the edge between
 * two pixels. */
static void find_nearest(struct resize_axis *axis, double ratio)
{
    double center = 0.5 * ratio;

    for (size_t o = 0; o < axis->start; o++)
        center += ratio;
    for (uint32_t o = 0; o < axis->out; o++, center += ratio) {
        uint32_t at = center < axis->in ? (uint32_t)center : axis->in - 1;

        axis->spans[o] = (struct resize_span){.first = at, .count = 1};
        axis->weights[o * axis->num_taps] = 1 << RESIZE_WEIGHT_BITS;
    }
}

/* Reverses the weights, for a mirrored input. */
static void mirror(struct resize_axis *axis)
{
    for (uint32_t o = 0; o < axis->out; o++) {
        struct resize_span *span = &axis->spans[o];
        int32_t *weights = axis->weights + o * axis->num_taps;

        span->first = axis->in - span->first - span->count;
        for (uint32_t i = 0; i < span->count / 2; i++) {
            const int32_t weight = weights[i];

            weights[i] = weights[span->count - 1 - i];
            weights[span->count - 1 - i] = weight;
        }
    }
    for (uint32_t o = 0; o < axis->out / 2; o++) {
        const uint32_t other = axis->out - 1 - o;
        const struct resize_span span = axis->spans[o];
        int32_t *a = axis->weights + o * axis->num_taps;
        int32_t *b = axis->weights + other * axis->num_taps;

        axis->spans[o] = axis->spans[other];
        axis->spans[other] = span;
        for (size_t i = 0; i < axis->num_taps; i++) {
            const int32_t weight = a[i];

            a[i] = b[i];
            b[i] = weight;
        }
    }
}

/* The maximum of unfinished output pixels at a time, if whole bands of input
 * pixels are added at once. */
static size_t count_live(const struct resize_axis *axis)
{
    size_t num_live = 0;
    uint32_t begun = 0;

    for (uint32_t o = 0; o < axis->out; o++) {
        const size_t end = (size_t)axis->spans[o].first + axis->spans[o].count;
        const size_t bottom =
            (end + RESIZE_BAND - 1) / RESIZE_BAND * RESIZE_BAND;

        while (begun < axis->out && axis->spans[begun].first < bottom)
            begun++;
        if (begun - o > num_live)
            num_live = begun - o;
    }
    return num_live;
}

bool resize_filter_prepare(struct resize_axis *axis, enum resize_filter filter,
                           uint32_t in, size_t full, size_t start, uint32_t out,
                           bool mirrored, struct error *err)
{
    const double ratio = (double)in / (double)full;
    const double scale = ratio > 1 ? ratio : 1; /* of the filter */
    const size_t num_taps =
        filter == RESIZE_NEAREST
            ? 1
            : (size_t)ceil(support_of(filter) * scale) * 2 + 1;

    if (axis->in == in && axis->out == out && axis->full == full &&
        axis->start == start && axis->filter == filter &&
        axis->mirrored == mirrored)
        return true;
    axis->in = axis->out = 0;
    axis->spans = scratch_reserve(axis->spans, &axis->spans_cap, out,
                                  sizeof *axis->spans, err);
    axis->weights = scratch_reserve(axis->weights, &axis->weights_cap, out,
                                    num_taps * sizeof *axis->weights, err);
    if (!axis->spans || !axis->weights)
        return false;
    axis->in = in;
    axis->out = out;
    axis->full = full;
    axis->start = start;
    axis->filter = filter;
    axis->mirrored = mirrored;
    axis->num_taps = num_taps;
    if (filter == RESIZE_NEAREST)
        find_nearest(axis, ratio);
    else
        for (uint32_t o = 0; o < out; o++)
            find_weights(&axis->spans[o], axis->weights + o * num_taps, filter,
                         ((double)(start + o) + 0.5) * ratio, scale, in);
    if (mirrored)
        mirror(axis);
    axis->num_live = count_live(axis);
    return true;
}

void resize_filter_release(struct resize_axis *axis)
{
    free(axis->spans);
    free(axis->weights);
    *axis = (struct resize_axis){0};
}
