#ifndef ENGINE_RUN_DENSE_INT8_TILE_H
#define ENGINE_RUN_DENSE_INT8_TILE_H

/* The inner loops of dense_int8.c: a tile of some output channels of some
 * positions, and how floats become integers. A position is a pixel of the
 * output, or one between two rows of it whose result is not stored. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/run/dense.h"

enum {
    DENSE_INT8_LANES = 32,         /* output channels of a panel of weights */
    DENSE_INT8_MAX_POSITIONS = 32, /* in a tile, of any kernel */
    DENSE_INT8_GROUP = 4,  /* inputs of a lane that are multiplied together */
    DENSE_INT8_MOST = 127, /* of weights, of any kernel */
};

/* One tile. Numbers of positions beyond num_positions may be computed, but are
 * not stored: their inputs must be readable. */
struct dense_int8_tile {
    const uint8_t *in;  /* the first position's inputs */
    size_t step;        /* from one position's to the next */
    const size_t *runs; /* (num_runs) from a position to each run's inputs */
    size_t num_runs;
    size_t length; /* inputs of a run, a multiple of the kernel's depth; those
                      beyond the layer's own are readable, with weights of 0 */

    const int8_t *panel; /* (num_runs, length / GROUP, LANES, GROUP) */
    const float *scales; /* (LANES) of weights */
    const float *sums;   /* (LANES) of all weights of a channel, times scale */
    const float *bias;   /* (LANES) */

    const float *in_scales; /* (num_positions) or, with a step of 0, one */
    const float *in_zeros;  /* likewise: zero points, times -scale */
    size_t scale_step;      /* 1 or 0 */

    float min, max;
    const struct dense_rest *rest;
    bool has_rest; /* it says to do anything */

    float *out;           /* the output's elements */
    const size_t *pixels; /* (num_positions) offsets of the pixels' channels, or
                             DENSE_INT8_NOWHERE */
    size_t num_positions; /* 1 .. the kernel's */
    size_t channel;       /* the first one */
    size_t num_lanes;     /* 1 .. LANES */
};

#define DENSE_INT8_NOWHERE SIZE_MAX

/* A range of floats that 0 is in, as their bits; `= {0}` is 0 alone. The
 * largest as a signed number belongs to the largest float, if one is above 0,
 * and the largest as an unsigned one to the smallest float, if one is below.
 * What is no number is beyond infinity in both. */
struct dense_int8_range {
    int32_t above;
    uint32_t below;
};

/* x is about scale (q - zero), q = x inverse + zero rounded. */
struct dense_int8_scale {
    float scale, inverse;
    int32_t zero; /* 0 .. 255 */
};

/* How vectors of one width make integers of floats, and floats of sums. */
struct dense_int8_vectors {
    /* Extends a range by `count` floats. */
    void (*extend)(struct dense_int8_range *range, const float *in,
                   size_t count);
    void (*quantize)(uint8_t *out, const float *in, size_t count,
                     struct dense_int8_scale scale);
    /* Finishes a tile's sums, (num_positions, LANES), and stores them. */
    void (*finish)(const struct dense_int8_tile *tile, const int32_t *sums);
};

/* The kernel of one kind of processor. */
struct dense_int8_kernel {
    const char *name;
    size_t positions;    /* in a tile, at most DENSE_INT8_MAX_POSITIONS */
    size_t depth;        /* what divides the length of runs */
    int most;            /* of weights */
    bool is_slower;      /* than Winograd's way with floats */
    void (*begin)(void); /* before some tiles on a thread, or NULL */
    /* Sums of products, (positions, LANES). */
    void (*run)(int32_t *sums, const struct dense_int8_tile *tile);
    void (*end)(void); /* after them, or NULL */
    const struct dense_int8_vectors *vectors;
};

/* Each is NULL where the processor lacks its instructions, or the system
 * forbids them. Any thread. */
const struct dense_int8_kernel *dense_int8_avx2(void);
const struct dense_int8_kernel *dense_int8_vnni(void);
const struct dense_int8_kernel *dense_int8_amx(void);

/* Only for x86-64, and processors with AVX-512. */
extern const struct dense_int8_vectors dense_int8_finish_vectors;

struct dense_int8_scale dense_int8_scale_of(struct dense_int8_range range);

#endif
