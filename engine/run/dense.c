/* DESIGN: Output channels are divided into panels, whose weights lie one
 * after another in the order in which a tile reads them. Some panels that fit a
 * core's cache together take turns on a block of pixels, whose inputs stay in
 * the cache meanwhile. Where a pixel's inputs are is found once for all panels
 * of the group.
 *
 * A transposed convolution of stride s is s x s ordinary ones, each for every
 * s-th row and column of the output, and with those weights that reach it. */

#include "engine/run/dense.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/run/dense_layout.h"
#include "engine/run/dense_row.h"
#include "engine/run/dense_winograd.h"

enum {
    MAX_TAPS = 49,   /* in a window, 7 x 7 */
    MIN_PIXELS = 4,  /* of a convolution; XNNPACK has kernels for fewer */
    MAX_STRIDE = 4,  /* of a transposed convolution */
    BLOCK_TILES = 8, /* at most */
};

/* About these many bytes of inputs are worked with at once. */
#define BLOCK_BYTES ((size_t)64 << 10)

struct dense {
    const struct graph *graph;     /* borrowed */
    const struct graph_node *node; /* borrowed */
    const struct dense_kernel *kernel;
    struct dense_winograd *winograd; /* computes it, if not NULL; owned */
    struct dense_row *row;           /* likewise */
    float *packed, *bias;            /* of all panels (dense_layout.h); owned */
    float *zeros; /* inputs in the border: (row of a window); owned */
    struct graph_window window; /* of one pixel, if the node has none */
    bool transposed;
    size_t in_dim[4],
        out_dim[4]; /* a LINEAR's rows are the pixels of one row */
    struct dense_layout layout;
    size_t per_group; /* panels that take turns */
};

/* Some rows and columns of the output, and the taps that reach them. */
struct grid {
    size_t rows, columns;   /* of the output, in this grid */
    size_t first[2], apart; /* the first one, and how far apart they are */
    size_t stride[2];       /* of the input, from one to the next */
    size_t num[2];          /* taps along each axis */
    ptrdiff_t shift[2][MAX_TAPS]; /* of a tap's input */
    size_t tap[2][MAX_TAPS];      /* its number in the window */
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
    float *out;
    size_t num_pixels, tiles; /* of all pictures; in a block */
};

static bool supports_window(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_window *window = &node->conv.window;
    const size_t *out = graph_output(graph, node, 0)->shape.dim;

    return node->nhwc && !node->conv.depthwise &&
           (node->conv.groups == 1 || node->op == GRAPH_CONV) &&
           dense_layout_supports(node->conv.groups, out[3]) &&
           window->kernel[0] * window->kernel[1] <= MAX_TAPS &&
           (node->op == GRAPH_CONV || (window->stride[0] == window->stride[1] &&
                                       window->stride[0] <= MAX_STRIDE)) &&
           out[0] * out[1] * out[2] >= MIN_PIXELS;
}

bool dense_has_kernel(void)
{
    return dense_tile_best();
}

bool dense_supports(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *weights, *bias;

    if (node->op != GRAPH_LINEAR &&
        !((node->op == GRAPH_CONV || node->op == GRAPH_DECONV) &&
          supports_window(graph, node)))
        return false;
    weights = graph_input(graph, node, 1);
    bias = graph_input(graph, node, 2);
    return weights->data && (!bias || bias->data) && node->min < node->max &&
           dense_has_kernel();
}

/* ---- weights ---- */

static size_t taps_of(const struct dense *dense)
{
    const size_t *kernel = dense->window.kernel;

    return kernel[0] * kernel[1];
}

/* Packs the weights for tiles, if there is memory. */
static void pack_tiles(struct dense *dense)
{
    const struct graph *graph = dense->graph;
    const struct graph_node *node = dense->node;
    const struct graph_value *bias = graph_input(graph, node, 2);
    struct dense_layout *layout = &dense->layout;

    dense_layout_find(layout, dense->kernel, taps_of(dense),
                      node->op == GRAPH_LINEAR ? 1 : node->conv.groups,
                      dense->in_dim[3], dense->out_dim[3]);
    dense->per_group =
        dense_tile_group_bytes() / (layout->panel_len * sizeof(float));
    dense->per_group += dense->per_group == 0;
    dense->packed = hugepages_take(dense_len(dense));
    dense->bias = calloc(layout->groups * layout->panels * dense->kernel->lanes,
                         sizeof *dense->bias);
    dense->zeros = calloc(dense->window.kernel[1] * dense->in_dim[3],
                          sizeof *dense->zeros);
    if (dense->packed && dense->bias && dense->zeros)
        dense_layout_pack(layout, dense->packed, dense->bias,
                          graph_floats(graph_input(graph, node, 1)),
                          bias ? graph_floats(bias) : NULL);
}

struct dense *dense_new(const struct graph *graph,
                        const struct graph_node *node,
                        const struct dense_kernel *kernel, struct error *err)
{
    struct dense *dense = calloc(1, sizeof *dense);

    if (dense) {
        dense->graph = graph;
        dense->node = node;
        dense->kernel = kernel = kernel ? kernel : dense_tile_best();
        dense_layout_describe(&dense->window, dense->in_dim, dense->out_dim,
                              graph, node);
        dense->transposed = node->op == GRAPH_DECONV;
        if (dense_row_pays(graph, node))
            dense->row = dense_row_new(graph, node, kernel, err);
        else if (dense_winograd_pays(graph, node, kernel))
            dense->winograd = dense_winograd_new(graph, node, kernel, err);
        else
            pack_tiles(dense);
    }
    if (dense && (dense->row || dense->winograd ||
                  (dense->packed && dense->bias && dense->zeros)))
        return dense;
    dense_free(dense);
    fail(err, ERROR_MEMORY, "not enough memory for a layer's weights");
    return NULL;
}

size_t dense_len(const struct dense *dense)
{
    const struct dense_layout *layout = &dense->layout;

    return dense->winograd ? dense_winograd_len(dense->winograd)
           : dense->row    ? dense_row_len(dense->row)
                        : layout->groups * layout->panels * layout->panel_len *
                              sizeof *dense->packed;
}

bool dense_share(struct dense *dense, const struct dense *other)
{
    if (!other || dense->kernel != other->kernel ||
        !dense->row != !other->row || !dense->winograd != !other->winograd ||
        dense_len(dense) != dense_len(other))
        return false;
    if (dense->winograd)
        return dense_winograd_share(dense->winograd, other->winograd);
    if (dense->row)
        return dense_row_share(dense->row, other->row);
    dense->packed =
        hugepages_share(dense->packed, other->packed, dense_len(dense));
    return dense->packed == other->packed;
}

void dense_free(struct dense *dense)
{
    if (!dense)
        return;
    dense_winograd_free(dense->winograd);
    dense_row_free(dense->row);
    hugepages_give(dense->packed);
    free(dense->bias);
    free(dense->zeros);
    free(dense);
}

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
    const float *at[MAX_TAPS * DENSE_MAX_PIXELS];
    size_t weights_at[MAX_TAPS];
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
           ((picture * in[1] + (size_t)row) * in[2] + (size_t)column) * in[3];
}

static void find_same(struct inputs *inputs, const struct work *work,
                      size_t first)
{
    const struct dense *dense = work->dense;

    inputs->num_runs = 1;
    inputs->weights_at[0] = 0;
    inputs->length = dense->layout.in;
    for (size_t p = 0; p < dense->kernel->pixels; p++) {
        size_t at =
            first + p < work->num_pixels ? first + p : work->num_pixels - 1;

        inputs->at[p] = work->in + at * dense->in_dim[3];
        inputs->pixels[p] = at * dense->out_dim[3];
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
            ((picture[p] * out[1] + grid->first[0] + row[p] * grid->apart) *
                 out[2] +
             grid->first[1] + column[p] * grid->apart) *
            out[3];
    }
    joined = grid->joined && is_inside(work, column);
    num = joined ? 1 : grid->num[1];
    inputs->num_runs = 0;
    inputs->length = joined ? width * channels : channels;
    for (size_t ky = 0; ky < grid->num[0]; ky++)
        for (size_t kx = 0; kx < num; kx++) {
            const float **at = &inputs->at[inputs->num_runs * pixels];

            inputs->weights_at[inputs->num_runs++] =
                (grid->tap[0][ky] * width + grid->tap[1][kx]) * channels;
            for (size_t p = 0; p < pixels; p++)
                at[p] = input_at(work, picture[p],
                                 (ptrdiff_t)(row[p] * grid->stride[0]) +
                                     grid->shift[0][ky],
                                 (ptrdiff_t)(column[p] * grid->stride[1]) +
                                     grid->shift[1][kx]);
        }
}

/* Moves from one group of channels to another; the zeros of a border are as
 * many as there are channels in all. */
static void move_inputs(struct inputs *inputs, const struct dense *dense,
                        size_t *group, size_t to)
{
    size_t num = inputs->num_runs * dense->kernel->pixels;
    size_t back = *group * dense->layout.in, on = to * dense->layout.in;

    for (size_t i = 0; *group != to && i < num; i++)
        inputs->at[i] = inputs->at[i] - back + on;
    *group = to;
}

/* ---- running ---- */

/* A block of pixels, for a group of panels. */
static void run_block(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense *dense = work->dense;
    const struct dense_kernel *kernel = dense->kernel;
    size_t end = at[1] + len[1];
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
    for (size_t first = at[1]; first < end; first += kernel->pixels) {
        find_inputs(&inputs, work, first);
        tile.num_runs = inputs.num_runs;
        tile.length = inputs.length;
        tile.num_pixels =
            end - first < kernel->pixels ? end - first : kernel->pixels;
        for (size_t p = at[0], group = 0; p < at[0] + len[0]; p++) {
            struct dense_panel panel = dense_layout_panel(&dense->layout, p);

            move_inputs(&inputs, dense, &group, panel.group);
            tile.panel = dense->packed + p * dense->layout.panel_len;
            tile.channel = panel.channel;
            tile.bias = dense->bias + p * kernel->lanes;
            tile.num_lanes = panel.num_lanes;
            kernel->run(&tile);
        }
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
        .ranges = {layout->groups * layout->panels, work->num_pixels},
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

size_t dense_scratch_len(const struct dense *dense)
{
    return dense->winograd ? dense_winograd_scratch_len(dense->winograd)
           : dense->row    ? dense_row_scratch_len(dense->row)
                           : 0;
}

void dense_run(const struct dense *dense, float *out, const float *in,
               const struct dense_rest *rest, float *scratch,
               struct team_member *member)
{
    const struct graph_window *window = &dense->window;
    const size_t *to = dense->out_dim;
    bool transposed = dense->transposed;
    size_t phases = transposed ? window->stride[0] : 1;
    struct grid grid = {0};
    struct work work = {
        .dense = dense, .rest = rest, .grid = &grid, .in = in, .out = out};

    if (dense->winograd) {
        dense_winograd_run(dense->winograd, out, in, rest, scratch, member);
        return;
    }
    if (dense->row) {
        dense_row_run(dense->row, out, in, rest, scratch, member);
        return;
    }
    for (size_t i = 0; i < phases * phases; i++) {
        find_taps(&grid, dense, 0, i / phases);
        find_taps(&grid, dense, 1, i % phases);
        grid.rows = count_from(grid.first[0], grid.apart, to[1]);
        grid.columns = count_from(grid.first[1], grid.apart, to[2]);
        grid.pointwise = is_pointwise(&grid, dense);
        grid.joined = !transposed && window->dilation[1] == 1 &&
                      dense->layout.groups == 1;
        work.num_pixels = to[0] * grid.rows * grid.columns;
        if (work.num_pixels > 0)
            run_grid(&work, member);
    }
}
