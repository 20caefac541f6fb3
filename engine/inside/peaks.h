#ifndef ENGINE_INSIDE_PEAKS_H
#define ENGINE_INSIDE_PEAKS_H

/* The largest cell of each channel of a layer. `= {0}` is empty. One thread at
 * a time. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct peak {
    float value;   /* the largest; NaN if no cell is a number */
    float mean;    /* over all cells */
    uint32_t x, y; /* where it is, in cells: the first one, row by row */
};

struct peaks {
    struct peak *list;         /* (count) owned */
    size_t count;              /* channels */
    double *sums;              /* (count) scratch; owned */
    size_t list_cap, sums_cap; /* bytes */
};

/* Finds the peaks, reusing the memory of an earlier call. ERROR_MEMORY.
 *
 * features  (height, width, channels) */
bool peaks_find(struct peaks *peaks, const float *features, size_t height,
                size_t width, size_t channels, struct error *err)
    __attribute__((warn_unused_result));

void peaks_release(struct peaks *peaks);

#endif
