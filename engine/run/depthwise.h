#ifndef ENGINE_RUN_DEPTHWISE_H
#define ENGINE_RUN_DEPTHWISE_H

/* Depthwise convolutions, each channel with a window of its own: a few percent
 * of the arithmetic of EfficientNet-Lite and MobileNet, and a quarter of their
 * time in XNNPACK, whose kernels read a pixel anew for each window it is in.
 * Here a pixel is read once for all windows of a row of outputs:
 *
 *     out[y][x][c] = clamp(bias[c] + sum over ky, kx of
 *         in[y stride + ky - top][x stride + kx - left][c] weights[ky][kx][c])
 */

#include <stdbool.h>

#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/run/mask.h"

/* Whether this processor has a kernel for the node, after graph_layout: a
 * single image with channels last, as many output as input channels, at least
 * 16 of them, a constant window of 3 x 3, 5 x 5 or 7 x 7, and strides of 1 or
 * 2. Other nodes, and all nodes on processors other than x86-64 with AVX2, are
 * left to XNNPACK. Where there is a mask, the number of channels is a multiple
 * of MASK_UNIT. Any thread. */
bool depthwise_supports(const struct graph *graph,
                        const struct graph_node *node);

struct depthwise {
    const struct graph *graph;     /* borrowed */
    const struct graph_node *node; /* a supported one; borrowed */
    const float *in;               /* (1, height, width, channels), or: */
    size_t ring; /* row y is row y % ring of `in`, a power of two; 0: y */
    size_t first, num_rows;        /* rows to compute; 0: all */
    float *out;                    /* (1, rows, columns, channels) */
    const struct graph_node *gate; /* a GATE of the results; or NULL */
    const float *y;      /* its first operand, of the shape of `out`; or */
    const uint8_t *mask; /* the mask of it */
    const struct graph_node *function; /* of the results, one that
                                          kernel_applies, and no gate then; or
                                          NULL */
    uint8_t *made; /* which results are within the bounds, as a mask; or NULL */
    struct mask_bounds bounds;
    bool is_narrow; /* compute with 8 lanes even if there are 16; results are
                       the same, and a test compares them */
};

/* Computes the node on the caller's thread and on the member's helpers (NULL:
 * none). Results do not depend on the number of threads. */
void depthwise_run(const struct depthwise *depthwise,
                   struct team_member *member);

#endif
