/* Kernels that rearrange: order, parts, shapes, types. */

#include "kernel_call.h"

#include <math.h>
#include <string.h>

bool kernel_pad(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    struct kernel_walk to = {0}, from = {0};
    int64_t stride[GRAPH_MAX_RANK], own[GRAPH_MAX_RANK], start = 0;
    size_t size = kernel_size_of(call->to), num = graph_shape_count(x);
    float value = call->node->pad.value;

    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = kernel_to_int(value);
        else
            ((float *)call->out)[i] = value;
    kernel_strides(&call->to->shape, stride);
    kernel_strides(x, own);
    for (uint32_t i = 0; i < x->rank; i++)
        start += stride[i] * (int64_t)call->node->pad.before[i];
    to.offset = start;
    /* Walk the input; `from` counts its elements in order. */
    for (size_t i = 0; i < num; i++) {
        memcpy((char *)call->out + (size_t)to.offset * size,
               (const char *)call->inputs[0] + (size_t)from.offset * size,
               size);
        kernel_walk_next(&to, x, stride);
        kernel_walk_next(&from, x, own);
    }
    return true;
}

/* RESHAPE and IDENTITY */
bool kernel_copy(const struct kernel_call *call)
{
    if (call->count > 0)
        memcpy(call->out, call->inputs[0],
               call->count * kernel_size_of(call->to));
    return true;
}

bool kernel_expand(const struct kernel_call *call)
{
    int64_t stride[GRAPH_MAX_RANK];

    kernel_broadcast_strides(call, 0, stride);
    kernel_copy_strided(call, 0, stride);
    return true;
}

bool kernel_transpose(const struct kernel_call *call)
{
    int64_t own[GRAPH_MAX_RANK], stride[GRAPH_MAX_RANK];

    kernel_strides(&kernel_in(call, 0)->shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++)
        stride[i] = own[call->node->perm[i]];
    kernel_copy_strided(call, 0, stride);
    return true;
}

bool kernel_slice(const struct kernel_call *call)
{
    int64_t own[GRAPH_MAX_RANK], stride[GRAPH_MAX_RANK], start = 0;

    kernel_strides(&kernel_in(call, 0)->shape, own);
    for (uint32_t i = 0; i < call->to->shape.rank; i++) {
        start += own[i] * call->node->slice.start[i];
        stride[i] = own[i] * call->node->slice.step[i];
    }
    kernel_copy_strided(call, start, stride);
    return true;
}

/* Elements after an axis, in bytes. */
static size_t inner_bytes(const struct graph_value *value, size_t axis)
{
    size_t bytes = kernel_size_of(value);

    for (uint32_t i = (uint32_t)axis + 1; i < value->shape.rank; i++)
        bytes *= value->shape.dim[i];
    return bytes;
}

bool kernel_concat(const struct kernel_call *call)
{
    size_t axis = (size_t)call->node->axis, done = 0;
    size_t inner = inner_bytes(call->to, axis);
    size_t row = inner * call->to->shape.dim[axis];
    size_t total = call->count * kernel_size_of(call->to);

    for (uint32_t n = 0; n < call->node->num_inputs; n++) {
        size_t part = inner * kernel_in(call, n)->shape.dim[axis];
        const char *from = call->inputs[n];

        for (size_t at = done; part > 0 && at < total; at += row) {
            memcpy((char *)call->out + at, from, part);
            from += part;
        }
        done += part;
    }
    return true;
}

bool kernel_gather(const struct kernel_call *call)
{
    const struct graph_value *x = kernel_in(call, 0),
                             *indices = kernel_in(call, 1);
    size_t axis = (size_t)call->node->axis, inner = inner_bytes(x, axis);
    int64_t length = (int64_t)x->shape.dim[axis];
    size_t num = graph_shape_count(&indices->shape), outer = 1;
    char *to = call->out;

    for (uint32_t i = 0; i < axis; i++)
        outer *= x->shape.dim[i];
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < num; i++) {
            int64_t index = ((const int64_t *)call->inputs[1])[i];

            if (index < -length || index >= length)
                return fail(call->err, ERROR_INPUT,
                            "index %lld is not one of %lld", (long long)index,
                            (long long)length);
            index += index < 0 ? length : 0;
            memcpy(to,
                   (const char *)call->inputs[0] +
                       (o * (size_t)length + (size_t)index) * inner,
                   inner);
            to += inner;
        }
    return true;
}

bool kernel_shape(const struct kernel_call *call)
{
    size_t start = (size_t)call->node->dims.start;

    for (size_t i = 0; i < call->count; i++)
        ((int64_t *)call->out)[i] =
            (int64_t)kernel_in(call, 0)->shape.dim[start + i];
    return true;
}

bool kernel_fill(const struct kernel_call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)call->out)[i] = kernel_to_int(call->node->fill.value);
        else
            ((float *)call->out)[i] = (float)call->node->fill.value;
    return true;
}

bool kernel_cast(const struct kernel_call *call)
{
    enum graph_type from = kernel_in(call, 0)->type;

    if (from == call->to->type)
        return kernel_copy(call);
    for (size_t i = 0; i < call->count; i++) {
        if (from == GRAPH_INT) {
            ((float *)call->out)[i] =
                (float)((const int64_t *)call->inputs[0])[i];
        } else {
            ((int64_t *)call->out)[i] =
                kernel_to_int(((const float *)call->inputs[0])[i]);
        }
    }
    return true;
}
