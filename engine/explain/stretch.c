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

void stretch_normalize(struct stretch *stretch, size_t height, size_t width)
{
    double low = INFINITY, high = -INFINITY;

    stretch->low = 0;
    stretch->range = 1;
    for (size_t y = 0; y < height; y++) {
        struct stretch_tap down = stretch_tap(&stretch->down, y);

        for (size_t x = 0; x < width; x++) {
            struct stretch_tap across = stretch_tap(&stretch->across, x);
            double value = stretch_at(stretch, &down, &across);

            low = fmin(low, value);
            high = fmax(high, value);
        }
    }
    stretch->low = low;
    if (high > low)
        stretch->range = high - low;
}

void stretch_blend(float *changed, const struct probe_features *image,
                   const float *baseline, const struct stretch *mask)
{
    size_t channels = image->channels;

    for (size_t y = 0; y < image->height; y++) {
        struct stretch_tap down = stretch_tap(&mask->down, y);

        for (size_t x = 0; x < image->width; x++) {
            struct stretch_tap across = stretch_tap(&mask->across, x);
            float share = (float)stretch_at(mask, &down, &across);
            size_t pixel = (y * image->width + x) * channels;

            for (size_t c = 0; c < channels; c++)
                changed[pixel + c] =
                    baseline[c] +
                    share * (image->values[pixel + c] - baseline[c]);
        }
    }
}
