#include "engine/run/dense_row.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"

enum {
    PANEL = 512, /* output channels that are summed at a time */
    MIN_WEIGHTS = 1 << 20,
};

struct dense_row {
    const struct graph_node *node; /* borrowed */
    const struct dense_kernel *kernel;
    float *packed; /* a panel after another, (in, lanes); owned */
    float *bias;   /* (out) or NULL; owned */
    size_t in, out;
};

struct work {
    const struct dense_row *row;
    const float *in;
    float *out;
    const struct dense_rest *rest;
    const uint32_t *used; /* (num_used) the inputs that are not 0 */
    size_t num_used;
};

/* The largest of the numbers' bits without the sign: those of what is not
 * finite are larger than all others. */
static bool all_finite(const float *x, size_t count)
{
    enum { WIDTH = 16 };
    uint32_t largest[WIDTH] = {0}, bits[WIDTH] = {0}, all = 0;

    for (size_t i = 0; i < count; i += WIDTH) {
        memcpy(bits, x + i,
               (count - i < WIDTH ? count - i : WIDTH) * sizeof *x);
        for (size_t l = 0; l < WIDTH; l++) {
            bits[l] &= 0x7fffffff;
            largest[l] = bits[l] > largest[l] ? bits[l] : largest[l];
        }
    }
    for (size_t l = 0; l < WIDTH; l++)
        all = largest[l] > all ? largest[l] : all;
    return all < 0x7f800000;
}

bool dense_row_pays(const struct graph *graph, const struct graph_node *node)
{
    const struct graph_value *weights = graph_input(graph, node, 1);
    const struct graph_shape *out = &graph_output(graph, node, 0)->shape;
    size_t count = graph_shape_count(&weights->shape);

    return node->op == GRAPH_LINEAR &&
           graph_shape_count(out) == out->dim[out->rank - 1] &&
           count >= MIN_WEIGHTS && all_finite(graph_floats(weights), count);
}

/* ---- weights ---- */

static size_t lanes_at(const struct dense_row *row, size_t channel)
{
    size_t left = row->out - channel;

    return left < PANEL ? left : PANEL;
}

/* A multiple of what kernels add at a time. */
static size_t round_up(size_t lanes)
{
    return (lanes + DENSE_MAX_LANES - 1) / DENSE_MAX_LANES * DENSE_MAX_LANES;
}

/* Some inputs at a time, so that each line of memory is read once. */
static void pack_panel(float *panel, const float *weights, size_t lanes,
                       size_t in)
{
    enum { INPUTS = 16 };
    size_t width = round_up(lanes);

    for (size_t first = 0; first < in; first += INPUTS) {
        size_t num = in - first < INPUTS ? in - first : INPUTS;

        for (size_t l = 0; l < lanes; l++)
            for (size_t i = first; i < first + num; i++)
                panel[i * width + l] = weights[l * in + i];
        for (size_t i = first; i < first + num; i++)
            memset(panel + i * width + lanes, 0,
                   (width - lanes) * sizeof *panel);
    }
}

static bool copy_bias(struct dense_row *row, const struct graph_value *bias)
{
    if (!bias)
        return true;
    row->bias = malloc(row->out * sizeof *row->bias);
    if (row->bias)
        memcpy(row->bias, graph_floats(bias), row->out * sizeof *row->bias);
    return row->bias;
}

struct dense_row *dense_row_new(const struct graph *graph,
                                const struct graph_node *node,
                                const struct dense_kernel *kernel,
                                struct error *err)
{
    const struct graph_value *weights = graph_input(graph, node, 1);
    struct dense_row *row = calloc(1, sizeof *row);

    if (!row)
        goto failed;
    row->node = node;
    row->kernel = kernel;
    row->out = weights->shape.dim[0];
    row->in = weights->shape.dim[1];
    row->packed = hugepages_take(dense_row_len(row));
    if (!row->packed || !copy_bias(row, graph_input(graph, node, 2)))
        goto failed;
    for (size_t channel = 0; channel < row->out; channel += PANEL)
        pack_panel(row->packed + channel * row->in,
                   graph_floats(weights) + channel * row->in,
                   lanes_at(row, channel), row->in);
    return row;
failed:
    dense_row_free(row);
    fail(err, ERROR_MEMORY, "not enough memory for a layer's weights");
    return NULL;
}

size_t dense_row_len(const struct dense_row *row)
{
    return round_up(row->out) * row->in * sizeof *row->packed;
}

bool dense_row_share(struct dense_row *row, const struct dense_row *other)
{
    row->packed =
        hugepages_share(row->packed, other->packed, dense_row_len(row));
    return row->packed == other->packed;
}

void dense_row_free(struct dense_row *row)
{
    if (!row)
        return;
    hugepages_give(row->packed);
    free(row->bias);
    free(row);
}

/* ---- running ---- */

static void add(const struct work *work, float *sums, size_t channel)
{
    const struct dense_row *row = work->row;
    size_t width = round_up(lanes_at(row, channel));
    const float *panel = row->packed + channel * row->in;
    const float *rows[DENSE_ROW_INPUTS];
    float x[DENSE_ROW_INPUTS];

    for (size_t first = 0; first < work->num_used; first += DENSE_ROW_INPUTS) {
        for (size_t i = 0; i < DENSE_ROW_INPUTS; i++) {
            size_t at = first + i < work->num_used ? first + i : first;

            rows[i] = panel + work->used[at] * width;
            x[i] = at == first + i ? work->in[work->used[at]] : 0;
        }
        row->kernel->add_rows(sums, rows, x, width);
    }
}

/* Of one panel, whose sums stay in the first cache. What follows the sum, the
 * kernel of tiles does: to it they are the bias of a sum of nothing. */
static void run_panel(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_row *row = work->row;
    const struct dense_rest *rest = work->rest;
    const size_t pixels[DENSE_MAX_PIXELS] = {0}; /* a tile of one, again */
    size_t channel = at[0], step = row->kernel->lanes;
    float sums[PANEL] = {0};
    struct dense_tile tile = {
        .min = row->node->min,
        .max = row->node->max,
        .rest = rest,
        .has_rest = dense_has_rest(rest),
        .out = work->out,
        .pixels = pixels,
        .num_pixels = 1,
    };

    (void)thread;
    add(work, sums, channel);
    for (size_t l = 0; row->bias && l < len[0]; l++)
        sums[l] += row->bias[channel + l];
    for (size_t l = 0; l < len[0]; l += step) {
        tile.bias = sums + l;
        tile.channel = channel + l;
        tile.num_lanes = len[0] - l < step ? len[0] - l : step;
        row->kernel->run(&tile);
    }
}

size_t dense_row_scratch_len(const struct dense_row *row)
{
    return row->in;
}

void dense_row_run(const struct dense_row *row, float *out, const float *in,
                   const struct dense_rest *rest, float *scratch,
                   struct team_member *member)
{
    uint32_t *used = (uint32_t *)(void *)scratch;
    struct work work = {
        .row = row, .in = in, .out = out, .rest = rest, .used = used};
    const struct team_task task = {
        .call = run_panel,
        .context = &work,
        .num_dimensions = 1,
        .ranges = {row->out},
        .steps = {PANEL},
        .flush_denormals = true,
    };

    for (size_t i = 0; i < row->in; i++) {
        used[work.num_used] = (uint32_t)i;
        work.num_used += in[i] != 0;
    }
    team_run(member, &task);
}
