#ifndef ENGINE_RENDER_HEATMAP_H
#define ENGINE_RENDER_HEATMAP_H

/* A map made visible: upsampling and colour. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* X(enumerator, name a client writes) */
#define HEATMAP_COLORMAPS(X)      \
    X(HEATMAP_JET, "jet")         \
    X(HEATMAP_TURBO, "turbo")     \
    X(HEATMAP_VIRIDIS, "viridis") \
    X(HEATMAP_INFERNO, "inferno") \
    X(HEATMAP_GRAY, "gray")

enum heatmap_colormap {
#define X(colormap, name) colormap,
    HEATMAP_COLORMAPS(X)
#undef X
        HEATMAP_NUM_COLORMAPS
};

/* The part of the output that the map covers, in output pixels; may reach
 * beyond it. The same meaning as struct preprocess_region. */
struct heatmap_region {
    double x, y, width, height;
};

/* Scratch memory, reused from call to call; `= {0}` is empty. One thread at a
 * time. */
struct heatmap_scratch {
    struct heatmap_tap *taps;  /* (out_width) owned */
    float *rows;               /* (2, out_width) owned */
    size_t taps_cap, rows_cap; /* bytes allocated */
};

/* Upsamples a map to a picture, bilinear between cell centres and constant
 * beyond the outermost centres; pixels whose centres lie outside the region are
 * 0. A region that is empty or NaN covers none.
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

/* Levels 0..255 of an upsampled map: negatives are 0, `max` is 255; all 0
 * where max is not positive. NaN is 0.
 *
 * levels  out  (count)
 * map     in   (count) */
void heatmap_levels(uint8_t *restrict levels, const float *restrict map,
                    size_t count, float max);

/* The colours of a colormap: (256, 3) RGB, immutable. Any thread. */
const uint8_t *heatmap_palette(enum heatmap_colormap colormap);

/* Blends colours over a picture: out = (1 - alpha) picture + alpha colour.
 * alpha is rounded to 256ths first; the result is the nearest level then, and
 * within one of the formula's for any alpha.
 *
 * out      out  (count, 3) RGB; may be the picture itself
 * picture  in   (count, 3) RGB
 * levels   in   (count)
 * palette  in   (256, 3) RGB
 * alpha    0..1; what lies outside is clamped, NaN is 0 */
void heatmap_overlay(uint8_t *out, const uint8_t *picture,
                     const uint8_t *levels, const uint8_t *palette,
                     size_t count, float alpha);

#endif
