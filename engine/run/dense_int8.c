/* DESIGN: A run first makes integers of the input in scratch, a quarter of its
 * size, in such an order that consecutive positions of a tile are equally far
 * apart whatever the window: with the border written out, and with a stride of
 * s in s planes, each of every s-th row. All rows of the output are then one
 * line of positions; those between two rows, as many as the window is wider
 * than a pixel, are computed and not stored. A window of one pixel needs none
 * of that.
 *
 * Weights are in panels as in dense.c, in the order in which a tile reads them,
 * and each run of inputs that follow one another in scratch is padded with
 * weights of 0. */

#include "engine/run/dense_int8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/run/dense_int8_internal.h"
#include "engine/run/dense_layout.h"
#include "engine/run/dense_winograd.h"
#include "engine/xnn/quantize.h"

enum {
    MAX_INNER = 1 << 16,   /* inputs of an output: sums fit 32 bits */
    MIN_PIXELS = 4,        /* of a convolution; XNNPACK has kernels for fewer */
    MIN_INNER = 16,        /* likewise; there is no gain with fewer */
    MIN_RANGE = 512,       /* floats with a range of their own, at least */
    MAX_TOGETHER = 16,     /* pixels with the same range */
    MIN_BOUNDED = 1 << 16, /* floats */
};

const struct dense_int8_kernel *dense_int8_best(void)
{
    const struct dense_int8_kernel *amx = dense_int8_amx();
    const struct dense_int8_kernel *vnni = dense_int8_vnni();

    return amx ? amx : vnni ? vnni : dense_int8_avx2();
}

bool dense_int8_has_kernel(void)
{
    return dense_int8_best() != NULL;
}

static bool supports_window(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    const size_t *out = graph_output(graph, node, 0)->shape.dim;

    return node->nhwc && !node->conv.depthwise && node->conv.groups == 1 &&
           window->kernel[0] * window->kernel[1] <= DENSE_INT8_MAX_TAPS &&
           window->stride[0] <= DENSE_INT8_MAX_STRIDE &&
           window->stride[1] <= DENSE_INT8_MAX_STRIDE &&
           out[0] * out[1] * out[2] >= MIN_PIXELS;
}

/* Whether the node is computed faster with floats. */
static bool prefers_floats(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct dense_kernel *floats = dense_tile_best();

    return dense_int8_best()->is_slower && floats && node->op == GRAPH_CONV &&
           dense_winograd_pays(graph, node, floats);
}

bool dense_int8_supports(const struct graph *graph,
                         const struct graph_node *node)
{
    const struct graph_value *x, *weights, *bias;
    size_t inner;

    if (node->op != GRAPH_LINEAR &&
        !(node->op == GRAPH_CONV && supports_window(graph, node)))
        return false;
    x = graph_input(graph, node, 0);
    weights = graph_input(graph, node, 1);
    bias = graph_input(graph, node, 2);
    inner = graph_shape_count(&weights->shape) / weights->shape.dim[0];
    return !x->data && weights->data && weights->type == GRAPH_FLOAT &&
           (!bias || bias->data) && node->min < node->max &&
           inner >= MIN_INNER && inner <= MAX_INNER &&
           dense_int8_has_kernel() && !prefers_floats(graph, node);
}

/* ---- geometry ---- */

static void describe(struct dense_int8 *dense)
{
    dense_layout_describe(&dense->window, dense->in_dim, dense->out_dim,
                          dense->graph, dense->node);
    dense->pointwise = true;
    for (int i = 0; i < 2; i++)
        dense->pointwise &= dense->window.kernel[i] == 1 &&
                            dense->window.stride[i] == 1 &&
                            dense->window.pad_before[i] == 0 &&
                            dense->in_dim[1 + i] == dense->out_dim[1 + i];
}

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void set_bounds(struct dense_int8 *dense, float min, float max)
{
    dense->bounded = true;
    if (max > 0)
        dense->range.above = (int32_t)bits_of(max);
    if (min < 0)
        dense->range.below = bits_of(min);
}

/* Large inputs are read once less if their range is known before; they also
 * fill it. Those that a quantized network has rounded are what its own integers
 * stand for. */
static void find_bounds(struct dense_int8 *dense)
{
    const struct graph_node *from =
        graph_producer(dense->graph, dense->node->inputs[0]);
    const struct graph_node *grid = dense_int8_grid(dense->graph, dense->node);
    const size_t *in = dense->in_dim;

    if (grid) {
        set_bounds(dense, grid->unary.beta * grid->unary.alpha,
                   grid->unary.gamma * grid->unary.alpha);
        return;
    }
    if (!from || !graph_op_has(from->op, GRAPH_CLAMPS) ||
        !isfinite(from->min) || !isfinite(from->max) ||
        in[1] * in[2] * in[3] < MIN_BOUNDED)
        return;
    set_bounds(dense, from->min, from->max);
}

static void lay_out_pixels(struct dense_int8 *dense)
{
    size_t channels = dense->in_dim[3];

    dense->num_positions = dense->in_dim[1] * dense->in_dim[2];
    dense->row_positions = dense->in_dim[2];
    dense->picture_len = dense->num_positions * channels;
    dense->step = dense->run_len = channels;
    dense->num_runs = 1;
    dense->together = (MIN_RANGE + channels - 1) / channels;
    if (dense->together > MAX_TOGETHER)
        dense->together = MAX_TOGETHER;
}

/* The plane of every stride-th row from this one on; a new one, if need be. */
static size_t plane_of(struct dense_int8 *dense, size_t row)
{
    size_t i = 0;

    while (i < dense->num_planes && dense->plane[i] != row)
        i++;
    if (i == dense->num_planes)
        dense->plane[dense->num_planes++] = row;
    return i;
}

/* A row of the window is one run, unless it is dilated. */
static void lay_out_planes(struct dense_int8 *dense)
{
    const struct graph_window *window = &dense->window;
    const size_t *stride = window->stride, *dilation = window->dilation;
    size_t channels = dense->in_dim[3];
    size_t reach = (window->kernel[1] - 1) * dilation[1] + 1;
    bool joined = dilation[1] == 1;

    dense->plane_dim[0] =
        dense->out_dim[1] + (window->kernel[0] - 1) * dilation[0] / stride[0];
    dense->row_positions =
        ((dense->out_dim[2] - 1) * stride[1] + reach + stride[1] - 1) /
        stride[1];
    dense->plane_dim[1] = dense->row_positions * stride[1];
    dense->num_positions =
        (dense->out_dim[1] - 1) * dense->row_positions + dense->out_dim[2];
    dense->step = stride[1] * channels;
    dense->run_len = joined ? window->kernel[1] * channels : channels;
    for (size_t ky = 0; ky < window->kernel[0]; ky++)
        for (size_t kx = 0; kx < (joined ? 1 : window->kernel[1]); kx++) {
            size_t row = ky * dilation[0];

            dense->runs[dense->num_runs++] =
                ((plane_of(dense, row % stride[0]) * dense->plane_dim[0] +
                  row / stride[0]) *
                     dense->plane_dim[1] +
                 kx * dilation[1]) *
                channels;
        }
    dense->picture_len = dense->num_planes * dense->plane_dim[0] *
                         dense->plane_dim[1] * channels;
}

/* ---- weights ---- */

/* A channel's weights, (num_runs, run_len), to its lane of a panel, a group at
 * a time. */
static void pack_lane(const struct dense_int8 *dense, size_t channel,
                      const int8_t *weights)
{
    enum { GROUP = DENSE_INT8_GROUP, STEP = GROUP * DENSE_INT8_LANES };
    int8_t *panel = dense->packed +
                    channel / DENSE_INT8_LANES * dense->panel_len +
                    channel % DENSE_INT8_LANES * GROUP;
    size_t whole = dense->run_len / GROUP;
    int32_t sum = 0; /* of at most MAX_INNER */

    for (size_t i = 0; i < dense->num_runs * dense->run_len; i++)
        sum += weights[i];
    dense->sums[channel] = dense->scales[channel] * (float)sum;
    for (size_t r = 0; r < dense->num_runs; r++) {
        for (size_t g = 0; g < whole; g++)
            memcpy(panel + g * STEP, weights + g * GROUP, GROUP);
        memcpy(panel + whole * STEP, weights + whole * GROUP,
               dense->run_len % GROUP);
        panel += dense->length * DENSE_INT8_LANES;
        weights += dense->run_len;
    }
}

static bool pack(struct dense_int8 *dense)
{
    const float *weights =
        graph_floats(graph_input(dense->graph, dense->node, 1));
    const struct graph_value *bias = graph_input(dense->graph, dense->node, 2);
    size_t inner = dense->num_runs * dense->run_len;
    int8_t *row = malloc(inner);
    float largest = 0; /* in a quantized network */

    if (!row)
        return false;
    if (dense_int8_grid(dense->graph, dense->node) &&
        dense->kernel->most == QUANTIZE_MOST)
        largest = quantize_largest(weights, dense->out_dim[3] * inner);
    for (size_t o = 0; o < dense->out_dim[3]; o++) {
        if (!dense_int8_recover(row, &dense->scales[o], weights + o * inner,
                                inner, largest))
            quantize_rows(row, &dense->scales[o], weights + o * inner, 1, inner,
                          dense->kernel->most);
        pack_lane(dense, o, row);
        dense->bias[o] = bias ? graph_floats(bias)[o] : 0;
    }
    free(row);
    return true;
}

struct dense_int8 *dense_int8_new(const struct graph *graph,
                                  const struct graph_node *node,
                                  const struct dense_int8_kernel *kernel,
                                  struct error *err)
{
    struct dense_int8 *dense = calloc(1, sizeof *dense);
    size_t channels, depth;

    if (!dense)
        goto failed;
    dense->graph = graph;
    dense->node = node;
    dense->kernel = kernel = kernel ? kernel : dense_int8_best();
    describe(dense);
    find_bounds(dense);
    dense->by_pixels = dense->pointwise && !dense->bounded;
    if (dense->pointwise)
        lay_out_pixels(dense);
    else
        lay_out_planes(dense);
    depth = kernel->depth;
    dense->length = (dense->run_len + depth - 1) / depth * depth;
    dense->panel_len = dense->num_runs * dense->length * DENSE_INT8_LANES;
    dense->num_panels =
        (dense->out_dim[3] + DENSE_INT8_LANES - 1) / DENSE_INT8_LANES;
    dense->per_group = dense_tile_group_bytes() / dense->panel_len;
    if (dense->per_group == 0)
        dense->per_group = 1;
    channels = dense->num_panels * DENSE_INT8_LANES;
    dense->packed = hugepages_take(dense_int8_len(dense));
    dense->scales = calloc(channels, sizeof *dense->scales);
    dense->bias = calloc(channels, sizeof *dense->bias);
    dense->sums = calloc(channels, sizeof *dense->sums);
    if (!dense->packed || !dense->scales || !dense->bias || !dense->sums)
        goto failed;
    memset(dense->packed, 0, dense_int8_len(dense));
    if (!pack(dense))
        goto failed;
    return dense;
failed:
    dense_int8_free(dense);
    fail(err, ERROR_MEMORY, "not enough memory for a layer's weights");
    return NULL;
}

size_t dense_int8_len(const struct dense_int8 *dense)
{
    return dense->num_panels * dense->panel_len;
}

void dense_int8_free(struct dense_int8 *dense)
{
    if (!dense)
        return;
    hugepages_give(dense->packed);
    free(dense->scales);
    free(dense->bias);
    free(dense->sums);
    free(dense);
}
