/* Matrix products, and other operations per channel. */

#include "engine/kernel/kernel_call.h"

#include <math.h>
#include <string.h>

/* An operand's strides along rows and columns, as it is multiplied, and from
 * matrix to matrix in a stack of shape `stack`. */
static void matrix_strides(const struct graph_shape *shape, bool is_b,
                           bool transposed, const struct graph_shape *stack,
                           int64_t *row, int64_t *column,
                           int64_t stride[GRAPH_MAX_RANK])
{
    int64_t own[GRAPH_MAX_RANK];
    uint32_t rank = shape->rank;

    kernel_strides(shape, own);
    *column = rank > 1 || !is_b ? own[rank - 1] : 0;
    *row = rank > 1 ? own[rank - 2] : is_b ? own[0] : 0;
    if (transposed) {
        int64_t step = *row;

        *row = *column;
        *column = step;
    }
    for (uint32_t i = 0; i < stack->rank; i++) {
        uint32_t missing = stack->rank - (rank > 2 ? rank - 2 : 0);

        stride[i] =
            i < missing || shape->dim[i - missing] == 1 ? 0 : own[i - missing];
    }
}

bool kernel_matmul(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    const struct graph_shape *a = &kernel_in(call, 0)->shape;
    const struct graph_shape *b = &kernel_in(call, 1)->shape;
    struct graph_shape stack = call->to->shape;
    size_t rows = 1, columns = 1, depth = a->dim[a->rank - 1];
    int64_t row_a, column_a, row_b, column_b;
    int64_t stride_a[GRAPH_MAX_RANK], stride_b[GRAPH_MAX_RANK];
    int64_t stride_c[GRAPH_MAX_RANK];
    struct kernel_walk at_a = {0}, at_b = {0}, at_c = {0};
    float *restrict out = call->out;

    if (node->gemm.transpose_a)
        depth = a->dim[0];
    if (b->rank > 1)
        columns = stack.dim[--stack.rank];
    if (a->rank > 1)
        rows = stack.dim[--stack.rank];
    matrix_strides(a, false, node->gemm.transpose_a, &stack, &row_a, &column_a,
                   stride_a);
    matrix_strides(b, true, node->gemm.transpose_b, &stack, &row_b, &column_b,
                   stride_b);
    for (size_t i = 0; i < call->count; i++)
        out[i] = 0;
    for (size_t m = 0; m < call->count; m += rows * columns) {
        const float *from_a = (const float *)call->inputs[0] + at_a.offset;
        const float *from_b = (const float *)call->inputs[1] + at_b.offset;

        for (size_t i = 0; i < rows; i++)
            for (size_t k = 0; k < depth; k++) {
                const float *restrict b_row = from_b + (int64_t)k * row_b;
                float factor =
                    node->gemm.alpha *
                    from_a[(int64_t)i * row_a + (int64_t)k * column_a];

                for (size_t j = 0; j < columns; j++)
                    out[m + i * columns + j] +=
                        factor * b_row[(int64_t)j * column_b];
            }
        kernel_walk_next(&at_a, &stack, stride_a);
        kernel_walk_next(&at_b, &stack, stride_b);
    }
    if (node->num_inputs > 2 && call->inputs[2]) {
        kernel_broadcast_strides(call, 2, stride_c);
        for (size_t i = 0; i < call->count; i++) {
            out[i] +=
                node->gemm.beta * ((const float *)call->inputs[2])[at_c.offset];
            kernel_walk_next(&at_c, &call->to->shape, stride_c);
        }
    }
    for (size_t i = 0; i < call->count; i++)
        out[i] = kernel_clamped(node, out[i]);
    return true;
}

/* Each element of the output is a sum of products over the loops that are not
 * its own. */
bool kernel_einsum(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    uint32_t count = node->num_inputs, rank = call->to->shape.rank;
    struct graph_shape summed = {.rank = node->einsum.num_loops - rank};
    int64_t stride[GRAPH_EINSUM_OPERANDS][2 * GRAPH_MAX_RANK] = {{0}};
    struct kernel_walk at[GRAPH_EINSUM_OPERANDS] = {{{0}, 0}};
    float *out = call->out;

    memcpy(summed.dim, node->einsum.length + rank,
           summed.rank * sizeof *summed.dim);
    for (uint32_t k = 0; k < count; k++) {
        const struct graph_shape *shape = &kernel_in(call, k)->shape;
        int64_t own[GRAPH_MAX_RANK];

        kernel_strides(shape, own);
        for (uint32_t i = 0; i < shape->rank; i++)
            if (shape->dim[i] > 1)
                stride[k][node->einsum.loop[k][i]] += own[i];
    }
    for (size_t i = 0; i < call->count; i++) {
        struct kernel_walk in[GRAPH_EINSUM_OPERANDS] = {{{0}, 0}};
        double sum = 0;

        for (size_t n = graph_shape_count(&summed); n > 0; n--) {
            double product = 1;

            for (uint32_t k = 0; k < count; k++) {
                const float *from = call->inputs[k];

                product *= (double)from[at[k].offset + in[k].offset];
                kernel_walk_next(&in[k], &summed, stride[k] + rank);
            }
            sum += product;
        }
        out[i] = (float)sum;
        for (uint32_t k = 0; k < count; k++)
            kernel_walk_next(&at[k], &call->to->shape, stride[k]);
    }
    return true;
}

/* Mean and variance of channel c of x, whose rows have `inner` elements. */
static void channel_statistics(double *mean, double *variance, const float *x,
                               size_t c, const struct graph_shape *shape,
                               size_t inner)
{
    size_t count = shape->dim[0] * inner;
    double sum = 0, squares = 0;

    for (size_t n = 0; n < shape->dim[0]; n++)
        for (size_t i = 0; i < inner; i++)
            sum += (double)x[(n * shape->dim[1] + c) * inner + i];
    *mean = sum / (double)count;
    for (size_t n = 0; n < shape->dim[0]; n++)
        for (size_t i = 0; i < inner; i++) {
            double off = (double)x[(n * shape->dim[1] + c) * inner + i] - *mean;

            squares += off * off;
        }
    *variance = squares / (double)count;
}

bool kernel_batch_norm(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    const float *from = call->inputs[0], *scale = call->inputs[1],
                *bias = call->inputs[2];
    float *out = call->out;
    size_t inner = 1;

    for (uint32_t i = 2; i < x->rank; i++)
        inner *= x->dim[i];
    for (size_t c = 0; c < x->dim[1]; c++) {
        double mean = (double)((const float *)call->inputs[3])[c];
        double variance = (double)((const float *)call->inputs[4])[c];
        float factor;

        if (call->node->training)
            channel_statistics(&mean, &variance, from, c, x, inner);
        factor = (float)((double)scale[c] /
                         sqrt(variance + (double)call->node->epsilon));
        for (size_t n = 0; n < x->dim[0]; n++) {
            size_t at = (n * x->dim[1] + c) * inner;

            for (size_t i = at; i < at + inner; i++)
                out[i] = kernel_clamped(
                    call->node, (from[i] - (float)mean) * factor + bias[c]);
        }
    }
    return true;
}
