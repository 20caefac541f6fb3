/* Shapes of what counts, marks, takes elements from positions and puts them
 * there: CumSum, EyeLike, Trilu, OneHot, ReverseSequence, Gather and Scatter;
 * and of sums along an axis. */

#include "engine/passes/infer.h"

#include <inttypes.h>

bool graph_shape_cumsum(struct infer *infer)
{
    const int64_t *axis;
    size_t count, found;

    if (infer->node->resolved)
        return graph_shape_same(infer);
    if (!infer_ints(infer, 1, "axis", 1, &axis, &count))
        return false;
    if (count != 1)
        return fail(infer->err, ERROR_INPUT, "its axis is not a single number");
    if (!infer_axis(infer, axis[0], infer_shape(infer, 0)->rank, &found))
        return false;
    infer->node->cumsum.axis = found;
    infer->node->num_inputs = 1;
    return graph_shape_same(infer);
}

static bool check_matrix(const struct infer *infer, uint32_t least)
{
    uint32_t rank = infer_shape(infer, 0)->rank;

    return rank >= least ||
           fail(infer->err, ERROR_INPUT, "its input has %u dimensions", rank);
}

bool graph_shape_eye(struct infer *infer)
{
    if (!check_matrix(infer, 2))
        return false;
    if (infer_shape(infer, 0)->rank > 2)
        return fail(infer->err, ERROR_INPUT, "its input is not a matrix");
    return graph_shape_same(infer);
}

bool graph_shape_trilu(struct infer *infer)
{
    const int64_t *k;
    size_t count;

    if (!check_matrix(infer, 2) ||
        !infer_ints(infer, 1, "diagonal", 1, &k, &count))
        return false;
    if (count == 1)
        infer->node->diagonal.k = k[0];
    infer->node->num_inputs = 1;
    return graph_shape_same(infer);
}

/* The depth, a constant number. */
static bool read_depth(const struct infer *infer, size_t *depth)
{
    float number = 0;

    if (!infer_float(infer, 1, "depth", &number))
        return false;
    if (!(number >= 1 && number < 0x1p31f))
        return fail(infer->err, ERROR_INPUT,
                    "its depth is %g; it must be positive", (double)number);
    *depth = (size_t)number;
    return true;
}

bool graph_shape_one_hot(struct infer *infer)
{
    const struct graph_value *indices = infer_in(infer, 0);
    size_t depth = 0, axis;

    if (!indices->data)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its indices depend on the image");
    if (indices->shape.rank == GRAPH_MAX_RANK)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its output has more than %d dimensions", GRAPH_MAX_RANK);
    if (!read_depth(infer, &depth) ||
        !infer_axis(infer, infer->node->axis, indices->shape.rank + 1, &axis))
        return false;
    if (graph_shape_count(infer_shape(infer, 2)) != 2)
        return fail(infer->err, ERROR_INPUT,
                    "it must have two values, off and on");
    infer->node->axis = (int64_t)axis;
    for (uint32_t i = 0; i <= indices->shape.rank; i++)
        infer->shape.dim[i] =
            i == axis ? depth : indices->shape.dim[i - (i > axis)];
    infer->shape.rank = indices->shape.rank + 1;
    return true;
}

bool graph_shape_reverse(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t time = infer->node->reverse.first ? 0 : 1, count;
    const int64_t *lengths;

    if (!check_matrix(infer, 2) ||
        !infer_ints(infer, 1, "lengths", SIZE_MAX, &lengths, &count))
        return false;
    if (count != x->dim[1 - time])
        return fail(infer->err, ERROR_INPUT,
                    "it has %zu lengths for %zu sequences", count,
                    x->dim[1 - time]);
    for (size_t i = 0; i < count; i++)
        if (lengths[i] < 0 || (uint64_t)lengths[i] > x->dim[time])
            return fail(infer->err, ERROR_INPUT,
                        "length %" PRId64
                        " is out of range for a sequence of %zu",
                        lengths[i], x->dim[time]);
    return graph_shape_same(infer);
}

/* The constant indices of operand 1. */
static bool find_indices(const struct infer *infer,
                         const struct graph_value **indices)
{
    *indices = infer_in(infer, 1);
    if (!(*indices)->data || (*indices)->type != GRAPH_INT)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its indices depend on the image");
    return true;
}

static bool check_index(const struct infer *infer, int64_t index, size_t length)
{
    return (index >= -(int64_t)length && index < (int64_t)length) ||
           fail(infer->err, ERROR_INPUT,
                "index %" PRId64 " is out of range for an axis of length %zu",
                index, length);
}

/* Checks indices of which each is for an element of its own, along an axis. */
static bool check_elements(const struct infer *infer,
                           const struct graph_value *indices, size_t axis)
{
    const struct graph_shape *x = infer_shape(infer, 0);

    if (indices->shape.rank != x->rank)
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not match the shape of its input");
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis && indices->shape.dim[i] > x->dim[i])
            return fail(infer->err, ERROR_INPUT,
                        "its indices do not match the shape of its input");
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(infer, graph_ints(indices)[i], x->dim[axis]))
            return false;
    return true;
}

bool graph_shape_gather(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices;
    size_t axis;

    if (!find_indices(infer, &indices) ||
        !infer_axis(infer, infer->node->axis, x->rank, &axis))
        return false;
    infer->node->axis = (int64_t)axis;
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(infer, graph_ints(indices)[i], x->dim[axis]))
            return false;
    if (x->rank - 1 + indices->shape.rank > GRAPH_MAX_RANK)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its output has more than %d dimensions", GRAPH_MAX_RANK);
    for (uint32_t i = 0; i < axis; i++)
        infer->shape.dim[infer->shape.rank++] = x->dim[i];
    for (uint32_t i = 0; i < indices->shape.rank; i++)
        infer->shape.dim[infer->shape.rank++] = indices->shape.dim[i];
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        infer->shape.dim[infer->shape.rank++] = x->dim[i];
    return true;
}

bool graph_shape_gather_elements(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices;
    size_t axis;

    if (!find_indices(infer, &indices) ||
        !infer_axis(infer, infer->node->axis, x->rank, &axis))
        return false;
    infer->node->axis = (int64_t)axis;
    infer->shape = indices->shape;
    return check_elements(infer, indices, axis);
}

/* The last axis of the indices counts axes of x, after those that both have
 * in common. */
bool graph_shape_gather_nd(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices;
    int64_t common = infer->node->axis;
    size_t num;

    if (!find_indices(infer, &indices))
        return false;
    if (indices->shape.rank == 0 || common < 0 ||
        common >= (int64_t)indices->shape.rank)
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not match the shape of its input");
    num = indices->shape.dim[indices->shape.rank - 1];
    if (num == 0 || x->rank < (size_t)common ||
        num > x->rank - (size_t)common ||
        indices->shape.rank - 1 + x->rank - num - (size_t)common >
            GRAPH_MAX_RANK)
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not match the shape of its input");
    for (uint32_t i = 0; i + 1 < indices->shape.rank; i++) {
        if (i < common && indices->shape.dim[i] != x->dim[i])
            return fail(infer->err, ERROR_INPUT,
                        "its indices do not match the shape of its input");
        infer->shape.dim[infer->shape.rank++] = indices->shape.dim[i];
    }
    for (size_t i = (size_t)common + num; i < x->rank; i++)
        infer->shape.dim[infer->shape.rank++] = x->dim[i];
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(infer, graph_ints(indices)[i],
                         x->dim[(size_t)common + i % num]))
            return false;
    return true;
}

/* The same, where elements are put in their places. */
static bool find_places(const struct infer *infer,
                        const struct graph_value **indices)
{
    if (!find_indices(infer, indices))
        return false;
    return infer_in(infer, 0)->type == infer_in(infer, 2)->type ||
           fail(infer->err, ERROR_INPUT, "it mixes integers and floats");
}

bool graph_shape_scatter_elements(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices;
    size_t axis;

    if (!find_places(infer, &indices) ||
        !infer_axis(infer, infer->node->scatter.axis, x->rank, &axis))
        return false;
    if (!graph_shape_equal(&indices->shape, infer_shape(infer, 2)))
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not match the shape of its input");
    if (!check_elements(infer, indices, axis))
        return false;
    infer->node->scatter.axis = (int64_t)axis;
    return graph_shape_same(infer);
}

/* Whether the updates are of the shape of the indices but the last axis, which
 * counts axes of x, and of the axes of x after those. */
static bool fits_tuples(const struct graph_shape *x,
                        const struct graph_shape *indices,
                        const struct graph_shape *updates, size_t num)
{
    uint32_t last = indices->rank - 1;

    if (updates->rank != last + x->rank - num)
        return false;
    for (uint32_t i = 0; i < updates->rank; i++)
        if (updates->dim[i] !=
            (i < last ? indices->dim[i] : x->dim[i - last + num]))
            return false;
    return true;
}

bool graph_shape_scatter_nd(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices;
    size_t num;

    if (!find_places(infer, &indices))
        return false;
    num = indices->shape.rank > 0 ? indices->shape.dim[indices->shape.rank - 1]
                                  : 0;
    if (num < 1 || num > x->rank ||
        !fits_tuples(x, &indices->shape, infer_shape(infer, 2), num))
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not match the shape of its input");
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(infer, graph_ints(indices)[i], x->dim[i % num]))
            return false;
    return graph_shape_same(infer);
}

bool graph_shape_mix(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    const struct graph_value *indices = infer_in(infer, 1);
    size_t axis;

    if (!infer_axis(infer, infer->node->axis, x->rank, &axis))
        return false;
    if (!indices->data || indices->type != GRAPH_INT ||
        !infer_in(infer, 2)->data || indices->shape.rank != 2 ||
        !graph_shape_equal(&indices->shape, infer_shape(infer, 2)))
        return fail(infer->err, ERROR_INPUT,
                    "its indices do not fit its weights");
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (graph_ints(indices)[i] < 0 ||
            !check_index(infer, graph_ints(indices)[i], x->dim[axis]))
            return fail(infer->err, ERROR_INPUT,
                        "an index is not of its input");
    infer->node->axis = (int64_t)axis;
    infer->shape = *x;
    infer->shape.dim[axis] = indices->shape.dim[0];
    return true;
}
