/* Writes what has no operator in the opset, but is linear, and the same along
 * one axis after another: each becomes a sum over taps. The weights are what
 * the plain kernel makes of the unit vectors. */

#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

/* Runs the node on unit vectors, `units`, of which `made` comes. NULL: a
 * failure. */
static const float *run_on_units(struct onnx_writer *w,
                                 const struct graph_node *like,
                                 const struct graph_shape *units,
                                 const struct graph_shape *made)
{
    size_t length = units->dim[0];
    float *from = onnx_writer_take(w, length * length, sizeof *from);
    float *to = onnx_writer_take(w, graph_shape_count(made), sizeof *to);
    struct graph_value values[2] = {{.shape = *units}, {.shape = *made}};
    const struct graph graph = {.values = values, .num_values = 2};
    struct graph_node node = *like;
    int in = 0, out = 1;

    if (!from || !to)
        return NULL;
    for (size_t i = 0; i < length; i++)
        from[i * length + i] = 1;
    node.inputs = &in;
    node.outputs = &out;
    node.num_inputs = node.num_outputs = 1;
    if (kernel_run(&graph, &node, (const void *const[]){from},
                   (void *const[]){to}, NULL, w->err))
        return to;
    w->is_failed = true;
    return NULL;
}

/* How many elements are in one of the output, at most. */
static size_t count_taps(const float *matrix, size_t length, size_t num)
{
    size_t most = 1;

    for (size_t i = 0; i < num; i++) {
        size_t taps = 0;

        for (size_t k = 0; k < length; k++)
            taps += matrix[k * num + i] != 0;
        most = taps > most ? taps : most;
    }
    return most;
}

/* What the node does along one axis, which is of length `num` afterwards;
 * `like` is the node for `units`, one vector for each element. */
static const char *along(struct onnx_writer *w, const char *x,
                         struct graph_shape *shape, size_t axis, size_t num,
                         const struct graph_node *like,
                         const struct graph_shape *units)
{
    struct graph_shape made = *units;
    struct onnx_writer_mix mix = {.axis = axis, .length = num};
    size_t length = units->dim[0];
    const float *matrix;
    int64_t *index;
    float *weight;

    made.dim[units->rank == 4 ? 2 : 1] = num;
    matrix = run_on_units(w, like, units, &made);
    if (!matrix)
        return NULL;
    mix.taps = count_taps(matrix, length, num);
    index = onnx_writer_take(w, num * mix.taps, sizeof *index);
    weight = onnx_writer_take(w, num * mix.taps, sizeof *weight);
    if (!index || !weight)
        return NULL;
    for (size_t i = 0; i < num; i++) {
        size_t tap = i * mix.taps;

        for (size_t k = 0; k < length; k++)
            if (matrix[k * num + i] != 0) {
                index[tap] = (int64_t)k;
                weight[tap++] = matrix[k * num + i];
            }
    }
    mix.index = index;
    mix.weight = weight;
    return onnx_writer_mixed(w, x, shape, &mix);
}

const char *onnx_write_pad_along(struct onnx_writer *w)
{
    const struct graph_node *node = w->node;
    struct graph_shape shape = *onnx_writer_shape(w, 0);
    const char *x = onnx_writer_in(w, 0);

    for (uint32_t i = 0; i < shape.rank; i++) {
        struct graph_shape units = {.rank = 2,
                                    .dim = {shape.dim[i], shape.dim[i]}};
        struct graph_node like = *node;

        if (node->pad.before[i] == 0 && node->pad.after[i] == 0)
            continue;
        memset(like.pad.before, 0, sizeof like.pad.before);
        memset(like.pad.after, 0, sizeof like.pad.after);
        like.pad.before[1] = node->pad.before[i];
        like.pad.after[1] = node->pad.after[i];
        x = along(w, x, &shape, i, onnx_writer_out(w)->dim[i], &like, &units);
    }
    return x;
}

const char *onnx_write_resize_along(struct onnx_writer *w)
{
    struct graph_shape shape = *onnx_writer_shape(w, 0);
    const char *x = onnx_writer_in(w, 0);

    for (uint32_t i = 0; i < shape.rank; i++) {
        struct graph_shape units = {.rank = 2,
                                    .dim = {shape.dim[i], shape.dim[i]}};
        struct graph_node like = *w->node;
        size_t num = onnx_writer_out(w)->dim[i];

        if (w->node->resize.scale[i] == 1 && num == shape.dim[i])
            continue;
        like.resize.scale[0] = 1;
        like.resize.scale[1] = w->node->resize.scale[i];
        x = along(w, x, &shape, i, num, &like, &units);
    }
    return x;
}

/* An average, or with p of 1 a sum, of each window. */
static const char *pooled(struct onnx_writer *w, const char *x)
{
    struct graph_shape shape = *onnx_writer_shape(w, 0);

    for (uint32_t i = 0; i < 2; i++) {
        size_t length = shape.dim[2 + i];
        struct graph_shape units = {.rank = 4, .dim = {length, 1, length, 1}};
        struct graph_node like = *w->node;
        const struct graph_window *window = &w->node->pool.window;

        like.pool.p = 1;
        like.pool.window = (struct graph_window){
            .kernel = {window->kernel[i], 1},
            .stride = {window->stride[i], 1},
            .dilation = {window->dilation[i], 1},
            .pad_before = {window->pad_before[i], 0},
            .pad_after = {window->pad_after[i], 0},
        };
        like.pool.over[0] = w->node->pool.over[i];
        like.pool.over[1] = 0;
        x = along(w, x, &shape, 2 + i, onnx_writer_out(w)->dim[2 + i], &like,
                  &units);
    }
    return x;
}

const char *onnx_write_pool_along(struct onnx_writer *w)
{
    float p = (float)w->node->pool.p;
    const char *x = onnx_writer_in(w, 0);

    if (w->node->op == GRAPH_AVERAGE_POOL)
        return pooled(w, x);
    x = onnx_writer_one(w, "Abs", x);
    if (p == 1)
        return pooled(w, x);
    x = onnx_writer_two(w, "Pow", x, onnx_writer_number(w, p));
    return onnx_writer_two(w, "Pow", pooled(w, x),
                           onnx_writer_number(w, 1 / p));
}
