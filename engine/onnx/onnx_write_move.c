/* Writes what rearranges: order, parts, shapes, places. */

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

const char *onnx_write_reshape(struct onnx_writer *w, const char *op)
{
    return onnx_writer_two(w, op, onnx_writer_in(w, 0),
                           onnx_writer_dims(w, onnx_writer_out(w)));
}

const char *onnx_write_expand(struct onnx_writer *w, const char *op)
{
    return onnx_write_reshape(w, op); /* the operands mean the same */
}

const char *onnx_write_transpose(struct onnx_writer *w, const char *op)
{
    int64_t perm[GRAPH_MAX_RANK];
    uint32_t rank = onnx_writer_out(w)->rank;

    (void)op;
    for (uint32_t i = 0; i < rank; i++)
        perm[i] = (int64_t)w->node->perm[i];
    return onnx_writer_transpose(w, onnx_writer_in(w, 0), perm, rank);
}

/* The operator takes the operands as they are, and an axis. */
const char *onnx_write_axis(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);

    onnx_writer_int(w, "axis", w->node->axis);
    return x;
}

const char *onnx_write_gather_nd(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);

    onnx_writer_int(w, "batch_dims", w->node->axis);
    return x;
}

/* An end before the first element has no number of its own, so the smallest one
 * stands for it. */
const char *onnx_write_slice(struct onnx_writer *w, const char *op)
{
    const struct graph_shape *x = onnx_writer_shape(w, 0);
    const struct graph_shape *out = onnx_writer_out(w);
    int64_t starts[GRAPH_MAX_RANK], ends[GRAPH_MAX_RANK];
    int64_t axes[GRAPH_MAX_RANK], steps[GRAPH_MAX_RANK];
    const char *inputs[5];
    size_t num = 0;

    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t start = w->node->slice.start[i], step = w->node->slice.step[i];
        int64_t end = start + step * (int64_t)out->dim[i];

        if (start == 0 && step == 1 && out->dim[i] == x->dim[i])
            continue;
        starts[num] = start;
        ends[num] = end < 0 ? INT64_MIN : end;
        axes[num] = i;
        steps[num++] = step;
    }
    if (num == 0)
        return onnx_writer_in(w, 0);
    inputs[0] = onnx_writer_in(w, 0);
    inputs[1] = onnx_writer_list(w, starts, num);
    inputs[2] = onnx_writer_list(w, ends, num);
    inputs[3] = onnx_writer_list(w, axes, num);
    inputs[4] = onnx_writer_list(w, steps, num);
    return onnx_writer_node(w, op, inputs, 5);
}

const char *onnx_write_cumsum(struct onnx_writer *w, const char *op)
{
    const char *x =
        onnx_writer_two(w, op, onnx_writer_in(w, 0),
                        onnx_writer_integer(w, (int64_t)w->node->cumsum.axis));

    onnx_writer_int(w, "exclusive", w->node->cumsum.exclusive);
    onnx_writer_int(w, "reverse", w->node->cumsum.reverse);
    return x;
}

const char *onnx_write_trilu(struct onnx_writer *w, const char *op)
{
    const char *x =
        onnx_writer_two(w, op, onnx_writer_in(w, 0),
                        onnx_writer_integer(w, w->node->diagonal.k));

    onnx_writer_int(w, "upper", w->node->diagonal.upper);
    return x;
}

const char *onnx_write_reverse(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);
    bool first = w->node->reverse.first;

    onnx_writer_int(w, "time_axis", first ? 0 : 1);
    onnx_writer_int(w, "batch_axis", first ? 1 : 0);
    return x;
}

/* The largest and the smallest are reductions of later opsets. */
const char *onnx_write_scatter(struct onnx_writer *w, const char *op)
{
    static const char *const names[] = {
        [GRAPH_SCATTER_REPLACE] = "none", [GRAPH_SCATTER_ADD] = "add",
        [GRAPH_SCATTER_MUL] = "mul",      [GRAPH_SCATTER_MAX] = NULL,
        [GRAPH_SCATTER_MIN] = NULL,
    };
    const char *x;

    if (!names[w->node->scatter.how])
        return onnx_writer_refuse(
            w, "its reduction cannot be written in opset 17");
    x = onnx_write_plain(w, op);
    if (w->node->op == GRAPH_SCATTER_ELEMENTS)
        onnx_writer_int(w, "axis", w->node->scatter.axis);
    onnx_writer_text(w, "reduction", names[w->node->scatter.how]);
    return x;
}

const char *onnx_write_mix(struct onnx_writer *w, const char *op)
{
    const struct graph_value *indices = graph_input(w->graph, w->node, 1);
    const struct graph_value *weights = graph_input(w->graph, w->node, 2);
    struct graph_shape shape = *onnx_writer_shape(w, 0);
    struct onnx_writer_mix mix = {.axis = (size_t)w->node->axis,
                                  .length = indices->shape.dim[0],
                                  .taps = indices->shape.dim[1],
                                  .index = graph_ints(indices),
                                  .weight = graph_floats(weights)};

    (void)op;
    return onnx_writer_mixed(w, onnx_writer_in(w, 0), &shape, &mix);
}
