/* Writes what looks at pictures through a window, borders and sizes. */

#include <math.h>

#include "engine/onnx/onnx_write.h"
#include "engine/onnx/onnx_writer.h"

/* Gives the last node the attributes of a window, with `over` more padding at
 * the end, or NULL. */
static void add_window(struct onnx_writer *w, const struct graph_window *window,
                       const size_t *over, bool has_dilations)
{
    int64_t pads[4], lists[3][2];

    for (int i = 0; i < 2; i++) {
        lists[0][i] = (int64_t)window->kernel[i];
        lists[1][i] = (int64_t)window->stride[i];
        lists[2][i] = (int64_t)window->dilation[i];
        pads[i] = (int64_t)window->pad_before[i];
        pads[2 + i] = (int64_t)(window->pad_after[i] + (over ? over[i] : 0));
    }
    onnx_writer_ints(w, "kernel_shape", lists[0], 2);
    onnx_writer_ints(w, "strides", lists[1], 2);
    if (has_dilations)
        onnx_writer_ints(w, "dilations", lists[2], 2);
    onnx_writer_ints(w, "pads", pads, 4);
}

const char *onnx_write_conv(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_plain(w, op);

    add_window(w, &w->node->conv.window, NULL, true);
    onnx_writer_int(w, "group", (int64_t)w->node->conv.groups);
    return x;
}

const char *onnx_write_deconv(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_write_conv(w, op);
    const int64_t extra[2] = {(int64_t)w->node->conv.extra[0],
                              (int64_t)w->node->conv.extra[1]};

    if (extra[0] + extra[1] > 0)
        onnx_writer_ints(w, "output_padding", extra, 2);
    return x;
}

/* ---- pools ---- */

/* What lies beyond the end never counts, nor does padding. */
const char *onnx_write_max_pool(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_writer_one(w, op, onnx_writer_in(w, 0));

    add_window(w, &w->node->pool.window, w->node->pool.over, true);
    return x;
}

/* Which averages have from opset 19 on only. */
static bool is_dilated(const struct onnx_writer *w)
{
    const struct graph_window *window = &w->node->pool.window;

    return window->dilation[0] != 1 || window->dilation[1] != 1;
}

/* x with the window's padding as zeros, which are elements like all others. */
static const char *padded(struct onnx_writer *w, const char *x,
                          struct graph_window *window)
{
    int64_t pads[8] = {0};

    for (int i = 0; i < 2; i++) {
        pads[2 + i] = (int64_t)window->pad_before[i];
        pads[6 + i] = (int64_t)window->pad_after[i];
        window->pad_before[i] = window->pad_after[i] = 0;
    }
    return onnx_writer_two(w, "Pad", x, onnx_writer_list(w, pads, 8));
}

/* Padding may count, but what lies beyond the end does not. */
const char *onnx_write_average_pool(struct onnx_writer *w, const char *op)
{
    const struct graph_node *node = w->node;
    struct graph_window window = node->pool.window;
    const char *x = onnx_writer_in(w, 0);
    bool has_over = node->pool.over[0] + node->pool.over[1] > 0;

    if (is_dilated(w))
        return onnx_write_pool_along(w);
    if (node->pool.count_pad && has_over)
        x = padded(w, x, &window);
    x = onnx_writer_one(w, op, x);
    add_window(w, &window, node->pool.over, false);
    onnx_writer_int(w, "count_include_pad", node->pool.count_pad && !has_over);
    return x;
}

const char *onnx_write_lp_pool(struct onnx_writer *w, const char *op)
{
    const char *x;

    if (is_dilated(w))
        return onnx_write_pool_along(w);
    x = onnx_writer_one(w, op, onnx_writer_in(w, 0));
    add_window(w, &w->node->pool.window, w->node->pool.over, false);
    onnx_writer_int(w, "p", w->node->pool.p);
    return x;
}

/* ---- the gradient of a max-pool ---- */

/* The taps of all windows along one axis: index[o * kernel + k] is the element
 * that tap k of window o is at. A tap outside stands where the nearest one of
 * its window inside is, so that it has its value and hands on to it. */
struct taps {
    size_t length, num, kernel; /* elements; windows; taps of each */
    int64_t *index;
    bool *is_void; /* (num) no tap is inside */
};

static bool read_taps(struct onnx_writer *w, struct taps *taps, int axis)
{
    const struct graph_window *window = &w->node->pool.window;
    int64_t stride = (int64_t)window->stride[axis];
    int64_t dilation = (int64_t)window->dilation[axis];

    taps->length = onnx_writer_shape(w, 0)->dim[2 + axis];
    taps->num = onnx_writer_shape(w, 1)->dim[2 + axis];
    taps->kernel = window->kernel[axis];
    taps->index =
        onnx_writer_take(w, taps->num * taps->kernel, sizeof(int64_t));
    taps->is_void = onnx_writer_take(w, taps->num, sizeof(bool));
    if (!taps->index || !taps->is_void)
        return false;
    for (size_t o = 0; o < taps->num; o++) {
        int64_t begin = (int64_t)o * stride - (int64_t)window->pad_before[axis];
        int64_t last = begin + dilation * ((int64_t)taps->kernel - 1);
        int64_t beyond = last - (int64_t)taps->length + 1;

        if (begin < 0)
            begin = begin + (-begin + dilation - 1) / dilation * dilation;
        if (beyond > 0)
            last = last - (beyond + dilation - 1) / dilation * dilation;
        taps->is_void[o] = begin > last;
        for (size_t k = 0; !taps->is_void[o] && k < taps->kernel; k++) {
            int64_t at = (int64_t)o * stride + (int64_t)k * dilation -
                         (int64_t)window->pad_before[axis];

            taps->index[o * taps->kernel + k] = at < begin  ? begin
                                                : at > last ? last
                                                            : at;
        }
    }
    return true;
}

/* x with the taps of each window side by side along an axis. */
static const char *unfolded(struct onnx_writer *w, const char *x,
                            struct graph_shape *shape, size_t axis,
                            const struct taps *taps)
{
    size_t count = taps->num * taps->kernel;
    float *ones = onnx_writer_take(w, count, sizeof *ones);
    struct onnx_writer_mix mix = {.axis = axis,
                                  .length = count,
                                  .taps = 1,
                                  .index = taps->index,
                                  .weight = ones};

    for (size_t i = 0; ones && i < count; i++)
        ones[i] = 1;
    return ones ? onnx_writer_mixed(w, x, shape, &mix) : NULL;
}

/* The way back: each element gets the sum of its taps. */
static const char *refolded(struct onnx_writer *w, const char *x,
                            struct graph_shape *shape, size_t axis,
                            const struct taps *taps)
{
    size_t count = taps->num * taps->kernel, most = 1;
    size_t *used = onnx_writer_take(w, taps->length, sizeof *used);
    struct onnx_writer_mix mix = {.axis = axis, .length = taps->length};
    int64_t *index;
    float *weight;

    for (size_t i = 0; used && i < count; i++)
        if (!taps->is_void[i / taps->kernel] && ++used[taps->index[i]] > most)
            most = used[taps->index[i]];
    index = onnx_writer_take(w, taps->length * most, sizeof *index);
    weight = onnx_writer_take(w, taps->length * most, sizeof *weight);
    if (!used || !index || !weight)
        return NULL;
    for (size_t i = count; i-- > 0;) {
        size_t at = (size_t)taps->index[i] * most;

        if (taps->is_void[i / taps->kernel])
            continue;
        at += --used[taps->index[i]];
        index[at] = (int64_t)i;
        weight[at] = 1;
    }
    mix.taps = most;
    mix.index = index;
    mix.weight = weight;
    return onnx_writer_mixed(w, x, shape, &mix);
}

/* The taps of each window become an axis of their own, where Hardmax finds the
 * first of the largest. (MaxPool's second output, the indices, would say it
 * too, but few runtimes have it.) */
const char *onnx_write_max_pool_gradient(struct onnx_writer *w, const char *op)
{
    static const int64_t turned[] = {0, 1, 3, 2, 4};
    struct graph_shape x = *onnx_writer_shape(w, 0), wide, each, flat;
    struct graph_shape out = *onnx_writer_shape(w, 1);
    struct taps rows, columns;
    const char *taps, *g;

    (void)op;
    if (!read_taps(w, &rows, 0) || !read_taps(w, &columns, 1))
        return NULL;
    wide = x;
    taps = unfolded(w, onnx_writer_in(w, 0), &wide, 2, &rows);
    taps = unfolded(w, taps, &wide, 3, &columns);
    each =
        (struct graph_shape){.rank = 5,
                             .dim = {x.dim[0] * x.dim[1], rows.num, rows.kernel,
                                     columns.num, columns.kernel}};
    taps = onnx_writer_reshape(w, taps, &wide, &each);
    taps = onnx_writer_transpose(w, taps, turned, 5);
    each.dim[2] = columns.num;
    each.dim[3] = rows.kernel;
    flat = (struct graph_shape){.rank = 4,
                                .dim = {each.dim[0], rows.num, columns.num,
                                        rows.kernel * columns.kernel}};
    taps = onnx_writer_reshape(w, taps, &each, &flat);
    taps = onnx_writer_one(w, "Hardmax", taps);
    onnx_writer_int(w, "axis", 3);
    out = (struct graph_shape){.rank = 4,
                               .dim = {each.dim[0], rows.num, columns.num, 1}};
    g = onnx_writer_reshape(w, onnx_writer_in(w, 1), onnx_writer_shape(w, 1),
                            &out);
    g = onnx_writer_two(w, "Mul", taps, g);
    g = onnx_writer_reshape(w, g, &flat, &each);
    g = onnx_writer_transpose(w, g, turned, 5);
    each.dim[2] = rows.kernel;
    each.dim[3] = columns.num;
    g = onnx_writer_reshape(w, g, &each, &wide);
    g = refolded(w, g, &wide, 3, &columns);
    return refolded(w, g, &wide, 2, &rows);
}

/* ---- borders and sizes ---- */

/* There is no mode to wrap around before opset 19, and a border that is cut off
 * counts differently. */
const char *onnx_write_pad(struct onnx_writer *w, const char *op)
{
    static const char *const modes[] = {[GRAPH_PAD_CONSTANT] = "constant",
                                        [GRAPH_PAD_REFLECT] = "reflect",
                                        [GRAPH_PAD_EDGE] = "edge"};
    const struct graph_node *node = w->node;
    bool is_constant = node->pad.mode == GRAPH_PAD_CONSTANT, is_cut = false;
    uint32_t rank = onnx_writer_out(w)->rank;
    int64_t pads[2 * GRAPH_MAX_RANK];
    const char *x = onnx_writer_in(w, 0);

    for (uint32_t i = 0; i < rank; i++) {
        pads[i] = node->pad.before[i];
        pads[rank + i] = node->pad.after[i];
        is_cut |= pads[i] < 0 || pads[rank + i] < 0;
    }
    if (node->pad.mode == GRAPH_PAD_WRAP || (is_cut && !is_constant))
        return onnx_write_pad_along(w);
    x = onnx_writer_node(
        w, op,
        (const char *const[]){
            x, onnx_writer_list(w, pads, 2 * rank),
            is_constant ? onnx_writer_number(w, node->pad.value) : ""},
        is_constant ? 3 : 2);
    onnx_writer_text(w, "mode", modes[node->pad.mode]);
    return x;
}

const char *onnx_write_block(struct onnx_writer *w, const char *op)
{
    const char *x = onnx_writer_one(w, op, onnx_writer_in(w, 0));

    onnx_writer_int(w, "blocksize", (int64_t)w->node->block.size);
    if (w->node->op == GRAPH_DEPTH_TO_SPACE)
        onnx_writer_text(w, "mode",
                         w->node->block.columns_first ? "CRD" : "DCR");
    return x;
}
