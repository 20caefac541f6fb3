#ifndef ENGINE_RUN_DENSE_H
#define ENGINE_RUN_DENSE_H

/* Convolutions of all channels or of groups, transposed ones of all channels
 * and linear layers, on x86-64 with AVX2 or AVX-512. Debian 12's XNNPACK is
 * half as fast as the processor with AVX2: its compiler ran out of registers in
 * that kernel, and each of its sums waits for one that goes through memory. Its
 * kernel for AVX-512 is good while weights are in the cache, and half as fast
 * when they are not.
 *
 *     out[y][x][o] = sum over ky, kx, c of
 *         in[row(y, ky)][column(x, kx)][c] weights[o][ky][kx][c]
 *
 * Large ones of 3 x 3 and stride 1 take Winograd's way (dense_winograd.h). What
 * follows a convolution is done before the result is stored: bias and
 * clamp, another operand that is added, and the gate of a gradient
 * (GRAPH_GATE). The weights are packed once, for all sessions. */

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/run/mask.h"

struct dense;        /* a layer's packed weights; immutable, for any thread */
struct dense_kernel; /* of a kind of processor (dense_tile.h) */

/* Whether this processor has a kernel at all. Any thread. */
bool dense_has_kernel(void);

/* Whether it has one for the node, after graph_layout: a
 * LINEAR with constant weights, or a CONV or DECONV with channels last and
 * constant weights, the latter without groups, and several pixels to compute.
 * Any thread. */
bool dense_supports(const struct graph *graph, const struct graph_node *node);

/* Packs the weights of a supported node for a kernel; NULL is the fastest one
 * for this processor. The graph must outlive the result. Returns NULL on
 * ERROR_MEMORY. */
struct dense *dense_new(const struct graph *graph,
                        const struct graph_node *node,
                        const struct dense_kernel *kernel, struct error *err)
    __attribute__((warn_unused_result));

/* Uses the packed weights of `other` (or NULL) as well if they are the same;
 * either may then be freed first. Returns whether they are. */
bool dense_share(struct dense *dense, const struct dense *other);

/* The bytes of the packed weights, shared or not. */
size_t dense_len(const struct dense *dense);

/* What is done with each result r, in this order; `= {0}` is nothing but the
 * node's own clamp. All are of the output's shape; where
 * there is a mask, the number of channels is a multiple of MASK_UNIT. */
struct dense_rest {
    const struct graph_node *function; /* of r, one that kernel_applies, and
                                          nothing else then; or NULL */
    const float *addend;               /* r + addend; or NULL */
    const float *y; /* where low < y < high, r, else 0; or NULL */
    float low, high;
    const uint8_t *mask; /* where its bit is set, r, else 0; or NULL */
    bool clamps;         /* r between min and max */
    float min, max;
    uint8_t *made; /* which r are within the bounds, as a mask; or NULL */
    struct mask_bounds bounds;
};

/* Whether it says to do anything with a tile's results; a function is applied
 * behind it. */
static inline bool dense_has_rest(const struct dense_rest *rest)
{
    return rest->addend || rest->y || rest->mask || rest->clamps || rest->made;
}

/* How many floats of scratch a run needs; often none. */
size_t dense_scratch_len(const struct dense *dense);

/* Computes the node on the caller's thread and on the member's helpers (NULL:
 * none): in and out are (n, height, width, channels), or (.., channels).
 * Results do not depend on the number of threads. `out` must overlap nothing
 * else. */
void dense_run(const struct dense *dense, float *out, const float *in,
               const struct dense_rest *rest, float *scratch,
               struct team_member *member);

/* Whether rows of a node, after graph_layout, can be computed some at a time:
 * those of a CONV of one picture that does not take Winograd's way. Any thread.
 */
bool dense_gives_rows(const struct graph *graph, const struct graph_node *node);

/* Computes rows first .. first + count - 1 of such a node. Row y of the output
 * is row y % ring of `out`, (ring, width, channels), a power of two. Results
 * are those of dense_run. */
void dense_run_rows(const struct dense *dense, float *out, const float *in,
                    const struct dense_rest *rest, size_t ring, size_t first,
                    size_t count, struct team_member *member);

void dense_free(struct dense *dense);

#endif
