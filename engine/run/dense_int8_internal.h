#ifndef ENGINE_RUN_DENSE_INT8_INTERNAL_H
#define ENGINE_RUN_DENSE_INT8_INTERNAL_H

/* What dense_int8.c makes and dense_int8_run.c runs. Private to them. */

#include "engine/run/dense_int8.h"
#include "engine/run/dense_int8_tile.h"

enum {
    DENSE_INT8_MAX_TAPS = 49,  /* in a window, 7 x 7 */
    DENSE_INT8_MAX_STRIDE = 4, /* along each axis */
};

struct dense_int8 {
    const struct graph *graph;     /* borrowed */
    const struct graph_node *node; /* borrowed */
    const struct dense_int8_kernel *kernel;
    int8_t *packed;       /* a panel after another; owned */
    float *scales, *bias; /* (panels, lanes); owned */
    float *sums; /* (panels, lanes) of weights, times their scales; owned */
    struct graph_window window;   /* of one pixel, if the node has none */
    size_t in_dim[4], out_dim[4]; /* a LINEAR's rows are the pixels of a row */
    bool pointwise; /* each pixel's inputs are the same pixel's channels */

    /* What is in scratch. */
    bool bounded; /* whatever computes the input clamps it, to `range` */
    struct dense_int8_range range;
    bool by_pixels;  /* pixels have ranges of their own, not whole pictures: */
    size_t together; /* so many share one */
    size_t num_planes, plane[DENSE_INT8_MAX_STRIDE]; /* first row of each */
    size_t plane_dim[2];
    size_t picture_len; /* bytes */

    size_t step; /* from a position's inputs to the next one's */
    size_t num_runs, runs[DENSE_INT8_MAX_TAPS];
    size_t run_len, length;              /* as it is, and padded */
    size_t num_positions, row_positions; /* of a picture; of a row */
    size_t panel_len;                    /* bytes */
    size_t num_panels, per_group;
};

/* The kernel for this processor, or NULL. */
const struct dense_int8_kernel *dense_int8_best(void);

/* dense_int8_exact.c: finds integers of which a row of weights are multiples by
 * a scale: one by which its largest weight, or `largest`, that of all rows, is
 * 127 or 128. Returns whether there is one; false with a `largest` of 0.
 *
 * quantized  out  (count) */
bool dense_int8_recover(int8_t *quantized, float *scale, const float *row,
                        size_t count, float largest);

#endif
