#ifndef ENGINE_RUN_TRANSPOSED_H
#define ENGINE_RUN_TRANSPOSED_H

/* Transposed convolutions of each channel by itself, as the gradient of a
 * strided depthwise convolution is:
 *
 *     out[y][x][c] = clamp(bias[c] + sum over ky, kx of
 *         in[(y + top - ky) / stride][(x + left - kx) / stride][c]
 *         weights[ky][kx][c])
 *
 * where both quotients are whole and within the picture. */

#include "engine/run/depthwise.h"

/* Whether this processor has a kernel for the node, after graph_layout: a
 * transposed depthwise convolution with constant weights, at least 8 channels
 * and a window of at most 7 x 7. Needs x86-64 with AVX2. Any thread. */
bool transposed_supports(const struct graph *graph,
                         const struct graph_node *node);

/* Like depthwise_run, of any number of pictures; `is_narrow` does not matter.
 */
void transposed_run(const struct depthwise *depthwise,
                    struct team_member *member);

#endif
