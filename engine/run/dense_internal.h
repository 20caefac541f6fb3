#ifndef ENGINE_RUN_DENSE_INTERNAL_H
#define ENGINE_RUN_DENSE_INTERNAL_H

/* What dense.c makes and dense_run.c runs. Private to them. */

#include "engine/run/dense.h"
#include "engine/run/dense_layout.h"
#include "engine/run/dense_row.h"
#include "engine/run/dense_winograd.h"

enum { DENSE_MAX_TAPS = 49 }; /* in a window, 7 x 7 */

struct dense {
    const struct graph *graph;     /* borrowed */
    const struct graph_node *node; /* borrowed */
    const struct dense_kernel *kernel;
    struct dense_winograd *winograd; /* computes it, if not NULL; owned */
    struct dense_row *row;           /* likewise */
    float *packed, *bias;            /* of all panels (dense_layout.h); owned */
    float *zeros; /* inputs in the border: (row of a window); owned */
    struct graph_window window; /* of one pixel, if the node has none */
    bool transposed;
    size_t in_dim[4],
        out_dim[4]; /* a LINEAR's rows are the pixels of one row */
    struct dense_layout layout;
    size_t per_group; /* panels that take turns */
    size_t apart;     /* floats from one pixel of the input to the next: its
                         channels, or more if a run copies it */
};

#endif
