/* Gradients of what looks at pictures through a window, and of borders. */

#include <float.h>
#include <string.h>

#include "engine/passes/backward.h"

/* ---- convolutions ---- */

static size_t reach_of(const struct graph_window *window, int axis)
{
    return window->dilation[axis] * (window->kernel[axis] - 1) + 1;
}

/* Whether g through the weights turned round is an ordinary convolution. */
static bool is_plain(const struct graph_window *window)
{
    for (int i = 0; i < 2; i++)
        if (window->stride[i] != 1 ||
            window->pad_before[i] >= reach_of(window, i) ||
            window->pad_after[i] >= reach_of(window, i))
            return false;
    return true;
}

/* Weights (O, I/groups, kh, kw) as (I, O/groups, kh, kw), each filter turned
 * round. */
static int turned(struct backward *back, int weights, size_t groups)
{
    struct graph_shape old = backward_shape(back, weights), shape = old;
    size_t outs = old.dim[0] / groups, ins = old.dim[1];
    size_t taps = old.dim[2] * old.dim[3];
    const float *from;
    float *to;
    int made;

    shape.dim[0] = ins * groups;
    shape.dim[1] = outs;
    made = backward_floats(back, &shape, &to);
    if (made == GRAPH_NONE)
        return GRAPH_NONE;
    from = graph_floats(&back->graph->values[weights]);
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < ins; i++)
            for (size_t o = 0; o < outs; o++)
                for (size_t k = 0; k < taps; k++)
                    to[((g * ins + i) * outs + o) * taps + k] =
                        from[((g * outs + o) * ins + i) * taps + taps - 1 - k];
    return made;
}

/* The gradient of what weights (O, I/groups, kh, kw) were moved over, of shape
 * x: a convolution where each step was by one pixel, else a transposed one with
 * the same weights. */
static int through_weights(struct backward *back, int g, int weights,
                           const struct graph_window *window, size_t groups,
                           const struct graph_shape *x)
{
    struct graph_shape from = backward_shape(back, g);
    bool plain = is_plain(window);
    struct graph_node like = backward_like(plain ? GRAPH_CONV : GRAPH_DECONV);

    if (g == GRAPH_NONE || weights == GRAPH_NONE)
        return GRAPH_NONE;
    like.conv.window = *window;
    like.conv.groups = groups;
    for (int i = 0; i < 2; i++) {
        size_t reach = reach_of(window, i);
        size_t whole = window->stride[i] * (from.dim[2 + i] - 1) + reach;
        size_t pads = window->pad_before[i] + window->pad_after[i];

        if (plain) {
            like.conv.window.pad_before[i] = reach - 1 - window->pad_before[i];
            like.conv.window.pad_after[i] = reach - 1 - window->pad_after[i];
        } else if (whole < x->dim[2 + i] + pads) {
            like.conv.extra[i] = x->dim[2 + i] + pads - whole;
        }
    }
    if (plain)
        weights = turned(back, weights, groups);
    return backward_node(back, &like, (int[]){g, weights}, 2, x);
}

bool gradient_conv(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));

    return backward_give(back, 0,
                         through_weights(back, g, backward_in(back, 1),
                                         &back->node->conv.window,
                                         back->node->conv.groups, &x));
}

/* A convolution with the same weights; what was added after the last row or
 * column is no longer in the border. */
bool gradient_deconv(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_CONV);

    like.conv.window = back->node->conv.window;
    like.conv.groups = back->node->conv.groups;
    for (int i = 0; i < 2; i++) {
        size_t *after = &like.conv.window.pad_after[i];
        size_t extra = back->node->conv.extra[i];
        size_t gone = extra < *after ? extra : *after;

        *after -= gone;
        if (extra - gone >= like.conv.window.stride[i])
            return fail(back->err, ERROR_UNSUPPORTED,
                        "%zu rows or columns after the last have no gradient "
                        "here",
                        extra);
    }
    return backward_give(
        back, 0,
        backward_node(back, &like, (int[]){g, backward_in(back, 1)}, 2, &x));
}

/* ---- pools ---- */

bool gradient_max_pool(struct backward *back, int g)
{
    int x = backward_in(back, 0);
    struct graph_shape shape = backward_shape(back, x);
    struct graph_node like = backward_like(GRAPH_MAX_POOL_GRADIENT);

    like.pool = back->node->pool;
    return backward_give(back, 0,
                         backward_node(back, &like, (int[]){x, g}, 2, &shape));
}

/* How many taps of window `out` count in an average. */
static size_t num_counted(const struct graph_node *node, int axis, size_t out,
                          size_t length)
{
    const struct graph_window *window = &node->pool.window;
    size_t begin = node->pool.count_pad ? 0 : window->pad_before[axis];
    size_t end = length + window->pad_before[axis] +
                 (node->pool.count_pad ? window->pad_after[axis] : 0);
    size_t count = 0;

    for (size_t k = 0; k < window->kernel[axis]; k++) {
        size_t at = out * window->stride[axis] + k * window->dilation[axis];

        count += at >= begin && at < end;
    }
    return count > 0 ? count : 1;
}

/* The number of taps that count, for each place of the output. */
static int counts(struct backward *back, const struct graph_shape *x,
                  const struct graph_shape *out)
{
    struct graph_shape shape = {.rank = 2, .dim = {out->dim[2], out->dim[3]}};
    float *count;
    int made = backward_floats(back, &shape, &count);

    for (size_t i = 0; count && i < shape.dim[0] * shape.dim[1]; i++) {
        size_t row = i / shape.dim[1], column = i % shape.dim[1];

        count[i] = (float)(num_counted(back->node, 0, row, x->dim[2]) *
                           num_counted(back->node, 1, column, x->dim[3]));
    }
    return made;
}

/* Puts each element of g everywhere in its window, and adds up. */
static int strewn(struct backward *back, int g, const struct graph_shape *x)
{
    struct graph_window window = back->node->pool.window;
    struct graph_shape shape = {
        .rank = 4, .dim = {x->dim[1], 1, window.kernel[0], window.kernel[1]}};
    float *ones;
    int weights = backward_floats(back, &shape, &ones);

    for (size_t i = 0; ones && i < graph_shape_count(&shape); i++)
        ones[i] = 1;
    for (int i = 0; i < 2; i++)
        window.pad_after[i] += back->node->pool.over[i];
    return through_weights(back, g, weights, &window, x->dim[1], x);
}

bool gradient_average_pool(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_shape out = backward_shape(back, g);

    g = backward_binary(back, GRAPH_DIV, g, counts(back, &x, &out));
    return backward_give(back, 0, strewn(back, g, &x));
}

/* Of y = (sum of |x|^p)^(1/p): (|x| / y)^(p - 1) with the sign of x. */
bool gradient_lp_pool(struct backward *back, int g)
{
    struct graph_node above = backward_like(GRAPH_CLAMP);
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_shape out = backward_shape(back, g);
    float p = (float)back->node->pool.p;
    int in = backward_in(back, 0), y = back->node->outputs[0];

    if (p > 1) {
        above.min = FLT_MIN; /* where all are 0, so is what is divided */
        y = backward_node(back, &above, &y, 1, &out);
        g = backward_binary(back, GRAPH_MUL, g, backward_power(back, y, 1 - p));
    }
    g = strewn(back, g, &x);
    if (p == 2)
        return backward_give(back, 0, backward_binary(back, GRAPH_MUL, g, in));
    g = backward_binary(back, GRAPH_MUL, g,
                        backward_function(back, GRAPH_SIGN, in));
    if (p > 1)
        g = backward_binary(
            back, GRAPH_MUL, g,
            backward_power(back, backward_function(back, GRAPH_ABS, in),
                           p - 1));
    return backward_give(back, 0, g);
}

/* ---- borders and sizes ---- */

/* What a node with one operand does along one axis, as how much of each element
 * is in each of the output: it is run on the rows of a unit matrix. `like` is
 * the node for them, whose second axis it is. */
static int along(struct backward *back, int g, size_t axis,
                 const struct graph_node *like, size_t length)
{
    size_t num = backward_shape(back, g).dim[axis];
    struct graph_shape units = {.rank = 2, .dim = {length, length}};
    struct graph_shape made = {.rank = 2, .dim = {length, num}};
    struct graph_shape turned_round = {.rank = 2, .dim = {num, length}};
    struct graph *graph = back->graph;
    float *element, *matrix;
    int unit = backward_floats(back, &units, &element), columns, rows;

    for (size_t i = 0; element && i < length; i++)
        element[i * length + i] = 1;
    columns = backward_node(back, like, &unit, 1, &made);
    if (columns == GRAPH_NONE)
        return GRAPH_NONE;
    rows = backward_floats(back, &turned_round, &matrix);
    if (rows == GRAPH_NONE)
        return GRAPH_NONE;
    element = graph->values[columns].data;
    for (size_t i = 0; i < num; i++)
        for (size_t k = 0; k < length; k++)
            matrix[i * length + k] = element[k * num + i];
    return backward_along(back, g, axis, matrix, num, length);
}

/* A constant border is cut off, and what was cut off gets 0. */
bool gradient_pad(struct backward *back, int g)
{
    const struct graph_node *node = back->node;
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_PAD);

    if (node->pad.mode == GRAPH_PAD_CONSTANT) {
        for (uint32_t i = 0; i < x.rank; i++) {
            like.pad.before[i] = -node->pad.before[i];
            like.pad.after[i] = -node->pad.after[i];
        }
        return backward_give(back, 0, backward_node(back, &like, &g, 1, &x));
    }
    for (uint32_t i = 0; i < x.rank; i++) {
        if (node->pad.before[i] == 0 && node->pad.after[i] == 0)
            continue;
        like.pad.mode = node->pad.mode;
        like.pad.before[1] = node->pad.before[i];
        like.pad.after[1] = node->pad.after[i];
        g = along(back, g, i, &like, x.dim[i]);
        if (g == GRAPH_NONE)
            return false;
    }
    return backward_give(back, 0, g);
}

bool gradient_resize(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_RESIZE);

    like.resize = back->node->resize;
    like.resize.scale[0] = 1;
    for (uint32_t i = 0; i < x.rank; i++) {
        double scale = back->node->resize.scale[i];

        if (scale == 1 && backward_shape(back, g).dim[i] == x.dim[i])
            continue;
        like.resize.scale[1] = scale;
        g = along(back, g, i, &like, x.dim[i]);
        if (g == GRAPH_NONE)
            return false;
    }
    return backward_give(back, 0, g);
}

/* ---- blocks ---- */

/* Where a block's columns come before its channels, as no operation has it. */
static int gather_blocks(struct backward *back, int g, size_t size,
                         const struct graph_shape *x)
{
    static const size_t order[GRAPH_MAX_RANK] = {0, 1, 3, 5, 2, 4};
    struct graph_shape split = {.rank = 6,
                                .dim = {x->dim[0], x->dim[1] / (size * size),
                                        x->dim[2], size, x->dim[3], size}};

    g = backward_reshaped(back, g, &split);
    return backward_reshaped(back, backward_transposed(back, g, order), x);
}

bool gradient_depth_to_space(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_SPACE_TO_DEPTH);

    like.block.size = back->node->block.size;
    g = back->node->block.columns_first
            ? gather_blocks(back, g, like.block.size, &x)
            : backward_node(back, &like, &g, 1, &x);
    return backward_give(back, 0, g);
}

bool gradient_space_to_depth(struct backward *back, int g)
{
    struct graph_shape x = backward_shape(back, backward_in(back, 0));
    struct graph_node like = backward_like(GRAPH_DEPTH_TO_SPACE);

    like.block.size = back->node->block.size;
    return backward_give(back, 0, backward_node(back, &like, &g, 1, &x));
}
