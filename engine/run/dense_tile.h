#ifndef ENGINE_RUN_DENSE_TILE_H
#define ENGINE_RUN_DENSE_TILE_H

/* The inner loop of dense.c: a tile of some output channels of some pixels,
 * whose sums stay in registers from the first input to the last. The bias is
 * added last: sums that begin with it are rounded to its size at each step, and
 * behind a folded BatchNorm it is often larger than they are. In
 * EfficientNet-Lite0 that halves what floats are off. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/run/dense.h"

enum { DENSE_MAX_PIXELS = 14, DENSE_MAX_LANES = 32 }; /* of any kernel */

/* The channels of a narrow group, of which a vector has two. */
enum { DENSE_QUAD = 4 };

/* One tile. `pixels` and `lanes` are the kernel's. */
struct dense_tile {
    /* (num_runs, pixels) where each pixel's inputs begin: `length` of them, one
     * after another, for each run; and for each run the weights for them,
     * (length, lanes), in a panel. Of pixels beyond num_pixels, the inputs are
     * readable, and the results may be computed, but are those of the last. */
    const float *const *inputs;
    const size_t *weights_at; /* (num_runs) offsets, in inputs */
    size_t num_runs, length;
    size_t first; /* of each run, where its inputs begin behind `inputs` */

    const float *panel; /* the weights */
    const float *bias;  /* (lanes) */
    float min, max;
    const struct dense_rest *rest;
    bool has_rest; /* it says to do anything */

    float *out;           /* the output's elements */
    const size_t *pixels; /* (pixels) offsets of the pixels' channels */
    size_t num_pixels;    /* 1 .. pixels */
    size_t channel;       /* the first one */
    size_t num_lanes;     /* 1 .. lanes */
};

struct dense_winograd_kernel;

/* The kernel of one kind of processor. */
struct dense_kernel {
    size_t pixels; /* in a tile, at most DENSE_MAX_PIXELS */
    size_t lanes;  /* output channels of a panel of weights, at most
                      DENSE_MAX_LANES */
    void (*run)(const struct dense_tile *tile);
    /* One pixel of `num_panels` whole panels, which follow one another,
     * panel_len floats apart, as do their biases and channels; or 0 and NULL.
     * Results are those of `run`. */
    size_t num_panels;
    void (*run_panels)(const struct dense_tile *tile, size_t panel_len);
    /* The same for lanes that are the outputs of two groups of DENSE_QUAD
     * channels: inputs are DENSE_QUAD of one and as many of the other, which is
     * the `length`, and a lane has the weights of its own group. Or NULL. */
    void (*run_pair)(const struct dense_tile *tile);
    const struct dense_winograd_kernel *winograd; /* dense_winograd.h */
    void (*add_rows)(float *restrict sums, const float *const *rows,
                     const float *x, size_t count); /* dense_row.h */
};

/* A panel of up to half as many lanes has half of them in memory. */
static inline size_t dense_tile_lanes(const struct dense_kernel *kernel,
                                      size_t num_lanes)
{
    return num_lanes > kernel->lanes / 2 ? kernel->lanes : kernel->lanes / 2;
}

/* Each is NULL where the processor lacks its instructions. */
const struct dense_kernel *dense_tile_avx2(void);
const struct dense_kernel *dense_tile_avx512(void);

/* The fastest one for this processor, or NULL. */
const struct dense_kernel *dense_tile_best(void);

/* The fastest one for a layer of `out` channels in groups. Narrow groups leave
 * wider vectors emptier. */
const struct dense_kernel *dense_tile_for(size_t groups, size_t out);

/* About these many bytes of weights are worked with at once: a part of a core's
 * own cache. */
size_t dense_tile_group_bytes(void);

#endif
