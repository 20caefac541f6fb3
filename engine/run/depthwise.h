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

/* Whether the processor at hand has a kernel for the node, which graph_layout
 * is done with: one picture, channels last, as many channels out as in, 16 or
 * more of them, a window of 3 x 3, 5 x 5 or 7 x 7 constants, steps of 1 or 2.
 * Elsewhere (on other than x86-64 with AVX2, for one) it is XNNPACK's. Any
 * thread. */
bool depthwise_supports(const struct graph *graph,
                        const struct graph_node *node);

struct depthwise {
    const struct graph *graph;     /* borrowed */
    const struct graph_node *node; /* one that is supported; borrowed */
    const float *in;               /* (1, height, width, channels) */
    float *out;                    /* (1, rows, columns, channels) */
    bool is_narrow; /* compute with 8 lanes even where there are 16; the
                       numbers are the same, and a test compares them */
};

/* Computes the node on the caller's thread and the member's helpers (NULL:
 * none). The numbers do not depend on how many those are. */
void depthwise_run(const struct depthwise *depthwise,
                   struct team_member *member);

#endif
