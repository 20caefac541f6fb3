/* DESIGN: Output channels are divided into panels, whose weights lie one
 * after another in the order in which a tile reads them. Some panels that fit a
 * core's cache together take turns on a block of pixels, whose inputs stay in
 * the cache meanwhile. Where a pixel's inputs are is found once for all panels
 * of the group.
 *
 * A transposed convolution of stride s is s x s ordinary ones, each for every
 * s-th row and column of the output, and with those weights that reach it. */

#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/run/dense_internal.h"

enum {
    BLOCK_TILES = 8,   /* at most */
    APPLY_STEP = 8192, /* numbers that a thread takes at a time */
    COPY_STEP = 14,    /* pixels, likewise */
};

/* About these many bytes of inputs are worked with at once. */
#define BLOCK_BYTES ((size_t)64 << 10)

/* Some rows and columns of the output, and the taps that reach them. */
struct grid {
    size_t rows, columns;   /* of the output, in this grid */
    size_t first[2], apart; /* the first one, and how far apart they are */
    size_t stride[2];       /* of the input, from one to the next */
    size_t num[2];          /* taps along each axis */
    ptrdiff_t shift[2][DENSE_MAX_TAPS]; /* of a tap's input */
    size_t tap[2][DENSE_MAX_TAPS];      /* its number in the window */
    bool pointwise; /* one tap, which takes each pixel to the same */
    bool joined; /* the taps of a row of the window follow one another, in the
                    input as in the weights */
};

/* A run of the node on one grid. */
struct work {
    const struct dense *dense;
    const struct dense_rest *rest;
    const struct grid *grid;
    const float *in;
    size_t apart; /* floats from one of its pixels to the next */
    float *out;
    size_t from, num_pixels; /* the first one, and one behind the last, of all
                                pictures */
    size_t ring; /* row y of all pictures is y % ring of `out`; a power of two,
                    or 0: as many as there are */
};

/* ---- where inputs are ---- */

/* Along one axis: the outputs first, first + apart, …, and their taps. */
static void find_taps(struct grid *grid, const struct dense *dense, int axis,
                      size_t first)
{
    const struct graph_window *window = &dense->window;
    bool transposed = dense->transposed;

    grid->first[axis] = transposed ? first : 0;
    grid->apart = transposed ? window->stride[axis] : 1;
    grid->stride[axis] = transposed ? 1 : window->stride[axis];
    grid->num[axis] = 0;
    for (size_t k = 0; k < window->kernel[axis]; k++) {
        ptrdiff_t reach = (ptrdiff_t)(k * window->dilation[axis]) -
                          (ptrdiff_t)window->pad_before[axis];
        ptrdiff_t stride = (ptrdiff_t)window->stride[axis];

        if (transposed) {
            reach = (ptrdiff_t)first - reach;
            if (reach % stride != 0)
                continue;
            reach /= stride;
        }
        grid->shift[axis][grid->num[axis]] = reach;
        grid->tap[axis][grid->num[axis]++] = k;
    }
}

/* The taps of a row of the window as one run, where no pixel of the tile has
 * one in the border. */
static bool is_inside(const struct work *work, const size_t *columns)
{
    const struct grid *grid = work->grid;
    ptrdiff_t last = grid->shift[1][grid->num[1] - 1];
    ptrdiff_t width = (ptrdiff_t)work->dense->in_dim[2];

    for (size_t p = 0; p < work->dense->kernel->pixels; p++) {
        ptrdiff_t x = (ptrdiff_t)(columns[p] * grid->stride[1]);

        if (x + grid->shift[1][0] < 0 || x + last >= width)
            return false;
    }
    return true;
}

/* The inputs of one tile. */
struct inputs {
    const float *at[DENSE_MAX_TAPS * DENSE_MAX_PIXELS];
    size_t weights_at[DENSE_MAX_TAPS];
    size_t num_runs, length;
    size_t pixels[DENSE_MAX_PIXELS]; /* where the outputs go */
};

static const float *input_at(const struct work *work, size_t picture,
                             ptrdiff_t row, ptrdiff_t column)
{
    const size_t *in = work->dense->in_dim;

    if (row < 0 || row >= (ptrdiff_t)in[1] || column < 0 ||
        column >= (ptrdiff_t)in[2])
        return work->dense->zeros;
    return work->in +
           ((picture * in[1] + (size_t)row) * in[2] + (size_t)column) *
               work->apart;
}

static void find_same(struct inputs *inputs, const struct work *work,
                      size_t first)
{
    const struct dense *dense = work->dense;
    size_t ring = work->ring * dense->out_dim[2]; /* pixels */
    size_t place = ring > 0 ? first / ring * ring : 0;

    inputs->num_runs = 1;
    inputs->weights_at[0] = 0;
    inputs->length = dense->layout.paired ? DENSE_QUAD : dense->layout.in;
    for (size_t p = 0; p < dense->kernel->pixels; p++) {
        size_t at =
            first + p < work->num_pixels ? first + p : work->num_pixels - 1;

        inputs->at[p] = work->in + at * work->apart;
        place += ring > 0 && at - place == ring ? ring : 0;
        inputs->pixels[p] = (at - place) * dense->out_dim[3];
    }
}

/* From pixel `first` of the grid on; the last one is repeated. */
static void find_inputs(struct inputs *inputs, const struct work *work,
                        size_t first)
{
    const struct grid *grid = work->grid;
    const size_t *out = work->dense->out_dim;
    size_t picture[DENSE_MAX_PIXELS], row[DENSE_MAX_PIXELS];
    size_t column[DENSE_MAX_PIXELS], pixels = work->dense->kernel->pixels;
    size_t channels = work->dense->layout.in, num;
    size_t per_tap = work->dense->layout.paired ? DENSE_QUAD : channels;
    size_t width = work->dense->window.kernel[1];
    bool joined;

    if (grid->pointwise) {
        find_same(inputs, work, first);
        return;
    }
    column[0] = first % grid->columns;
    row[0] = first / grid->columns % grid->rows;
    picture[0] = first / grid->columns / grid->rows;
    for (size_t p = 0; p < pixels; p++) {
        if (p > 0) {
            bool more = first + p < work->num_pixels;
            bool turns = more && column[p - 1] + 1 == grid->columns;
            bool ends = turns && row[p - 1] + 1 == grid->rows;

            column[p] = turns ? 0 : column[p - 1] + more;
            row[p] = ends ? 0 : row[p - 1] + turns;
            picture[p] = picture[p - 1] + ends;
        }
        inputs->pixels[p] =
            (((picture[p] * out[1] + grid->first[0] + row[p] * grid->apart) &
              (work->ring - 1)) *
                 out[2] +
             grid->first[1] + column[p] * grid->apart) *
            out[3];
    }
    joined = grid->joined && is_inside(work, column);
    num = joined ? 1 : grid->num[1];
    inputs->num_runs = 0;
    inputs->length = joined ? width * channels : per_tap;
    for (size_t ky = 0; ky < grid->num[0]; ky++)
        for (size_t kx = 0; kx < num; kx++) {
            const float **at = &inputs->at[inputs->num_runs * pixels];

            inputs->weights_at[inputs->num_runs++] =
                (grid->tap[0][ky] * width + grid->tap[1][kx]) * per_tap;
            for (size_t p = 0; p < pixels; p++)
                at[p] = input_at(work, picture[p],
                                 (ptrdiff_t)(row[p] * grid->stride[0]) +
                                     grid->shift[0][ky],
                                 (ptrdiff_t)(column[p] * grid->stride[1]) +
                                     grid->shift[1][kx]);
        }
}

/* ---- running ---- */

/* Runs a tile, or one pixel of some panels if so many are left; returns their
 * number. */
static size_t run_tile(const struct dense_tile *tile, const struct dense *dense,
                       size_t left)
{
    const struct dense_layout *layout = &dense->layout;
    size_t num = dense->kernel->num_panels, lanes = dense->kernel->lanes;

    if (tile->num_pixels == 1 && num > 0 && num <= left &&
        layout->groups == 1 && tile->channel + num * lanes <= layout->out) {
        dense->kernel->run_panels(tile, layout->panel_len);
        return num;
    }
    (layout->paired ? dense->kernel->run_pair : dense->kernel->run)(tile);
    return 1;
}

/* The function of what a tile has made of the panels from .. to - 1. */
static void apply(const struct dense_tile *tile, const struct dense *dense,
                  size_t from, size_t to)
{
    struct dense_panel first = dense_layout_panel(&dense->layout, from);
    struct dense_panel last = dense_layout_panel(&dense->layout, to - 1);
    size_t count = last.channel + last.num_lanes - first.channel;

    for (size_t p = 0; p < tile->num_pixels; p++)
        kernel_apply(tile->rest->function,
                     tile->out + tile->pixels[p] + first.channel, count);
}

/* A block of pixels, for a group of panels. */
static void run_block(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense *dense = work->dense;
    const struct dense_kernel *kernel = dense->kernel;
    const struct dense_layout *layout = &dense->layout;
    size_t end = work->from + at[1] + len[1];
    struct inputs inputs;
    struct dense_tile tile = {
        .inputs = inputs.at,
        .weights_at = inputs.weights_at,
        .min = dense->node->min,
        .max = dense->node->max,
        .rest = work->rest,
        .has_rest = dense_has_rest(work->rest),
        .out = work->out,
        .pixels = inputs.pixels,
    };

    (void)thread;
    for (size_t first = work->from + at[1]; first < end;
         first += kernel->pixels) {
        find_inputs(&inputs, work, first);
        tile.num_runs = inputs.num_runs;
        tile.length = inputs.length;
        tile.num_pixels =
            end - first < kernel->pixels ? end - first : kernel->pixels;
        for (size_t p = at[0]; p < at[0] + len[0];) {
            struct dense_panel panel = dense_layout_panel(layout, p);
            size_t left = at[0] + len[0] - p;

            tile.first = panel.group * layout->in;
            tile.panel = dense->packed + p * layout->panel_len;
            tile.channel = panel.channel;
            tile.bias = dense->bias + p * kernel->lanes;
            tile.num_lanes = panel.num_lanes;
            p += run_tile(&tile, dense, left);
        }
        if (work->rest->function)
            apply(&tile, dense, at[0], at[0] + len[0]);
    }
}

static void run_grid(struct work *work, struct team_member *member)
{
    const struct dense_layout *layout = &work->dense->layout;
    const size_t *in = work->dense->in_dim;
    size_t pixels = work->dense->kernel->pixels;
    size_t per_tile = work->grid->num[0] * in[3] * pixels *
                      (work->grid->joined ? 1 : work->grid->num[1]) *
                      sizeof(float);
    size_t tiles = BLOCK_BYTES / (per_tile + 1);
    struct team_task task = {
        .call = run_block,
        .context = work,
        .num_dimensions = 2,
        .ranges = {layout->groups * layout->panels,
                   work->num_pixels - work->from},
        .steps = {work->dense->per_group, 0},
        .flush_denormals = true,
    };

    tiles = tiles < 1 ? 1 : tiles > BLOCK_TILES ? BLOCK_TILES : tiles;
    task.steps[1] = tiles * pixels;
    team_run(member, &task);
}

static bool is_pointwise(const struct grid *grid, const struct dense *dense)
{
    for (int i = 0; i < 2; i++)
        if (grid->apart != 1 || grid->stride[i] != 1 || grid->num[i] != 1 ||
            grid->shift[i][0] != 0 ||
            dense->in_dim[1 + i] != dense->out_dim[1 + i])
            return false;
    return true;
}

/* How many outputs first, first + apart, … there are. */
static size_t count_from(size_t first, size_t apart, size_t length)
{
    return first < length ? (length - first + apart - 1) / apart : 0;
}

/* All grids, for rows from .. to - 1 of the output. */
static void run_rows(struct work *work, size_t from, size_t to,
                     struct team_member *member)
{
    const struct dense *dense = work->dense;
    const size_t *out = dense->out_dim;
    size_t phases = dense->transposed ? dense->window.stride[0] : 1;
    struct grid grid = {0};

    work->grid = &grid;
    for (size_t i = 0; i < phases * phases; i++) {
        find_taps(&grid, dense, 0, i / phases);
        find_taps(&grid, dense, 1, i % phases);
        grid.rows = count_from(grid.first[0], grid.apart, out[1]);
        grid.columns = count_from(grid.first[1], grid.apart, out[2]);
        grid.pointwise = is_pointwise(&grid, dense);
        grid.joined = !dense->transposed && dense->window.dilation[1] == 1 &&
                      dense->layout.groups == 1 && !dense->layout.paired;
        work->from = from * grid.columns;
        work->num_pixels = to * grid.columns;
        if (to == out[1])
            work->num_pixels = out[0] * grid.rows * grid.columns;
        if (work->num_pixels > 0)
            run_grid(work, member);
    }
}

void dense_run_rows(const struct dense *dense, float *out, const float *in,
                    const struct dense_rest *rest, size_t ring, size_t first,
                    size_t count, struct team_member *member)
{
    struct work work = {.dense = dense,
                        .rest = rest,
                        .in = in,
                        .apart = dense->in_dim[3],
                        .out = out,
                        .ring = ring};

    run_rows(&work, first, first + count, member);
}

static void copy_some(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const size_t channels = work->dense->in_dim[3];
    const float *in = work->in + at[0] * channels;
    float *copy = work->out + at[0] * work->apart;

    (void)thread;
    for (size_t i = 0; i < len[0]; i++)
        memcpy(copy + i * work->apart, in + i * channels,
               channels * sizeof *copy);
}

/* All rows by tiles, of a copy of the input where its pixels have to be
 * further apart. */
static void run_tiles(struct work *work, float *copy,
                      struct team_member *member)
{
    const struct dense *dense = work->dense;
    const size_t *in = dense->in_dim;
    struct work copying = *work;
    const struct team_task task = {
        .call = copy_some,
        .context = &copying,
        .num_dimensions = 1,
        .ranges = {in[0] * in[1] * in[2]},
        .steps = {COPY_STEP},
    };

    if (dense->apart != in[3]) {
        copying.apart = dense->apart;
        copying.out = copy;
        team_run(member, &task);
        work->in = copy;
        work->apart = dense->apart;
    }
    run_rows(work, 0, dense->out_dim[1], member);
}

static void apply_some(const struct team_task *task, size_t thread,
                       const size_t *at, const size_t *len)
{
    const struct work *work = task->context;

    (void)thread;
    kernel_apply(work->rest->function, work->out + at[0], len[0]);
}

/* The function of all that was made otherwise than by tiles. */
static void apply_all(struct work *work, struct team_member *member)
{
    const size_t *out = work->dense->out_dim;
    const struct team_task task = {
        .call = apply_some,
        .context = work,
        .num_dimensions = 1,
        .ranges = {out[0] * out[1] * out[2] * out[3]},
        .steps = {APPLY_STEP},
        .flush_denormals = true,
    };

    if (work->rest->function)
        team_run(member, &task);
}

void dense_run(const struct dense *dense, float *out, const float *in,
               const struct dense_rest *rest, float *scratch,
               struct team_member *member)
{
    struct work work = {.dense = dense,
                        .rest = rest,
                        .in = in,
                        .apart = dense->in_dim[3],
                        .out = out};

    if (dense->winograd)
        dense_winograd_run(dense->winograd, out, in, rest, scratch, member);
    else if (dense->row)
        dense_row_run(dense->row, out, in, rest, scratch, member);
    else
        run_tiles(&work, scratch, member);
    if (dense->winograd || dense->row)
        apply_all(&work, member);
}
