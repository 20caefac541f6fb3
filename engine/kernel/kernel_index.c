/* Kernels that count, mark and scatter elements. Networks use them for
 * constants, masks and tables rather than for images. */

#include "engine/kernel/kernel_call.h"

#include <string.h>

bool kernel_cumsum(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    size_t axis = node->cumsum.axis, inner = 1;
    size_t length = call->to->shape.dim[axis];
    bool exclusive = node->cumsum.exclusive, is_int;

    is_int = call->to->type == GRAPH_INT;
    for (uint32_t i = (uint32_t)axis + 1; i < call->to->shape.rank; i++)
        inner *= call->to->shape.dim[i];
    for (size_t line = 0; line < call->count / length; line++) {
        size_t start = line / inner * inner * length + line % inner;
        double sum = 0;
        uint64_t whole = 0; /* wraps around */

        for (size_t k = 0; k < length; k++) {
            size_t at =
                start + (node->cumsum.reverse ? length - 1 - k : k) * inner;

            if (is_int) {
                uint64_t x = ((const uint64_t *)call->inputs[0])[at];

                ((uint64_t *)call->out)[at] = exclusive ? whole : whole + x;
                whole += x;
            } else {
                double x = (double)((const float *)call->inputs[0])[at];

                ((float *)call->out)[at] = (float)(exclusive ? sum : sum + x);
                sum += x;
            }
        }
    }
    return true;
}

bool kernel_eye(const struct kernel_call *call)
{
    size_t columns = call->to->shape.dim[1];

    for (size_t i = 0; i < call->count; i++) {
        bool one = (int64_t)(i % columns) - (int64_t)(i / columns) ==
                   call->node->diagonal.k;

        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = one;
        else
            ((float *)call->out)[i] = one;
    }
    return true;
}

bool kernel_trilu(const struct kernel_call *call)
{
    const struct graph_shape *x = &call->to->shape;
    size_t columns = x->dim[x->rank - 1], rows = x->dim[x->rank - 2];
    size_t size = kernel_size_of(call->to);

    memset(call->out, 0, call->count * size);
    for (size_t i = 0; i < call->count; i++) {
        int64_t off = (int64_t)(i % columns) - (int64_t)(i / columns % rows);
        bool kept = call->node->diagonal.upper ? off >= call->node->diagonal.k
                                               : off <= call->node->diagonal.k;

        if (kept)
            memcpy((char *)call->out + i * size,
                   (const char *)call->inputs[0] + i * size, size);
    }
    return true;
}

bool kernel_one_hot(const struct kernel_call *call)
{
    const struct graph_value *indices = kernel_in(call, 0);
    size_t axis = (size_t)call->node->axis, inner = 1;
    size_t depth = call->to->shape.dim[axis], size = kernel_size_of(call->to);

    for (uint32_t i = (uint32_t)axis + 1; i < call->to->shape.rank; i++)
        inner *= call->to->shape.dim[i];
    for (size_t i = 0; i < call->count; i++) {
        size_t from = i / (depth * inner) * inner + i % inner;
        int64_t index =
            indices->type == GRAPH_INT
                ? ((const int64_t *)call->inputs[0])[from]
                : kernel_to_int((double)((const float *)call->inputs[0])[from]);
        bool is_on;

        if (index < 0)
            index += (int64_t)depth;
        is_on = index == (int64_t)(i / inner % depth);
        memcpy((char *)call->out + i * size,
               (const char *)call->inputs[2] + is_on * size, size);
    }
    return true;
}

/* Elements beyond the length of their sequence stay in place. */
bool kernel_reverse(const struct kernel_call *call)
{
    const size_t *dim = call->to->shape.dim;
    size_t inner = call->count / (dim[0] * dim[1]) * kernel_size_of(call->to);
    char *to = call->out;

    for (size_t i = 0; i < dim[0]; i++)
        for (size_t k = 0; k < dim[1]; k++) {
            bool first = call->node->reverse.first;
            size_t at = first ? i : k, sequence = first ? k : i;
            size_t length =
                (size_t)((const int64_t *)call->inputs[1])[sequence];
            size_t from = at < length ? length - 1 - at : at;

            from = first ? from * dim[1] + k : i * dim[1] + from;
            memcpy(to, (const char *)call->inputs[0] + from * inner, inner);
            to += inner;
        }
    return true;
}

bool kernel_mix(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    const int64_t *indices = call->inputs[1];
    const float *weights = call->inputs[2];
    size_t axis = (size_t)call->node->axis, inner = 1;
    size_t length = call->to->shape.dim[axis];
    size_t taps = kernel_in(call, 1)->shape.dim[1];

    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    memset(call->out, 0, call->count * sizeof(float));
    for (size_t line = 0; line < call->count / inner; line++) {
        float *restrict out = (float *)call->out + line * inner;
        const float *first = (const float *)call->inputs[0] +
                             line / length * x->dim[axis] * inner;

        for (size_t t = line % length * taps; t < (line % length + 1) * taps;
             t++) {
            const float *restrict from = first + (size_t)indices[t] * inner;

            for (size_t i = 0; weights[t] != 0 && i < inner; i++)
                out[i] += weights[t] * from[i];
        }
    }
    return true;
}

/* ---- scattering ---- */

static double joined(enum graph_scatter how, double old, double update)
{
    switch (how) {
    case GRAPH_SCATTER_ADD:
        return old + update;
    case GRAPH_SCATTER_MUL:
        return old * update;
    case GRAPH_SCATTER_MAX:
        return old > update ? old : update;
    case GRAPH_SCATTER_MIN:
        return old < update ? old : update;
    default:
        return update;
    }
}

/* Stores update `from` where the element `at` is. */
static void put(const struct kernel_call *call, size_t at, size_t from)
{
    enum graph_scatter how = call->node->scatter.how;

    if (how == GRAPH_SCATTER_REPLACE) {
        size_t size = kernel_size_of(call->to);

        memcpy((char *)call->out + at * size,
               (const char *)call->inputs[2] + from * size, size);
    } else if (call->to->type == GRAPH_INT) {
        int64_t *out = (int64_t *)call->out + at;

        *out = kernel_to_int(
            joined(how, (double)*out,
                   (double)((const int64_t *)call->inputs[2])[from]));
    } else {
        float *out = (float *)call->out + at;

        *out = (float)joined(how, (double)*out,
                             (double)((const float *)call->inputs[2])[from]);
    }
}

bool kernel_scatter_elements(const struct kernel_call *call)
{
    const struct graph_shape *x = &call->to->shape;
    const struct graph_shape *to = &kernel_in(call, 1)->shape;
    size_t axis = (size_t)call->node->scatter.axis;
    int64_t stride[GRAPH_MAX_RANK], own;
    struct kernel_walk walk = {0};

    memcpy(call->out, call->inputs[0], call->count * kernel_size_of(call->to));
    kernel_strides(x, stride);
    own = stride[axis];
    stride[axis] = 0;
    for (size_t i = 0; i < graph_shape_count(to); i++) {
        int64_t index = ((const int64_t *)call->inputs[1])[i];

        index += index < 0 ? (int64_t)x->dim[axis] : 0;
        put(call, (size_t)(walk.offset + index * own), i);
        kernel_walk_next(&walk, to, stride);
    }
    return true;
}

bool kernel_scatter_nd(const struct kernel_call *call)
{
    const struct graph_shape *x = &call->to->shape;
    const struct graph_shape *to = &kernel_in(call, 1)->shape;
    size_t num = to->dim[to->rank - 1], inner = 1;
    size_t tuples = graph_shape_count(to) / num;
    int64_t stride[GRAPH_MAX_RANK];

    memcpy(call->out, call->inputs[0], call->count * kernel_size_of(call->to));
    kernel_strides(x, stride);
    for (size_t k = num; k < x->rank; k++)
        inner *= x->dim[k];
    for (size_t t = 0; t < tuples; t++) {
        size_t at = 0;

        for (size_t k = 0; k < num; k++) {
            int64_t index = ((const int64_t *)call->inputs[1])[t * num + k];

            index += index < 0 ? (int64_t)x->dim[k] : 0;
            at += (size_t)(index * stride[k]);
        }
        for (size_t i = 0; i < inner; i++)
            put(call, at + i, t * inner + i);
    }
    return true;
}
