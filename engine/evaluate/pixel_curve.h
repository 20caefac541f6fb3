#ifndef ENGINE_EVALUATE_PIXEL_CURVE_H
#define ENGINE_EVALUATE_PIXEL_CURVE_H

/* Deletion and insertion (Petsiuk et al., RISE, 2018, section 4.2): how the
 * score of a class changes while an image's pixels, those with the largest
 * values of a map first, are replaced. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* The blurred image that insertion begins with: a Gaussian of this deviation,
 * cut off at this distance, in pixels of the input. */
enum { PIXEL_CURVE_DEVIATION = 5, PIXEL_CURVE_RADIUS = 5 };

/* An image as the network takes it. */
struct pixel_curve_size {
    size_t height, width, channels;
};

/* Sorts the map's pixels by their values, the largest first, and of equal ones
 * the first in reading order; NaN comes last.
 *
 * order  out  (count)
 * map    in   (count) */
void pixel_curve_order(uint32_t *order, const float *map, size_t count);

/* Blurs an image; pixels at the border are repeated beyond it, and weights add
 * up to 1.
 *
 * out      out  (height, width, channels)
 * image    in   likewise
 * scratch       likewise */
void pixel_curve_blur(float *out, float *scratch, const float *image,
                      const struct pixel_curve_size *size);

/* What changes, and how far. */
struct pixel_curve {
    struct pixel_curve_size size;
    const float *from, *to; /* (height, width, channels) */
    const uint32_t *order;  /* (height * width) the pixels in their order */
    size_t steps;           /* at least 1 */
    double first, last;     /* the class's scores of `from` and of `to` */
    float *input;           /* (height, width, channels) scratch, may be the
                               network's own */
    /* Computes the score of the class for `input`. */
    bool (*score)(void *user, double *score, struct error *err);
    void *user;
};

/* The area under the curve of steps + 1 scores, by the trapezoid rule, with the
 * length of the axis as 1. After step i, round(i / steps of the pixels) are
 * replaced. Fails like `score`, which is called steps - 1 times. */
bool pixel_curve_area(double *area, const struct pixel_curve *curve,
                      struct error *err) __attribute__((warn_unused_result));

#endif
