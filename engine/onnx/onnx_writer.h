#ifndef ENGINE_ONNX_ONNX_WRITER_H
#define ENGINE_ONNX_ONNX_WRITER_H

/* Shared by the files of the ONNX writer. onnx_write.c makes the model and has
 * a row for each operation, whose function is in the onnx_write_*.c of its
 * kind. onnx_writer.c has what they build with. Private to them.
 *
 * A function that makes something returns the name of its result, or NULL after
 * a failure and also where an operand is NULL; so calls may be nested. Names
 * live as long as the writer. */

#include "engine/base/arena.h"
#include "engine/graph/graph.h"
#include "engine/onnx/onnx_reader.h"

/* A model being written. */
struct onnx_writer {
    const struct graph *graph;
    const struct graph_node *node; /* the one being written */
    struct arena arena;            /* all but what is owned below */
    const char **names; /* (num_values) in the file, or NULL; owned */
    bool *is_written;   /* (num_values) constants that are in it; owned */
    const char *prefix; /* of names that are made up; no other begins so */
    size_t num_made_up;
    onnx_node_proto **nodes; /* (num_nodes) owned */
    size_t num_nodes, cap_nodes;
    onnx_tensor_proto **constants; /* (num_constants) owned */
    size_t num_constants, cap_constants;
    bool is_failed; /* *err says why */
    struct error *err;
};

/* ---- what the node has ---- */

/* The name of operand i; "" if it is left out. A constant is written when it is
 * first asked for. The last form converts integers to floats. */
const char *onnx_writer_in(struct onnx_writer *w, uint32_t i);
const char *onnx_writer_value(struct onnx_writer *w, int value);
const char *onnx_writer_floats_in(struct onnx_writer *w, uint32_t i);

bool onnx_writer_has(const struct onnx_writer *w, uint32_t i);

/* The shape of operand i, and of the node's output. */
const struct graph_shape *onnx_writer_shape(const struct onnx_writer *w,
                                            uint32_t i);
const struct graph_shape *onnx_writer_out(const struct onnx_writer *w);

/* Fails, because the node cannot be written. Returns NULL. */
const char *onnx_writer_refuse(struct onnx_writer *w, const char *why);

/* ---- nodes ---- */

/* Adds a node with one output. Operands that are "" are left out. */
const char *onnx_writer_node(struct onnx_writer *w, const char *op,
                             const char *const *inputs, size_t num_inputs);
const char *onnx_writer_one(struct onnx_writer *w, const char *op,
                            const char *a);
const char *onnx_writer_two(struct onnx_writer *w, const char *op,
                            const char *a, const char *b);

/* Give the node that was added last an attribute. */
void onnx_writer_int(struct onnx_writer *w, const char *name, int64_t value);
void onnx_writer_float(struct onnx_writer *w, const char *name, float value);
void onnx_writer_text(struct onnx_writer *w, const char *name,
                      const char *text);
void onnx_writer_ints(struct onnx_writer *w, const char *name,
                      const int64_t *values, size_t count);

/* x in another shape, unless `from`, its shape, is that; with its axes in
 * another order (rank of them); as floats or as booleans. */
const char *onnx_writer_reshape(struct onnx_writer *w, const char *x,
                                const struct graph_shape *from,
                                const struct graph_shape *to);
const char *onnx_writer_transpose(struct onnx_writer *w, const char *x,
                                  const int64_t *perm, size_t rank);
const char *onnx_writer_to_float(struct onnx_writer *w, const char *x);

/* `a` where a condition, booleans, is true, else `b`. */
const char *onnx_writer_where(struct onnx_writer *w, const char *condition,
                              const char *a, const char *b);

/* The sum or, with "ReduceMean", the mean over axes, which stay with length
 * 1. */
const char *onnx_writer_reduce(struct onnx_writer *w, const char *op,
                               const char *x, const int64_t *axes,
                               size_t num_axes, bool keep_dims);

/* ---- constants ---- */

/* One number, or integer; a list of integers; the dimensions of a shape as such
 * a list. */
const char *onnx_writer_number(struct onnx_writer *w, float number);
const char *onnx_writer_integer(struct onnx_writer *w, int64_t number);
const char *onnx_writer_list(struct onnx_writer *w, const int64_t *values,
                             size_t count);
const char *onnx_writer_dims(struct onnx_writer *w,
                             const struct graph_shape *shape);

/* Elements of a type of enum graph_type, borrowed until the file is written. */
const char *onnx_writer_constant(struct onnx_writer *w, enum graph_type type,
                                 const struct graph_shape *shape,
                                 const void *elements);

/* Zeroed elements in the writer's memory. NULL: a failure. */
void *onnx_writer_take(struct onnx_writer *w, size_t count, size_t size);

/* ---- sums along one axis ---- */

/* Element i along the axis of what is made is the sum over `taps` of weight[i *
 * taps + k] times element index[i * taps + k] of x. */
struct onnx_writer_mix {
    size_t axis, length, taps;
    const int64_t *index; /* (length, taps) */
    const float *weight;  /* (length, taps) */
};

/* *shape is that of x, and becomes that of the result. */
const char *onnx_writer_mixed(struct onnx_writer *w, const char *x,
                              struct graph_shape *shape,
                              const struct onnx_writer_mix *mix);

/* ---- rows of the table in onnx_write.c ---- */

/* Writes w->node without its clamp; `op` is the row's operator. */
typedef const char *onnx_write_fn(struct onnx_writer *w, const char *op);

/* onnx_write_math.c */
onnx_write_fn onnx_write_plain, onnx_write_compare, onnx_write_logical,
    onnx_write_mod, onnx_write_prelu, onnx_write_where, onnx_write_pass,
    onnx_write_linear, onnx_write_matmul, onnx_write_einsum, onnx_write_softmax;

/* onnx_write_function.c */
onnx_write_fn onnx_write_unary, onnx_write_slope, onnx_write_gate;

/* onnx_write_window.c */
onnx_write_fn onnx_write_conv, onnx_write_deconv, onnx_write_max_pool,
    onnx_write_average_pool, onnx_write_lp_pool, onnx_write_max_pool_gradient,
    onnx_write_pad, onnx_write_block;

/* onnx_write_resize.c */
onnx_write_fn onnx_write_resize;

/* onnx_write_along.c: those that the opset does not have, spelt out */
const char *onnx_write_pad_along(struct onnx_writer *w);
const char *onnx_write_resize_along(struct onnx_writer *w);
const char *onnx_write_pool_along(struct onnx_writer *w);

/* onnx_write_move.c */
onnx_write_fn onnx_write_reshape, onnx_write_transpose, onnx_write_axis,
    onnx_write_slice, onnx_write_gather_nd, onnx_write_expand,
    onnx_write_cumsum, onnx_write_trilu, onnx_write_reverse, onnx_write_scatter,
    onnx_write_mix;

/* onnx_write_norm.c */
onnx_write_fn onnx_write_batch_norm, onnx_write_mean, onnx_write_reduce,
    onnx_write_norm, onnx_write_norm_gradient, onnx_write_lrn,
    onnx_write_quantize, onnx_write_dequantize;

#endif
