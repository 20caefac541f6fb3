#ifndef ENGINE_RUN_DENSE_INT8_H
#define ENGINE_RUN_DENSE_INT8_H

/* Convolutions of all channels and linear layers with 8-bit integers, on x86-64
 * with AVX2, AVX-512 VNNI or AMX. What goes in and what comes out are floats,
 * as in dense.h:
 *
 *     out[p][o] = scale[p] weight_scale[o] *
 *         (sum of (in8[p'][c] - zero[p]) weights8[o][tap][c]) + bias[o]
 *
 * where p' is the pixel that a tap of pixel p's window takes. Weights are
 * quantized once, with a scale for each output channel (quantize.h), to 8 bits
 * or, for AVX2, to 7, inputs
 * when the layer runs, to 0 .. 255: with a window of one pixel, each few pixels
 * by their own range, else each picture by its own; large ones that are clamped
 * where they are computed, such as by ReLU6, by those bounds. The range always
 * has 0 in it, and 0 is exact, so that a border is. Sums of integers are exact.
 *
 * Where an input is infinite or no number, all results that share its range are
 * no numbers, unless it is clamped. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/team.h"
#include "engine/graph/graph.h"
#include "engine/run/dense.h"

struct dense_int8;        /* a layer's packed weights; immutable, any thread */
struct dense_int8_kernel; /* of a kind of processor (dense_int8_tile.h) */

/* Whether this processor has a kernel at all. Any thread. */
bool dense_int8_has_kernel(void);

/* Whether it has one for the node, after graph_layout, that gains from it: a
 * LINEAR with constant weights, or a CONV with channels last, constant weights
 * and no groups, several pixels to compute, and not only a few channels; for
 * AVX2, none that takes Winograd's way with floats. Any thread. */
bool dense_int8_supports(const struct graph *graph,
                         const struct graph_node *node);

/* The GRAPH_GRID of 8 bits whose results a supported node takes, or NULL. The
 * layer then rounds its input to it in any case. */
const struct graph_node *dense_int8_grid(const struct graph *graph,
                                         const struct graph_node *node);

/* Whether a supported node's weights are 8-bit integers, too, times a scale for
 * each output or for all, so that integers give the results of floats. False
 * where this processor's kernel has fewer bits for weights. */
bool dense_int8_is_exact(const struct graph *graph,
                         const struct graph_node *node);

/* Quantizes and packs the weights of a supported node for a kernel; NULL is the
 * fastest one for this processor. The graph must outlive the result. Returns
 * NULL on ERROR_MEMORY. */
struct dense_int8 *
dense_int8_new(const struct graph *graph, const struct graph_node *node,
               const struct dense_int8_kernel *kernel, struct error *err)
    __attribute__((warn_unused_result));

/* The bytes of the packed weights. */
size_t dense_int8_len(const struct dense_int8 *dense);

/* How many floats of scratch a run needs. */
size_t dense_int8_scratch_len(const struct dense_int8 *dense);

/* Computes the node as dense_run does. */
void dense_int8_run(const struct dense_int8 *dense, float *out, const float *in,
                    const struct dense_rest *rest, float *scratch,
                    struct team_member *member);

/* The same in two steps, of which the second one may compute some rows at a
 * time, of a single picture: the scratch keeps the input as integers. Row y of
 * the output becomes row y % ring of `out`. */
void dense_int8_quantize_input(const struct dense_int8 *dense, const float *in,
                               float *scratch, struct team_member *member);
void dense_int8_run_rows(const struct dense_int8 *dense, float *out,
                         const struct dense_rest *rest, size_t ring,
                         size_t first, size_t count, float *scratch,
                         struct team_member *member);

void dense_int8_free(struct dense_int8 *dense);

#endif
