/* DESIGN: An output is reached by every stride-th tap of the window along each
 * axis only. These are found once for each pixel, and for all of its channels
 * in turn a sum is kept in a register. */

#include "engine/run/transposed.h"

#ifdef __x86_64__
#include "engine/run/avx2.h"

enum { LANES = 8, MAX_SIZE = 7, BLOCK_ROWS = 4 };

struct layer {
    const struct depthwise *run;
    const struct graph_window *window;
    const float *weights, *bias; /* bias may be NULL */
    const size_t *in, *out;      /* (4) dimensions */
};

/* The taps that reach one pixel. */
struct taps {
    const float *in[MAX_SIZE * MAX_SIZE], *weights[MAX_SIZE * MAX_SIZE];
    size_t num;
};

/* Which taps along an axis reach output `at`, and from where. */
static size_t find(size_t *taps, size_t *from, const struct layer *layer,
                   int axis, size_t at)
{
    const struct graph_window *window = layer->window;
    size_t num = 0;

    for (size_t k = 0; k < window->kernel[axis]; k++) {
        size_t reach = k * window->dilation[axis];
        size_t moved = at + window->pad_before[axis];

        if (moved < reach || (moved - reach) % window->stride[axis] != 0 ||
            (moved - reach) / window->stride[axis] >= layer->in[1 + axis])
            continue;
        taps[num] = k;
        from[num++] = (moved - reach) / window->stride[axis];
    }
    return num;
}

/* Stores LANES results from out + at on. */
AVX2_TARGET static inline void finish(const struct depthwise *run, __m256 sum,
                                      size_t at)
{
    const struct graph_node *gate = run->gate;

    sum = avx2_clamp(sum, run->node->min, run->node->max);
    if (gate) {
        __m256 open = run->mask ? avx2_lanes(run->mask[at / MASK_UNIT])
                                : avx2_between(_mm256_loadu_ps(run->y + at),
                                               gate->gate.low, gate->gate.high);

        sum = avx2_clamp(_mm256_and_ps(sum, open), gate->min, gate->max);
    }
    if (run->made)
        run->made[at / MASK_UNIT] = (uint8_t)_mm256_movemask_ps(
            avx2_between(sum, run->bounds.low, run->bounds.high));
    _mm256_storeu_ps(run->out + at, sum);
}

/* The last vector may overlap the one before it, and computes the same. */
AVX2_TARGET static void run_pixel(const struct layer *layer,
                                  const struct taps *taps, size_t at)
{
    size_t channels = layer->out[3];

    for (size_t next = 0; next < channels; next += LANES) {
        size_t c = next + LANES > channels ? channels - LANES : next;
        __m256 sum = layer->bias ? _mm256_loadu_ps(layer->bias + c)
                                 : _mm256_setzero_ps();

        for (size_t t = 0; t < taps->num; t++)
            sum = _mm256_fmadd_ps(_mm256_loadu_ps(taps->in[t] + c),
                                  _mm256_loadu_ps(taps->weights[t] + c), sum);
        finish(layer->run, sum, at + c);
    }
}

static void run_row(const struct layer *layer, size_t picture, size_t y)
{
    const size_t *in = layer->in, *out = layer->out;
    size_t ky[MAX_SIZE], row[MAX_SIZE], kx[MAX_SIZE], column[MAX_SIZE];
    size_t num_rows = find(ky, row, layer, 0, y);

    for (size_t x = 0; x < out[2]; x++) {
        size_t num_columns = find(kx, column, layer, 1, x);
        struct taps taps;

        taps.num = 0;
        for (size_t i = 0; i < num_rows; i++)
            for (size_t k = 0; k < num_columns; k++) {
                taps.in[taps.num] =
                    layer->run->in +
                    ((picture * in[1] + row[i]) * in[2] + column[k]) * in[3];
                taps.weights[taps.num++] =
                    layer->weights +
                    (ky[i] * layer->window->kernel[1] + kx[k]) * in[3];
            }
        run_pixel(layer, &taps, ((picture * out[1] + y) * out[2] + x) * out[3]);
    }
}

static void run_block(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    (void)thread;
    for (size_t y = at[1]; y < at[1] + len[1]; y++)
        run_row(task->context, at[0], y);
}

bool transposed_supports(const struct graph *graph,
                         const struct graph_node *node)
{
    const struct graph_value *x, *weights, *bias;

    if (node->op != GRAPH_DECONV || !node->nhwc || !node->conv.depthwise)
        return false;
    x = graph_input(graph, node, 0);
    weights = graph_input(graph, node, 1);
    bias = graph_input(graph, node, 2);
    return weights->data && (!bias || bias->data) && x->shape.dim[3] >= LANES &&
           node->conv.window.kernel[0] <= MAX_SIZE &&
           node->conv.window.kernel[1] <= MAX_SIZE &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

void transposed_run(const struct depthwise *depthwise,
                    struct team_member *member)
{
    const struct graph *graph = depthwise->graph;
    const struct graph_node *node = depthwise->node;
    const struct graph_value *bias = graph_input(graph, node, 2);
    struct layer layer = {
        .run = depthwise,
        .window = &node->conv.window,
        .weights = graph_floats(graph_input(graph, node, 1)),
        .bias = bias ? graph_floats(bias) : NULL,
        .in = graph_input(graph, node, 0)->shape.dim,
        .out = graph_output(graph, node, 0)->shape.dim,
    };
    const struct team_task task = {
        .call = run_block,
        .context = &layer,
        .num_dimensions = 2,
        .ranges = {layer.out[0], layer.out[1]},
        .steps = {1, BLOCK_ROWS},
        .flush_denormals = true,
    };

    team_run(member, &task);
}
#else
bool transposed_supports(const struct graph *graph,
                         const struct graph_node *node)
{
    (void)graph;
    (void)node;
    return false;
}

void transposed_run(const struct depthwise *depthwise,
                    struct team_member *member)
{
    (void)depthwise;
    (void)member;
}
#endif
