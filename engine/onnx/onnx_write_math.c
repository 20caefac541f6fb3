/* Writes what computes element by element, and products. */

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

/* The operator takes the operands as they are. */
const char *onnx_write_plain(struct onnx_writer *w, const char *op)
{
    const char **inputs =
        onnx_writer_take(w, w->node->num_inputs, sizeof *inputs);

    if (!inputs)
        return NULL;
    for (uint32_t i = 0; i < w->node->num_inputs; i++)
        inputs[i] = onnx_writer_in(w, i);
    return onnx_writer_node(w, op, inputs, w->node->num_inputs);
}

/* The operand itself. */
const char *onnx_write_pass(struct onnx_writer *w, const char *op)
{
    (void)op;
    return onnx_writer_in(w, 0);
}

/* ---- of two numbers ---- */

/* ONNX compares to booleans, the graph to 0 and 1. */
const char *onnx_write_compare(struct onnx_writer *w, const char *op)
{
    return onnx_writer_to_float(w, onnx_write_plain(w, op));
}

/* What is not 0, as booleans. */
static const char *is_true(struct onnx_writer *w, uint32_t i)
{
    const char *x = onnx_writer_floats_in(w, i);

    return onnx_writer_one(
        w, "Not", onnx_writer_two(w, "Equal", x, onnx_writer_number(w, 0)));
}

const char *onnx_write_logical(struct onnx_writer *w, const char *op)
{
    const char *a = is_true(w, 0), *b = is_true(w, 1);

    return onnx_writer_to_float(w, onnx_writer_two(w, op, a, b));
}

const char *onnx_write_where(struct onnx_writer *w, const char *op)
{
    const char *condition = is_true(w, 0);

    (void)op;
    return onnx_writer_where(w, condition, onnx_writer_in(w, 1),
                             onnx_writer_in(w, 2));
}

/* Of floats, ONNX has the one with the sign of a only. The other one is
 * a - b floor(a / b). */
const char *onnx_write_mod(struct onnx_writer *w, const char *op)
{
    const char *a = onnx_writer_in(w, 0), *b = onnx_writer_in(w, 1), *whole;

    if (w->node->truncated) {
        a = onnx_writer_two(w, op, a, b);
        onnx_writer_int(w, "fmod", 1);
        return a;
    }
    whole = onnx_writer_one(w, "Floor", onnx_writer_two(w, "Div", a, b));
    return onnx_writer_two(w, "Sub", a, onnx_writer_two(w, "Mul", b, whole));
}

/* The operator has the shape of a. */
const char *onnx_write_prelu(struct onnx_writer *w, const char *op)
{
    const char *a = onnx_writer_in(w, 0), *b = onnx_writer_in(w, 1), *below;

    if (graph_shape_equal(onnx_writer_shape(w, 0), onnx_writer_out(w)))
        return onnx_writer_two(w, op, a, b);
    below = onnx_writer_two(w, "Less", a, onnx_writer_number(w, 0));
    return onnx_writer_where(w, below, onnx_writer_two(w, "Mul", a, b), a);
}

/* ---- products ---- */

static const char *plus(struct onnx_writer *w, const char *x, const char *bias)
{
    return bias && !*bias ? x : onnx_writer_two(w, "Add", x, bias);
}

static const char *times(struct onnx_writer *w, const char *x, float factor)
{
    return factor == 1 || !x || !*x
               ? x
               : onnx_writer_two(w, "Mul", x, onnx_writer_number(w, factor));
}

static const char *turned(struct onnx_writer *w, const char *matrix)
{
    return onnx_writer_transpose(w, matrix, (const int64_t[]){1, 0}, 2);
}

/* x (.., I) by the weights (O, I) turned. */
const char *onnx_write_linear(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_writer_in(w, 0), *weights = onnx_writer_in(w, 1);

    if (onnx_writer_shape(w, 0)->rank == 2) {
        x = onnx_write_plain(w, op);
        onnx_writer_int(w, "transB", 1);
        return x;
    }
    x = onnx_writer_two(w, "MatMul", x, turned(w, weights));
    return plus(w, x, onnx_writer_in(w, 2));
}

/* Only matrices are turned, no stacks of them. */
const char *onnx_write_matmul(struct onnx_writer *w, const char *op)
{
    const struct graph_node *node = w->node;
    const char *a = onnx_writer_in(w, 0), *b = onnx_writer_in(w, 1), *x;

    if (node->gemm.transpose_a)
        a = turned(w, a);
    if (node->gemm.transpose_b)
        b = turned(w, b);
    x = times(w, onnx_writer_two(w, op, a, b), node->gemm.alpha);
    return plus(w, x, times(w, onnx_writer_in(w, 2), node->gemm.beta));
}

const char *onnx_write_einsum(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);

    onnx_writer_text(w, "equation", w->node->einsum.equation);
    return x;
}

/* Before opset 13 a softmax could be over all axes from one on. */
const char *onnx_write_softmax(struct onnx_writer *w, const char *op)
{
    struct graph_shape from = *onnx_writer_shape(w, 0), flat = from;
    const char *x = onnx_writer_in(w, 0);
    size_t axis = (size_t)w->node->axis;

    if (w->node->to_matrix)
        for (flat.rank = (uint32_t)axis + 1; flat.rank < from.rank;)
            flat.dim[axis] *= from.dim[flat.rank++];
    flat.rank = w->node->to_matrix ? (uint32_t)axis + 1 : from.rank;
    x = onnx_writer_one(w, op, onnx_writer_reshape(w, x, &from, &flat));
    onnx_writer_int(w, "axis", (int64_t)axis);
    return onnx_writer_reshape(w, x, &flat, &from);
}
