#ifndef ENGINE_RESIZE_H
#define ENGINE_RESIZE_H

/* Antialiased bicubic resampling of RGB pictures, equal to that of Pillow's
 * Image.resize(size, BICUBIC), level for level: networks are trained on
 * pictures resized like that, and are sensitive to it.
 *
 * Each output row is a weighted sum of input rows, each pixel of those a
 * weighted sum of input pixels; first across, rounded to 8 bits, then down.
 * The weights are Keys' cubic (1981) with a = -0.5,
 *
 *     w(x) = 1.5 |x|^3 - 2.5 |x|^2 + 1           for |x| < 1
 *            -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2  for 1 <= |x| < 2
 *
 * widened by the factor of reduction where there is one, normalised to a sum
 * of 1 over the pixels that exist, and rounded to multiples of 2^-22. */

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* The weights for one axis. */
struct resize_axis {
    uint32_t in, out;   /* pixels; 0 where there are no weights yet */
    size_t num_taps;    /* room for one output pixel's weights */
    uint32_t *firsts;   /* (out) first input pixel of each; owned */
    uint32_t *counts;   /* (out) input pixels of each; owned */
    int32_t *weights;   /* (out, num_taps) in multiples of 2^-22; owned */
    size_t outputs_cap; /* elements allocated of firsts and counts */
    size_t weights_cap; /* elements allocated of weights */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. Weights are
 * computed anew only where sizes change. One thread at a time. */
struct resize {
    struct resize_axis across, down;
    uint8_t *columns; /* a band of input rows, turned; owned */
    uint8_t *band;    /* the band resized across; owned */
    int32_t *sums;    /* (out_height, row) of unfinished output rows; owned */
    size_t columns_cap, band_cap, sums_cap; /* elements allocated */
};

/* Resizes a picture. The pictures must not overlap.
 *
 * out  out  (out_height, out_width, 3)
 * in   in   (in_height, in_width, 3)
 *
 * All sides are at least 1. ERROR_MEMORY. */
bool resize_rgb(struct resize *resize, uint8_t *restrict out,
                uint32_t out_width, uint32_t out_height,
                const uint8_t *restrict in, uint32_t in_width,
                uint32_t in_height, struct error *err)
    __attribute__((warn_unused_result));

/* Gives the scratch memory back. */
void resize_release(struct resize *resize);

#endif
