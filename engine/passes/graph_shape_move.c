/* Shapes of operations that rearrange or convert elements. */

#include "engine/passes/infer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/passes/graph_const.h"

bool graph_shape_same(struct infer *infer)
{
    infer->shape = *infer_shape(infer, 0);
    return true;
}

static bool infer_reshape_to(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t known = 1, count, total = graph_shape_count(x);
    const int64_t *target;
    int open = -1;

    if (!infer_ints(infer, 1, "target shape", GRAPH_MAX_RANK, &target, &count))
        return false;
    infer->shape.rank = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t dim = (size_t)target[i];

        if (target[i] == 0 && !infer->node->reshape.allow_zero)
            dim = i < x->rank ? x->dim[i] : SIZE_MAX;
        if (target[i] == -1 && open < 0) {
            open = (int)i;
            continue;
        }
        if (target[i] < 0 || dim > GRAPH_MAX_ELEMENTS ||
            (dim > 0 && known > GRAPH_MAX_ELEMENTS / dim))
            return fail(infer->err, ERROR_INPUT,
                        "its target shape has the invalid dimension %" PRId64,
                        target[i]);
        infer->shape.dim[i] = dim;
        known *= dim;
    }
    if (open >= 0) {
        infer->shape.dim[open] = known > 0 ? total / known : 0;
        known *= infer->shape.dim[open];
    }
    if (known != total)
        return fail(infer->err, ERROR_INPUT,
                    "%zu elements do not fit into its target shape", total);
    return true;
}

static bool infer_flatten(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    int64_t raw = infer->node->reshape.axis;
    size_t axis = x->rank;

    if (raw != (int64_t)x->rank && !infer_axis(infer, raw, x->rank, &axis))
        return false;
    infer->shape = (struct graph_shape){.rank = 2, .dim = {1, 1}};
    for (uint32_t i = 0; i < x->rank; i++)
        infer->shape.dim[i < axis ? 0 : 1] *= x->dim[i];
    return true;
}

static bool infer_squeeze(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    bool drop[GRAPH_MAX_RANK];
    size_t count;

    if (!infer_axes(infer, node->reshape.raw_axes, node->reshape.num_raw_axes,
                    x->rank, drop, &count))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (drop[i] && x->dim[i] != 1)
            return fail(infer->err, ERROR_INPUT,
                        "dimension %u is %zu, not 1, and cannot be removed", i,
                        x->dim[i]);
        if (!(drop[i] || (count == 0 && x->dim[i] == 1)))
            infer->shape.dim[infer->shape.rank++] = x->dim[i];
    }
    return true;
}

static bool infer_unsqueeze(struct infer *infer)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t count = node->reshape.num_raw_axes, from = 0;
    bool added[GRAPH_MAX_RANK];
    const int64_t *operand = NULL;

    if (count == 0 &&
        !infer_ints(infer, 1, "list of axes", GRAPH_MAX_RANK, &operand, &count))
        return false;
    if (x->rank + count > GRAPH_MAX_RANK)
        return fail(infer->err, ERROR_UNSUPPORTED,
                    "its output has %zu dimensions; at most %d are supported",
                    x->rank + count, GRAPH_MAX_RANK);
    infer->shape.rank = x->rank + (uint32_t)count;
    if (!infer_axes(infer, node->reshape.raw_axes, node->reshape.num_raw_axes,
                    infer->shape.rank, added, &count))
        return false;
    for (uint32_t i = 0; i < infer->shape.rank; i++)
        infer->shape.dim[i] = added[i] ? 1 : x->dim[from++];
    return true;
}

static bool check_elements(const struct infer *infer)
{
    size_t count = graph_shape_count(infer_shape(infer, 0));

    return graph_shape_count(&infer->shape) == count ||
           fail(infer->err, ERROR_INPUT, "%zu elements do not fit its shape",
                count);
}

/* Reshape, Flatten, Squeeze, Unsqueeze: afterwards only the output's shape
 * matters. */
bool graph_shape_reshape(struct infer *infer)
{
    static bool (*const rules[])(struct infer *) = {
        [GRAPH_RESHAPE_TO] = infer_reshape_to,
        [GRAPH_RESHAPE_FLATTEN] = infer_flatten,
        [GRAPH_RESHAPE_SQUEEZE] = infer_squeeze,
        [GRAPH_RESHAPE_UNSQUEEZE] = infer_unsqueeze,
    };

    if (infer->node->resolved)
        return infer_again(infer) && check_elements(infer);
    if (!rules[infer->node->reshape.rule](infer))
        return false;
    infer->node->num_inputs = 1;
    return true;
}

bool graph_shape_transpose(struct infer *infer)
{
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t *perm = infer->node->perm;
    unsigned seen = 0;

    if (perm[0] == GRAPH_MAX_RANK) /* no attribute: reversed */
        for (uint32_t i = 0; i < x->rank; i++)
            perm[i] = x->rank - 1 - i;
    infer->shape.rank = x->rank;
    if (infer->node->num_perm > 0 && infer->node->num_perm != x->rank)
        return fail(infer->err, ERROR_INPUT,
                    "attribute perm has %u axes, not %u", infer->node->num_perm,
                    x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        if (perm[i] >= x->rank || seen & 1u << perm[i])
            return fail(infer->err, ERROR_INPUT,
                        "attribute perm is not a permutation of %u axes",
                        x->rank);
        seen |= 1u << perm[i];
        infer->shape.dim[i] = x->dim[perm[i]];
    }
    return true;
}

bool graph_shape_concat(struct infer *infer)
{
    size_t axis;

    infer->shape = *infer_shape(infer, 0);
    if (!infer_axis(infer, infer->node->axis, infer->shape.rank, &axis))
        return false;
    infer->node->axis = (int64_t)axis;
    for (uint32_t i = 1; i < infer->node->num_inputs; i++) {
        const struct graph_shape *x = infer_shape(infer, i);
        struct graph_shape wanted = infer->shape;

        wanted.dim[axis] = x->rank == wanted.rank ? x->dim[axis] : 0;
        if (!graph_shape_equal(x, &wanted) ||
            infer_in(infer, i)->type != infer_in(infer, 0)->type)
            return fail(infer->err, ERROR_INPUT,
                        "its inputs differ in type or shape");
        infer->shape.dim[axis] += x->dim[axis];
    }
    return true;
}

/* Clips one bound of a slice, counted from the end where negative. */
static int64_t slice_bound(int64_t bound, int64_t length, int64_t low,
                           int64_t high)
{
    if (bound < 0)
        bound = bound < -length - 1 ? -1 : bound + length;
    return bound < low ? low : bound > high ? high : bound;
}

/* Converts one part of a Split to bounds along one axis. */
static bool split_bounds(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    size_t num = node->slice.num_parts, axis, total = 0, count = num;
    const int64_t *sizes = node->slice.sizes;
    size_t alike;

    if (!infer_axis(infer, node->slice.raw_axes[0], x->rank, &axis) ||
        (!sizes &&
         !infer_ints(infer, 1, "list of sizes", SIZE_MAX, &sizes, &count)))
        return false;
    alike = (x->dim[axis] + num - 1) / num;
    if (sizes && count != num)
        return fail(infer->err, ERROR_INPUT, "it has %zu sizes for %zu parts",
                    count, num);
    for (size_t i = 0; i < num; i++) {
        size_t left = x->dim[axis] - total;
        size_t size = sizes ? (size_t)sizes[i] : alike <= left ? alike : left;

        if (size > left) /* or negative */
            return fail(infer->err, ERROR_INPUT,
                        "its sizes add up to more than %zu", x->dim[axis]);
        if (i == node->slice.part) {
            node->slice.start[0] = (int64_t)total;
            node->slice.end[0] = (int64_t)(total + size);
        }
        total += size;
    }
    if (total != x->dim[axis])
        return fail(infer->err, ERROR_INPUT,
                    "its sizes add up to less than %zu", x->dim[axis]);
    node->slice.num_given = 1;
    node->num_inputs = 1;
    return true;
}

/* Whether the selected elements exist. */
static bool check_slice(const struct infer *infer)
{
    const struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);

    for (uint32_t i = 0; i < infer->shape.rank; i++) {
        int64_t first = node->slice.start[i];
        int64_t steps = (int64_t)infer->shape.dim[i] - 1;
        int64_t last = first + steps * node->slice.step[i];
        int64_t length = i < x->rank ? (int64_t)x->dim[i] : 0;

        if (steps >= 0 &&
            (first < 0 || first >= length || last < 0 || last >= length))
            return fail(infer->err, ERROR_INPUT,
                        "elements %" PRId64 " to %" PRId64
                        " are not of %" PRId64,
                        first, last, length);
    }
    return true;
}

bool graph_shape_slice(struct infer *infer)
{
    struct graph_node *node = infer->node;
    const struct graph_shape *x = infer_shape(infer, 0);
    const int64_t *starts, *ends, *axes, *steps;
    int64_t given[3][GRAPH_MAX_RANK];
    size_t count, num_ends, num_axes, num_steps;

    if (node->resolved)
        return infer_again(infer) && check_slice(infer);
    if (node->slice.num_parts > 0 && !split_bounds(infer))
        return false;
    if (!infer_ints(infer, 1, "start", GRAPH_MAX_RANK, &starts, &count) ||
        !infer_ints(infer, 2, "end", GRAPH_MAX_RANK, &ends, &num_ends) ||
        !infer_ints(infer, 3, "list of axes", GRAPH_MAX_RANK, &axes,
                    &num_axes) ||
        !infer_ints(infer, 4, "step", GRAPH_MAX_RANK, &steps, &num_steps))
        return false;
    if (node->slice.num_given > 0) {
        memcpy(given[0], node->slice.start, sizeof given[0]);
        memcpy(given[1], node->slice.end, sizeof given[1]);
        memcpy(given[2], node->slice.raw_axes, sizeof given[2]);
        starts = given[0];
        ends = given[1];
        axes = given[2];
        count = num_ends = num_axes = node->slice.num_given;
    }
    if (num_ends != count || (axes && num_axes != count) ||
        (steps && num_steps != count) || count > x->rank)
        return fail(infer->err, ERROR_INPUT,
                    "its starts, ends, axes and steps differ in length");
    infer->shape = *x;
    for (uint32_t i = 0; i < x->rank; i++) {
        node->slice.start[i] = 0;
        node->slice.step[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t axis;
        int64_t step = steps ? steps[i] : 1, start, end, length;

        if (!infer_axis(infer, axes ? axes[i] : (int64_t)i, x->rank, &axis))
            return false;
        if (step == 0 || step > INT32_MAX || step < -INT32_MAX)
            return fail(infer->err, ERROR_INPUT,
                        "its step is invalid: %" PRId64, step);
        length = (int64_t)x->dim[axis];
        if (step > 0) {
            start = slice_bound(starts[i], length, 0, length);
            end = slice_bound(ends[i], length, 0, length);
            length = end > start ? (end - start + step - 1) / step : 0;
        } else {
            start = slice_bound(starts[i], length, -1, length - 1);
            end = slice_bound(ends[i], length, -1, length - 1);
            length = start > end ? (start - end - step - 1) / -step : 0;
        }
        node->slice.start[axis] = start;
        node->slice.step[axis] = step;
        infer->shape.dim[axis] = (size_t)length;
    }
    node->num_inputs = 1;
    return true;
}

bool graph_shape_range(struct infer *infer)
{
    double number[3], count;

    for (uint32_t i = 0; i < 3; i++) {
        const struct graph_value *value = infer_in(infer, i);

        if (!value->data)
            return fail(infer->err, ERROR_UNSUPPORTED,
                        "it depends on the image");
        if (graph_shape_count(&value->shape) != 1 ||
            value->type != infer_in(infer, 0)->type)
            return fail(infer->err, ERROR_INPUT,
                        "its inputs are not single numbers of the same type");
        number[i] = value->type == GRAPH_INT ? (double)graph_ints(value)[0]
                                             : (double)graph_floats(value)[0];
    }
    count = ceil((number[1] - number[0]) / number[2]);
    if (!(count <= (double)GRAPH_MAX_ELEMENTS))
        return fail(infer->err, ERROR_INPUT, "it has too many elements: %g",
                    count);
    infer->shape.rank = 1;
    infer->shape.dim[0] = count > 0 ? (size_t)count : 0;
    return true;
}

bool graph_shape_nonzero(struct infer *infer)
{
    const struct graph_value *x = infer_in(infer, 0);
    size_t count = 0;

    if (!x->data)
        return fail(infer->err, ERROR_UNSUPPORTED, "it depends on the image");
    for (size_t i = 0; i < graph_shape_count(&x->shape); i++)
        count += x->type == GRAPH_INT ? graph_ints(x)[i] != 0
                                      : graph_floats(x)[i] != 0;
    infer->shape =
        (struct graph_shape){.rank = 2, .dim = {x->shape.rank, count}};
    return true;
}

/* `start` and `end` count from the end if negative, and are clipped. */
bool graph_shape_of_shape(struct infer *infer)
{
    int64_t rank = infer_shape(infer, 0)->rank;
    int64_t *start = &infer->node->dims.start, *end = &infer->node->dims.end;

    *start = slice_bound(*start, rank, 0, rank);
    *end = slice_bound(*end, rank, *start, rank);
    if (!infer->node->dims.product)
        infer->shape =
            (struct graph_shape){.rank = 1, .dim = {(size_t)(*end - *start)}};
    return true;
}

bool graph_shape_fill(struct infer *infer)
{
    return infer_target(infer, 0, &infer->shape);
}

bool graph_shape_expand(struct infer *infer)
{
    struct graph_shape target = {0};

    if (infer->node->resolved)
        target = graph_output(infer->graph, infer->node, 0)->shape;
    else if (!infer_target(infer, 1, &target))
        return false;
    infer->node->num_inputs = 1;
    return infer_broadcast(infer, infer_shape(infer, 0), &target);
}
