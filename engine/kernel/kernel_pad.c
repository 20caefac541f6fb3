/* Pad and Tile. */

#include "engine/kernel/kernel_call.h"

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
