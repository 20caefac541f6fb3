#ifndef ENGINE_RUN_DENSE_WINOGRAD_H
#define ENGINE_RUN_DENSE_WINOGRAD_H

/* Convolutions of 3 x 3 and stride 1, also transposed ones, by Winograd's
 * minimal filtering (Lavin, Gray: Fast Algorithms for Convolutional Neural
 * Networks, 2016, equation 8): tiles of 4 x 4 outputs Y from 6 x 6 inputs d,
 *
 *     Y = A' [sum over channels of (G g G') * (B' d B)] A
 *
 * with a product for each of 36 points, so 36 multiply-adds where the window g
 * has 144. The polynomials' points are 0, +-1/sqrt 2, +-sqrt 2 and infinity,
 * whose error is half of that with 0, +-1 and +-2. It is at most
 * DENSE_WINOGRAD_ERROR of a layer's largest output (without bias).
 *
 * Weights are four times as large as the layer's own. Private to dense*.c. */

#include "engine/run/dense_tile.h"

#define DENSE_WINOGRAD_ERROR 1e-5

struct dense_winograd; /* a layer's weights; immutable, for any thread */

/* Whether a node that dense_supports has such a window, and channels that
 * vectors of this kernel divide. Any thread. */
bool dense_winograd_supports(const struct graph *graph,
                             const struct graph_node *node,
                             const struct dense_kernel *kernel);

/* Whether it is also faster than dense.c's own way. Any thread. */
bool dense_winograd_pays(const struct graph *graph,
                         const struct graph_node *node,
                         const struct dense_kernel *kernel);

/* Transforms the weights. The graph must outlive the result. Returns NULL on
 * ERROR_MEMORY. */
struct dense_winograd *
dense_winograd_new(const struct graph *graph, const struct graph_node *node,
                   const struct dense_kernel *kernel, struct error *err)
    __attribute__((warn_unused_result));

/* How many floats of scratch a run needs. */
size_t dense_winograd_scratch_len(const struct dense_winograd *winograd);

/* Like dense_run. */
void dense_winograd_run(const struct dense_winograd *winograd, float *out,
                        const float *in, const struct dense_rest *rest,
                        float *scratch, struct team_member *member);

/* Like dense_share, of the same kernel and length, and dense_len. */
bool dense_winograd_share(struct dense_winograd *winograd,
                          const struct dense_winograd *other);
size_t dense_winograd_len(const struct dense_winograd *winograd);

void dense_winograd_free(struct dense_winograd *winograd);

/* ---- kernels ---- */

enum {
    DENSE_WINOGRAD_OUT = 4, /* the side of a tile */
    DENSE_WINOGRAD_IN = 6,  /* of its inputs, and of the points */
    DENSE_WINOGRAD_POINTS = DENSE_WINOGRAD_IN * DENSE_WINOGRAD_IN,
};

/* A tile's inputs: point p of channel c goes to to[p * plane + c]. */
struct dense_winograd_in {
    const float *pixels[DENSE_WINOGRAD_POINTS]; /* (channels) each, by rows */
    size_t channels;
    float *to;
    size_t plane;
};

/* A tile's outputs, from such points of the output's channels. */
struct dense_winograd_out {
    const float *from;
    size_t plane;
    size_t channels;
    const float *bias; /* (channels) */
    float min, max;
    const struct dense_rest *rest;
    float *out;           /* the output's elements */
    size_t first;         /* offset of the first pixel */
    size_t row;           /* from a row to the next */
    size_t rows, columns; /* that there are, 1 .. DENSE_WINOGRAD_OUT */
};

/* How one kind of processor transforms; channels are a multiple of `lanes`. */
struct dense_winograd_kernel {
    size_t lanes;
    void (*in)(const struct dense_winograd_in *in);
    void (*out)(const struct dense_winograd_out *out);
};

/* Only for x86-64; each for a processor that dense_tile.h has the kernel for.
 */
extern const struct dense_winograd_kernel dense_winograd_avx2;
extern const struct dense_winograd_kernel dense_winograd_avx512;

#endif
