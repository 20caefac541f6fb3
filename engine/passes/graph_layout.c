/* NCHW to NHWC.
 *
 * The kernels want pictures channel by channel within a pixel (NHWC), the
 * files describe them plane by plane (NCHW). Rather than put transposes
 * around every convolution and cancel them afterwards, the pass walks the
 * nodes once and keeps, for every value, a view: the axes of the value as the
 * file means it, in terms of the axes of the value as it is stored,
 *
 *     meant.dim[i] = stored.dim[perm[i]]
 *
 * Convolutions ask for NHWC storage and leave their result in it; element by
 * element operations take what comes and pass it on; a transpose in the file
 * changes the view and nothing else. Only where two views must agree and do
 * not is a transpose made. */

#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/passes/graph_const.h"

struct view {
    int stored; /* value */
    size_t perm[GRAPH_MAX_RANK];
};

struct pass {
    struct graph *graph;
    struct view *views; /* (num_values at the start) in the graph's arena */
    size_t num_views;
    struct error *err;
};

static const size_t identity[GRAPH_MAX_RANK] = {0, 1, 2, 3, 4, 5};
/* The axes N, C, H, W of a value stored as N, H, W, C. */
static const size_t nchw_of_nhwc[GRAPH_MAX_RANK] = {0, 3, 1, 2, 4, 5};

static bool same_perm(const size_t *a, const size_t *b, uint32_t rank)
{
    return memcmp(a, b, rank * sizeof *a) == 0;
}

/* The view of a value. Values that the pass itself made, and constants, are
 * stored as they are meant. */
static struct view view_of(const struct pass *pass, int value)
{
    struct view view = {.stored = value};

    if ((size_t)value < pass->num_views &&
        pass->views[value].stored != GRAPH_NONE)
        return pass->views[value];
    memcpy(view.perm, identity, sizeof view.perm);
    return view;
}

static void set_view(struct pass *pass, int value, int stored,
                     const size_t *perm)
{
    pass->views[value].stored = stored;
    memcpy(pass->views[value].perm, perm, sizeof pass->views[value].perm);
}

/* Adds `node` to the new list. */
static bool emit(struct pass *pass, const struct graph_node *node)
{
    struct graph_node *added = graph_add_node(pass->graph, node->op, node->name,
                                              node->onnx_op, 0, 0, pass->err);

    if (!added)
        return false;
    *added = *node;
    return true;
}

/* Adds a node of one operand that makes a new value of the given shape, and
 * returns it, or NULL. Computes it at once where the operand is constant. */
static struct graph_node *emit_unary(struct pass *pass, enum graph_op op,
                                     int input, const struct graph_shape *shape)
{
    const char *name = pass->graph->values[input].name;
    struct graph_node *node =
        graph_add_node(pass->graph, op, name, "layout", 1, 1, pass->err);
    int out;

    if (!node)
        return NULL;
    out = graph_add_value(pass->graph, name, pass->graph->values[input].type,
                          pass->err);
    if (out == GRAPH_NONE)
        return NULL;
    pass->graph->values[out].shape = *shape;
    pass->graph->values[out].has_shape = true;
    node->inputs[0] = input;
    node->outputs[0] = out;
    return node;
}

/* Whether reordering axes leaves the elements where they are, because only
 * axes of length 1 move past others. */
static bool moves_nothing(const struct graph_shape *from, const size_t *perm)
{
    size_t last = 0;

    for (uint32_t i = 0; i < from->rank; i++) {
        if (from->dim[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* Whether storing a value of shape `stored` and view `perm` as `wanted` has to
 * move elements. */
static bool order_matters(const struct graph_shape *stored, const size_t *perm,
                          const size_t *wanted)
{
    size_t moved[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < stored->rank; i++)
        moved[wanted[i]] = perm[i];
    return !moves_nothing(stored, moved);
}

/* A value whose axis i is axis perm[i] of `from`. */
static int transposed(struct pass *pass, int from, const size_t *perm)
{
    const struct graph_shape shape = pass->graph->values[from].shape;
    struct graph_shape to = {.rank = shape.rank};
    bool is_reshape = moves_nothing(&shape, perm);
    struct graph_node *node;

    for (uint32_t i = 0; i < shape.rank; i++)
        to.dim[i] = shape.dim[perm[i]];
    node = emit_unary(pass, is_reshape ? GRAPH_RESHAPE : GRAPH_TRANSPOSE, from,
                      &to);
    if (!node)
        return GRAPH_NONE;
    if (!is_reshape)
        memcpy(node->perm, perm, sizeof node->perm);
    if (!graph_const_fold(pass->graph, node, pass->err))
        return GRAPH_NONE;
    return node->outputs[0];
}

/* The value stored so that its view has `wanted` as perm; GRAPH_NONE on
 * failure. */
static int stored_as(struct pass *pass, int value, const size_t *wanted)
{
    struct view view = view_of(pass, value);
    uint32_t rank = pass->graph->values[view.stored].shape.rank;
    size_t perm[GRAPH_MAX_RANK];

    if (same_perm(view.perm, wanted, rank))
        return view.stored;
    memcpy(perm, identity, sizeof perm);
    for (uint32_t i = 0; i < rank; i++)
        perm[wanted[i]] = view.perm[i];
    return transposed(pass, view.stored, perm);
}

/* Reorders the shape of a node's output from what is meant to what will be
 * stored, and sets its view. */
static void store_output(struct pass *pass, const struct graph_node *node,
                         const size_t *perm)
{
    struct graph_value *out = graph_output(pass->graph, node, 0);
    const struct graph_shape meant = out->shape;

    for (uint32_t i = 0; i < meant.rank; i++)
        out->shape.dim[perm[i]] = meant.dim[i];
    set_view(pass, node->outputs[0], node->outputs[0], perm);
}

/* ---- the rules ---- */

/* Operands stored as the file means them. */
static bool layout_as_meant(struct pass *pass, struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        node->inputs[i] = stored_as(pass, node->inputs[i], identity);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    store_output(pass, node, identity);
    return emit(pass, node);
}

static bool layout_conv(struct pass *pass, struct graph_node *node)
{
    /* (O, I/groups, kh, kw) to (O, kh, kw, I/groups); of a depthwise
     * convolution, where I/groups is 1, to (1, kh, kw, O). */
    static const size_t ordinary[GRAPH_MAX_RANK] = {0, 2, 3, 1, 4, 5};
    static const size_t depthwise[GRAPH_MAX_RANK] = {1, 2, 3, 0, 4, 5};
    const struct graph_shape *w = &graph_input(pass->graph, node, 1)->shape;

    node->conv.depthwise = node->conv.groups > 1 && w->dim[1] == 1;
    node->inputs[0] = stored_as(pass, node->inputs[0], nchw_of_nhwc);
    if (node->inputs[0] == GRAPH_NONE)
        return false;
    node->inputs[1] = transposed(pass, node->inputs[1],
                                 node->conv.depthwise ? depthwise : ordinary);
    if (node->inputs[1] == GRAPH_NONE)
        return false;
    node->nhwc = true;
    store_output(pass, node, nchw_of_nhwc);
    return emit(pass, node);
}

/* A constant in another shape. */
static int reshaped(struct pass *pass, int from,
                    const struct graph_shape *shape)
{
    struct graph_node *node = emit_unary(pass, GRAPH_RESHAPE, from, shape);

    if (!node || !graph_const_fold(pass->graph, node, pass->err))
        return GRAPH_NONE;
    return node->outputs[0];
}

/* Weights (I, O/groups, kh, kw) become (O, kh, kw, I/groups); of each channel
 * by itself (1, kh, kw, O). */
static bool layout_deconv(struct pass *pass, struct graph_node *node)
{
    static const size_t order[GRAPH_MAX_RANK] = {0, 2, 3, 4, 1, 5};
    static const size_t depthwise[GRAPH_MAX_RANK] = {1, 2, 3, 0, 4, 5};
    const struct graph_shape w = graph_input(pass->graph, node, 1)->shape;
    size_t groups = node->conv.groups;
    struct graph_shape split = {
        .rank = 5,
        .dim = {groups, w.dim[0] / groups, w.dim[1], w.dim[2], w.dim[3]}};
    struct graph_shape joined = {
        .rank = 4,
        .dim = {groups * w.dim[1], w.dim[2], w.dim[3], w.dim[0] / groups}};
    int weights;

    node->inputs[0] = stored_as(pass, node->inputs[0], nchw_of_nhwc);
    if (node->inputs[0] == GRAPH_NONE)
        return false;
    node->conv.depthwise = groups > 1 && groups == w.dim[0] && w.dim[1] == 1;
    weights = node->conv.depthwise
                  ? transposed(pass, node->inputs[1], depthwise)
                  : reshaped(pass, node->inputs[1], &split);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = transposed(pass, weights, order);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = reshaped(pass, weights, &joined);
    if (weights == GRAPH_NONE)
        return false;
    node->inputs[1] = weights;
    node->nhwc = true;
    store_output(pass, node, nchw_of_nhwc);
    return emit(pass, node);
}

/* A convolution of each channel by itself in which every tap weighs the same,
 * in place of a node with one operand that is NHWC. */
static bool emit_uniform_conv(struct pass *pass, struct graph_node *node,
                              const struct graph_window *window, float weight)
{
    const struct graph_value *x = graph_input(pass->graph, node, 0);
    size_t channels = x->shape.dim[3];
    struct graph_shape shape = {
        .rank = 4, .dim = {1, window->kernel[0], window->kernel[1], channels}};
    int *operands =
        arena_take(&pass->graph->arena, 2, sizeof *operands, pass->err);
    int weights;

    if (!operands || !graph_shape_check(&shape, pass->err))
        return false;
    weights = graph_add_constant(pass->graph, node->name, GRAPH_FLOAT, &shape,
                                 pass->err);
    if (weights == GRAPH_NONE)
        return false;
    for (size_t i = 0; i < graph_shape_count(&shape); i++)
        ((float *)pass->graph->values[weights].data)[i] = weight;
    operands[0] = node->inputs[0];
    operands[1] = weights;
    node->op = GRAPH_CONV;
    node->inputs = operands;
    node->num_inputs = 2;
    node->conv.window = *window;
    node->conv.groups = channels;
    node->conv.depthwise = channels > 1;
    return emit(pass, node);
}

/* An average whose windows all count the same number of elements, in a form
 * that pools do not come in, is a convolution; so is a window of one pixel. */
static bool layout_pool(struct pass *pass, struct graph_node *node)
{
    const struct graph_window window = node->pool.window;
    size_t taps = window.kernel[0] * window.kernel[1], pads = 0, over = 0;
    bool dilated = false;

    for (int i = 0; i < 2; i++) {
        pads += window.pad_before[i] + window.pad_after[i];
        over += node->pool.over[i];
        dilated |= window.dilation[i] > 1;
    }
    node->inputs[0] = stored_as(pass, node->inputs[0], nchw_of_nhwc);
    if (node->inputs[0] == GRAPH_NONE)
        return false;
    node->nhwc = true;
    store_output(pass, node, nchw_of_nhwc);
    if (taps <= 64 && over == 0 &&
        ((node->op == GRAPH_AVERAGE_POOL &&
          (pads > 0 ? node->pool.count_pad : dilated)) ||
         (node->op != GRAPH_LP_POOL && taps == 1 && pads == 0)))
        return emit_uniform_conv(pass, node, &window, 1 / (float)taps);
    return emit(pass, node);
}

/* Takes the first operand as it is stored. */
static bool layout_any(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);

    node->inputs[0] = view.stored;
    store_output(pass, node, view.perm);
    return emit(pass, node);
}

/* Gives a value axes of length 1 in front, up to `rank`. */
static int with_rank(struct pass *pass, int value, uint32_t rank)
{
    struct graph_shape shape = {.rank = rank}, old;
    struct graph_node *node;

    value = stored_as(pass, value, identity);
    if (value == GRAPH_NONE)
        return GRAPH_NONE;
    old = pass->graph->values[value].shape;
    for (uint32_t i = 0; i < rank; i++)
        shape.dim[i] = i + old.rank < rank ? 1 : old.dim[i + old.rank - rank];
    node = emit_unary(pass, GRAPH_RESHAPE, value, &shape);
    if (!node || !graph_const_fold(pass->graph, node, pass->err))
        return GRAPH_NONE;
    return node->outputs[0];
}

/* All operands are stored alike: as the first is that is not constant, of the
 * full rank, and not as meant; else as meant. */
static bool layout_alike(struct pass *pass, struct graph_node *node,
                         struct view *view)
{
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    memcpy(view->perm, identity, sizeof view->perm);
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        struct view own = view_of(pass, node->inputs[i]);
        const struct graph_value *stored = &pass->graph->values[own.stored];

        if (stored->shape.rank == rank && !stored->data &&
            same_perm(view->perm, identity, rank))
            *view = own;
    }
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        int value = node->inputs[i];

        if (pass->graph->values[view_of(pass, value).stored].shape.rank < rank)
            value = with_rank(pass, value, rank);
        if (value != GRAPH_NONE)
            value = stored_as(pass, value, view->perm);
        if (value == GRAPH_NONE)
            return false;
        node->inputs[i] = value;
    }
    return true;
}

static bool layout_binary(struct pass *pass, struct graph_node *node)
{
    struct view view;

    if (!layout_alike(pass, node, &view))
        return false;
    store_output(pass, node, view.perm);
    return emit(pass, node);
}

static bool layout_concat(struct pass *pass, struct graph_node *node)
{
    struct view view;

    if (!layout_alike(pass, node, &view))
        return false;
    node->axis = (int64_t)view.perm[node->axis];
    store_output(pass, node, view.perm);
    return emit(pass, node);
}

static bool layout_softmax(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);

    if (node->to_matrix)
        return layout_as_meant(pass, node);
    node->axis = (int64_t)view.perm[node->axis];
    return layout_any(pass, node);
}

/* The axes of a normalization as they are stored. */
static void turn_norm(struct graph_node *node, const size_t *perm,
                      uint32_t rank)
{
    bool axis[GRAPH_MAX_RANK] = {false};

    for (uint32_t i = 0; i < rank; i++)
        axis[perm[i]] = node->norm.axis[i];
    memcpy(node->norm.axis, axis, sizeof axis);
    node->norm.channel = perm[node->norm.channel];
}

static bool layout_norm_gradient(struct pass *pass, struct graph_node *node)
{
    struct view view;

    if (!layout_alike(pass, node, &view))
        return false;
    turn_norm(node, view.perm, graph_output(pass->graph, node, 0)->shape.rank);
    store_output(pass, node, view.perm);
    return emit(pass, node);
}

static bool layout_norm(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    turn_norm(node, view.perm, rank);
    for (uint32_t i = 1; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        if (node->norm.groups == 0)
            node->inputs[i] = with_rank(pass, node->inputs[i], rank);
        if (node->inputs[i] != GRAPH_NONE)
            node->inputs[i] =
                stored_as(pass, node->inputs[i],
                          node->norm.groups > 0 ? identity : view.perm);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    return layout_any(pass, node);
}

static bool layout_quantize(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);

    node->quant.axis = (int64_t)view.perm[node->quant.axis];
    for (uint32_t i = 1; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        node->inputs[i] = stored_as(pass, node->inputs[i], identity);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    return layout_any(pass, node);
}

static bool layout_lrn(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);

    node->lrn.channel = view.perm[node->lrn.channel];
    return layout_any(pass, node);
}

/* All of it as NHWC. */
static bool layout_picture(struct pass *pass, struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        node->inputs[i] = stored_as(pass, node->inputs[i], nchw_of_nhwc);
        if (node->inputs[i] == GRAPH_NONE)
            return false;
    }
    node->nhwc = true;
    store_output(pass, node, nchw_of_nhwc);
    return emit(pass, node);
}

/* Pixels from one, or from some, are a picture. */
static bool layout_expand(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    if (rank != 4 || pass->graph->values[view.stored].shape.rank != rank)
        return layout_as_meant(pass, node);
    return layout_picture(pass, node);
}

/* Along one axis, wherever it is. */
static bool layout_mix(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);

    node->axis = (int64_t)view.perm[node->axis];
    return layout_any(pass, node);
}

static bool layout_resize(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    const double *meant = node->resize.scale;
    double scale[GRAPH_MAX_RANK] = {0};

    if (rank == 4 && meant[0] == 1 && meant[1] == 1) {
        memcpy(view.perm, nchw_of_nhwc, sizeof view.perm);
        node->nhwc = true;
    }
    for (uint32_t i = 0; i < rank; i++)
        scale[view.perm[i]] = meant[i];
    memcpy(node->resize.scale, scale, sizeof scale);
    return node->nhwc ? layout_picture(pass, node) : layout_any(pass, node);
}

/* Along one axis, by a list of indices or by one that drops the axis. */
static bool layout_gather(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    const struct graph_value *indices = graph_input(pass->graph, node, 1);

    if (indices->shape.rank != 1 || pass->graph->values[view.stored].data)
        return layout_as_meant(pass, node);
    node->axis = (int64_t)view.perm[node->axis];
    return layout_any(pass, node);
}

static bool layout_pad(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    int64_t before[GRAPH_MAX_RANK] = {0}, after[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < rank; i++) {
        before[view.perm[i]] = node->pad.before[i];
        after[view.perm[i]] = node->pad.after[i];
    }
    memcpy(node->pad.before, before, sizeof before);
    memcpy(node->pad.after, after, sizeof after);
    return layout_any(pass, node);
}

static bool layout_slice(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    int64_t start[GRAPH_MAX_RANK] = {0}, step[GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < rank; i++) {
        start[view.perm[i]] = node->slice.start[i];
        step[view.perm[i]] = node->slice.step[i];
    }
    memcpy(node->slice.start, start, sizeof start);
    memcpy(node->slice.step, step, sizeof step);
    return layout_any(pass, node);
}

/* The largest of all pixels, which are stored as NHWC, is a pool. */
static void to_max_pool(struct graph_node *node, const struct graph_shape *x)
{
    const bool *axis = node->reduce.axis;

    if (node->op != GRAPH_REDUCE || node->reduce.function != GRAPH_REDUCE_MAX ||
        x->rank != 4 || axis[0] || !axis[1] || !axis[2] || axis[3])
        return;
    node->op = GRAPH_MAX_POOL;
    node->nhwc = true;
    memset(&node->pool, 0, sizeof node->pool);
    for (int i = 0; i < 2; i++) {
        node->pool.window.kernel[i] = x->dim[1 + i];
        node->pool.window.stride[i] = node->pool.window.dilation[i] = 1;
    }
}

/* How global pooling of (1, C, H, W) or (1, H, W, C) wants its operand stored:
 * pixel by pixel; NULL for what is none. */
static const size_t *pixels_of(const struct graph_node *node, uint32_t rank)
{
    const bool *axis = node->reduce.axis;

    if (rank != 4 || axis[0] || !axis[2] || axis[1] == axis[3] ||
        (node->op != GRAPH_MEAN && node->reduce.function != GRAPH_REDUCE_MAX))
        return NULL;
    return axis[1] ? identity : nchw_of_nhwc;
}

/* Afterwards every mean keeps its axes; a reshape drops them where the file
 * says so. */
static bool layout_mean(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    struct graph_shape stored = pass->graph->values[view.stored].shape;
    struct graph_shape kept;
    struct graph_node mean = *node;
    const size_t *wanted;
    int full, *operands;
    struct graph_value *value;

    wanted = pixels_of(node, stored.rank);
    if (wanted && order_matters(&stored, view.perm, wanted)) {
        view.stored = stored_as(pass, node->inputs[0], wanted);
        if (view.stored == GRAPH_NONE)
            return false;
        memcpy(view.perm, wanted, sizeof view.perm);
        set_view(pass, node->inputs[0], view.stored, view.perm);
        stored = pass->graph->values[view.stored].shape;
    }
    kept = stored;
    memset(mean.reduce.axis, 0, sizeof mean.reduce.axis);
    for (uint32_t i = 0; i < kept.rank; i++)
        if (node->reduce.axis[i]) {
            mean.reduce.axis[view.perm[i]] = true;
            kept.dim[view.perm[i]] = 1;
        }
    mean.reduce.keep_dims = true;
    to_max_pool(&mean, &stored);
    if (node->reduce.keep_dims) {
        *node = mean;
        return layout_any(pass, node);
    }
    full = graph_add_value(pass->graph, node->name, GRAPH_FLOAT, pass->err);
    operands = arena_take(&pass->graph->arena, 2, sizeof *operands, pass->err);
    if (full == GRAPH_NONE || !operands)
        return false;
    value = &pass->graph->values[full];
    value->shape = kept;
    value->has_shape = true;
    operands[0] = view.stored;
    operands[1] = full;
    mean.inputs = &operands[0];
    mean.outputs = &operands[1];
    if (!emit(pass, &mean))
        return false;
    /* From what is stored, through what is meant, to the file's shape. */
    full = transposed(pass, full, view.perm);
    if (full == GRAPH_NONE)
        return false;
    node->op = GRAPH_RESHAPE;
    node->inputs[0] = full;
    set_view(pass, node->outputs[0], node->outputs[0], identity);
    return emit(pass, node);
}

/* Dimensions first .. first + num - 1 of the operand of a reshape, which are
 * dimensions to .. to + num_to - 1 of its output. */
struct group {
    uint32_t first, num, to, num_to;
};

/* Pairs the dimensions of two shapes of as many elements, as few at a time as
 * can be. */
static uint32_t find_groups(struct group groups[2 * GRAPH_MAX_RANK],
                            const struct graph_shape *x,
                            const struct graph_shape *y)
{
    uint32_t i = 0, k = 0, num = 0;

    while (i < x->rank || k < y->rank) {
        struct group *group = &groups[num++];
        size_t of_x = 1, of_y = 1;

        *group = (struct group){.first = i, .to = k};
        if (i < x->rank)
            of_x = x->dim[i++];
        if (k < y->rank)
            of_y = y->dim[k++];
        while (of_x != of_y)
            if (of_x < of_y)
                of_x *= x->dim[i++];
            else
                of_y *= y->dim[k++];
        group->num = i - group->first;
        group->num_to = k - group->to;
    }
    return num;
}

/* An order of storage in which the dimensions of each group follow each other:
 * where they do not yet, they are gathered where the last of them is. Those
 * of length 1 do not matter; they come first. order[i] is the meant axis. */
static void gather_groups(size_t order[GRAPH_MAX_RANK],
                          const struct group *groups, uint32_t num_groups,
                          const struct graph_shape *x,
                          const size_t perm[GRAPH_MAX_RANK])
{
    size_t at[GRAPH_MAX_RANK], group_of[GRAPH_MAX_RANK]; /* by stored axis */
    uint32_t count = 0, left[2 * GRAPH_MAX_RANK] = {0};

    for (uint32_t i = 0; i < x->rank; i++) {
        at[perm[i]] = i;
        if (x->dim[i] == 1)
            order[count++] = i;
    }
    for (uint32_t g = 0; g < num_groups; g++)
        for (uint32_t i = groups[g].first; i < groups[g].first + groups[g].num;
             i++) {
            group_of[perm[i]] = g;
            left[g] += x->dim[i] != 1;
        }
    for (uint32_t s = 0; s < x->rank; s++) {
        const struct group *group = &groups[group_of[s]];

        if (x->dim[at[s]] == 1 || --left[group_of[s]] > 0)
            continue;
        for (uint32_t i = group->first; i < group->first + group->num; i++)
            if (x->dim[i] != 1)
                order[count++] = i;
    }
}

/* A reshape that only splits and merges axes does so wherever they are stored;
 * axes that are to be merged and are stored apart are brought together. */
static bool layout_reshape(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    struct graph_value *out = graph_output(pass->graph, node, 0);
    const struct graph_shape stored = pass->graph->values[view.stored].shape;
    struct graph_shape x = {.rank = stored.rank}, y = out->shape;
    struct group groups[2 * GRAPH_MAX_RANK];
    size_t order[GRAPH_MAX_RANK], wanted[GRAPH_MAX_RANK];
    size_t perm[GRAPH_MAX_RANK];
    uint32_t num_groups, count = 0;
    int input;

    for (uint32_t i = 0; i < x.rank; i++)
        x.dim[i] = stored.dim[view.perm[i]];
    if (moves_nothing(&stored, view.perm) || graph_shape_count(&x) == 0) {
        node->inputs[0] = view.stored;
        store_output(pass, node, identity);
        return emit(pass, node);
    }
    num_groups = find_groups(groups, &x, &y);
    gather_groups(order, groups, num_groups, &x, view.perm);
    memcpy(wanted, identity, sizeof wanted);
    for (uint32_t i = 0; i < x.rank; i++)
        wanted[order[i]] = i;
    if (moves_nothing(&x, order))
        return layout_as_meant(pass, node);
    input = order_matters(&stored, view.perm, wanted)
                ? stored_as(pass, node->inputs[0], wanted)
                : view.stored;
    if (input == GRAPH_NONE)
        return false;
    /* Dimensions of length 1 first, then the groups as they are stored. */
    memcpy(perm, identity, sizeof perm);
    for (uint32_t k = 0; k < y.rank; k++)
        if (y.dim[k] == 1)
            perm[k] = count++;
    for (uint32_t i = 0; i < x.rank; i++)
        for (uint32_t g = 0; g < num_groups; g++) {
            uint32_t first = groups[g].first;

            while (first < groups[g].first + groups[g].num && x.dim[first] == 1)
                first++;
            if (order[i] != first || x.dim[order[i]] == 1 || groups[g].num == 0)
                continue;
            for (uint32_t k = groups[g].to; k < groups[g].to + groups[g].num_to;
                 k++)
                if (y.dim[k] != 1)
                    perm[k] = count++;
        }
    node->inputs[0] = input;
    store_output(pass, node, perm);
    return emit(pass, node);
}

/* A transpose in the file is only another way to look at its operand. */
static bool layout_transpose(struct pass *pass, struct graph_node *node)
{
    struct view view = view_of(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    size_t perm[GRAPH_MAX_RANK];

    memcpy(perm, identity, sizeof perm);
    for (uint32_t i = 0; i < rank; i++)
        perm[i] = view.perm[node->perm[i]];
    set_view(pass, node->outputs[0], view.stored, perm);
    return true;
}

static bool (*const rules[GRAPH_NUM_OPS])(struct pass *pass,
                                          struct graph_node *node) = {
#define X(op, name, floats, facts, work, shape, layout, ...) \
    [op] = layout_##layout,
    GRAPH_OPS(X)
#undef X
};

/* ---- the pass ---- */

/* A picture that comes as planes will come as NHWC. */
static void store_input(struct pass *pass, int number)
{
    struct graph_value *input = &pass->graph->values[number];
    const struct graph_shape meant = input->shape;

    if (pass->graph->raw || meant.rank != 4 ||
        (meant.dim[1] != 3 &&
         (meant.dim[3] == 3 || (meant.dim[3] == 1 && meant.dim[1] != 1))))
        return;
    for (uint32_t i = 0; i < meant.rank; i++)
        input->shape.dim[nchw_of_nhwc[i]] = meant.dim[i];
    set_view(pass, number, number, nchw_of_nhwc);
}

static bool store_outputs(struct pass *pass)
{
    struct graph *graph = pass->graph;

    for (size_t i = 0; i < graph->num_outputs; i++) {
        int stored = view_of(pass, graph->outputs[i]).stored;
        bool is_picture = !graph->raw && graph->values[stored].shape.rank == 4;

        graph->outputs[i] = stored_as(pass, graph->outputs[i],
                                      is_picture ? nchw_of_nhwc : identity);
        if (graph->outputs[i] == GRAPH_NONE)
            return false;
    }
    return true;
}

bool graph_layout(struct graph *graph, struct error *err)
{
    struct pass pass = {.graph = graph, .err = err};
    struct graph_node *old = graph->nodes;
    size_t num_old = graph->num_nodes;
    bool ok = true;

    pass.views =
        arena_take(&graph->arena, graph->num_values, sizeof *pass.views, err);
    if (!pass.views)
        return false;
    pass.num_views = graph->num_values;
    for (size_t v = 0; v < pass.num_views; v++)
        pass.views[v].stored = GRAPH_NONE;
    graph->nodes = NULL;
    graph->num_nodes = graph->cap_nodes = 0;
    for (size_t i = 0; i < graph->num_inputs; i++)
        store_input(&pass, graph->inputs[i]);
    for (size_t n = 0; ok && n < num_old; n++)
        ok = rules[old[n].op](&pass, &old[n]);
    ok = ok && store_outputs(&pass);
    if (ok)
        graph_prune(graph);
    free(old);
    return ok && graph_split(graph, err);
}
