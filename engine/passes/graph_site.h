#ifndef ENGINE_PASSES_GRAPH_SITE_H
#define ENGINE_PASSES_GRAPH_SITE_H

/* What the files of shape inference share. Private to graph_shape*.c. */

#include "engine/graph/graph.h"

/* One node under inference. */
struct graph_site {
    struct graph *graph;
    struct graph_node *node;
    struct graph_shape shape; /* out: of the first output */
    struct error *err;
};

/* Operand i, NULL where it is left out; its shape. */
struct graph_value *graph_site_in(const struct graph_site *site, uint32_t i);
const struct graph_shape *graph_site_shape(const struct graph_site *site,
                                           uint32_t i);

/* Operand i as constant integers; NULL, silently, where it is left out. Fails
 * where it is not constant, of another type, or longer than `max`. */
bool graph_site_ints(const struct graph_site *site, uint32_t i,
                     const char *what, size_t max, const int64_t **ints,
                     size_t *count) __attribute__((warn_unused_result));

/* Operand i as one constant float; *number stays where it is left out. */
bool graph_site_float(const struct graph_site *site, uint32_t i,
                      const char *what, float *number)
    __attribute__((warn_unused_result));

/* Operand i as a constant shape. */
bool graph_site_target(const struct graph_site *site, uint32_t i,
                       struct graph_shape *shape)
    __attribute__((warn_unused_result));

/* An axis counted from the end, if negative, to one from the start. */
bool graph_site_axis(const struct graph_site *site, int64_t raw, uint32_t rank,
                     size_t *axis) __attribute__((warn_unused_result));

/* Marks the axes given as attribute or, if there is none, as operand 1. */
bool graph_site_axes(const struct graph_site *site, const int64_t *raw,
                     size_t num_raw, uint32_t rank, bool marked[GRAPH_MAX_RANK],
                     size_t *count) __attribute__((warn_unused_result));

/* The shape that two shapes broadcast to, as the site's. */
bool graph_site_broadcast(struct graph_site *site, const struct graph_shape *a,
                          const struct graph_shape *b)
    __attribute__((warn_unused_result));

/* The rules: each sets the site's shape and resolves what must be constant. */
bool graph_shape_binary(struct graph_site *site);
bool graph_shape_pow(struct graph_site *site);
bool graph_shape_prelu(struct graph_site *site);
bool graph_shape_logical(struct graph_site *site);
bool graph_shape_where(struct graph_site *site);
bool graph_shape_unary(struct graph_site *site);
bool graph_shape_clamp(struct graph_site *site);
bool graph_shape_batch_norm(struct graph_site *site);
bool graph_shape_reduce(struct graph_site *site);
bool graph_shape_quantize(struct graph_site *site);
bool graph_shape_norm(struct graph_site *site);
bool graph_shape_lrn(struct graph_site *site);
bool graph_shape_matmul(struct graph_site *site);
bool graph_shape_linear(struct graph_site *site);
bool graph_shape_softmax(struct graph_site *site);
bool graph_shape_conv(struct graph_site *site);
bool graph_shape_resize(struct graph_site *site);
bool graph_shape_block(struct graph_site *site);
bool graph_shape_deconv(struct graph_site *site);
bool graph_shape_pool(struct graph_site *site);
bool graph_shape_pad(struct graph_site *site);
bool graph_shape_same(struct graph_site *site);
bool graph_shape_reshape(struct graph_site *site);
bool graph_shape_transpose(struct graph_site *site);
bool graph_shape_concat(struct graph_site *site);
bool graph_shape_slice(struct graph_site *site);
bool graph_shape_gather(struct graph_site *site);
bool graph_shape_gather_elements(struct graph_site *site);
bool graph_shape_gather_nd(struct graph_site *site);
bool graph_shape_range(struct graph_site *site);
bool graph_shape_nonzero(struct graph_site *site);
bool graph_shape_cumsum(struct graph_site *site);
bool graph_shape_eye(struct graph_site *site);
bool graph_shape_trilu(struct graph_site *site);
bool graph_shape_one_hot(struct graph_site *site);
bool graph_shape_scatter_elements(struct graph_site *site);
bool graph_shape_scatter_nd(struct graph_site *site);
bool graph_shape_of_shape(struct graph_site *site);
bool graph_shape_fill(struct graph_site *site);
bool graph_shape_expand(struct graph_site *site);

#endif
