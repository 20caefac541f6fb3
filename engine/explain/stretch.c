#include "engine/explain/stretch.h"

#include <math.h>

struct stretch_axis stretch_edges(size_t num_cells, size_t num_pixels)
{
    double step = (double)num_cells / (double)num_pixels;

    return (struct stretch_axis){num_cells, step / 2 - 0.5, step};
}

struct stretch_axis stretch_centres(size_t num_cells, size_t num_pixels)
{
    double step =
        num_pixels > 1 ? (double)(num_cells - 1) / (double)(num_pixels - 1) : 0;

    return (struct stretch_axis){num_cells, 0, step};
}

/* The pixel behind the last one, at most `end`, between the same cells as pixel
 * x. */
static size_t end_of_cell(const struct stretch_axis *axis, size_t x, size_t end)
{
    double at = axis->first + (double)x * axis->step;
    double bound = at < 0 ? 0 : floor(at) + 1, pixel;

    if (axis->step <= 0 || at >= (double)(axis->num_cells - 1))
        return end;
    pixel = ceil((bound - axis->first) / axis->step);
    return pixel >= (double)end      ? end
           : pixel > (double)(x + 1) ? (size_t)pixel
                                     : x + 1;
}

/* Between two cells, values are on a line. */
void stretch_row(float *restrict row, const struct stretch *stretch, size_t y,
                 size_t first, size_t count)
{
    struct stretch_tap down = stretch_tap(&stretch->down, y);
    const struct stretch_axis *axis = &stretch->across;
    size_t end = first + count, next;

    for (size_t x = first; x < end; x = next) {
        struct stretch_tap across = stretch_tap(axis, x);
        double at = axis->first + (double)x * axis->step, slope = 0;
        double value = stretch_at(stretch, &down, &across);

        next = end_of_cell(axis, x, end);
        if (at >= 0 && across.b > across.a) {
            across.share = 1;
            slope = stretch_at(stretch, &down, &across);
            across.share = 0;
            slope = (slope - stretch_at(stretch, &down, &across)) * axis->step;
        }
        for (size_t i = x; i < next; i++)
            row[i - first] = (float)(value + slope * (double)(i - x));
    }
}

void stretch_normalize(struct stretch *stretch, size_t height, size_t width)
{
    float row[STRETCH_PIXELS], low = INFINITY, high = -INFINITY;

    stretch->low = 0;
    stretch->range = 1;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x += STRETCH_PIXELS) {
            size_t num =
                width - x < STRETCH_PIXELS ? width - x : STRETCH_PIXELS;

            stretch_row(row, stretch, y, x, num);
            for (size_t i = 0; i < num; i++) {
                low = row[i] < low ? row[i] : low;
                high = row[i] > high ? row[i] : high;
            }
        }
    stretch->low = (double)low;
    if (high > low)
        stretch->range = (double)high - (double)low;
}

/* Of pixels of three channels, which nearly all images have. */
static void blend_colours(float *restrict changed, const float *restrict image,
                          const float *baseline, const float *restrict shares,
                          size_t count)
{
    const float r = baseline[0], g = baseline[1], b = baseline[2];

    for (size_t i = 0; i < count; i++) {
        changed[3 * i] = r + shares[i] * (image[3 * i] - r);
        changed[3 * i + 1] = g + shares[i] * (image[3 * i + 1] - g);
        changed[3 * i + 2] = b + shares[i] * (image[3 * i + 2] - b);
    }
}

static void blend(float *changed, const float *image, const float *baseline,
                  const float *shares, size_t count, size_t channels)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < channels; c++)
            changed[i * channels + c] =
                baseline[c] +
                shares[i] * (image[i * channels + c] - baseline[c]);
}

void stretch_blend(float *changed, const struct probe_features *image,
                   const float *baseline, const struct stretch *mask)
{
    size_t channels = image->channels, width = image->width;
    float row[STRETCH_PIXELS];

    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < width; x += STRETCH_PIXELS) {
            size_t num =
                width - x < STRETCH_PIXELS ? width - x : STRETCH_PIXELS;
            size_t at = (y * width + x) * channels;

            stretch_row(row, mask, y, x, num);
            if (channels == 3)
                blend_colours(changed + at, image->values + at, baseline, row,
                              num);
            else
                blend(changed + at, image->values + at, baseline, row, num,
                      channels);
        }
}
