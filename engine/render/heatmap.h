#ifndef ENGINE_RENDER_HEATMAP_H
#define ENGINE_RENDER_HEATMAP_H

/* Upsamples and colours a map. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* X(enumerator, name in requests) */
#define HEATMAP_COLORMAPS(X)      \
    X(HEATMAP_AUTO, "auto")       \
    X(HEATMAP_JET, "jet")         \
    X(HEATMAP_TURBO, "turbo")     \
    X(HEATMAP_VIRIDIS, "viridis") \
    X(HEATMAP_INFERNO, "inferno") \
    X(HEATMAP_GRAY, "gray")       \
    X(HEATMAP_SIGNED, "signed")

/* HEATMAP_AUTO is jet here; who draws a map of both signs chooses
 * HEATMAP_SIGNED, whose middle is 0. */
enum heatmap_colormap {
#define X(colormap, name) colormap,
    HEATMAP_COLORMAPS(X)
#undef X
        HEATMAP_NUM_COLORMAPS
};

/* The part of the output that the map covers, in output pixels; may reach
 * beyond it. Means the same as struct preprocess_region. */
struct heatmap_region {
    double x, y, width, height;
};

/* Scratch memory, reused from call to call; `= {0}` is empty. One thread at a
 * time. */
struct heatmap_scratch {
    struct heatmap_tap *taps;  /* (out_width) owned; of these columns: */
    double x, width;           /* of the region */
    size_t out_width, cells;   /* 0: none yet */
    float *rows;               /* (2, out_width) owned */
    size_t taps_cap, rows_cap; /* bytes allocated */
};

/* Upsamples a map to the size of an image: bilinear between cell centres,
 * constant beyond the outermost centres. Pixels with centres outside the region
 * are 0. A region that is empty or NaN contains no pixels.
 *
 * out  out  (out_height, out_width)
 * map  in   (height, width)
 *
 * ERROR_MEMORY. */
bool heatmap_upsample(float *restrict out, size_t out_height, size_t out_width,
                      const float *restrict map, size_t height, size_t width,
                      const struct heatmap_region *region,
                      struct heatmap_scratch *scratch, struct error *err)
    __attribute__((warn_unused_result));

void heatmap_scratch_release(struct heatmap_scratch *scratch);

/* Converts an upsampled map to levels 0..255: negative values and NaN become 0,
 * and `max` becomes 255. If max is not positive, all levels are 0.
 *
 * levels  out  (count)
 * map     in   (count) */
void heatmap_levels(uint8_t *restrict levels, const float *restrict map,
                    size_t count, float max);

/* The same for a map of both signs: 0 and NaN become 128, `scale` 255, and
 * -scale 1. If scale is not positive, all levels are 128. */
void heatmap_levels_signed(uint8_t *restrict levels, const float *restrict map,
                           size_t count, float scale);

/* The colours of a colormap: (256, 3) RGB, immutable. Any thread. */
const uint8_t *heatmap_palette(enum heatmap_colormap colormap);

/* Blends colours over an image: out = (1 - alpha) image + alpha colour. alpha
 * is first rounded to a multiple of 1/256; the result is then the nearest
 * level, and differs from the formula by at most one level for any alpha.
 *
 * out      out  (count, 3) RGB; may be the image itself
 * picture  in   (count, 3) RGB
 * levels   in   (count)
 * palette  in   (256, 3) RGB
 * alpha    0..1; other values are clamped, NaN counts as 0 */
void heatmap_overlay(uint8_t *out, const uint8_t *picture,
                     const uint8_t *levels, const uint8_t *palette,
                     size_t count, float alpha);

#endif
