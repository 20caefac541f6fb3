/* Shapes of what rearranges: order, parts, shapes, types. */

#include "engine/passes/graph_site.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/passes/graph_const.h"

bool graph_shape_same(struct graph_site *site)
{
    site->shape = *graph_site_shape(site, 0);
    return true;
}

static bool infer_reshape_to(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t known = 1, count, total = graph_shape_count(x);
    const int64_t *target;
    int open = -1;

    if (!graph_site_ints(site, 1, "target shape", GRAPH_MAX_RANK, &target,
                         &count))
        return false;
    site->shape.rank = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t dim = (size_t)target[i];

        if (target[i] == 0 && !site->node->reshape.allow_zero)
            dim = i < x->rank ? x->dim[i] : SIZE_MAX;
        if (target[i] == -1 && open < 0) {
            open = (int)i;
            continue;
        }
        if (target[i] < 0 || dim > GRAPH_MAX_ELEMENTS ||
            (dim > 0 && known > GRAPH_MAX_ELEMENTS / dim))
            return fail(site->err, ERROR_INPUT,
                        "its target shape holds %" PRId64, target[i]);
        site->shape.dim[i] = dim;
        known *= dim;
    }
    if (open >= 0) {
        site->shape.dim[open] = known > 0 ? total / known : 0;
        known *= site->shape.dim[open];
    }
    if (known != total)
        return fail(site->err, ERROR_INPUT,
                    "%zu elements do not fit its target shape", total);
    return true;
}

static bool infer_flatten(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    int64_t raw = site->node->reshape.axis;
    size_t axis = x->rank;

    if (raw != (int64_t)x->rank && !graph_site_axis(site, raw, x->rank, &axis))
        return false;
    site->shape = (struct graph_shape){.rank = 2, .dim = {1, 1}};
    for (uint32_t i = 0; i < x->rank; i++)
        site->shape.dim[i < axis ? 0 : 1] *= x->dim[i];
    return true;
}

static bool infer_squeeze(struct graph_site *site)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    bool drop[GRAPH_MAX_RANK];
    size_t count;

    if (!graph_site_axes(site, node->reshape.raw_axes,
                         node->reshape.num_raw_axes, x->rank, drop, &count))
        return false;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (drop[i] && x->dim[i] != 1)
            return fail(site->err, ERROR_INPUT,
                        "dimension %u is %zu and cannot be dropped", i,
                        x->dim[i]);
        if (!(drop[i] || (count == 0 && x->dim[i] == 1)))
            site->shape.dim[site->shape.rank++] = x->dim[i];
    }
    return true;
}

static bool infer_unsqueeze(struct graph_site *site)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t count = node->reshape.num_raw_axes, from = 0;
    bool added[GRAPH_MAX_RANK];
    const int64_t *operand = NULL;

    if (count == 0 && !graph_site_ints(site, 1, "list of axes", GRAPH_MAX_RANK,
                                       &operand, &count))
        return false;
    if (x->rank + count > GRAPH_MAX_RANK)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its output has %zu dimensions; at most %d are supported",
                    x->rank + count, GRAPH_MAX_RANK);
    site->shape.rank = x->rank + (uint32_t)count;
    if (!graph_site_axes(site, node->reshape.raw_axes,
                         node->reshape.num_raw_axes, site->shape.rank, added,
                         &count))
        return false;
    for (uint32_t i = 0; i < site->shape.rank; i++)
        site->shape.dim[i] = added[i] ? 1 : x->dim[from++];
    return true;
}

/* Reshape, Flatten, Squeeze, Unsqueeze: afterwards the output's shape says
 * what to do. */
bool graph_shape_reshape(struct graph_site *site)
{
    static bool (*const rules[])(struct graph_site *) = {
        [GRAPH_RESHAPE_TO] = infer_reshape_to,
        [GRAPH_RESHAPE_FLATTEN] = infer_flatten,
        [GRAPH_RESHAPE_SQUEEZE] = infer_squeeze,
        [GRAPH_RESHAPE_UNSQUEEZE] = infer_unsqueeze,
    };

    if (!rules[site->node->reshape.rule](site))
        return false;
    site->node->num_inputs = 1;
    return true;
}

bool graph_shape_transpose(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t *perm = site->node->perm;
    unsigned seen = 0;

    if (perm[0] == GRAPH_MAX_RANK) /* no attribute: reversed */
        for (uint32_t i = 0; i < x->rank; i++)
            perm[i] = x->rank - 1 - i;
    site->shape.rank = x->rank;
    if (site->node->num_perm > 0 && site->node->num_perm != x->rank)
        return fail(site->err, ERROR_INPUT,
                    "attribute perm is for %u axes, not for %u",
                    site->node->num_perm, x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        if (perm[i] >= x->rank || seen & 1u << perm[i])
            return fail(site->err, ERROR_INPUT,
                        "attribute perm is not an order of %u axes", x->rank);
        seen |= 1u << perm[i];
        site->shape.dim[i] = x->dim[perm[i]];
    }
    return true;
}

bool graph_shape_concat(struct graph_site *site)
{
    size_t axis;

    site->shape = *graph_site_shape(site, 0);
    if (!graph_site_axis(site, site->node->axis, site->shape.rank, &axis))
        return false;
    site->node->axis = (int64_t)axis;
    for (uint32_t i = 1; i < site->node->num_inputs; i++) {
        const struct graph_shape *x = graph_site_shape(site, i);
        struct graph_shape wanted = site->shape;

        wanted.dim[axis] = x->rank == wanted.rank ? x->dim[axis] : 0;
        if (!graph_shape_equal(x, &wanted) ||
            graph_site_in(site, i)->type != graph_site_in(site, 0)->type)
            return fail(site->err, ERROR_INPUT,
                        "its inputs do not fit together");
        site->shape.dim[axis] += x->dim[axis];
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

/* One part of a Split, as bounds given along one axis. */
static bool split_bounds(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    size_t num = node->slice.num_parts, axis, total = 0, count = num;
    const int64_t *sizes = node->slice.sizes;
    size_t alike;

    if (!graph_site_axis(site, node->slice.raw_axes[0], x->rank, &axis) ||
        (!sizes &&
         !graph_site_ints(site, 1, "list of sizes", SIZE_MAX, &sizes, &count)))
        return false;
    alike = (x->dim[axis] + num - 1) / num;
    if (sizes && count != num)
        return fail(site->err, ERROR_INPUT, "it has %zu sizes for %zu parts",
                    count, num);
    for (size_t i = 0; i < num; i++) {
        size_t left = x->dim[axis] - total;
        size_t size = sizes ? (size_t)sizes[i] : alike <= left ? alike : left;

        if (size > left) /* or negative */
            return fail(site->err, ERROR_INPUT, "its parts are more than %zu",
                        x->dim[axis]);
        if (i == node->slice.part) {
            node->slice.start[0] = (int64_t)total;
            node->slice.end[0] = (int64_t)(total + size);
        }
        total += size;
    }
    if (total != x->dim[axis])
        return fail(site->err, ERROR_INPUT, "its parts are less than %zu",
                    x->dim[axis]);
    node->slice.num_given = 1;
    node->num_inputs = 1;
    return true;
}

bool graph_shape_slice(struct graph_site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = graph_site_shape(site, 0);
    const int64_t *starts, *ends, *axes, *steps;
    int64_t given[3][GRAPH_MAX_RANK];
    size_t count, num_ends, num_axes, num_steps;

    if (node->slice.num_parts > 0 && !split_bounds(site))
        return false;
    if (!graph_site_ints(site, 1, "start", GRAPH_MAX_RANK, &starts, &count) ||
        !graph_site_ints(site, 2, "end", GRAPH_MAX_RANK, &ends, &num_ends) ||
        !graph_site_ints(site, 3, "list of axes", GRAPH_MAX_RANK, &axes,
                         &num_axes) ||
        !graph_site_ints(site, 4, "step", GRAPH_MAX_RANK, &steps, &num_steps))
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
        return fail(site->err, ERROR_INPUT,
                    "its starts, ends, axes and steps differ in number");
    site->shape = *x;
    for (uint32_t i = 0; i < x->rank; i++) {
        node->slice.start[i] = 0;
        node->slice.step[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t axis;
        int64_t step = steps ? steps[i] : 1, start, end, length;

        if (!graph_site_axis(site, axes ? axes[i] : (int64_t)i, x->rank, &axis))
            return false;
        if (step == 0 || step > INT32_MAX || step < -INT32_MAX)
            return fail(site->err, ERROR_INPUT, "its step is %" PRId64, step);
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
        site->shape.dim[axis] = (size_t)length;
    }
    node->num_inputs = 1;
    return true;
}

bool graph_shape_gather(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    const struct graph_value *indices = graph_site_in(site, 1);
    size_t axis;

    if (!indices->data || indices->type != GRAPH_INT)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its indices depend on the picture");
    if (!graph_site_axis(site, site->node->axis, x->rank, &axis))
        return false;
    site->node->axis = (int64_t)axis;
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (graph_ints(indices)[i] < -(int64_t)x->dim[axis] ||
            graph_ints(indices)[i] >= (int64_t)x->dim[axis])
            return fail(site->err, ERROR_INPUT,
                        "index %" PRId64 " is not one of %zu",
                        graph_ints(indices)[i], x->dim[axis]);
    if (x->rank - 1 + indices->shape.rank > GRAPH_MAX_RANK)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its output has more than %d dimensions", GRAPH_MAX_RANK);
    for (uint32_t i = 0; i < axis; i++)
        site->shape.dim[site->shape.rank++] = x->dim[i];
    for (uint32_t i = 0; i < indices->shape.rank; i++)
        site->shape.dim[site->shape.rank++] = indices->shape.dim[i];
    for (uint32_t i = (uint32_t)axis + 1; i < x->rank; i++)
        site->shape.dim[site->shape.rank++] = x->dim[i];
    return true;
}

/* The constant indices of operand 1. */
static bool find_indices(const struct graph_site *site,
                         const struct graph_value **indices)
{
    *indices = graph_site_in(site, 1);
    if (!(*indices)->data || (*indices)->type != GRAPH_INT)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its indices depend on the picture");
    return true;
}

static bool check_index(const struct graph_site *site, int64_t index,
                        size_t length)
{
    if (index < -(int64_t)length || index >= (int64_t)length)
        return fail(site->err, ERROR_INPUT,
                    "index %" PRId64 " is not one of %zu", index, length);
    return true;
}

bool graph_shape_gather_elements(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    const struct graph_value *indices;
    size_t axis;

    if (!find_indices(site, &indices) ||
        !graph_site_axis(site, site->node->axis, x->rank, &axis))
        return false;
    site->node->axis = (int64_t)axis;
    site->shape = indices->shape;
    if (indices->shape.rank != x->rank)
        return fail(site->err, ERROR_INPUT, "its indices do not fit its input");
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != axis && site->shape.dim[i] > x->dim[i])
            return fail(site->err, ERROR_INPUT,
                        "its indices do not fit its input");
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(site, graph_ints(indices)[i], x->dim[axis]))
            return false;
    return true;
}

/* The last axis of the indices counts axes of x, after those that both have
 * in common. */
bool graph_shape_gather_nd(struct graph_site *site)
{
    const struct graph_shape *x = graph_site_shape(site, 0);
    const struct graph_value *indices;
    int64_t common = site->node->axis;
    size_t num;

    if (!find_indices(site, &indices))
        return false;
    if (indices->shape.rank == 0 || common < 0 ||
        common >= (int64_t)indices->shape.rank)
        return fail(site->err, ERROR_INPUT, "its indices do not fit its input");
    num = indices->shape.dim[indices->shape.rank - 1];
    if (num == 0 || x->rank < (size_t)common ||
        num > x->rank - (size_t)common ||
        indices->shape.rank - 1 + x->rank - num - (size_t)common >
            GRAPH_MAX_RANK)
        return fail(site->err, ERROR_INPUT, "its indices do not fit its input");
    for (uint32_t i = 0; i + 1 < indices->shape.rank; i++) {
        if (i < common && indices->shape.dim[i] != x->dim[i])
            return fail(site->err, ERROR_INPUT,
                        "its indices do not fit its input");
        site->shape.dim[site->shape.rank++] = indices->shape.dim[i];
    }
    for (size_t i = (size_t)common + num; i < x->rank; i++)
        site->shape.dim[site->shape.rank++] = x->dim[i];
    for (size_t i = 0; i < graph_shape_count(&indices->shape); i++)
        if (!check_index(site, graph_ints(indices)[i],
                         x->dim[(size_t)common + i % num]))
            return false;
    return true;
}

bool graph_shape_range(struct graph_site *site)
{
    double number[3], count;

    for (uint32_t i = 0; i < 3; i++) {
        const struct graph_value *value = graph_site_in(site, i);

        if (!value->data)
            return fail(site->err, ERROR_UNSUPPORTED,
                        "it depends on the picture");
        if (graph_shape_count(&value->shape) != 1 ||
            value->type != graph_site_in(site, 0)->type)
            return fail(site->err, ERROR_INPUT,
                        "its inputs are not single numbers of one type");
        number[i] = value->type == GRAPH_INT ? (double)graph_ints(value)[0]
                                             : (double)graph_floats(value)[0];
    }
    count = ceil((number[1] - number[0]) / number[2]);
    if (!(count <= (double)GRAPH_MAX_ELEMENTS))
        return fail(site->err, ERROR_INPUT, "it goes on for %g numbers", count);
    site->shape.rank = 1;
    site->shape.dim[0] = count > 0 ? (size_t)count : 0;
    return true;
}

bool graph_shape_nonzero(struct graph_site *site)
{
    const struct graph_value *x = graph_site_in(site, 0);
    size_t count = 0;

    if (!x->data)
        return fail(site->err, ERROR_UNSUPPORTED, "it depends on the picture");
    for (size_t i = 0; i < graph_shape_count(&x->shape); i++)
        count += x->type == GRAPH_INT ? graph_ints(x)[i] != 0
                                      : graph_floats(x)[i] != 0;
    site->shape =
        (struct graph_shape){.rank = 2, .dim = {x->shape.rank, count}};
    return true;
}

/* `start` and `end` count from the end where negative, and are clipped. */
bool graph_shape_of_shape(struct graph_site *site)
{
    int64_t rank = graph_site_shape(site, 0)->rank;
    int64_t *start = &site->node->dims.start, *end = &site->node->dims.end;

    *start = slice_bound(*start, rank, 0, rank);
    *end = slice_bound(*end, rank, *start, rank);
    if (!site->node->dims.product)
        site->shape =
            (struct graph_shape){.rank = 1, .dim = {(size_t)(*end - *start)}};
    return true;
}

bool graph_shape_fill(struct graph_site *site)
{
    return graph_site_target(site, 0, &site->shape);
}

bool graph_shape_expand(struct graph_site *site)
{
    struct graph_shape target = {0};

    if (!graph_site_target(site, 1, &target))
        return false;
    site->node->num_inputs = 1;
    return graph_site_broadcast(site, graph_site_shape(site, 0), &target);
}
