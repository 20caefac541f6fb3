/* Shapes, node by node in order, and the operands that must be constant. */

#include <inttypes.h>
#include <string.h>

#include "graph.h"
#include "graph_const.h"

/* One node under inference. */
struct site {
    struct graph *graph;
    struct graph_node *node;
    struct graph_shape shape; /* out: of the first output */
    struct error *err;
};

static struct graph_value *in(const struct site *site, uint32_t i)
{
    return graph_input(site->graph, site->node, i);
}

static const struct graph_shape *in_shape(const struct site *site, uint32_t i)
{
    return &in(site, i)->shape;
}

/* Operand i as constant integers; NULL, silently, where it is left out. Fails
 * where it is not constant, of another type, or longer than `max`. */
static bool constant_ints(const struct site *site, uint32_t i, const char *what,
                          size_t max, const int64_t **ints, size_t *count)
{
    const struct graph_value *value = in(site, i);

    *ints = NULL;
    *count = 0;
    if (!value)
        return true;
    if (!value->data)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its %s depends on the picture", what);
    if (value->type != GRAPH_INT || value->shape.rank > 1)
        return fail(site->err, ERROR_INPUT, "its %s is not a list of integers",
                    what);
    *count = graph_shape_count(&value->shape);
    if (*count > max)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its %s has %zu numbers; at most %zu are supported", what,
                    *count, max);
    *ints = value->data;
    return true;
}

/* Operand i as one constant float; *number stays where it is left out. */
static bool constant_float(const struct site *site, uint32_t i,
                           const char *what, float *number)
{
    const struct graph_value *value = in(site, i);

    if (!value)
        return true;
    if (!value->data)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its %s depends on the picture", what);
    if (graph_shape_count(&value->shape) != 1)
        return fail(site->err, ERROR_INPUT, "its %s is not one number", what);
    *number = value->type == GRAPH_FLOAT ? graph_floats(value)[0]
                                         : (float)graph_ints(value)[0];
    return true;
}

/* An axis counted from the end, if negative, to one from the start. */
static bool resolve_axis(const struct site *site, int64_t raw, uint32_t rank,
                         size_t *axis)
{
    *axis = 0;
    if (raw < -(int64_t)rank || raw >= (int64_t)rank)
        return fail(site->err, ERROR_INPUT,
                    "axis %" PRId64 " is not one of %u dimensions", raw, rank);
    *axis = (size_t)(raw < 0 ? raw + rank : raw);
    return true;
}

/* Marks the axes given as attribute or, if there is none, as operand 1. */
static bool resolve_axes(const struct site *site, const int64_t *raw,
                         size_t num_raw, uint32_t rank,
                         bool marked[GRAPH_MAX_RANK], size_t *count)
{
    if (num_raw == 0 &&
        !constant_ints(site, 1, "list of axes", GRAPH_MAX_RANK, &raw, &num_raw))
        return false;
    memset(marked, 0, GRAPH_MAX_RANK * sizeof *marked);
    for (size_t i = 0; i < num_raw; i++) {
        size_t axis;

        if (!resolve_axis(site, raw[i], rank, &axis))
            return false;
        if (marked[axis])
            return fail(site->err, ERROR_INPUT, "it names an axis twice");
        marked[axis] = true;
    }
    *count = num_raw;
    return true;
}

static bool same_shape(struct site *site)
{
    site->shape = *in_shape(site, 0);
    return true;
}

/* The shape that two shapes broadcast to. */
static bool broadcast(struct site *site, const struct graph_shape *a,
                      const struct graph_shape *b)
{
    char text_a[GRAPH_SHAPE_TEXT], text_b[GRAPH_SHAPE_TEXT];
    uint32_t rank = a->rank > b->rank ? a->rank : b->rank;

    site->shape.rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        size_t of_a = i + a->rank < rank ? 1 : a->dim[i + a->rank - rank];
        size_t of_b = i + b->rank < rank ? 1 : b->dim[i + b->rank - rank];

        if (of_a != of_b && of_a != 1 && of_b != 1)
            return fail(site->err, ERROR_INPUT, "%s and %s do not fit together",
                        graph_shape_text(text_a, a),
                        graph_shape_text(text_b, b));
        site->shape.dim[i] = of_a == 1 ? of_b : of_a;
    }
    return true;
}

static bool infer_binary(struct site *site)
{
    if (in(site, 0)->type != in(site, 1)->type)
        return fail(site->err, ERROR_INPUT, "it mixes integers and floats");
    return broadcast(site, in_shape(site, 0), in_shape(site, 1));
}

static bool infer_clamp(struct site *site)
{
    if (!constant_float(site, 1, "lower bound", &site->node->min) ||
        !constant_float(site, 2, "upper bound", &site->node->max))
        return false;
    site->node->num_inputs = 1;
    return same_shape(site);
}

/* Output length along one spatial axis; resolves auto_pad. */
static bool window_length(const struct site *site, struct graph_window *window,
                          int axis, size_t length, size_t *out)
{
    size_t reach = window->dilation[axis] * (window->kernel[axis] - 1) + 1;
    size_t stride = window->stride[axis], padded;

    if (window->auto_pad != GRAPH_PAD_GIVEN) {
        size_t steps = (length + stride - 1) / stride;
        size_t needed = (steps - 1) * stride + reach;
        size_t total = needed > length ? needed - length : 0;
        size_t small = total / 2, large = total - total / 2;
        bool upper = window->auto_pad == GRAPH_PAD_SAME_UPPER;

        window->pad_before[axis] = upper ? small : large;
        window->pad_after[axis] = upper ? large : small;
    }
    padded = length + window->pad_before[axis] + window->pad_after[axis];
    if (padded < reach)
        return fail(site->err, ERROR_INPUT,
                    "its window of %zu is larger than its input of %zu", reach,
                    padded);
    *out = (padded - reach) / stride + 1;
    return true;
}

static bool infer_conv(struct site *site)
{
    struct graph_window *window = &site->node->conv.window;
    const struct graph_value *weights = in(site, 1), *bias = in(site, 2);
    const struct graph_shape *x = in_shape(site, 0), *w = &weights->shape;
    size_t groups = site->node->conv.groups;
    char text_x[GRAPH_SHAPE_TEXT], text_w[GRAPH_SHAPE_TEXT];

    if (!weights->data || (bias && !bias->data))
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its weights depend on the picture");
    if (x->rank != 4 || w->rank != 4)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "only images with 2 spatial dimensions are supported");
    if (window->kernel[0] == 0)
        memcpy(window->kernel, &w->dim[2], sizeof window->kernel);
    if (graph_shape_count(w) == 0 || w->dim[0] % groups != 0 ||
        w->dim[1] * groups != x->dim[1] || window->kernel[0] != w->dim[2] ||
        window->kernel[1] != w->dim[3] ||
        (bias && (bias->shape.rank != 1 || bias->shape.dim[0] != w->dim[0])))
        return fail(site->err, ERROR_INPUT,
                    "weights of %s in %zu groups do not fit an input of %s",
                    graph_shape_text(text_w, w), groups,
                    graph_shape_text(text_x, x));
    site->shape =
        (struct graph_shape){.rank = 4, .dim = {x->dim[0], w->dim[0], 0, 0}};
    if (!window_length(site, window, 0, x->dim[2], &site->shape.dim[2]) ||
        !window_length(site, window, 1, x->dim[3], &site->shape.dim[3]))
        return false;
    window->auto_pad = GRAPH_PAD_GIVEN;
    return true;
}

static bool infer_batch_norm(struct site *site)
{
    for (uint32_t i = 1; i < 5; i++) {
        const struct graph_value *value = in(site, i);

        if (!value->data)
            return fail(site->err, ERROR_UNSUPPORTED,
                        "its statistics depend on the picture");
        if (value->type != GRAPH_FLOAT || value->shape.rank != 1 ||
            in_shape(site, 0)->rank < 2 ||
            value->shape.dim[0] != in_shape(site, 0)->dim[1])
            return fail(site->err, ERROR_INPUT,
                        "its statistics do not fit its channels");
    }
    return same_shape(site);
}

static bool infer_pad(struct site *site)
{
    struct graph_node *node = site->node;
    uint32_t rank = in_shape(site, 0)->rank;
    const int64_t *pads, *axes;
    size_t count, num_axes;

    if (!constant_ints(site, 1, "border", (size_t)2 * GRAPH_MAX_RANK, &pads,
                       &count) ||
        !constant_float(site, 2, "border's value", &node->pad.value) ||
        !constant_ints(site, 3, "list of axes", GRAPH_MAX_RANK, &axes,
                       &num_axes))
        return false;
    if (pads) {
        size_t num = axes ? num_axes : rank;

        if (count != 2 * num)
            return fail(site->err, ERROR_INPUT,
                        "its border has %zu numbers for %zu dimensions", count,
                        num);
        for (size_t i = 0; i < num; i++) {
            size_t axis = i;

            if (axes && !resolve_axis(site, axes[i], rank, &axis))
                return false;
            if (pads[i] < 0 || pads[i] > INT32_MAX || pads[num + i] < 0 ||
                pads[num + i] > INT32_MAX)
                return fail(site->err, ERROR_UNSUPPORTED,
                            "a border of %" PRId64 " is not supported",
                            pads[i] < 0 ? pads[i] : pads[num + i]);
            node->pad.before[axis] = (size_t)pads[i];
            node->pad.after[axis] = (size_t)pads[num + i];
        }
    }
    if (!pads && node->pad.num_given != rank)
        return fail(site->err, ERROR_INPUT,
                    "its border is for %u dimensions, not for %u",
                    node->pad.num_given, rank);
    node->num_inputs = 1;
    site->shape = *in_shape(site, 0);
    for (uint32_t i = 0; i < rank; i++)
        site->shape.dim[i] += node->pad.before[i] + node->pad.after[i];
    return true;
}

static bool infer_reduce(struct site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = in_shape(site, 0);
    size_t count;

    if (!resolve_axes(site, node->reduce.raw_axes, node->reduce.num_raw_axes,
                      x->rank, node->reduce.axis, &count))
        return false;
    if (count == 0 && node->reduce.none_if_empty) {
        node->op = GRAPH_IDENTITY;
        node->num_inputs = 1;
        return same_shape(site);
    }
    for (uint32_t i = 0; i < x->rank; i++) {
        if (count == 0)
            node->reduce.axis[i] = true;
        if (!node->reduce.axis[i])
            site->shape.dim[site->shape.rank++] = x->dim[i];
        else if (node->reduce.keep_dims)
            site->shape.dim[site->shape.rank++] = 1;
    }
    node->num_inputs = 1;
    return true;
}

/* Gemm and MatMul with constant weights become LINEAR. */
static bool infer_matmul(struct site *site)
{
    const struct graph_shape *a = in_shape(site, 0);
    char text_a[GRAPH_SHAPE_TEXT], text_b[GRAPH_SHAPE_TEXT];
    const struct graph_shape *b = in_shape(site, 1);
    size_t in_axis = site->node->gemm.transpose_b ? 1 : 0;

    if (!in(site, 1)->data || (in(site, 2) && !in(site, 2)->data))
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its weights depend on the picture");
    if (site->node->gemm.transpose_a || a->rank < 2 || b->rank != 2)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "a product of %s by %s is not supported",
                    graph_shape_text(text_a, a), graph_shape_text(text_b, b));
    if (a->dim[a->rank - 1] != b->dim[in_axis])
        return fail(site->err, ERROR_INPUT, "%s and %s do not fit together",
                    graph_shape_text(text_a, a), graph_shape_text(text_b, b));
    site->shape = *a;
    site->shape.dim[a->rank - 1] = b->dim[1 - in_axis];
    return graph_const_linear(site->graph, site->node, site->err);
}

static bool infer_linear(struct site *site)
{
    const struct graph_shape *x = in_shape(site, 0);

    site->shape = *x;
    site->shape.dim[x->rank - 1] = in_shape(site, 1)->dim[0];
    return true;
}

static bool infer_softmax(struct site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = in_shape(site, 0);
    size_t axis;

    if (!resolve_axis(site, node->axis, x->rank, &axis))
        return false;
    for (uint32_t i = (uint32_t)axis + 1; node->to_matrix && i < x->rank; i++)
        if (x->dim[i] != 1)
            return fail(site->err, ERROR_UNSUPPORTED,
                        "softmax over several axes is not supported");
    node->axis = (int64_t)axis;
    node->to_matrix = false;
    return same_shape(site);
}

static bool infer_reshape_to(struct site *site)
{
    const struct graph_shape *x = in_shape(site, 0);
    size_t known = 1, count, total = graph_shape_count(x);
    const int64_t *target;
    int open = -1;

    if (!constant_ints(site, 1, "target shape", GRAPH_MAX_RANK, &target,
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

static bool infer_flatten(struct site *site)
{
    const struct graph_shape *x = in_shape(site, 0);
    int64_t raw = site->node->reshape.axis;
    size_t axis = x->rank;

    if (raw != (int64_t)x->rank && !resolve_axis(site, raw, x->rank, &axis))
        return false;
    site->shape = (struct graph_shape){.rank = 2, .dim = {1, 1}};
    for (uint32_t i = 0; i < x->rank; i++)
        site->shape.dim[i < axis ? 0 : 1] *= x->dim[i];
    return true;
}

static bool infer_squeeze(struct site *site)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *x = in_shape(site, 0);
    bool drop[GRAPH_MAX_RANK];
    size_t count;

    if (!resolve_axes(site, node->reshape.raw_axes, node->reshape.num_raw_axes,
                      x->rank, drop, &count))
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

static bool infer_unsqueeze(struct site *site)
{
    const struct graph_node *node = site->node;
    const struct graph_shape *x = in_shape(site, 0);
    size_t count = node->reshape.num_raw_axes, from = 0;
    bool added[GRAPH_MAX_RANK];
    const int64_t *operand = NULL;

    if (count == 0 && !constant_ints(site, 1, "list of axes", GRAPH_MAX_RANK,
                                     &operand, &count))
        return false;
    if (x->rank + count > GRAPH_MAX_RANK)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its output has %zu dimensions; at most %d are supported",
                    x->rank + count, GRAPH_MAX_RANK);
    site->shape.rank = x->rank + (uint32_t)count;
    if (!resolve_axes(site, node->reshape.raw_axes, node->reshape.num_raw_axes,
                      site->shape.rank, added, &count))
        return false;
    for (uint32_t i = 0; i < site->shape.rank; i++)
        site->shape.dim[i] = added[i] ? 1 : x->dim[from++];
    return true;
}

/* Reshape, Flatten, Squeeze, Unsqueeze: afterwards the output's shape says
 * what to do. */
static bool infer_reshape(struct site *site)
{
    static bool (*const rules[])(struct site *) = {
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

static bool infer_transpose(struct site *site)
{
    const struct graph_shape *x = in_shape(site, 0);
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

static bool infer_concat(struct site *site)
{
    size_t axis;

    site->shape = *in_shape(site, 0);
    if (!resolve_axis(site, site->node->axis, site->shape.rank, &axis))
        return false;
    site->node->axis = (int64_t)axis;
    for (uint32_t i = 1; i < site->node->num_inputs; i++) {
        const struct graph_shape *x = in_shape(site, i);
        struct graph_shape wanted = site->shape;

        wanted.dim[axis] = x->rank == wanted.rank ? x->dim[axis] : 0;
        if (!graph_shape_equal(x, &wanted) ||
            in(site, i)->type != in(site, 0)->type)
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

static bool infer_slice(struct site *site)
{
    struct graph_node *node = site->node;
    const struct graph_shape *x = in_shape(site, 0);
    const int64_t *starts, *ends, *axes, *steps;
    size_t count, num_ends, num_axes, num_steps;

    if (!constant_ints(site, 1, "start", GRAPH_MAX_RANK, &starts, &count) ||
        !constant_ints(site, 2, "end", GRAPH_MAX_RANK, &ends, &num_ends) ||
        !constant_ints(site, 3, "list of axes", GRAPH_MAX_RANK, &axes,
                       &num_axes) ||
        !constant_ints(site, 4, "step", GRAPH_MAX_RANK, &steps, &num_steps))
        return false;
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

        if (!resolve_axis(site, axes ? axes[i] : (int64_t)i, x->rank, &axis))
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

static bool infer_gather(struct site *site)
{
    const struct graph_shape *x = in_shape(site, 0);
    const struct graph_value *indices = in(site, 1);
    size_t axis;

    if (!indices->data || indices->type != GRAPH_INT)
        return fail(site->err, ERROR_UNSUPPORTED,
                    "its indices depend on the picture");
    if (!resolve_axis(site, site->node->axis, x->rank, &axis))
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

/* `start` and `end` count from the end where negative, and are clipped. */
static bool infer_shape_op(struct site *site)
{
    int64_t rank = in_shape(site, 0)->rank;
    int64_t *start = &site->node->dims.start, *end = &site->node->dims.end;

    *start = slice_bound(*start, rank, 0, rank);
    *end = slice_bound(*end, rank, *start, rank);
    site->shape =
        (struct graph_shape){.rank = 1, .dim = {(size_t)(*end - *start)}};
    return true;
}

/* Operand i as a shape. */
static bool constant_shape(const struct site *site, uint32_t i,
                           struct graph_shape *shape)
{
    const int64_t *dims;
    size_t count;

    if (!constant_ints(site, i, "shape", GRAPH_MAX_RANK, &dims, &count))
        return false;
    shape->rank = (uint32_t)count;
    for (size_t d = 0; d < count; d++) {
        if (dims[d] < 0 || dims[d] > INT32_MAX)
            return fail(site->err, ERROR_INPUT, "its shape holds %" PRId64,
                        dims[d]);
        shape->dim[d] = (size_t)dims[d];
    }
    return true;
}

static bool infer_fill(struct site *site)
{
    return constant_shape(site, 0, &site->shape);
}

static bool infer_expand(struct site *site)
{
    struct graph_shape target = {0};

    if (!constant_shape(site, 1, &target))
        return false;
    site->node->num_inputs = 1;
    return broadcast(site, in_shape(site, 0), &target);
}

static bool (*const rules[GRAPH_NUM_OPS])(struct site *site) = {
    [GRAPH_ADD] = infer_binary,
    [GRAPH_SUB] = infer_binary,
    [GRAPH_MUL] = infer_binary,
    [GRAPH_DIV] = infer_binary,
    [GRAPH_CLAMP] = infer_clamp,
    [GRAPH_CONV] = infer_conv,
    [GRAPH_BATCH_NORM] = infer_batch_norm,
    [GRAPH_PAD] = infer_pad,
    [GRAPH_MEAN] = infer_reduce,
    [GRAPH_LINEAR] = infer_linear,
    [GRAPH_MATMUL] = infer_matmul,
    [GRAPH_SOFTMAX] = infer_softmax,
    [GRAPH_RESHAPE] = infer_reshape,
    [GRAPH_TRANSPOSE] = infer_transpose,
    [GRAPH_CONCAT] = infer_concat,
    [GRAPH_SLICE] = infer_slice,
    [GRAPH_GATHER] = infer_gather,
    [GRAPH_SHAPE] = infer_shape_op,
    [GRAPH_EXPAND] = infer_expand,
    [GRAPH_FILL] = infer_fill,
    [GRAPH_CAST] = same_shape,
    [GRAPH_IDENTITY] = same_shape,
};

/* How many operands, from the first on, must be floats. What also serves
 * shape arithmetic takes integers too. */
static uint32_t num_floats(enum graph_op op)
{
    switch (op) {
    case GRAPH_CONV:
    case GRAPH_LINEAR:
    case GRAPH_MATMUL:
        return 3;
    case GRAPH_BATCH_NORM:
        return 5;
    case GRAPH_MEAN:
    case GRAPH_SOFTMAX:
        return 1;
    default:
        return 0;
    }
}

static bool infer_node(struct graph *graph, struct graph_node *node,
                       struct error *err)
{
    struct site site = {.graph = graph, .node = node, .err = err};
    struct graph_value *out;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(graph, node, i);

        if (value && value->type == GRAPH_INT && i < num_floats(node->op))
            return fail(err, ERROR_UNSUPPORTED, "its input %u is of integers",
                        i);
    }
    if (!rules[node->op](&site) || !graph_shape_check(&site.shape, err))
        return false;
    out = graph_output(graph, node, 0);
    out->shape = site.shape;
    out->has_shape = true;
    if (!graph_const_fold(graph, node, err))
        return false;
    if (!out->data && out->type == GRAPH_INT)
        return fail(err, ERROR_UNSUPPORTED,
                    "it computes integers from the picture");
    if (!out->data && graph_shape_count(&out->shape) == 0)
        return fail(err, ERROR_UNSUPPORTED, "its output is empty");
    return true;
}

bool graph_infer(struct graph *graph, struct error *err)
{
    graph_const_allow(graph);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        struct graph_node *node = &graph->nodes[n];

        if (!infer_node(graph, node, err))
            return error_prefix(err, "node \"%.100s\" (%s)", node->name,
                                node->onnx_op);
    }
    graph_prune(graph);
    return true;
}
