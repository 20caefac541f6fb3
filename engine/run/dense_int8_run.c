/* Runs of dense_int8.c's layers; its design is told there. */

#include "engine/kernel/kernel.h"
#include "engine/run/dense_int8_internal.h"

#ifdef __x86_64__
#include <float.h>
#include <math.h>
#include <string.h>

enum { BLOCK_TILES = 8, ALIGNMENT = 64 };

/* About these many floats are quantized at once. */
#define BLOCK_FLOATS ((size_t)8 << 10)

/* A run of the node, and its scratch. */
struct work {
    const struct dense_int8 *dense;
    const struct dense_rest *rest;
    const float *in;
    float *out;
    float *scales; /* of each pixel of all pictures, or of each picture */
    float *zeros;  /* likewise: zero points, times -scale */
    struct dense_int8_range *ranges; /* of each row of all pictures */
    uint8_t *quantized;
    size_t first; /* position of each picture */
    size_t ring;  /* row y of the output is row y % ring of `out` */
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t num_scales(const struct dense_int8 *dense)
{
    return dense->in_dim[0] * (dense->by_pixels ? dense->num_positions : 1);
}

static size_t num_rows(const struct dense_int8 *dense)
{
    return dense->pointwise ? 0 : dense->in_dim[0] * dense->in_dim[1];
}

/* Divides scratch from `at` on; returns the size of all. Behind the last
 * picture, a tile reads on by its positions and the padding of a run. */
static size_t divide(struct work *work, uint8_t *at)
{
    const struct dense_int8 *dense = work->dense;
    size_t scales = aligned(num_scales(dense) * sizeof(float));
    size_t ranges = aligned(num_rows(dense) * sizeof *work->ranges);
    size_t beyond = dense->kernel->positions * dense->step + dense->length;

    if (at) {
        work->scales = (float *)(void *)at;
        work->zeros = (float *)(void *)(at + scales);
        work->ranges = (struct dense_int8_range *)(void *)(at + 2 * scales);
        work->quantized = at + 2 * scales + ranges;
    }
    return 2 * scales + ranges +
           aligned(dense->in_dim[0] * dense->picture_len + beyond);
}

size_t dense_int8_scratch_len(const struct dense_int8 *dense)
{
    struct work work = {.dense = dense};

    return divide(&work, NULL) / sizeof(float);
}

static void run_task(struct team_member *member, struct work *work,
                     void (*call)(const struct team_task *task, size_t thread,
                                  const size_t *at, const size_t *len),
                     const size_t ranges[3], const size_t steps[3])
{
    struct team_task task = {
        .call = call,
        .context = work,
        .num_dimensions = 3,
        .flush_denormals = true,
    };

    memcpy(task.ranges, ranges, 3 * sizeof *ranges);
    memcpy(task.steps, steps, 3 * sizeof *steps);
    team_run(member, &task);
}

/* ---- floats to integers ---- */

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

struct dense_int8_scale dense_int8_scale_of(struct dense_int8_range range)
{
    float max = range.above > 0 ? float_of((uint32_t)range.above) : 0;
    float min = range.below >> 31 ? float_of(range.below) : 0;
    const float share = 1.0f / 255;
    float step = max * share - min * share;
    struct dense_int8_scale scale = {.scale = step};

    if (!(step <= FLT_MAX)) { /* what is no number, too */
        scale.scale = NAN;
        return scale;
    }
    if (step < 1e-30f) /* too small for the reciprocal of a float */
        scale.scale = step = 1;
    scale.inverse = 1 / step;
    scale.zero = (int32_t)(-min * scale.inverse + 0.5f);
    return scale;
}

/* The scale of all of a picture. */
static void set_scale(const struct work *work, size_t picture,
                      struct dense_int8_scale scale)
{
    work->scales[picture] = scale.scale;
    work->zeros[picture] = -scale.scale * (float)scale.zero;
}

/* Some pixels of a picture, all with the range that is known. */
static void quantize_bounded(const struct team_task *task, size_t thread,
                             const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_int8 *dense = work->dense;
    size_t first = (at[0] * dense->num_positions + at[1]) * dense->in_dim[3];
    struct dense_int8_scale scale = dense_int8_scale_of(dense->range);

    (void)thread;
    if (at[1] == 0)
        set_scale(work, at[0], scale);
    dense->kernel->vectors->quantize(work->quantized + first, work->in + first,
                                     len[1] * dense->in_dim[3], scale);
}

/* Some pixels of a picture, a few with the same range each. */
static void quantize_pixels(const struct team_task *task, size_t thread,
                            const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_int8 *dense = work->dense;
    size_t channels = dense->in_dim[3], end = at[1] + len[1];
    size_t before = at[0] * dense->num_positions;

    (void)thread;
    for (size_t p = at[1]; p < end; p += dense->together) {
        size_t count = end - p < dense->together ? end - p : dense->together;
        const float *in = work->in + (before + p) * channels;
        struct dense_int8_range range = {0};
        struct dense_int8_scale scale;

        dense->kernel->vectors->extend(&range, in, count * channels);
        scale = dense_int8_scale_of(range);
        dense->kernel->vectors->quantize(work->quantized +
                                             (before + p) * channels,
                                         in, count * channels, scale);
        for (size_t i = before + p; i < before + p + count; i++) {
            work->scales[i] = scale.scale;
            work->zeros[i] = -scale.scale * (float)scale.zero;
        }
    }
}

/* The ranges of some rows of all pictures. */
static void find_ranges(const struct team_task *task, size_t thread,
                        const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    size_t row_len = work->dense->in_dim[2] * work->dense->in_dim[3];

    (void)thread;
    for (size_t r = at[0]; r < at[0] + len[0]; r++) {
        work->ranges[r] = (struct dense_int8_range){0};
        work->dense->kernel->vectors->extend(&work->ranges[r],
                                             work->in + r * row_len, row_len);
    }
}

static struct dense_int8_scale scale_of(const struct work *work, size_t picture)
{
    const size_t rows = work->dense->in_dim[1];
    struct dense_int8_range all = {0};

    if (work->dense->bounded)
        return dense_int8_scale_of(work->dense->range);
    for (size_t r = picture * rows; r < (picture + 1) * rows; r++) {
        const struct dense_int8_range *range = &work->ranges[r];

        all.above = range->above > all.above ? range->above : all.above;
        all.below = range->below > all.below ? range->below : all.below;
    }
    return dense_int8_scale_of(all);
}

/* A row of the input, with the border on its left and right. */
static void quantize_row(const struct dense_int8 *dense, uint8_t *out,
                         const float *in, struct dense_int8_scale scale)
{
    size_t channels = dense->in_dim[3], width = dense->plane_dim[1];
    size_t pad = dense->window.pad_before[1], count = dense->in_dim[2];

    pad = pad < width ? pad : width;
    count = count < width - pad ? count : width - pad;
    memset(out, scale.zero, pad * channels);
    dense->kernel->vectors->quantize(out + pad * channels, in, count * channels,
                                     scale);
    memset(out + (pad + count) * channels, scale.zero,
           (width - pad - count) * channels);
}

/* Some rows of all planes of a picture. */
static void quantize_planes(const struct team_task *task, size_t thread,
                            const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_int8 *dense = work->dense;
    size_t row_len = dense->plane_dim[1] * dense->in_dim[3];
    size_t pad = dense->window.pad_before[0];
    struct dense_int8_scale scale = scale_of(work, at[0]);

    (void)thread;
    if (at[1] == 0) /* once */
        set_scale(work, at[0], scale);
    for (size_t r = at[1]; r < at[1] + len[1]; r++) {
        size_t y = dense->plane[r / dense->plane_dim[0]] +
                   r % dense->plane_dim[0] * dense->window.stride[0];
        uint8_t *out =
            work->quantized + at[0] * dense->picture_len + r * row_len;

        if (y < pad || y - pad >= dense->in_dim[1])
            memset(out, scale.zero, row_len);
        else
            quantize_row(dense, out,
                         work->in + (at[0] * dense->in_dim[1] + y - pad) *
                                        dense->in_dim[2] * dense->in_dim[3],
                         scale);
    }
}

static void quantize(struct work *work, struct team_member *member)
{
    const struct dense_int8 *dense = work->dense;
    size_t channels = dense->in_dim[3], pictures = dense->in_dim[0];
    size_t pixels = BLOCK_FLOATS / channels + 1;
    size_t rows = pixels / dense->in_dim[2] + 1;

    if (dense->pointwise) {
        pixels =
            (pixels + dense->together - 1) / dense->together * dense->together;
        run_task(member, work,
                 dense->bounded ? quantize_bounded : quantize_pixels,
                 (size_t[]){pictures, dense->num_positions, 1},
                 (size_t[]){1, pixels, 1});
        return;
    }
    if (!dense->bounded)
        run_task(member, work, find_ranges,
                 (size_t[]){pictures * dense->in_dim[1], 1, 1},
                 (size_t[]){rows, 1, 1});
    run_task(member, work, quantize_planes,
             (size_t[]){pictures, dense->num_planes * dense->plane_dim[0], 1},
             (size_t[]){1, rows, 1});
}

/* ---- products ---- */

static size_t lanes_at(const struct dense_int8 *dense, size_t channel)
{
    size_t left = dense->out_dim[3] - channel;

    return left < DENSE_INT8_LANES ? left : DENSE_INT8_LANES;
}

/* Where the outputs of some positions of a picture go. */
static void find_pixels(const struct work *work, size_t *pixels, size_t picture,
                        size_t first, size_t count)
{
    const size_t *out = work->dense->out_dim;
    size_t width = work->dense->row_positions;
    size_t row = first / width % work->ring, column = first % width;

    for (size_t p = 0; p < count; p++) {
        pixels[p] = DENSE_INT8_NOWHERE;
        if (column < out[2])
            pixels[p] =
                ((picture * work->ring + row) * out[2] + column) * out[3];
        if (++column == width) {
            column = 0;
            row = row + 1 < work->ring ? row + 1 : 0;
        }
    }
}

/* A tile whose products are summed, and finished only after those of the next
 * one are under way: the processor then does both at once. */
struct pending {
    struct dense_int8_tile tile;
    _Alignas(
        ALIGNMENT) int32_t sums[DENSE_INT8_MAX_POSITIONS * DENSE_INT8_LANES];
};

/* The part of a tile that is the same for all panels. */
static struct dense_int8_tile tile_at(const struct work *work, size_t picture,
                                      size_t first, size_t count,
                                      size_t *pixels)
{
    const struct dense_int8 *dense = work->dense;
    size_t scale = picture;

    if (dense->by_pixels)
        scale = picture * dense->num_positions + first;
    find_pixels(work, pixels, picture, first, count);
    return (struct dense_int8_tile){
        .in = work->quantized + picture * dense->picture_len +
              first * dense->step,
        .step = dense->step,
        .runs = dense->runs,
        .num_runs = dense->num_runs,
        .length = dense->length,
        .in_scales = work->scales + scale,
        .in_zeros = work->zeros + scale,
        .scale_step = dense->by_pixels,
        .min = dense->node->min,
        .max = dense->node->max,
        .rest = work->rest,
        .has_rest = dense_has_rest(work->rest),
        .out = work->out,
        .pixels = pixels,
        .num_positions = count,
    };
}

static void set_panel(struct dense_int8_tile *tile,
                      const struct dense_int8 *dense, size_t p)
{
    tile->channel = p * DENSE_INT8_LANES;
    tile->panel = dense->packed + p * dense->panel_len;
    tile->sums = dense->sums + tile->channel;
    tile->scales = dense->scales + tile->channel;
    tile->bias = dense->bias + tile->channel;
    tile->num_lanes = lanes_at(dense, tile->channel);
}

/* The function of what a block has made. */
static void apply(const struct work *work, const size_t *at, const size_t *len)
{
    const struct dense_int8 *dense = work->dense;
    const size_t channel = at[1] * DENSE_INT8_LANES;
    const size_t most = len[1] * DENSE_INT8_LANES;
    const size_t left = dense->out_dim[3] - channel;
    size_t pixels[DENSE_INT8_MAX_POSITIONS];

    for (size_t i = 0; i < len[2]; i += DENSE_INT8_MAX_POSITIONS) {
        size_t count = len[2] - i < DENSE_INT8_MAX_POSITIONS
                           ? len[2] - i
                           : DENSE_INT8_MAX_POSITIONS;

        find_pixels(work, pixels, at[0], work->first + at[2] + i, count);
        for (size_t p = 0; p < count; p++)
            if (pixels[p] != DENSE_INT8_NOWHERE)
                kernel_apply(work->rest->function,
                             work->out + pixels[p] + channel,
                             left < most ? left : most);
    }
}

/* A block of positions of a picture, for a group of panels. */
static void run_block(const struct team_task *task, size_t thread,
                      const size_t *at, const size_t *len)
{
    const struct work *work = task->context;
    const struct dense_int8_kernel *kernel = work->dense->kernel;
    size_t begin = work->first + at[2], end = begin + len[2];
    size_t step = kernel->positions;
    size_t pixels[2][DENSE_INT8_MAX_POSITIONS];
    struct pending pending[2], *now = &pending[0], *last = NULL;

    (void)thread;
    if (kernel->begin)
        kernel->begin();
    for (size_t i = 0; begin + i * step < end; i++) {
        size_t first = begin + i * step;
        struct dense_int8_tile tile =
            tile_at(work, at[0], first, end - first < step ? end - first : step,
                    pixels[i % 2]);

        for (size_t p = at[1]; p < at[1] + len[1]; p++) {
            set_panel(&tile, work->dense, p);
            kernel->run(now->sums, &tile);
            now->tile = tile;
            if (last)
                kernel->vectors->finish(&last->tile, last->sums);
            last = now;
            now = &pending[now == &pending[0]];
        }
    }
    if (last)
        kernel->vectors->finish(&last->tile, last->sums);
    if (kernel->end)
        kernel->end();
    if (work->rest->function)
        apply(work, at, len);
}

/* Rows first .. first + count - 1 of each picture. */
static void run_rows(struct work *work, size_t first, size_t count,
                     struct team_member *member)
{
    const struct dense_int8 *dense = work->dense;
    size_t num = (count - 1) * dense->row_positions + dense->out_dim[2];

    work->first = first * dense->row_positions;
    run_task(member, work, run_block,
             (size_t[]){dense->in_dim[0], dense->num_panels, num},
             (size_t[]){1, dense->per_group,
                        BLOCK_TILES * dense->kernel->positions});
}

void dense_int8_quantize_input(const struct dense_int8 *dense, const float *in,
                               float *scratch, struct team_member *member)
{
    struct work work = {.dense = dense, .in = in};

    divide(&work, (uint8_t *)scratch);
    quantize(&work, member);
}

void dense_int8_run_rows(const struct dense_int8 *dense, float *out,
                         const struct dense_rest *rest, size_t ring,
                         size_t first, size_t count, float *scratch,
                         struct team_member *member)
{
    struct work work = {.dense = dense, .rest = rest, .out = out, .ring = ring};

    divide(&work, (uint8_t *)scratch);
    run_rows(&work, first, count, member);
}

void dense_int8_run(const struct dense_int8 *dense, float *out, const float *in,
                    const struct dense_rest *rest, float *scratch,
                    struct team_member *member)
{
    struct work work = {.dense = dense,
                        .rest = rest,
                        .in = in,
                        .out = out,
                        .ring = dense->out_dim[1]};

    divide(&work, (uint8_t *)scratch);
    quantize(&work, member);
    run_rows(&work, 0, dense->out_dim[1], member);
}
#else
size_t dense_int8_scratch_len(const struct dense_int8 *dense)
{
    (void)dense;
    return 0;
}

void dense_int8_run(const struct dense_int8 *dense, float *out, const float *in,
                    const struct dense_rest *rest, float *scratch,
                    struct team_member *member)
{
    (void)dense;
    (void)out;
    (void)in;
    (void)rest;
    (void)scratch;
    (void)member;
}

void dense_int8_quantize_input(const struct dense_int8 *dense, const float *in,
                               float *scratch, struct team_member *member)
{
    (void)dense;
    (void)in;
    (void)scratch;
    (void)member;
}

void dense_int8_run_rows(const struct dense_int8 *dense, float *out,
                         const struct dense_rest *rest, size_t ring,
                         size_t first, size_t count, float *scratch,
                         struct team_member *member)
{
    (void)dense;
    (void)out;
    (void)rest;
    (void)ring;
    (void)first;
    (void)count;
    (void)scratch;
    (void)member;
}
#endif
