#ifndef ENGINE_IMAGE_RESIZE_H
#define ENGINE_IMAGE_RESIZE_H

/* Antialiased resampling of RGB pictures, equal to that of Pillow's
 * Image.resize, level for level: networks are trained on pictures resized like
 * that, and are sensitive to it.
 *
 * Each output row is a weighted sum of input rows, each pixel of those a
 * weighted sum of input pixels. For BICUBIC the weights are Keys' cubic (1981),
 * a = -0.5,
 *
 *     w(x) = 1.5 |x|^3 - 2.5 |x|^2 + 1           for |x| < 1
 *            -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2  for 1 <= |x| < 2
 *
 * and for BILINEAR w(x) = 1 - |x| for |x| < 1,
 *
 * widened by the factor of reduction where there is one, normalised to a sum
 * of 1 over the pixels that exist, and rounded to multiples of 2^-22. Between
 * the two axes the samples are rounded to 8 bits, so that their order matters
 * by some levels: across comes first, but for pictures that lose more than
 * twice as many rows as columns, which is Pillow's rule since version 13.
 * NEAREST takes the one input pixel that the output pixel's centre lies in. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/image/resize_axis.h"

/* A part of the picture that resizing a whole one gives, as if cut out of it
 * afterwards; the rest is not computed. */
struct resize_part {
    enum resize_filter filter;
    size_t full_width, full_height; /* of the whole result */
    size_t left, top;               /* where the part begins in it */
    uint32_t width, height;         /* of the part, which lies within it */
    unsigned orientation;           /* EXIF's, of the input (turn.h), which is
                                       turned upright first; 0: it is upright */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. Weights are
 * computed anew only where sizes change. One thread at a time. */
struct resize {
    struct resize_axis across, down;
    uint8_t *columns; /* (in_width, 3, 8) a band of 8 rows, turned; owned */
    uint8_t *resized; /* (out_width, 3, 8) the same, resized; owned */
    uint8_t *band;    /* (9, row) a band of rows, and a finished one; owned */
    int32_t *sums;    /* (num_live, row) unfinished rows; owned */
    uint8_t *between; /* the picture between the axes, or NULL; owned */
    uint8_t *lying;   /* the result, to be turned, or NULL; owned */
    /* Bytes allocated. */
    size_t columns_cap, resized_cap, band_cap, sums_cap, between_cap, lying_cap;
    bool is_plain; /* use no instructions beyond the compiler's default; the
                      levels are the same, and a test compares them */
};

/* Resizes a picture with BICUBIC. The pictures must not overlap.
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

/* Writes a part of the resized picture: upright, and the same to the last level
 * as if the input had been turned before.
 *
 * out  out  (part->height, part->width, 3)
 * in   in   (in_height, in_width, 3), of part->orientation
 *
 * All sides are at least 1. ERROR_MEMORY. */
bool resize_rgb_part(struct resize *resize, uint8_t *restrict out,
                     const struct resize_part *part, const uint8_t *restrict in,
                     uint32_t in_width, uint32_t in_height, struct error *err)
    __attribute__((warn_unused_result));

/* Gives the scratch memory back. */
void resize_release(struct resize *resize);

#endif
