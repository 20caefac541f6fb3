/* DESIGN: Tiles are taken in blocks, so that their points stay in the cache: a
 * block's inputs are transformed, multiplied by the weights of each point with
 * the tiles of dense_tile.h, whose pixels are Winograd's tiles here, and
 * transformed back. Weights are read once for each block. */

#include "engine/run/dense_winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/run/dense_layout.h"

enum {
    SIDE = DENSE_WINOGRAD_IN,
    POINTS = DENSE_WINOGRAD_POINTS,
    OUT = DENSE_WINOGRAD_OUT,
    SIZE = 3,       /* of the window */
    ROW_SPARE = 16, /* floats between rows, which would share lines of the cache
                       if they were powers of two apart */
    MIN_CHANNELS = 32,
    MIN_TILES = 28,
    FEW_TILES = 16, /* with weights that are read fast */
    MIN_BLOCK = 56, /* tiles, or weights would be read too often */
    STEP_TILES = 4, /* that a thread transforms at a time */
    PACK_INPUTS = 16,
};

/* About these many bytes of points a block has, and of weights a group. */
#define BLOCK_BYTES ((size_t)1 << 20)
#define GROUP_BYTES ((size_t)256 << 10)

/* Of a layer's transformed weights, with few tiles: more come too slowly. */
#define FEW_TILES_BYTES ((size_t)16 << 20)

struct dense_winograd {
    const struct graph_node *node; /* borrowed */
    const struct dense_kernel *kernel;
    struct dense_layout layout; /* of the products of a point */
    float *packed;              /* (points, panels, in, lanes); owned */
    float *bias;                /* (out); owned */
    float *zeros; /* inputs in the border, or no bias: (in or lanes); owned */
    size_t in_dim[4], out_dim[4];
    size_t before[2];         /* border */
    size_t rows, columns;     /* of tiles in a picture */
    size_t num_panels, block; /* tiles of a block */
    size_t row_in, row_out;   /* floats from a tile's points to the next's */
};

bool dense_winograd_supports(const struct graph *graph,
                             const struct graph_node *node,
                             const struct dense_kernel *kernel)
{
    const struct graph_window *window = &node->conv.window;
    size_t outs;

    if (node->op != GRAPH_CONV &&
        (node->op != GRAPH_DECONV || node->conv.groups != 1))
        return false;
    outs = graph_output(graph, node, 0)->shape.dim[3] / node->conv.groups;
    if (node->conv.groups > 1 && 4 * outs <= kernel->lanes)
        return false; /* groups would be merged */
    for (int i = 0; i < 2; i++)
        if (window->kernel[i] != SIZE || window->stride[i] != 1 ||
            window->dilation[i] != 1 || window->pad_before[i] >= SIZE)
            return false;
    return kernel->winograd &&
           graph_input(graph, node, 0)->shape.dim[3] %
                   kernel->winograd->lanes ==
               0 &&
           graph_output(graph, node, 0)->shape.dim[3] %
                   kernel->winograd->lanes ==
               0;
}

static size_t tiles_of(size_t length)
{
    return (length + OUT - 1) / OUT;
}

/* Fewer tiles would not be worth reading four times the weights, and with few
 * channels the transforms take longer than the products. */
/* Whether a gradient depends on branches that what the node computes decides:
 * those of ReLUs and of max-pooling. A rounding error takes another branch. */
static bool decides_branches(const struct graph *graph,
                             const struct graph_node *node)
{
    bool found = false;

    for (size_t n = 0; node->op == GRAPH_CONV && n < graph->num_nodes; n++)
        found |= graph->nodes[n].op == GRAPH_GATE ||
                 graph->nodes[n].op == GRAPH_MAX_POOL_GRADIENT;
    return found;
}

bool dense_winograd_pays(const struct graph *graph,
                         const struct graph_node *node,
                         const struct dense_kernel *kernel)
{
    const size_t *in = graph_input(graph, node, 0)->shape.dim;
    const size_t *out = graph_output(graph, node, 0)->shape.dim;
    size_t groups = node->op == GRAPH_LINEAR ? 1 : node->conv.groups;
    size_t bytes = POINTS * in[3] * out[3] / groups * sizeof(float);
    bool is_small = groups == 1 && bytes <= FEW_TILES_BYTES;

    return dense_winograd_supports(graph, node, kernel) &&
           !decides_branches(graph, node) && in[3] / groups >= MIN_CHANNELS &&
           out[3] / groups >= MIN_CHANNELS &&
           out[0] * tiles_of(out[1]) * tiles_of(out[2]) >=
               (is_small ? FEW_TILES : MIN_TILES);
}

/* ---- weights ---- */

/* Transforms the weights of some input channels of a panel. */
static void pack_inputs(struct dense_winograd *winograd, const float *weights,
                        size_t p, size_t first, size_t num)
{
    enum { TAPS = SIZE * SIZE };
    bool flips = winograd->node->op == GRAPH_DECONV;
    struct dense_panel panel = dense_layout_panel(&winograd->layout, p);
    size_t ins = winograd->layout.in;
    size_t lanes = dense_tile_lanes(winograd->kernel, panel.num_lanes);
    float taps[PACK_INPUTS][TAPS][DENSE_MAX_LANES] = {{{0}}};
    struct dense_winograd_weights one = {
        .plane = winograd->num_panels * winograd->layout.panel_len,
        .apart = DENSE_MAX_LANES,
        .lanes = lanes,
    };

    for (size_t l = 0; l < panel.num_lanes; l++)
        for (size_t k = 0; k < TAPS; k++) {
            const float *from =
                weights + ((panel.channel + l) * TAPS + k) * ins + first;

            for (size_t i = 0; i < num; i++)
                taps[i][flips ? TAPS - 1 - k : k][l] = from[i];
        }
    for (size_t i = 0; i < num; i++) {
        one.taps = taps[i][0];
        one.to = winograd->packed + p * winograd->layout.panel_len +
                 (first + i) * lanes;
        winograd->kernel->winograd->weights(&one);
    }
}

static void pack(struct dense_winograd *winograd, const struct graph *graph)
{
    const struct graph_value *bias = graph_input(graph, winograd->node, 2);
    const float *weights = graph_floats(graph_input(graph, winograd->node, 1));
    size_t ins = winograd->layout.in;

    for (size_t p = 0; p < winograd->num_panels; p++)
        for (size_t i = 0; i < ins; i += PACK_INPUTS)
            pack_inputs(winograd, weights, p, i,
                        ins - i < PACK_INPUTS ? ins - i : PACK_INPUTS);
    for (size_t o = 0; o < winograd->out_dim[3]; o++)
        winograd->bias[o] = bias ? graph_floats(bias)[o] : 0;
}

/* Tiles of a block: blocks are as equal as whole tiles of the kernel let them
 * be. */
static size_t choose_block(const struct dense_winograd *winograd)
{
    size_t pixels = winograd->kernel->pixels;
    size_t tiles = winograd->out_dim[0] * winograd->rows * winograd->columns;
    size_t per_tile =
        POINTS * (winograd->row_in + winograd->row_out) * sizeof(float);
    size_t most = BLOCK_BYTES / per_tile, blocks;

    most = most < MIN_BLOCK ? MIN_BLOCK : most;
    blocks = (tiles + most - 1) / most;
    return ((tiles + blocks - 1) / blocks + pixels - 1) / pixels * pixels;
}

struct dense_winograd *dense_winograd_new(const struct graph *graph,
                                          const struct graph_node *node,
                                          const struct dense_kernel *kernel,
                                          struct error *err)
{
    struct dense_winograd *winograd = calloc(1, sizeof *winograd);
    const struct graph_window *window = &node->conv.window;
    size_t lanes = kernel->lanes;

    if (!winograd)
        goto failed;
    winograd->node = node;
    winograd->kernel = kernel;
    memcpy(winograd->in_dim, graph_input(graph, node, 0)->shape.dim,
           sizeof winograd->in_dim);
    memcpy(winograd->out_dim, graph_output(graph, node, 0)->shape.dim,
           sizeof winograd->out_dim);
    for (int i = 0; i < 2; i++)
        winograd->before[i] = node->op == GRAPH_DECONV
                                  ? SIZE - 1 - window->pad_before[i]
                                  : window->pad_before[i];
    winograd->rows = tiles_of(winograd->out_dim[1]);
    winograd->columns = tiles_of(winograd->out_dim[2]);
    winograd->row_in = winograd->in_dim[3] + ROW_SPARE;
    winograd->row_out = winograd->out_dim[3] + ROW_SPARE;
    dense_layout_find(&winograd->layout, kernel, 1, node->conv.groups,
                      winograd->in_dim[3], winograd->out_dim[3]);
    winograd->num_panels = winograd->layout.groups * winograd->layout.panels;
    winograd->block = choose_block(winograd);
    winograd->packed = hugepages_take(dense_winograd_len(winograd));
    winograd->bias = calloc(winograd->out_dim[3], sizeof *winograd->bias);
    winograd->zeros = calloc(winograd->in_dim[3] + lanes, sizeof(float));
    if (!winograd->packed || !winograd->bias || !winograd->zeros)
        goto failed;
    pack(winograd, graph);
    return winograd;
failed:
    dense_winograd_free(winograd);
    fail(err, ERROR_MEMORY, "not enough memory for a layer's weights");
    return NULL;
}

size_t dense_winograd_len(const struct dense_winograd *winograd)
{
    return POINTS * winograd->num_panels * winograd->layout.panel_len *
           sizeof *winograd->packed;
}

bool dense_winograd_share(struct dense_winograd *winograd,
                          const struct dense_winograd *other)
{
    winograd->packed = hugepages_share(winograd->packed, other->packed,
                                       dense_winograd_len(winograd));
    return winograd->packed == other->packed;
}

void dense_winograd_free(struct dense_winograd *winograd)
{
    if (!winograd)
        return;
    hugepages_give(winograd->packed);
    free(winograd->bias);
    free(winograd->zeros);
    free(winograd);
}

/* ---- running ---- */

/* A block: `num` tiles from `first` on, whose points are (points, block,
 * row). */
struct work {
    const struct dense_winograd *winograd;
    const struct dense_rest *rest;
    const float *in;
    float *out;
    float *points_in, *points_out;
    size_t first, num;
};

size_t dense_winograd_scratch_len(const struct dense_winograd *winograd)
{
    return POINTS * winograd->block * (winograd->row_in + winograd->row_out);
}

/* Where tile t's first output is. */
static void place(const struct work *work, size_t t, size_t *picture,
                  size_t *row, size_t *column)
{
    const struct dense_winograd *winograd = work->winograd;

    t += work->first;
    *column = t % winograd->columns * OUT;
    *row = t / winograd->columns % winograd->rows * OUT;
    *picture = t / winograd->columns / winograd->rows;
}

static void take_tiles(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_winograd *winograd = work->winograd;
    const size_t *dim = winograd->in_dim;
    struct dense_winograd_in in = {.channels = dim[3],
                                   .plane = winograd->block * winograd->row_in};

    (void)thread;
    for (size_t t = at[0]; t < at[0] + len[0]; t++) {
        size_t picture, row, column;

        place(work, t, &picture, &row, &column);
        for (size_t k = 0; k < POINTS; k++) {
            /* Those before the picture are beyond its end as well. */
            size_t y = row + k / SIDE - winograd->before[0];
            size_t x = column + k % SIDE - winograd->before[1];

            in.pixels[k] =
                y < dim[1] && x < dim[2]
                    ? work->in + ((picture * dim[1] + y) * dim[2] + x) * dim[3]
                    : winograd->zeros;
        }
        in.to = work->points_in + t * winograd->row_in;
        winograd->kernel->winograd->in(&in);
    }
}

/* Some points, some panels, all tiles. */
static void multiply(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_winograd *winograd = work->winograd;
    const struct dense_kernel *kernel = winograd->kernel;
    const struct dense_rest none = {0};
    const float *rows[DENSE_MAX_PIXELS];
    size_t pixels[DENSE_MAX_PIXELS];
    /* As few as needed, of equal size. */
    size_t count = (work->num + kernel->pixels - 1) / kernel->pixels;
    size_t step = (work->num + count - 1) / count;
    struct dense_tile tile = {
        .inputs = rows,
        .weights_at = (const size_t[]){0},
        .num_runs = 1,
        .length = winograd->layout.in,
        .bias = winograd->zeros,
        .min = -INFINITY,
        .max = INFINITY,
        .rest = &none,
        .pixels = pixels,
    };

    (void)thread;
    for (size_t t = 0; t < work->num; t += step) {
        size_t num = work->num - t < step ? work->num - t : step, group = 0;

        tile.num_pixels = num;
        for (size_t p = 0; p < kernel->pixels; p++) {
            size_t row = at[0] * winograd->block + t + (p < num ? p : num - 1);

            rows[p] = work->points_in + row * winograd->row_in;
            pixels[p] = row * winograd->row_out;
        }
        tile.out = work->points_out;
        for (size_t p = at[1]; p < at[1] + len[1]; p++) {
            struct dense_panel panel = dense_layout_panel(&winograd->layout, p);

            for (size_t i = 0; panel.group > group && i < kernel->pixels; i++)
                rows[i] += (panel.group - group) * winograd->layout.in;
            group = panel.group;
            tile.panel = winograd->packed + (at[0] * winograd->num_panels + p) *
                                                winograd->layout.panel_len;
            tile.channel = panel.channel;
            tile.num_lanes = panel.num_lanes;
            kernel->run(&tile);
        }
    }
}

static void give_tiles(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_winograd *winograd = work->winograd;
    const size_t *dim = winograd->out_dim;
    struct dense_winograd_out out = {
        .plane = winograd->block * winograd->row_out,
        .channels = dim[3],
        .bias = winograd->bias,
        .min = winograd->node->min,
        .max = winograd->node->max,
        .rest = work->rest,
        .out = work->out,
        .row = dim[2] * dim[3],
    };

    (void)thread;
    for (size_t t = at[0]; t < at[0] + len[0]; t++) {
        size_t picture, row, column;

        place(work, t, &picture, &row, &column);
        out.from = work->points_out + t * winograd->row_out;
        out.first = ((picture * dim[1] + row) * dim[2] + column) * dim[3];
        out.rows = dim[1] - row < OUT ? dim[1] - row : OUT;
        out.columns = dim[2] - column < OUT ? dim[2] - column : OUT;
        winograd->kernel->winograd->out(&out);
    }
}

static void run_block(struct work *work, struct team_member *member)
{
    const struct dense_winograd *winograd = work->winograd;
    size_t per_group =
        GROUP_BYTES / (winograd->layout.panel_len * sizeof(float));
    struct team_task transform = {
        .call = take_tiles,
        .context = work,
        .num_dimensions = 1,
        .ranges = {work->num},
        .steps = {STEP_TILES},
        .flush_denormals = true,
    };
    const struct team_task products = {
        .call = multiply,
        .context = work,
        .num_dimensions = 2,
        .ranges = {POINTS, winograd->num_panels},
        .steps = {1, per_group > 0 ? per_group : 1},
        .flush_denormals = true,
    };

    team_run(member, &transform);
    team_run(member, &products);
    transform.call = give_tiles;
    team_run(member, &transform);
}

void dense_winograd_run(const struct dense_winograd *winograd, float *out,
                        const float *in, const struct dense_rest *rest,
                        float *scratch, struct team_member *member)
{
    size_t tiles = winograd->out_dim[0] * winograd->rows * winograd->columns;
    struct work work = {
        .winograd = winograd,
        .rest = rest,
        .in = in,
        .out = out,
        .points_in = scratch,
        .points_out = scratch + POINTS * winograd->block * winograd->row_in,
    };

    for (; work.first < tiles; work.first += winograd->block) {
        work.num = tiles - work.first < winograd->block ? tiles - work.first
                                                        : winograd->block;
        run_block(&work, member);
    }
}
