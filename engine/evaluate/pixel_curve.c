#include "engine/evaluate/pixel_curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RADIUS = PIXEL_CURVE_RADIUS, TAPS = 2 * RADIUS + 1 };

/* ---- the order ---- */

/* Whether pixel a comes before b; NaN is less than all numbers. */
static bool is_before(const float *map, uint32_t a, uint32_t b)
{
    float x = map[a], y = map[b];

    if (isnan(x) || isnan(y))
        return isnan(x) == isnan(y) ? a < b : isnan(y) != 0;
    return x == y ? a < b : x > y;
}

static int compare(const void *a, const void *b, void *map)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (x == y)
        return 0;
    return is_before(map, x, y) ? -1 : 1;
}

void pixel_curve_order(uint32_t *order, const float *map, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, count, sizeof *order, compare, (void *)(uintptr_t)map);
}

/* ---- the blurred image ---- */

static void set_weights(float weights[TAPS])
{
    double sum = 0, exact[TAPS];

    for (int t = 0; t < TAPS; t++) {
        double distance = (double)(t - RADIUS) / PIXEL_CURVE_DEVIATION;

        exact[t] = exp(-distance * distance / 2);
        sum += exact[t];
    }
    for (int t = 0; t < TAPS; t++)
        weights[t] = (float)(exact[t] / sum);
}

/* Blurs `count` samples that are `step` apart. */
static void blur_line(float *out, const float *in, size_t count, size_t step,
                      const float weights[TAPS])
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0;

        for (size_t t = 0; t < TAPS; t++) {
            size_t at = i + t < RADIUS ? 0 : i + t - RADIUS;

            sum += weights[t] * in[(at < count ? at : count - 1) * step];
        }
        out[i * step] = sum;
    }
}

void pixel_curve_blur(float *out, float *scratch, const float *image,
                      const struct pixel_curve_size *size)
{
    size_t row = size->width * size->channels;
    float weights[TAPS];

    set_weights(weights);
    for (size_t y = 0; y < size->height; y++)
        for (size_t c = 0; c < size->channels; c++)
            blur_line(scratch + y * row + c, image + y * row + c, size->width,
                      size->channels, weights);
    for (size_t i = 0; i < row; i++)
        blur_line(out + i, scratch + i, size->height, row, weights);
}

/* ---- the curve ---- */

static size_t pixels_after(size_t step, size_t steps, size_t count)
{
    return (step * count + steps / 2) / steps;
}

bool pixel_curve_area(double *area, const struct pixel_curve *curve,
                      struct error *err)
{
    const struct pixel_curve_size *size = &curve->size;
    size_t count = size->height * size->width, done = 0;
    double sum = (curve->first + curve->last) / 2;

    memcpy(curve->input, curve->from, count * size->channels * sizeof(float));
    for (size_t step = 1; step < curve->steps; step++) {
        double score;

        for (; done < pixels_after(step, curve->steps, count); done++) {
            size_t at = curve->order[done] * size->channels;

            memcpy(curve->input + at, curve->to + at,
                   size->channels * sizeof(float));
        }
        if (!curve->score(curve->user, &score, err))
            return false;
        sum += score;
    }
    *area = sum / (double)curve->steps;
    return true;
}
