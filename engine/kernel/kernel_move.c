/* Kernels that rearrange: order, parts, shapes, types. */

#include "engine/kernel/kernel_call.h"

#include <math.h>
#include <string.h>

/* The position in an operand of `length` of an element of the padded axis;
 * negative: it is padding. */
static int64_t unpadded(const struct graph_node *node, uint32_t axis,
                        size_t index, size_t length)
{
    int64_t before = node->pad.before[axis], after = node->pad.after[axis];
    int64_t cut = before < 0 ? -before : 0;
    int64_t left = (int64_t)length - cut + (after < 0 ? after : 0);
    int64_t at = (int64_t)index - (before > 0 ? before : 0);
    int64_t period = left > 1 ? 2 * (left - 1) : 1;

    if (at >= 0 && at < left)
        return cut + at;
    switch (node->pad.mode) {
    case GRAPH_PAD_REFLECT:
        at = (at % period + period) % period;
        return cut + (at < left ? at : period - at);
    case GRAPH_PAD_EDGE:
        return cut + (at < 0 ? 0 : left - 1);
    case GRAPH_PAD_WRAP:
        return cut + (at % left + left) % left;
    default:
        return -1;
    }
}

/* Fills `count` elements with the padding value. */
static void fill_padding(const struct kernel_call *call, void *out,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (call->to->type == GRAPH_INT)
            ((int64_t *)out)[i] = kernel_to_int(call->node->pad.value);
        else
            ((float *)out)[i] = call->node->pad.value;
}

/* Pads a row of the last axis, whose elements start at `from`. */
static void pad_row(const struct kernel_call *call, char *out, const char *from)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    uint32_t last = x->rank - 1;
    size_t size = kernel_size_of(call->to), length = call->to->shape.dim[last];

    if (call->node->pad.before[last] == 0 && call->node->pad.after[last] == 0) {
        memcpy(out, from, length * size);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        int64_t at = unpadded(call->node, last, i, x->dim[last]);

        if (at < 0)
            fill_padding(call, out + i * size, 1);
        else
            memcpy(out + i * size, from + (size_t)at * size, size);
    }
}

bool kernel_pad(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    struct graph_shape rows = call->to->shape;
    int64_t stride[GRAPH_MAX_RANK], none[GRAPH_MAX_RANK] = {0};
    struct kernel_walk walk = {0};
    size_t length, size = kernel_size_of(call->to);
    char *out = call->out;

    if (x->rank == 0) {
        memcpy(out, call->inputs[0], size);
        return true;
    }
    kernel_strides(x, stride);
    length = rows.dim[--rows.rank];
    for (size_t i = 0; i < call->count; i += length) {
        int64_t offset = 0, at = 0;

        for (uint32_t k = 0; k < rows.rank && at >= 0; k++) {
            at = unpadded(call->node, k, walk.index[k], x->dim[k]);
            offset += at * stride[k];
        }
        if (at < 0)
            fill_padding(call, out, length);
        else
            pad_row(call, out,
                    (const char *)call->inputs[0] + (size_t)offset * size);
        out += length * size;
        kernel_walk_next(&walk, &rows, none);
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

/* DEPTH_TO_SPACE and SPACE_TO_DEPTH: a copy to an output whose blocks have axes
 * of their own, each with its stride in the input. */
bool kernel_block(const struct kernel_call *call)
{
    const struct graph_node *node = call->node;
    bool nhwc = node->nhwc, to_space = node->op == GRAPH_DEPTH_TO_SPACE;
    const struct graph_shape *out = &call->to->shape;
    size_t size = node->block.size, c = nhwc ? 3 : 1, y = nhwc ? 1 : 2;
    int64_t own[GRAPH_MAX_RANK], block = (int64_t)size, depth;
    struct { /* axes of the output: channel, row, column, and the two in a block
              */
        size_t dim;
        int64_t stride;
    } axis[6], *order[6];
    struct graph_value to = *call->to;
    struct kernel_call copy = *call;
    int64_t stride[GRAPH_MAX_RANK];

    kernel_strides(&kernel_in(call, 0)->shape, own);
    depth = (int64_t)out->dim[c];
    axis[0].dim = out->dim[0];
    axis[0].stride = own[0];
    axis[1].dim = out->dim[c];
    axis[1].stride = own[c];
    for (size_t i = 0; i < 2; i++) {
        axis[2 + i].dim = out->dim[y + i];
        axis[2 + i].stride = own[y + i];
        axis[4 + i].dim = size;
    }
    if (to_space) {
        bool first = node->block.columns_first;

        axis[1].stride = own[c] * (first ? block * block : 1);
        axis[5].stride = own[c] * (first ? 1 : depth);
        axis[4].stride = axis[5].stride * block;
        axis[2].dim /= size;
        axis[3].dim /= size;
    } else {
        axis[1].dim /= size * size;
        axis[4].stride = own[y];
        axis[5].stride = own[y + 1];
        axis[2].stride *= block;
        axis[3].stride *= block;
    }
    {
        static const unsigned char orders[2][2][6] = {
            /* from blocks: planes, pixels */
            {{0, 4, 5, 1, 2, 3}, {0, 2, 3, 4, 5, 1}},
            /* to blocks */
            {{0, 1, 2, 4, 3, 5}, {0, 2, 4, 3, 5, 1}},
        };

        to.shape.rank = 6;
        for (size_t i = 0; i < 6; i++) {
            order[i] = &axis[orders[to_space][nhwc][i]];
            to.shape.dim[i] = order[i]->dim;
            stride[i] = order[i]->stride;
        }
    }
    copy.to = &to;
    kernel_copy_strided(&copy, 0, stride);
    return true;
}

/* The size in bytes of the elements after an axis. */
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
                return fail(
                    call->err, ERROR_INPUT,
                    "index %lld is out of range for an axis of length %lld",
                    (long long)index, (long long)length);
            index += index < 0 ? length : 0;
            memcpy(to,
                   (const char *)call->inputs[0] +
                       (o * (size_t)length + (size_t)index) * inner,
                   inner);
            to += inner;
        }
    return true;
}

bool kernel_gather_elements(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    size_t axis = (size_t)call->node->axis, size = kernel_size_of(call->to);
    const int64_t *indices = call->inputs[1];
    int64_t stride[GRAPH_MAX_RANK], own;
    struct kernel_walk walk = {0};

    kernel_strides(x, stride);
    own = stride[axis];
    stride[axis] = 0;
    for (size_t i = 0; i < call->count; i++) {
        int64_t index = indices[i];

        index += index < 0 ? (int64_t)x->dim[axis] : 0;
        memcpy((char *)call->out + i * size,
               (const char *)call->inputs[0] +
                   (size_t)(walk.offset + index * own) * size,
               size);
        kernel_walk_next(&walk, &call->to->shape, stride);
    }
    return true;
}

bool kernel_gather_nd(const struct kernel_call *call)
{
    const struct graph_shape *x = &kernel_in(call, 0)->shape;
    const struct graph_shape *to = &kernel_in(call, 1)->shape;
    const int64_t *indices = call->inputs[1];
    size_t common = (size_t)call->node->axis, num = to->dim[to->rank - 1];
    size_t tuples = graph_shape_count(to) / num, batches = 1;
    size_t inner = call->count / tuples * kernel_size_of(call->to);
    int64_t stride[GRAPH_MAX_RANK];

    kernel_strides(x, stride);
    for (size_t i = 0; i < common; i++)
        batches *= x->dim[i];
    for (size_t t = 0; t < tuples; t++) {
        size_t offset =
            t / (tuples / batches) * (graph_shape_count(x) / batches);

        for (size_t k = 0; k < num; k++) {
            int64_t index = indices[t * num + k];

            index += index < 0 ? (int64_t)x->dim[common + k] : 0;
            offset += (size_t)(index * stride[common + k]);
        }
        memcpy((char *)call->out + t * inner,
               (const char *)call->inputs[0] +
                   offset * kernel_size_of(call->to),
               inner);
    }
    return true;
}

bool kernel_range(const struct kernel_call *call)
{
    for (size_t i = 0; i < call->count; i++)
        if (call->to->type == GRAPH_INT)
            ((uint64_t *)call->out)[i] = *(const uint64_t *)call->inputs[0] +
                                         i * *(const uint64_t *)call->inputs[2];
        else
            ((float *)call->out)[i] =
                *(const float *)call->inputs[0] +
                (float)i * *(const float *)call->inputs[2];
    return true;
}

bool kernel_nonzero(const struct kernel_call *call)
{
    const struct graph_value *x = kernel_in(call, 0);
    size_t num = call->to->shape.dim[1], found = 0;
    struct kernel_walk walk = {0};
    int64_t none[GRAPH_MAX_RANK] = {0};

    for (size_t i = 0; i < graph_shape_count(&x->shape); i++) {
        if (x->type == GRAPH_INT ? ((const int64_t *)call->inputs[0])[i] != 0
                                 : ((const float *)call->inputs[0])[i] != 0) {
            for (uint32_t k = 0; k < x->shape.rank; k++)
                ((int64_t *)call->out)[k * num + found] =
                    (int64_t)walk.index[k];
            found++;
        }
        kernel_walk_next(&walk, &x->shape, none);
    }
    return true;
}

bool kernel_shape(const struct kernel_call *call)
{
    size_t start = (size_t)call->node->dims.start;

    if (call->node->dims.product) {
        *(int64_t *)call->out =
            (int64_t)graph_shape_count(&kernel_in(call, 0)->shape);
        return true;
    }
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
