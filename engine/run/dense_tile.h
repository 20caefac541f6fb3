#ifndef ENGINE_RUN_DENSE_TILE_H
#define ENGINE_RUN_DENSE_TILE_H

/* The inner loop of dense.c. Private to dense*.c. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/run/dense.h"

enum {
    DENSE_PIXELS = 6, /* in a tile: 12 sums leave 4 of 16 registers */
    DENSE_LANES = 16, /* output channels of a panel of weights */
};

/* One tile: up to DENSE_LANES output channels of DENSE_PIXELS pixels. */
struct dense_tile {
    /* (num_runs, DENSE_PIXELS) where each pixel's inputs begin: `length` of
     * them, one after another, for each run; and for each run the weights for
     * them, (length, lanes), in a panel. */
    const float *const *inputs;
    const size_t *weights_at; /* (num_runs) offsets, in inputs */
    size_t num_runs, length;

    const float *panel; /* the weights */
    const float *bias;  /* (lanes) */
    float min, max;
    const struct dense_rest *rest;

    float *out;           /* the output's elements */
    const size_t *pixels; /* (DENSE_PIXELS) offsets of the pixels' channels */
    size_t channel;       /* the first one */
    size_t num_lanes;     /* at most DENSE_LANES */
};

/* A panel of up to 8 lanes has 8 in memory, and one of more has 16. */
static inline size_t dense_tile_lanes(size_t num_lanes)
{
    return num_lanes > DENSE_LANES / 2 ? DENSE_LANES : DENSE_LANES / 2;
}

/* Whether there is a kernel for this processor, and it should be used. */
bool dense_tile_supported(void);

void dense_tile_run(const struct dense_tile *tile);

#endif
