#include "tests/network.h"

#include <math.h>
#include <string.h>

#include "tests/sketch.h"

/* A network being grown: the picture so far and its shape, (1, c, h, w). */
struct growth {
    struct graph *graph;
    struct sketch_random random;
    int x;
    size_t c, h, w;
};

static size_t below(struct growth *g, size_t bound)
{
    return sketch_below(&g->random, bound);
}

static int noise(struct growth *g, struct graph_shape shape, float min,
                 float max)
{
    return sketch_noise(g->graph, shape, &g->random, min, max);
}

/* Weights whose sums stay near the size of their inputs. */
static int weights(struct growth *g, struct graph_shape shape, size_t taps)
{
    float limit = 1.5f / sqrtf((float)taps);

    return noise(g, shape, -limit, limit);
}

static void grow_conv_of(struct growth *g, size_t out, size_t kernel,
                         size_t stride, size_t dilation, size_t groups)
{
    size_t in = g->c / groups;
    size_t reach = (kernel - 1) * dilation + 1;
    int w = weights(g, SHAPE(out, in, kernel, kernel), in * kernel * kernel);
    int bias = below(g, 2) ? noise(g, SHAPE(out), -0.5f, 0.5f) : GRAPH_NONE;
    size_t before = below(g, reach), after = reach - 1 - before;
    struct graph_window *window;

    g->x = sketch_conv(g->graph, g->x, w, bias, kernel, stride, 0, groups);
    window = &sketch_last(g->graph)->conv.window;
    for (int i = 0; i < 2; i++) {
        window->dilation[i] = dilation;
        window->pad_before[i] = before;
        window->pad_after[i] = after;
    }
    if (below(g, 4) == 0)
        window->auto_pad =
            below(g, 2) ? GRAPH_PAD_SAME_UPPER : GRAPH_PAD_SAME_LOWER;
    g->c = out;
    g->h = (g->h - 1) / stride + 1;
    g->w = (g->w - 1) / stride + 1;
}

static void grow_pointwise(struct growth *g)
{
    grow_conv_of(g, 1 + below(g, 8), 1, 1, 1, 1);
}

static void grow_conv(struct growth *g)
{
    grow_conv_of(g, 1 + below(g, 6), 1 + below(g, 4), 1 + below(g, 2),
                 1 + below(g, 2), 1);
}

static void grow_depthwise(struct growth *g)
{
    grow_conv_of(g, g->c * (1 + (below(g, 4) == 0)), 3 + 2 * below(g, 2),
                 1 + below(g, 2), 1, g->c);
}

static void grow_grouped(struct growth *g)
{
    grow_conv_of(g, 4, 1, 1, 1, 1);
    grow_conv_of(g, 2 + 2 * below(g, 3), 3, 1, 1, 2);
}

static void grow_batch_norm(struct growth *g)
{
    struct graph_shape shape = SHAPE(g->c);
    int operands[5] = {g->x, noise(g, shape, 0.5f, 1.5f),
                       noise(g, shape, -0.5f, 0.5f),
                       noise(g, shape, -0.5f, 0.5f), noise(g, shape, 0.2f, 2)};

    g->x = sketch_node(g->graph, GRAPH_BATCH_NORM, operands, 5);
    sketch_last(g->graph)->epsilon = 1e-3f;
}

static void grow_clamp(struct growth *g)
{
    g->x = sketch_node(g->graph, GRAPH_CLAMP, &g->x, 1);
    sketch_last(g->graph)->min = below(g, 3) ? 0 : -0.25f;
    if (below(g, 2))
        sketch_last(g->graph)->max = below(g, 2) ? 6 : 0.5f;
}

static void grow_identity(struct growth *g)
{
    g->x = sketch_node(g->graph, GRAPH_IDENTITY, &g->x, 1);
}

static void grow_residual(struct growth *g)
{
    int before = g->x;

    grow_conv_of(g, g->c, 1 + 2 * below(g, 2), 1, 1, 1);
    if (below(g, 2))
        grow_batch_norm(g);
    g->x = below(g, 2)
               ? sketch_node(g->graph, GRAPH_ADD, (int[]){before, g->x}, 2)
               : sketch_node(g->graph, GRAPH_ADD, (int[]){g->x, before}, 2);
    if (below(g, 2))
        grow_clamp(g);
}

/* One of the four operations with a constant that broadcasts. */
static void grow_arithmetic(struct growth *g)
{
    const enum graph_op ops[] = {GRAPH_ADD, GRAPH_SUB, GRAPH_MUL, GRAPH_DIV};
    const struct graph_shape shapes[] = {
        SCALAR,
        SHAPE(1),
        SHAPE(g->c, 1, 1),
        SHAPE(1, g->c, 1, 1),
        SHAPE(1, 1, 1, 1),
        SHAPE(g->w),
        SHAPE(g->h, 1),
        SHAPE(1, g->c, g->h, g->w),
    };
    enum graph_op op = ops[below(g, 4)];
    int constant = noise(g, shapes[below(g, 8)], 0.5f, 1.5f);
    int operands[2] = {g->x, constant};

    if (below(g, 3) == 0 && op != GRAPH_DIV) {
        operands[0] = constant;
        operands[1] = g->x;
    }
    g->x = sketch_node(g->graph, op, operands, 2);
}

static void grow_pad(struct growth *g)
{
    int64_t pads[8] = {0};
    int list, value = GRAPH_NONE;

    for (int i = 0; i < 2; i++) {
        pads[2 + i] = (int64_t)below(g, 2);
        pads[6 + i] = (int64_t)below(g, 3);
    }
    if (below(g, 4) == 0)
        pads[5] = 1; /* a channel after the others */
    list = sketch_ints(g->graph, SHAPE(8), pads);
    if (below(g, 3) == 0)
        value = noise(g, SCALAR, -1, 1);
    g->x = sketch_node(g->graph, GRAPH_PAD, (int[]){g->x, list, value},
                       value == GRAPH_NONE ? 2 : 3);
    g->c += (size_t)pads[5];
    g->h += (size_t)(pads[2] + pads[6]);
    g->w += (size_t)(pads[3] + pads[7]);
}

/* As torch exports F.pad and Conv2d(padding="valid"). */
static void grow_padded_conv(struct growth *g)
{
    grow_pad(g);
    grow_conv(g);
}

static void grow_concat(struct growth *g)
{
    int before = g->x;
    size_t channels = g->c;
    int64_t axis = (int64_t)below(g, 3) - 3;

    if (axis == -3)
        grow_conv_of(g, 1 + below(g, 4), 3, 1, 1, 1);
    else
        grow_clamp(g);
    g->x = sketch_node(g->graph, GRAPH_CONCAT, (int[]){before, g->x}, 2);
    sketch_last(g->graph)->axis = axis;
    if (axis == -3)
        g->c += channels;
    else if (axis == -2)
        g->h *= 2;
    else
        g->w *= 2;
}

/* Cuts one end off, or takes every second, or turns round. */
static void grow_slice(struct growth *g)
{
    const int64_t axis = 1 + (int64_t)below(g, 3);
    size_t *len = axis == 1 ? &g->c : axis == 2 ? &g->h : &g->w;
    int64_t start = 0, end = INT64_MAX, step = 1;

    switch (below(g, 3)) {
    case 0:
        step = -1;
        start = -1;
        end = INT64_MIN;
        break;
    case 1:
        step = 2;
        *len = (*len + 1) / 2;
        break;
    default:
        start = *len > 1;
        *len -= (size_t)start;
        break;
    }
    g->x = sketch_node(g->graph, GRAPH_SLICE,
                       (int[]){g->x, sketch_ints(g->graph, SHAPE(1), &start),
                               sketch_ints(g->graph, SHAPE(1), &end),
                               sketch_ints(g->graph, SHAPE(1), &axis),
                               sketch_ints(g->graph, SHAPE(1), &step)},
                       5);
}

static void grow_gather(struct growth *g)
{
    int64_t indices[3] = {(int64_t)below(g, g->c), -1, 0};
    int list = sketch_ints(g->graph, SHAPE(3), indices);

    g->x = sketch_node(g->graph, GRAPH_GATHER, (int[]){g->x, list}, 2);
    sketch_last(g->graph)->axis = 1;
    g->c = 3;
}

static void transpose(struct growth *g, size_t a, size_t b, size_t c, size_t d)
{
    const size_t perm[GRAPH_MAX_RANK] = {a, b, c, d};

    g->x = sketch_node(g->graph, GRAPH_TRANSPOSE, &g->x, 1);
    memcpy(sketch_last(g->graph)->perm, perm, sizeof perm);
}

/* A detour through NHWC, with a linear layer or a product there. */
static void grow_detour(struct growth *g)
{
    size_t out = 1 + below(g, 5);

    transpose(g, 0, 2, 3, 1);
    if (below(g, 2)) {
        g->x =
            sketch_node(g->graph, GRAPH_MATMUL,
                        (int[]){g->x, weights(g, SHAPE(g->c, out), g->c)}, 2);
        sketch_last(g->graph)->gemm.alpha = 1;
        sketch_last(g->graph)->gemm.beta = 1;
        g->c = out;
    } else {
        g->x = sketch_node(g->graph, GRAPH_MUL,
                           (int[]){g->x, noise(g, SHAPE(g->c), 0.5f, 1.5f)}, 2);
    }
    transpose(g, 0, 3, 1, 2);
}

static void grow_turn(struct growth *g)
{
    size_t h = g->h;

    transpose(g, 0, 1, 3, 2);
    g->h = g->w;
    g->w = h;
}

static int mean(struct growth *g, const int64_t *axes, uint32_t num, bool keep)
{
    int y = sketch_node(g->graph, GRAPH_MEAN, &g->x, 1);
    struct graph_node *node = sketch_last(g->graph);

    node->reduce.keep_dims = keep;
    node->reduce.num_raw_axes = num;
    memcpy(node->reduce.raw_axes, axes, num * sizeof *axes);
    return y;
}

/* The picture times, or plus, a mean of it. */
static void grow_gate(struct growth *g)
{
    const int64_t both[2] = {2, 3}, channels[1] = {1};
    int gate =
        below(g, 2) ? mean(g, both, 2, true) : mean(g, channels, 1, true);

    g->x = sketch_node(g->graph, below(g, 2) ? GRAPH_MUL : GRAPH_ADD,
                       (int[]){g->x, gate}, 2);
}

static void grow_softmax(struct growth *g)
{
    g->x = sketch_node(g->graph, GRAPH_SOFTMAX, &g->x, 1);
    sketch_last(g->graph)->axis = 1 + (int64_t)below(g, 3);
}

static int reshape(struct growth *g, size_t num, const int64_t *target)
{
    int list = sketch_ints(g->graph, SHAPE(num), target);
    int y = sketch_node(g->graph, GRAPH_RESHAPE, (int[]){g->x, list}, 2);

    sketch_last(g->graph)->reshape.rule = GRAPH_RESHAPE_TO;
    return y;
}

/* As ShuffleNet does it: the channels in another order. */
static void grow_shuffle(struct growth *g)
{
    const int64_t split[5] = {1, 2, (int64_t)g->c, (int64_t)g->h,
                              (int64_t)g->w};
    const int64_t merged[4] = {0, -1, (int64_t)g->h, (int64_t)g->w};
    const size_t perm[GRAPH_MAX_RANK] = {0, 2, 1, 3, 4};

    g->x = sketch_node(g->graph, GRAPH_CONCAT, (int[]){g->x, g->x}, 2);
    sketch_last(g->graph)->axis = 1;
    g->x = reshape(g, 5, split);
    g->x = sketch_node(g->graph, GRAPH_TRANSPOSE, &g->x, 1);
    memcpy(sketch_last(g->graph)->perm, perm, sizeof perm);
    g->x = reshape(g, 4, merged);
    g->c *= 2;
}

static void grow_reshape(struct growth *g)
{
    const int64_t flat[3] = {0, 0, -1};
    const int64_t square[4] = {1, (int64_t)g->c, (int64_t)g->h, (int64_t)g->w};

    g->x = reshape(g, 3, flat);
    if (below(g, 2))
        grow_clamp(g);
    g->x = reshape(g, 4, square);
}

/* The border makes up for the window's reach. */
static void fit_window(struct growth *g, struct graph_window *window,
                       size_t kernel, size_t dilation, size_t stride)
{
    size_t reach = (kernel - 1) * dilation + 1;

    for (int i = 0; i < 2; i++) {
        window->kernel[i] = kernel;
        window->stride[i] = stride;
        window->dilation[i] = dilation;
        window->pad_before[i] = below(g, reach);
        window->pad_after[i] = reach - 1 - window->pad_before[i];
    }
    g->h = (g->h - 1) / stride + 1;
    g->w = (g->w - 1) / stride + 1;
}

static void grow_pool_of(struct growth *g, enum graph_op op, size_t dilation)
{
    g->x = sketch_node(g->graph, op, &g->x, 1);
    sketch_last(g->graph)->pool.p = 2;
    sketch_last(g->graph)->pool.count_pad = below(g, 2);
    fit_window(g, &sketch_last(g->graph)->pool.window, 2 + below(g, 2),
               dilation, 1 + below(g, 2));
}

static void grow_pool(struct growth *g)
{
    grow_pool_of(g, below(g, 2) ? GRAPH_MAX_POOL : GRAPH_AVERAGE_POOL, 1);
}

static void grow_odd_pool(struct growth *g)
{
    static const enum graph_op ops[] = {GRAPH_MAX_POOL, GRAPH_AVERAGE_POOL,
                                        GRAPH_LP_POOL};

    grow_pool_of(g, ops[below(g, 3)], 1 + below(g, 2));
}

/* Twice as large. */
static void grow_deconv(struct growth *g)
{
    size_t out = 1 + below(g, 4);
    int w = weights(g, SHAPE(g->c, out, 2, 2), g->c);
    struct graph_window *window;

    if (g->h > 8 || g->w > 8)
        return;
    g->x = sketch_node(g->graph, GRAPH_DECONV, (int[]){g->x, w}, 2);
    sketch_last(g->graph)->conv.groups = 1;
    window = &sketch_last(g->graph)->conv.window;
    for (int i = 0; i < 2; i++) {
        window->kernel[i] = window->stride[i] = 2;
        window->dilation[i] = 1;
    }
    g->c = out;
    g->h *= 2;
    g->w *= 2;
}

/* A border in one of the ways that convolutions have none. */
static void grow_border(struct growth *g)
{
    struct graph_node *node;
    int64_t pads[8] = {0, 0, 1, -(int64_t)(g->w > 1), 0, 0, 0, 1};
    int list = sketch_ints(g->graph, SHAPE(8), pads);

    g->x = sketch_node(g->graph, GRAPH_PAD, (int[]){g->x, list}, 2);
    node = sketch_last(g->graph);
    node->pad.mode = (enum graph_pad_mode)below(g, 4);
    g->h += 1;
    g->w += g->w == 1;
}

static void grow_with_itself(struct growth *g)
{
    g->x = sketch_node(g->graph, below(g, 2) ? GRAPH_ADD : GRAPH_SUB,
                       (int[]){g->x, g->x}, 2);
}

static void grow_cast(struct growth *g)
{
    g->x = sketch_node(g->graph, GRAPH_CAST, &g->x, 1);
}

/* The plain ones come first. */
static void (*const growths[])(struct growth *g) = {
    grow_pointwise,
    grow_conv,
    grow_depthwise,
    grow_batch_norm,
    grow_clamp,
    grow_clamp,
    grow_identity,
    grow_residual,
    grow_pad,
    grow_padded_conv,
    grow_pool,
    /* and any */
    grow_grouped,
    grow_arithmetic,
    grow_arithmetic,
    grow_concat,
    grow_slice,
    grow_gather,
    grow_detour,
    grow_turn,
    grow_gate,
    grow_softmax,
    grow_shuffle,
    grow_reshape,
    grow_odd_pool,
    grow_deconv,
    grow_border,
    grow_with_itself,
    grow_cast,
};
enum { NUM_PLAIN = 11, NUM_ANY = sizeof growths / sizeof growths[0] };

/* Pools and classifies. */
static void grow_head(struct growth *g, enum network_kind kind)
{
    const int64_t axes[2] = {-1, -2};
    bool keep = below(g, 2);
    size_t classes = 2 + below(g, 6);

    g->x = mean(g, axes, 2, keep);
    if (keep) {
        g->x = sketch_node(g->graph, GRAPH_RESHAPE, &g->x, 1);
        sketch_last(g->graph)->reshape.rule = GRAPH_RESHAPE_FLATTEN;
        sketch_last(g->graph)->reshape.axis = 1;
    }
    g->x = sketch_node(g->graph, GRAPH_MATMUL,
                       (int[]){g->x, weights(g, SHAPE(classes, g->c), g->c),
                               noise(g, SHAPE(classes), -1, 1)},
                       3);
    sketch_last(g->graph)->gemm.alpha = below(g, 2) ? 1 : 0.5f;
    sketch_last(g->graph)->gemm.beta = below(g, 2) ? 1 : -0.5f;
    sketch_last(g->graph)->gemm.transpose_b = true;
    if (kind == NETWORK_ANY && below(g, 3) == 0) {
        g->x = sketch_node(g->graph, GRAPH_SOFTMAX, &g->x, 1);
        sketch_last(g->graph)->axis = -1;
    }
}

void network_make(struct graph *graph, enum network_kind kind, uint64_t seed)
{
    struct growth g = {
        .graph = graph, .random = {seed * 2654435761u + 1}, .c = 3};
    size_t num;

    for (int i = 0; i < 20; i++)
        sketch_below(&g.random, 2); /* small seeds start alike */
    g.h = 4 + below(&g, 7);
    g.w = 4 + below(&g, 7);
    g.x = sketch_input(graph, SHAPE(1, 3, g.h, g.w));
    num = 1 + below(&g, kind == NETWORK_PLAIN ? 10 : 7);
    for (size_t i = 0; i < num && g.c * g.h * g.w < 2000; i++)
        growths[below(&g, kind == NETWORK_PLAIN ? NUM_PLAIN : NUM_ANY)](&g);
    if (below(&g, 2))
        sketch_output(graph, g.x);
    grow_head(&g, kind);
    sketch_output(graph, g.x);
}
