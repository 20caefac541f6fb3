/* Shapes of Pad and Tile. */

#include "engine/passes/infer.h"

#include <inttypes.h>

/* Reads the padding from input 1, for all axes or for those in input 3. */
static bool read_padding(struct infer *infer)
{
    struct graph_node *node = infer->node;
    uint32_t rank = infer_shape(infer, 0)->rank;
    const int64_t *pads, *axes;
    size_t count, num_axes, num;

    if (!infer_ints(infer, 1, "padding", (size_t)2 * GRAPH_MAX_RANK, &pads,
                    &count) ||
        !infer_float(infer, 2, "padding value", &node->pad.value) ||
        !infer_ints(infer, 3, "list of axes", GRAPH_MAX_RANK, &axes, &num_axes))
        return false;
    if (!pads && node->pad.num_given != rank)
        return fail(infer->err, ERROR_INPUT,
                    "its padding has %u dimensions, not %u",
                    node->pad.num_given, rank);
    num = axes ? num_axes : rank;
    if (pads && count != 2 * num)
        return fail(infer->err, ERROR_INPUT,
                    "its padding has %zu numbers for %zu dimensions", count,
                    num);
    for (size_t i = 0; pads && i < num; i++) {
        size_t axis = i;

        if (axes && !infer_axis(infer, axes[i], rank, &axis))
            return false;
        node->pad.before[axis] = pads[i];
        node->pad.after[axis] = pads[num + i];
    }
    return true;
}

/* Repeats are padding that wraps around. */
static bool read_repeats(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    const int64_t *repeats;
    size_t count;

    if (!infer_ints(infer, 1, "list of repeats", GRAPH_MAX_RANK, &repeats,
                    &count))
        return false;
    if (count != x->rank)
        return fail(infer->err, ERROR_INPUT,
                    "it has %zu repeats for %u dimensions", count, x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        if (repeats[i] < 0 || repeats[i] > INT32_MAX)
            return fail(infer->err, ERROR_INPUT,
                        "its number of repeats is invalid: %" PRId64,
                        repeats[i]);
        node->pad.after[i] = (repeats[i] - 1) * (int64_t)x->dim[i];
    }
    node->pad.tile = false;
    return true;
}

bool graph_shape_pad(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const int64_t limit = INT32_MAX;

    infer->shape = *infer_shape(infer, 0);
    if (!node->resolved &&
        !(node->pad.tile ? read_repeats(infer) : read_padding(infer)))
        return false;
    node->num_inputs = 1;
    for (uint32_t i = 0; i < infer->shape.rank; i++) {
        int64_t before = node->pad.before[i], after = node->pad.after[i];
        int64_t length = (int64_t)infer->shape.dim[i], left = length;

        if (before > limit || before < -limit || after > limit ||
            after < -limit)
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "a padding of %" PRId64 " is not supported",
                        before > limit || before < -limit ? before : after);
        left += before < 0 ? before : 0;
        left += after < 0 ? after : 0;
        if (length + before + after < 0 || left < 0 ||
            (left == 0 && node->pad.mode != GRAPH_PAD_CONSTANT &&
             length + before + after > 0))
            return fail(infer->err, ERROR_INPUT,
                        "its padding leaves nothing of an axis of length %zu",
                        infer->shape.dim[i]);
        infer->shape.dim[i] = (size_t)(length + before + after);
    }
    return true;
}
