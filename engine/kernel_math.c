/* Kernels that compute: element by element, sums, shares. */

#include "kernel_call.h"

#include <math.h>
#include <string.h>

static float float_of(enum graph_op op, float a, float b)
{
    switch (op) {
    case GRAPH_ADD:
        return a + b;
    case GRAPH_SUB:
        return a - b;
    case GRAPH_MUL:
        return a * b;
    default:
        return a / b;
    }
}

/* Wraps around, as two's complement does. */
static int64_t int_of(enum graph_op op, int64_t a, int64_t b)
{
    switch (op) {
    case GRAPH_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case GRAPH_SUB:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case GRAPH_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    default:
        return b == -1 ? (int64_t) - (uint64_t)a : a / b;
    }
}

bool kernel_binary(const struct kernel_call *call)
{
    int64_t stride_a[GRAPH_MAX_RANK], stride_b[GRAPH_MAX_RANK];
    struct kernel_walk a = {0}, b = {0};
    enum graph_op op = call->node->op;

    kernel_broadcast_strides(call, 0, stride_a);
    kernel_broadcast_strides(call, 1, stride_b);
    for (size_t i = 0; i < call->count; i++) {
        if (call->to->type == GRAPH_INT) {
            int64_t of_a = ((const int64_t *)call->inputs[0])[a.offset];
            int64_t of_b = ((const int64_t *)call->inputs[1])[b.offset];

            if (op == GRAPH_DIV && of_b == 0)
                return fail(call->err, ERROR_INPUT, "it divides by zero");
            ((int64_t *)call->out)[i] = int_of(op, of_a, of_b);
        } else {
            ((float *)call->out)[i] = kernel_clamped(
                call->node,
                float_of(op, ((const float *)call->inputs[0])[a.offset],
                         ((const float *)call->inputs[1])[b.offset]));
        }
        kernel_walk_next(&a, &call->to->shape, stride_a);
        kernel_walk_next(&b, &call->to->shape, stride_b);
    }
    return true;
}

bool kernel_clamp(const struct kernel_call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = kernel_to_int(kernel_clamped(
                call->node, (float)((const int64_t *)call->inputs[0])[i]));
        else
            ((float *)call->out)[i] =
                kernel_clamped(call->node, ((const float *)call->inputs[0])[i]);
    return true;
}

bool kernel_mean(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    int64_t stride[GRAPH_MAX_RANK];
    struct kernel_walk to = {0};
    size_t num = graph_shape_count(x);
    float *out = call->out, share = (float)call->count / (float)num;
    int64_t step = 1;

    for (uint32_t i = x->rank; i-- > 0;) {
        stride[i] = node->reduce.axis[i] ? 0 : step;
        if (!node->reduce.axis[i])
            step *= (int64_t)x->dim[i];
    }
    memset(out, 0, call->count * sizeof *out);
    for (size_t i = 0; i < num; i++) {
        out[to.offset] += ((const float *)call->inputs[0])[i];
        kernel_walk_next(&to, x, stride);
    }
    for (size_t i = 0; i < call->count; i++)
        out[i] = kernel_clamped(node, out[i] * share);
    return true;
}

bool kernel_softmax(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    size_t axis = (size_t)call->node->axis, length = x->dim[axis], inner = 1;
    const float *from = call->inputs[0];
    float *out = call->out;

    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    for (size_t line = 0; line < call->count / length; line++) {
        size_t start = line / inner * inner * length + line % inner;
        float max = -INFINITY, sum = 0;

        for (size_t i = 0; i < length; i++)
            max = fmaxf(max, from[start + i * inner]);
        for (size_t i = 0; i < length; i++)
            sum += out[start + i * inner] = expf(from[start + i * inner] - max);
        for (size_t i = 0; i < length; i++)
            out[start + i * inner] /= sum;
    }
    return true;
}
