#ifndef ENGINE_EXPLAIN_STRETCH_H
#define ENGINE_EXPLAIN_STRETCH_H

/* Cells that are stretched to the size of the image: bilinear between cells,
 * constant beyond the outermost ones. Any thread. */

#include <stddef.h>

#include "engine/explain/probe.h"

/* Where the pixels of one side are among the cells: pixel i is at
 * first + i step, where cell k is at k. */
struct stretch_axis {
    size_t num_cells;
    double first, step;
};

/* The image's edges are on those of the outermost cells. */
struct stretch_axis stretch_edges(size_t num_cells, size_t num_pixels);

/* The centres of the outermost pixels are on those of the outermost cells. */
struct stretch_axis stretch_centres(size_t num_cells, size_t num_pixels);

/* A cell's value v counts as (v - low) / range. */
struct stretch {
    const float *cells; /* of (down, across, channels), from the channel that is
                           meant on; borrowed */
    size_t channels;
    struct stretch_axis down, across;
    double low, range;
};

/* The two cells around a pixel, and the share of the second. */
struct stretch_tap {
    size_t a, b;
    double share;
};

static inline struct stretch_tap stretch_tap(const struct stretch_axis *axis,
                                             size_t pixel)
{
    double at = axis->first + (double)pixel * axis->step;
    double last = (double)(axis->num_cells - 1);
    size_t a;

    at = at < 0 ? 0 : at > last ? last : at;
    a = (size_t)at;
    return (struct stretch_tap){a, a + (a + 1 < axis->num_cells),
                                at - (double)a};
}

/* The value at a pixel whose taps are given. */
static inline double stretch_at(const struct stretch *stretch,
                                const struct stretch_tap *down,
                                const struct stretch_tap *across)
{
    const size_t row = stretch->across.num_cells;
    const float *cells = stretch->cells;
    const size_t k = stretch->channels;
    double aa = (double)cells[(down->a * row + across->a) * k];
    double ab = (double)cells[(down->a * row + across->b) * k];
    double ba = (double)cells[(down->b * row + across->a) * k];
    double bb = (double)cells[(down->b * row + across->b) * k];
    double above = aa + across->share * (ab - aa);
    double below = ba + across->share * (bb - ba);

    return (above + down->share * (below - above) - stretch->low) /
           stretch->range;
}

/* Writes the values at `count` pixels of row y, from pixel `first` on.
 *
 * row  out  (count) */
void stretch_row(float *restrict row, const struct stretch *stretch, size_t y,
                 size_t first, size_t count);

enum { STRETCH_PIXELS = 256 }; /* for callers that go by parts of rows */

/* Sets low and range so that the least value at (height, width) pixels counts
 * as 0 and the largest as 1; all as 0 if they are the same. */
void stretch_normalize(struct stretch *stretch, size_t height, size_t width);

/* Writes the image as it is where the stretched cells are 1, the baseline where
 * they are 0, and their blend in between.
 *
 * changed   out  (height, width, channels) of the image; may be the image
 * baseline  in   (channels) */
void stretch_blend(float *changed, const struct probe_features *image,
                   const float *baseline, const struct stretch *mask);

#endif
