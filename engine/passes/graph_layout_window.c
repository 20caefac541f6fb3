/* What looks at pictures through a window, or changes their size: NHWC. */

#include "engine/passes/graph_layout.h"

#include <math.h>
#include <string.h>

#include "engine/passes/graph_build.h"
#include "engine/passes/graph_const.h"

/* Moves the weights. Those of the file go with their last reader, so that large
 * networks are not there twice. */
static bool move_weights(struct layout_pass *pass, struct graph_node *node,
                         const size_t *perm)
{
    const int old = node->inputs[1];

    node->inputs[1] = graph_layout_transposed(pass, old, perm);
    if (node->inputs[1] == GRAPH_NONE)
        return false;
    if ((size_t)old < pass->num_views && --pass->reads[old] == 0)
        graph_const_drop(pass->graph, old);
    return true;
}

bool graph_layout_conv(struct layout_pass *pass, struct graph_node *node)
{
    /* (O, I/groups, kh, kw) to (O, kh, kw, I/groups); of a depthwise
     * convolution, where I/groups is 1, to (1, kh, kw, O). */
    static const size_t ordinary[GRAPH_MAX_RANK] = {0, 2, 3, 1, 4, 5};
    static const size_t depthwise[GRAPH_MAX_RANK] = {1, 2, 3, 0, 4, 5};
    const struct graph_shape *w = &graph_input(pass->graph, node, 1)->shape;

    node->conv.depthwise = node->conv.groups > 1 && w->dim[1] == 1;
    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    if (!move_weights(pass, node, node->conv.depthwise ? depthwise : ordinary))
        return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    return graph_layout_emit(pass, node);
}

/* ---- transposed convolutions to few channels ---- */

/* With stride s, each s x s block of the output is made of the same inputs. If
 * all of a block's channels fit the vectors that would else hold those of one
 * pixel, an ordinary convolution that makes whole blocks is quicker. So it is
 * with the gradient of a picture. */
enum { BLOCK_CHANNELS = 16 };

/* Along one axis, output s i + p takes input i + (p + pad - k) / s by tap k. */
struct blocks {
    size_t stride;
    ptrdiff_t first; /* of the inputs that block 0 takes; at most 0 */
    size_t kernel;   /* how many it takes */
    size_t after;    /* rows or columns of zeros behind the last */
};

static bool find_blocks(struct blocks *blocks, const struct graph_node *node,
                        int axis, size_t in, size_t out)
{
    ptrdiff_t stride = (ptrdiff_t)node->conv.window.stride[axis];
    ptrdiff_t pad = (ptrdiff_t)node->conv.window.pad_before[axis];
    ptrdiff_t last_tap = (ptrdiff_t)node->conv.window.kernel[axis] - 1;
    /* Divisions that round up, and down. */
    ptrdiff_t first = -((last_tap - pad) / stride);
    ptrdiff_t last = (stride - 1 + pad) / stride, after;

    blocks->stride = (size_t)stride;
    blocks->first = first;
    blocks->kernel = (size_t)(last - first + 1);
    after = (ptrdiff_t)out / stride - 1 + last - ((ptrdiff_t)in - 1);
    blocks->after = (size_t)after;
    return stride > 1 && last_tap >= pad && (ptrdiff_t)out % stride == 0 &&
           after >= 0 && node->conv.window.dilation[axis] == 1;
}

/* The tap of the window that takes the block's input `at` to the output at `p`
 * in the block; GRAPH_NONE: none does. */
static ptrdiff_t tap_of(const struct blocks *blocks,
                        const struct graph_node *node, int axis, size_t at,
                        size_t p)
{
    ptrdiff_t k = (ptrdiff_t)(p + node->conv.window.pad_before[axis]) -
                  ((ptrdiff_t)at + blocks->first) * (ptrdiff_t)blocks->stride;

    return k >= 0 && k < (ptrdiff_t)node->conv.window.kernel[axis]
               ? k
               : (ptrdiff_t)GRAPH_NONE;
}

/* Weights (I, O, kh, kw) as those that make blocks: (s s O, kernels, I). */
static int block_weights(struct layout_pass *pass,
                         const struct graph_node *node,
                         const struct blocks blocks[2])
{
    const struct graph_shape w = graph_input(pass->graph, node, 1)->shape;
    size_t stride = blocks[0].stride, ins = w.dim[0], outs = w.dim[1];
    struct graph_shape shape = {.rank = 4,
                                .dim = {stride * stride * outs,
                                        blocks[0].kernel, blocks[1].kernel,
                                        ins}};
    const float *from;
    float *to;
    int made = graph_build_floats(pass->graph, &shape, &to, pass->err);

    if (made == GRAPH_NONE)
        return GRAPH_NONE;
    from = graph_floats(graph_input(pass->graph, node, 1));
    for (size_t i = 0; i < graph_shape_count(&shape); i++) {
        size_t c = i % ins, column = i / ins % shape.dim[2];
        size_t row = i / ins / shape.dim[2] % shape.dim[1];
        size_t out = i / ins / shape.dim[2] / shape.dim[1], block = out / outs;
        ptrdiff_t ky = tap_of(&blocks[0], node, 0, row, block / stride);
        ptrdiff_t kx = tap_of(&blocks[1], node, 1, column, block % stride);

        to[i] = ky < 0 || kx < 0
                    ? 0
                    : from[((c * outs + out % outs) * w.dim[2] + (size_t)ky) *
                               w.dim[3] +
                           (size_t)kx];
    }
    return made;
}

/* Whether the node can be such a convolution; its operand is NHWC. */
static bool makes_blocks(const struct layout_pass *pass,
                         const struct graph_node *node, struct blocks blocks[2])
{
    const size_t *in = graph_input(pass->graph, node, 0)->shape.dim;
    const size_t *out = graph_output(pass->graph, node, 0)->shape.dim;
    const struct graph_value *weights = graph_input(pass->graph, node, 1);

    return weights->data && node->conv.groups == 1 && node->num_inputs == 2 &&
           node->conv.window.stride[0] == node->conv.window.stride[1] &&
           find_blocks(&blocks[0], node, 0, in[1], out[1]) &&
           find_blocks(&blocks[1], node, 1, in[2], out[2]) &&
           blocks[0].stride * blocks[0].stride * out[3] <= BLOCK_CHANNELS;
}

static bool emit_blocks(struct layout_pass *pass, struct graph_node *node,
                        const struct blocks blocks[2])
{
    struct graph_node conv = graph_build_node(GRAPH_CONV, node->name, "layout");
    struct graph_node unfold = *node;
    struct graph_shape shape = graph_output(pass->graph, node, 0)->shape;
    int operands[2] = {node->inputs[0], block_weights(pass, node, blocks)};

    if (operands[1] == GRAPH_NONE)
        return false;
    conv.min = node->min;
    conv.max = node->max;
    conv.nhwc = true;
    conv.conv.groups = 1;
    for (int i = 0; i < 2; i++) {
        conv.conv.window.kernel[i] = blocks[i].kernel;
        conv.conv.window.stride[i] = conv.conv.window.dilation[i] = 1;
        conv.conv.window.pad_before[i] = (size_t)-blocks[i].first;
        conv.conv.window.pad_after[i] = blocks[i].after;
        shape.dim[1 + i] /= blocks[i].stride;
    }
    shape.dim[3] *= blocks[0].stride * blocks[0].stride;
    unfold.inputs =
        arena_take(&pass->graph->arena, 1, sizeof *unfold.inputs, pass->err);
    if (!unfold.inputs)
        return false;
    unfold.inputs[0] =
        graph_build_shaped(pass->graph, &conv, operands, 2, &shape, pass->err);
    unfold.num_inputs = 1;
    unfold.op = GRAPH_DEPTH_TO_SPACE;
    unfold.min = -INFINITY;
    unfold.max = INFINITY;
    memset(&unfold.conv, 0, sizeof unfold.conv);
    unfold.block.size = blocks[0].stride;
    return unfold.inputs[0] != GRAPH_NONE && graph_layout_emit(pass, &unfold);
}

/* ---- transposed convolutions ---- */

/* Weights (I, O/groups, kh, kw) become (O, kh, kw, I/groups); of each channel
 * by itself (1, kh, kw, O). */
bool graph_layout_deconv(struct layout_pass *pass, struct graph_node *node)
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
    struct blocks blocks[2];
    int weights;

    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    if (makes_blocks(pass, node, blocks))
        return emit_blocks(pass, node, blocks);
    node->conv.depthwise = groups > 1 && groups == w.dim[0] && w.dim[1] == 1;
    weights = node->conv.depthwise
                  ? graph_layout_transposed(pass, node->inputs[1], depthwise)
                  : graph_layout_reshaped(pass, node->inputs[1], &split);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = graph_layout_transposed(pass, weights, order);
    if (weights != GRAPH_NONE && !node->conv.depthwise)
        weights = graph_layout_reshaped(pass, weights, &joined);
    if (weights == GRAPH_NONE)
        return false;
    node->inputs[1] = weights;
    return graph_layout_emit(pass, node);
}

/* A convolution of each channel by itself in which every tap weighs the same,
 * in place of a node with one operand that is NHWC. */
static bool emit_uniform_conv(struct layout_pass *pass, struct graph_node *node,
                              const struct graph_window *window, float weight)
{
    const struct graph_value *x = graph_input(pass->graph, node, 0);
    size_t channels = x->shape.dim[3];
    struct graph_shape shape = {
        .rank = 4, .dim = {1, window->kernel[0], window->kernel[1], channels}};
    int *operands =
        arena_take(&pass->graph->arena, 2, sizeof *operands, pass->err);
    float *weights;

    if (!operands)
        return false;
    operands[1] = graph_build_floats(pass->graph, &shape, &weights, pass->err);
    if (operands[1] == GRAPH_NONE)
        return false;
    for (size_t i = 0; i < graph_shape_count(&shape); i++)
        weights[i] = weight;
    operands[0] = node->inputs[0];
    node->op = GRAPH_CONV;
    node->inputs = operands;
    node->num_inputs = 2;
    node->conv.window = *window;
    node->conv.groups = channels;
    node->conv.depthwise = channels > 1;
    return graph_layout_emit(pass, node);
}

/* An average whose windows all count the same number of elements, in a form
 * that pools do not come in, is a convolution; so is a window of one pixel. */
bool graph_layout_pool(struct layout_pass *pass, struct graph_node *node)
{
    const struct graph_window window = node->pool.window;
    size_t taps = window.kernel[0] * window.kernel[1], pads = 0, over = 0;
    bool dilated = false;

    for (int i = 0; i < 2; i++) {
        pads += window.pad_before[i] + window.pad_after[i];
        over += node->pool.over[i];
        dilated |= window.dilation[i] > 1;
    }
    if (!graph_layout_operand(pass, node, 0, graph_layout_nchw))
        return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    if (taps <= 64 && over == 0 &&
        ((node->op == GRAPH_AVERAGE_POOL &&
          (pads > 0 ? node->pool.count_pad : dilated)) ||
         (node->op != GRAPH_LP_POOL && taps == 1 && pads == 0)))
        return emit_uniform_conv(pass, node, &window, 1 / (float)taps);
    return graph_layout_emit(pass, node);
}

/* All of it as NHWC. */
bool graph_layout_picture(struct layout_pass *pass, struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (!graph_layout_operand(pass, node, i, graph_layout_nchw))
            return false;
    node->nhwc = true;
    graph_layout_store_output(pass, node, graph_layout_nchw);
    return graph_layout_emit(pass, node);
}

/* Pixels made of one, or of some, are a picture. */
bool graph_layout_expand(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;

    if (rank != 4 || pass->graph->values[view.stored].shape.rank != rank)
        return graph_layout_as_meant(pass, node);
    return graph_layout_picture(pass, node);
}

bool graph_layout_resize(struct layout_pass *pass, struct graph_node *node)
{
    struct layout_view view = graph_layout_view(pass, node->inputs[0]);
    uint32_t rank = graph_output(pass->graph, node, 0)->shape.rank;
    const double *meant = node->resize.scale;
    double scale[GRAPH_MAX_RANK] = {0};

    if (rank == 4 && meant[0] == 1 && meant[1] == 1) {
        memcpy(view.perm, graph_layout_nchw, sizeof view.perm);
        node->nhwc = true;
    }
    for (uint32_t i = 0; i < rank; i++)
        scale[view.perm[i]] = meant[i];
    memcpy(node->resize.scale, scale, sizeof scale);
    return node->nhwc ? graph_layout_picture(pass, node)
                      : graph_layout_any(pass, node);
}
