#ifndef ENGINE_RUN_DENSE_ROW_H
#define ENGINE_RUN_DENSE_ROW_H

/* Linear layers of a single row whose weights are larger than caches: what
 * takes their time is to read the weights, and behind a ReLU, or in a gradient
 * that has passed one, most inputs are 0. The weights of such an input are not
 * read:
 *
 *     out = sum over the i with in[i] != 0 of in[i] weights[.][i]
 *
 * Private to dense*.c. */

#include "engine/run/dense_tile.h"

struct dense_row; /* a layer's weights; immutable, for any thread */

/* Whether a node that dense_supports is such a layer. One with a weight that is
 * not finite is none: its product with 0 is not 0. Any thread. */
bool dense_row_pays(const struct graph *graph, const struct graph_node *node);

/* Packs the weights. The graph must outlive the result. Returns NULL on
 * ERROR_MEMORY. */
struct dense_row *
dense_row_new(const struct graph *graph, const struct graph_node *node,
              const struct dense_kernel *kernel, struct error *err)
    __attribute__((warn_unused_result));

/* How many floats of scratch a run needs. */
size_t dense_row_scratch_len(const struct dense_row *row);

/* Like dense_run. */
void dense_row_run(const struct dense_row *row, float *out, const float *in,
                   const struct dense_rest *rest, float *scratch,
                   struct team_member *member);

/* The size of the packed weights, in bytes; and as dense_share. */
size_t dense_row_len(const struct dense_row *row);
bool dense_row_share(struct dense_row *row, const struct dense_row *other);

void dense_row_free(struct dense_row *row);

/* ---- kernels ---- */

enum { DENSE_ROW_INPUTS = 4 }; /* at a time */

/* Adds x[i] rows[i][l] to sums[l] for all i. Only for x86-64; each for a
 * processor that dense_tile.h has the kernel for.
 *
 * sums, rows  (count), a multiple of 32 */
void dense_row_add_avx2(float *restrict sums, const float *const *rows,
                        const float *x, size_t count);
void dense_row_add_avx512(float *restrict sums, const float *const *rows,
                          const float *x, size_t count);

#endif
