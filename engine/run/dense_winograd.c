/* DESIGN: Tiles are taken in blocks, so that their points stay in the cache: a
 * block's inputs are transformed, multiplied by the weights of each point with
 * the tiles of dense_tile.h, whose pixels are Winograd's tiles here, and
 * transformed back. Weights are read once for each block. */

#include "engine/run/dense_winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"

enum {
    SIDE = DENSE_WINOGRAD_IN,
    POINTS = DENSE_WINOGRAD_POINTS,
    OUT = DENSE_WINOGRAD_OUT,
    SIZE = 3,       /* of the window */
    ROW_SPARE = 16, /* floats between rows, which would share lines of the cache
                       if they were powers of two apart */
    MIN_CHANNELS = 32,
    MIN_TILES = 28,
    MIN_BLOCK = 56, /* tiles, or weights would be read too often */
    STEP_TILES = 4, /* that a thread transforms at a time */
};

/* About these many bytes of points a block has, and of weights a group. */
#define BLOCK_BYTES ((size_t)1 << 20)
#define GROUP_BYTES ((size_t)256 << 10)

struct dense_winograd {
    const struct graph_node *node; /* borrowed */
    const struct dense_kernel *kernel;
    float *packed; /* (points, panels, in, lanes); owned */
    float *bias;   /* (panels, lanes); owned */
    float *zeros;  /* inputs in the border, or no bias: (in or lanes); owned */
    size_t in_dim[4], out_dim[4];
    size_t before[2];         /* border */
    size_t rows, columns;     /* of tiles in a picture */
    size_t panel_len;         /* floats */
    size_t num_panels, block; /* tiles of a block */
    size_t row_in, row_out;   /* floats from a tile's points to the next's */
};

bool dense_winograd_supports(const struct graph *graph,
                             const struct graph_node *node,
                             const struct dense_kernel *kernel)
{
    const struct graph_window *window = &node->conv.window;

    if (node->op != GRAPH_CONV && node->op != GRAPH_DECONV)
        return false;
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
bool dense_winograd_pays(const struct graph *graph,
                         const struct graph_node *node,
                         const struct dense_kernel *kernel)
{
    const size_t *in = graph_input(graph, node, 0)->shape.dim;
    const size_t *out = graph_output(graph, node, 0)->shape.dim;

    return dense_winograd_supports(graph, node, kernel) &&
           in[3] >= MIN_CHANNELS && out[3] >= MIN_CHANNELS &&
           out[0] * tiles_of(out[1]) * tiles_of(out[2]) >= MIN_TILES;
}

/* ---- weights ---- */

/* G g */
static void line_of_weights(double *to, size_t to_apart, const double *g,
                            size_t apart)
{
    const double points[] = {sqrt(0.5), sqrt(2)}, scales[] = {-1.5, 6};

    to[0] = g[0];
    for (int i = 0; i < 2; i++) {
        double even = g[0] + points[i] * points[i] * g[2 * apart];
        double odd = points[i] * g[apart];

        to[(size_t)(1 + 2 * i) * to_apart] = (even + odd) / scales[i];
        to[(size_t)(2 + 2 * i) * to_apart] = (even - odd) / scales[i];
    }
    to[5 * to_apart] = g[2 * apart];
}

/* G g G' of one window whose taps are `apart` floats apart. */
static void transform_weights(double *to, const float *window, size_t apart,
                              bool flips)
{
    double g[SIZE * SIZE], half[SIDE * SIZE];

    for (size_t k = 0; k < SIZE * SIZE; k++)
        g[k] = (double)window[(flips ? SIZE * SIZE - 1 - k : k) * apart];
    for (size_t x = 0; x < SIZE; x++)
        line_of_weights(half + x, SIZE, g + x, SIZE);
    for (size_t y = 0; y < SIDE; y++)
        line_of_weights(to + y * SIDE, 1, half + y * SIZE, 1);
}

static size_t lanes_at(const struct dense_winograd *winograd, size_t channel)
{
    size_t left = winograd->out_dim[3] - channel;

    return left < winograd->kernel->lanes ? left : winograd->kernel->lanes;
}

static void pack(struct dense_winograd *winograd, const struct graph *graph)
{
    const struct graph_value *bias = graph_input(graph, winograd->node, 2);
    const float *weights = graph_floats(graph_input(graph, winograd->node, 1));
    size_t ins = winograd->in_dim[3], outs = winograd->out_dim[3];
    size_t most = winograd->kernel->lanes;

    for (size_t o = 0; o < outs; o++) {
        size_t p = o / most;
        size_t lanes =
            dense_tile_lanes(winograd->kernel, lanes_at(winograd, p * most));
        float *panel = winograd->packed + p * winograd->panel_len + o % most;

        winograd->bias[o] = bias ? graph_floats(bias)[o] : 0;
        for (size_t i = 0; i < ins; i++) {
            double points[POINTS];

            transform_weights(points, weights + o * SIZE * SIZE * ins + i, ins,
                              winograd->node->op == GRAPH_DECONV);
            for (size_t k = 0; k < POINTS; k++)
                panel[k * winograd->num_panels * winograd->panel_len +
                      i * lanes] = (float)points[k];
        }
    }
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
    winograd->panel_len = winograd->in_dim[3] * lanes;
    winograd->num_panels = (winograd->out_dim[3] + lanes - 1) / lanes;
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
    return POINTS * winograd->num_panels * winograd->panel_len *
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
    struct dense_tile tile = {
        .inputs = rows,
        .weights_at = (const size_t[]){0},
        .num_runs = 1,
        .length = winograd->in_dim[3],
        .bias = winograd->zeros,
        .min = -INFINITY,
        .max = INFINITY,
        .rest = &none,
        .pixels = pixels,
    };

    (void)thread;
    for (size_t t = 0; t < work->num; t += kernel->pixels) {
        size_t num =
            work->num - t < kernel->pixels ? work->num - t : kernel->pixels;

        tile.num_pixels = num;
        for (size_t p = 0; p < kernel->pixels; p++) {
            size_t row = at[0] * winograd->block + t + (p < num ? p : num - 1);

            rows[p] = work->points_in + row * winograd->row_in;
            pixels[p] = row * winograd->row_out;
        }
        tile.out = work->points_out;
        for (size_t p = at[1]; p < at[1] + len[1]; p++) {
            tile.panel = winograd->packed + (at[0] * winograd->num_panels + p) *
                                                winograd->panel_len;
            tile.channel = p * kernel->lanes;
            tile.num_lanes = lanes_at(winograd, tile.channel);
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
    size_t per_group = GROUP_BYTES / (winograd->panel_len * sizeof(float));
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
