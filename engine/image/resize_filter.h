#ifndef ENGINE_IMAGE_RESIZE_FILTER_H
#define ENGINE_IMAGE_RESIZE_FILTER_H

/* The weights along one axis of a resized image: the input pixels of each
 * output pixel, and their weights (resize.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum {
    RESIZE_BAND = 8,         /* rows at a time; fixed by orient_block */
    RESIZE_WEIGHT_BITS = 22, /* 2^8 levels x 2^22 x a sum of weights below 2 */
};

/* X(enumerator, name in model.json) */
#define RESIZE_FILTERS(X)          \
    X(RESIZE_BICUBIC, "bicubic")   \
    X(RESIZE_BILINEAR, "bilinear") \
    X(RESIZE_NEAREST, "nearest")

enum resize_filter {
#define X(filter, name) filter,
    RESIZE_FILTERS(X)
#undef X
};

/* The input pixels of one output pixel. */
struct resize_span {
    uint32_t first, count;
};

/* The weights for one axis. */
struct resize_axis {
    uint32_t in, out;   /* pixels; 0 if there are no weights yet */
    size_t full, start; /* `out` of `full` output pixels, from `start` on */
    enum resize_filter filter; /* of the weights */
    bool mirrored;             /* the last output pixel comes first */
    size_t num_taps;           /* space for one output pixel's weights */
    size_t num_live; /* maximum of unfinished output pixels at a time */
    struct resize_span *spans; /* (out) owned */
    int32_t *weights;          /* (out, num_taps), multiples of 2^-22; owned */
    size_t spans_cap, weights_cap; /* bytes allocated */
};

/* Computes the weights for `out` of `full` output pixels, from `start` on.
 * `start` counts in the upright image; a mirrored input begins with the end of
 * that. Does nothing if the axis already has these weights. ERROR_MEMORY. */
bool resize_filter_prepare(struct resize_axis *axis, enum resize_filter filter,
                           uint32_t in, size_t full, size_t start, uint32_t out,
                           bool mirrored, struct error *err)
    __attribute__((warn_unused_result));

void resize_filter_release(struct resize_axis *axis);

#endif
