/* DESIGN: The image is processed in blocks of some rows and channels, so that
 * the pixels read for one row of outputs are still cached for the next. Within
 * a block it is processed in tiles of TILE adjacent outputs, LANES channels at
 * a time. A tile's sums and one row of the window's weights are kept in
 * registers; each pixel is loaded once and added to all sums that need it. With
 * a 5 x 5 window, that is 35 multiply-adds for 16 loads; a kernel that computes
 * one output at a time has 70 loads.
 *
 * Each sum adds its products in the order of the window whatever the tile, so
 * results do not depend on how a layer is divided. No two blocks write the same
 * output. */

#include "engine/run/depthwise.h"

#include <stddef.h>
#include <string.h>

#include "engine/kernel/kernel.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    MIN_CHANNELS = 16, /* the number of lanes of the widest vectors */
    MAX_SIZE = 7,      /* the largest side of a window */
    TILE = 7, /* outputs: 7 divides the widths of most networks; 7 sums and 7
                 weights leave one of 16 registers */
    BLOCK_ROWS = 8,
    BAND_ROWS = 2, /* the same in a band, whose input is cached anyway */
    BLOCK_CHANNELS =
        64, /* a multiple of all LANES; the last block has the rest */
};

/* X(side of the window, stride) */
#define WINDOWS(X) X(3, 1) X(3, 2) X(5, 1) X(5, 2) X(7, 1) X(7, 2)

/* The node without the graph. */
struct layer {
    const float *in, *weights, *bias; /* bias may be NULL */
    float *out;
    const struct depthwise *rest; /* what is done with results */
    bool has_rest;
    size_t in_width, in_height, out_width, channels;
    ptrdiff_t ring;    /* which bits of a row's number say where it is */
    size_t first;      /* row of the output */
    size_t num_blocks; /* that the channels are divided into */
    size_t top, left;  /* padding */
    float min, max;
};

/* Rows first .. last - 1 of the output, channels from .. to - 1. */
struct block {
    size_t first, last, from, to;
};

typedef void block_function(const struct layer *layer,
                            const struct block *block);

#ifdef __x86_64__
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define VEC __m256
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define FMA _mm256_fmadd_ps
#define MIN _mm256_min_ps
#define MAX _mm256_max_ps
#define SPREAD _mm256_set1_ps
#define BETWEEN(y, low, high)                                            \
    (uint8_t) _mm256_movemask_ps(                                        \
        _mm256_and_ps(_mm256_cmp_ps(y, _mm256_set1_ps(low), _CMP_GT_OQ), \
                      _mm256_cmp_ps(y, _mm256_set1_ps(high), _CMP_LT_OQ)))
#define BITS uint8_t
#define KEEP(bits, x)                                                         \
    _mm256_and_ps(                                                            \
        x,                                                                    \
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(                               \
            _mm256_and_si256(_mm256_set1_epi32(bits),                         \
                             _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128)), \
            _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128))))
#define NAME(name) avx2_##name
#include "engine/run/depthwise_tile.inc"
#undef TARGET
#undef LANES
#undef VEC
#undef LOAD
#undef STORE
#undef FMA
#undef MIN
#undef MAX
#undef SPREAD
#undef BETWEEN
#undef BITS
#undef KEEP
#undef NAME

#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define VEC __m512
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define FMA _mm512_fmadd_ps
#define MIN _mm512_min_ps
#define MAX _mm512_max_ps
#define SPREAD _mm512_set1_ps
#define BETWEEN(y, low, high)                                 \
    (_mm512_cmp_ps_mask(y, _mm512_set1_ps(low), _CMP_GT_OQ) & \
     _mm512_cmp_ps_mask(y, _mm512_set1_ps(high), _CMP_LT_OQ))
#define BITS uint16_t
#define KEEP(bits, x) _mm512_maskz_mov_ps(bits, x)
#define NAME(name) avx512_##name
#include "engine/run/depthwise_tile.inc"

static const struct kernel {
    size_t size, stride;
    block_function *narrow, *wide;
} kernels[] = {
#define X(size, stride)                          \
    {size, stride, avx2_block_##size##_##stride, \
     avx512_block_##size##_##stride},
    WINDOWS(X)
#undef X
};

/* The kernel for a window, or NULL if there is none. */
static block_function *find(const struct graph_window *window, bool is_narrow)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return NULL;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (window->kernel[0] == kernels[i].size &&
            window->kernel[1] == kernels[i].size &&
            window->stride[0] == kernels[i].stride &&
            window->stride[1] == kernels[i].stride)
            return is_narrow || !__builtin_cpu_supports("avx512f")
                       ? kernels[i].narrow
                       : kernels[i].wide;
    return NULL;
}
#else
static block_function *find(const struct graph_window *window, bool is_narrow)
{
    (void)window;
    (void)is_narrow;
    return NULL;
}
#endif

bool depthwise_supports(const struct graph *graph,
                        const struct graph_node *node)
{
    const struct graph_value *in, *weights, *bias;

    if (node->op != GRAPH_CONV || !node->nhwc || !node->conv.depthwise)
        return false;
    in = graph_input(graph, node, 0);
    weights = graph_input(graph, node, 1);
    bias = graph_input(graph, node, 2);
    return in->shape.dim[0] == 1 && in->shape.dim[3] >= MIN_CHANNELS &&
           in->shape.dim[3] == node->conv.groups &&
           weights->shape.dim[3] == in->shape.dim[3] && weights->data &&
           (!bias || bias->data) && node->conv.window.dilation[0] == 1 &&
           node->conv.window.dilation[1] == 1 &&
           find(&node->conv.window, false);
}

/* The function of a row of a block, while it is in the cache. */
static void apply(const struct layer *layer, const struct graph_node *function,
                  const struct block *block)
{
    const size_t channels = layer->channels, count = block->to - block->from;
    float *row = layer->out + block->first * layer->out_width * channels;

    if (count == channels)
        kernel_apply(function, row, layer->out_width * channels);
    for (size_t x = 0; count < channels && x < layer->out_width; x++)
        kernel_apply(function, row + x * channels + block->from, count);
}

/* Runs tiles of the task, whose dimensions are rows and blocks of channels. */
static void run_block(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct layer *layer = task->context;
    const struct graph_node *function = layer->rest->function;
    const size_t end = layer->first + at[0] + len[0];
    struct block block = {
        .first = layer->first + at[0],
        .last = end,
        .from = at[1] * BLOCK_CHANNELS,
        .to = at[1] + 1 < layer->num_blocks ? (at[1] + 1) * BLOCK_CHANNELS
                                            : layer->channels,
    };

    (void)thread;
    for (; block.first < end; block.first = block.last) {
        block.last = function ? block.first + 1 : end;
        ((block_function *)task->function)(layer, &block);
        if (function)
            apply(layer, function, &block);
    }
}

void depthwise_run(const struct depthwise *depthwise,
                   struct team_member *member)
{
    const struct graph *graph = depthwise->graph;
    const struct graph_node *node = depthwise->node;
    const struct graph_window *window = &node->conv.window;
    const struct graph_shape *from = &graph_input(graph, node, 0)->shape;
    const struct graph_shape *to = &graph_output(graph, node, 0)->shape;
    const struct graph_value *bias = graph_input(graph, node, 2);
    struct layer layer = {
        .in = depthwise->in,
        .weights = graph_input(graph, node, 1)->data,
        .bias = bias ? bias->data : NULL,
        .out = depthwise->out,
        .rest = depthwise,
        .has_rest = depthwise->gate || depthwise->made,
        .in_width = from->dim[2],
        .in_height = from->dim[1],
        .out_width = to->dim[2],
        .ring = depthwise->ring > 0 ? (ptrdiff_t)depthwise->ring - 1 : -1,
        .first = depthwise->first,
        .channels = from->dim[3],
        .num_blocks =
            from->dim[3] < BLOCK_CHANNELS ? 1 : from->dim[3] / BLOCK_CHANNELS,
        .top = window->pad_before[0],
        .left = window->pad_before[1],
        .min = node->min,
        .max = node->max,
    };
    size_t rows = depthwise->num_rows > 0 ? depthwise->num_rows : to->dim[1];
    const struct team_task task = {
        .call = run_block,
        .function = (void (*)(void))find(window, depthwise->is_narrow),
        .context = &layer,
        .num_dimensions = 2,
        .ranges = {rows, layer.num_blocks},
        .steps = {depthwise->num_rows > 0 ? BAND_ROWS : BLOCK_ROWS, 1},
        .flush_denormals = true,
    };

    team_run(member, &task);
}
