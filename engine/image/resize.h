#ifndef ENGINE_IMAGE_RESIZE_H
#define ENGINE_IMAGE_RESIZE_H

/* Antialiased resampling of RGB images, with exactly the levels of Pillow's
 * Image.resize: networks are trained on images resized by it and are sensitive
 * to differences.
 *
 * Each output row is a weighted sum of input rows, and each pixel of those is a
 * weighted sum of input pixels. For BICUBIC the weights are Keys' cubic (1981),
 * a = -0.5,
 *
 *     w(x) = 1.5 |x|^3 - 2.5 |x|^2 + 1           for |x| < 1
 *            -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2  for 1 <= |x| < 2
 *
 * and for BILINEAR w(x) = 1 - |x| for |x| < 1,
 *
 * widened by the reduction factor if the image is reduced, normalised to a sum
 * of 1 over the existing pixels, and rounded to multiples of 2^-22. Samples are
 * rounded to 8 bits between the two axes, so the order of the axes affects some
 * levels. The horizontal axis comes first, unless the image loses more than
 * twice as many rows as columns; this is Pillow's rule since version 13.
 * NEAREST uses the one input pixel that contains the output pixel's centre. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/image/resize_filter.h"

/* A part of a resized image, equal to that part cut out of the whole result;
 * the rest is not computed. */
struct resize_part {
    enum resize_filter filter;
    size_t full_width, full_height; /* of the whole result */
    size_t left, top; /* where the part begins in the whole result */
    uint32_t width,
        height;           /* of the part, which lies within the whole result */
    unsigned orientation; /* EXIF orientation of the input (turn.h), which is
                             first turned upright; 0: it is upright */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. Weights are only
 * recomputed when sizes change. One thread at a time. */
struct resize {
    struct resize_axis across, down;
    uint8_t *columns; /* (in_width, 3, 8) a band of 8 rows, turned; owned */
    uint8_t *resized; /* (out_width, 3, 8) the same band, resized; owned */
    uint8_t *band;    /* (9, row) a band of rows and a finished row; owned */
    int32_t *sums;    /* (num_live, row) unfinished rows; owned */
    uint8_t *between; /* the image between the two axes, or NULL; owned */
    uint8_t *lying;   /* the result before it is turned, or NULL; owned */
    /* Bytes allocated. */
    size_t columns_cap, resized_cap, band_cap, sums_cap, between_cap, lying_cap;
    bool is_plain; /* use only the compiler's default instructions; a test
                      checks that the levels are the same */
};

/* Resizes an image with BICUBIC. The two images must not overlap.
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

/* Writes a part of the resized image, upright; the levels are the same as if
 * the input had first been turned.
 *
 * out  out  (part->height, part->width, 3)
 * in   in   (in_height, in_width, 3), of part->orientation
 *
 * All sides are at least 1. ERROR_MEMORY. */
bool resize_rgb_part(struct resize *resize, uint8_t *restrict out,
                     const struct resize_part *part, const uint8_t *restrict in,
                     uint32_t in_width, uint32_t in_height, struct error *err)
    __attribute__((warn_unused_result));

/* Frees the scratch memory. */
void resize_release(struct resize *resize);

#endif
