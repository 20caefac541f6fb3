/* DESIGN: a picture goes through in bands of 8 rows.
 *
 * Across, a band is turned, so that the 8 samples of one column lie side by
 * side: one weight is then multiplied with 24 samples at once, those of a
 * pixel in 8 rows. The result is turned back.
 *
 * Down, the rows of a band are added with their weights to the sums of the
 * output rows that they belong to, of which only a few are unfinished at a
 * time: memory is a matter of the output's size.
 *
 * All arithmetic is in integers, so that every machine gives the same levels.
 * The two inner loops exist twice: in plain C, and in 256-bit vectors (GCC's
 * and clang's extension), 5 times as fast. */

#include "engine/image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "engine/base/scratch.h"
#include "engine/image/turn.h"

enum {
    BAND = 8,          /* rows; fixed by turn_block */
    COLUMN = 3 * BAND, /* samples of a pixel in a turned band */
    ROUND = 32,        /* samples of a row that the vectors take at a time */
    WEIGHT_BITS = 22,  /* 2^8 levels x 2^22 x a sum of weights below 2 */
    HALF = 1 << (WEIGHT_BITS - 1),
};

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2)
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* How far a filter reaches to either side, in input pixels of an enlarged
 * picture. */
static double support_of(enum resize_filter filter)
{
    return filter == RESIZE_BICUBIC ? 2 : 1;
}

/* The i-th input pixel's weight in an output pixel, not normalised. `center`
 * is the output pixel's in the input, whose pixel i covers i .. i + 1. */
static double raw_weight(enum resize_filter filter, double center, double scale,
                         uint32_t i)
{
    double x = (i + 0.5 - center) / scale;

    return filter == RESIZE_BICUBIC ? cubic(x) : triangle(x);
}

/* The weights of one output pixel. */
static void find_weights(struct resize_span *span, int32_t *weights,
                         enum resize_filter filter, double center, double scale,
                         uint32_t in)
{
    const double support = support_of(filter) * scale;
    const double low = center - support + 0.5;
    const double high = center + support + 0.5;
    const uint32_t first = low > 0 ? (uint32_t)low : 0;
    const uint32_t end = high < in ? (uint32_t)high : in;
    double sum = 0;

    for (uint32_t i = first; i < end; i++)
        sum += raw_weight(filter, center, scale, i);
    for (uint32_t i = first; i < end; i++)
        weights[i - first] = (int32_t)round(
            raw_weight(filter, center, scale, i) / sum * (1 << WEIGHT_BITS));
    *span = (struct resize_span){.first = first, .count = end - first};
}

/* One input pixel for each output pixel. Centres are summed up, as Pillow
 * does: where one falls on the edge between two pixels, rounding decides. */
static void find_nearest(struct resize_axis *axis, double ratio)
{
    double center = 0.5 * ratio;

    for (size_t o = 0; o < axis->start; o++)
        center += ratio;
    for (uint32_t o = 0; o < axis->out; o++, center += ratio) {
        uint32_t at = center < axis->in ? (uint32_t)center : axis->in - 1;

        axis->spans[o] = (struct resize_span){.first = at, .count = 1};
        axis->weights[o * axis->num_taps] = 1 << WEIGHT_BITS;
    }
}

/* Turns the weights round, for an input that comes from its end. */
static void mirror(struct resize_axis *axis)
{
    for (uint32_t o = 0; o < axis->out; o++) {
        struct resize_span *span = &axis->spans[o];
        int32_t *weights = axis->weights + o * axis->num_taps;

        span->first = axis->in - span->first - span->count;
        for (uint32_t i = 0; i < span->count / 2; i++) {
            const int32_t weight = weights[i];

            weights[i] = weights[span->count - 1 - i];
            weights[span->count - 1 - i] = weight;
        }
    }
    for (uint32_t o = 0; o < axis->out / 2; o++) {
        const uint32_t other = axis->out - 1 - o;
        const struct resize_span span = axis->spans[o];
        int32_t *a = axis->weights + o * axis->num_taps;
        int32_t *b = axis->weights + other * axis->num_taps;

        axis->spans[o] = axis->spans[other];
        axis->spans[other] = span;
        for (size_t i = 0; i < axis->num_taps; i++) {
            const int32_t weight = a[i];

            a[i] = b[i];
            b[i] = weight;
        }
    }
}

/* How many output pixels are begun but not finished at a time, where whole
 * bands of input pixels are added at once. */
static size_t count_live(const struct resize_axis *axis)
{
    size_t num_live = 0;
    uint32_t begun = 0;

    for (uint32_t o = 0; o < axis->out; o++) {
        const size_t end = (size_t)axis->spans[o].first + axis->spans[o].count;
        const size_t bottom = (end + BAND - 1) / BAND * BAND;

        while (begun < axis->out && axis->spans[begun].first < bottom)
            begun++;
        if (begun - o > num_live)
            num_live = begun - o;
    }
    return num_live;
}

/* Makes the weights for `out` of `full` output pixels, from `start` on; that is
 * counted in the upright picture, of which a mirrored input has the end first.
 */
static bool prepare_axis(struct resize_axis *axis, enum resize_filter filter,
                         uint32_t in, size_t full, size_t start, uint32_t out,
                         bool mirrored, struct error *err)
{
    const double ratio = (double)in / (double)full;
    const double scale = ratio > 1 ? ratio : 1; /* of the filter */
    const size_t num_taps =
        filter == RESIZE_NEAREST
            ? 1
            : (size_t)ceil(support_of(filter) * scale) * 2 + 1;

    if (axis->in == in && axis->out == out && axis->full == full &&
        axis->start == start && axis->filter == filter &&
        axis->mirrored == mirrored)
        return true;
    axis->in = axis->out = 0;
    axis->spans = scratch_reserve(axis->spans, &axis->spans_cap, out,
                                  sizeof *axis->spans, err);
    axis->weights = scratch_reserve(axis->weights, &axis->weights_cap, out,
                                    num_taps * sizeof *axis->weights, err);
    if (!axis->spans || !axis->weights)
        return false;
    axis->in = in;
    axis->out = out;
    axis->full = full;
    axis->start = start;
    axis->filter = filter;
    axis->mirrored = mirrored;
    axis->num_taps = num_taps;
    if (filter == RESIZE_NEAREST)
        find_nearest(axis, ratio);
    else
        for (uint32_t o = 0; o < out; o++)
            find_weights(&axis->spans[o], axis->weights + o * num_taps, filter,
                         ((double)(start + o) + 0.5) * ratio, scale, in);
    if (mirrored)
        mirror(axis);
    axis->num_live = count_live(axis);
    return true;
}

/* The inner loops. */
struct kernel {
    /* Resizes a turned band.
     *
     * out      out  (axis->out, COLUMN)
     * columns  in   (axis->in, COLUMN) */
    void (*across)(uint8_t *restrict out, const uint8_t *restrict columns,
                   const struct resize_axis *axis);

    /* Adds rows with their weights to the sums of an output row, which begin
     * here or go on; where they end, the row is finished.
     *
     * out      out     (len)         written where the sums end
     * sums     in/out  (len)         not read where they begin
     * rows     in      (count, len)  len is a multiple of ROUND
     * weights  in      (count) */
    void (*down)(uint8_t *restrict out, int32_t *restrict sums,
                 const uint8_t *restrict rows, size_t len,
                 const int32_t *restrict weights, size_t count, bool begins,
                 bool ends);
};

/* A sum of weighted samples to a level: rounded, and clipped to 0..255. */
static inline uint8_t plain_level(int32_t sum)
{
    const int32_t level = sum >> WEIGHT_BITS;

    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void plain_across(uint8_t *restrict out, const uint8_t *restrict columns,
                         const struct resize_axis *axis)
{
    for (uint32_t o = 0; o < axis->out; o++, out += COLUMN) {
        const struct resize_span span = axis->spans[o];
        const int32_t *weights = axis->weights + o * axis->num_taps;
        const uint8_t *in = columns + (size_t)span.first * COLUMN;
        int32_t sums[COLUMN];

        for (size_t j = 0; j < COLUMN; j++)
            sums[j] = HALF;
        for (uint32_t i = 0; i < span.count; i++, in += COLUMN)
            for (size_t j = 0; j < COLUMN; j++)
                sums[j] += in[j] * weights[i];
        for (size_t j = 0; j < COLUMN; j++)
            out[j] = plain_level(sums[j]);
    }
}

static void plain_down(uint8_t *restrict out, int32_t *restrict sums,
                       const uint8_t *restrict rows, size_t len,
                       const int32_t *restrict weights, size_t count,
                       bool begins, bool ends)
{
    if (begins)
        for (size_t x = 0; x < len; x++)
            sums[x] = HALF;
    for (size_t i = 0; i < count; i++)
        for (size_t x = 0; x < len; x++)
            sums[x] += rows[i * len + x] * weights[i];
    if (ends)
        for (size_t x = 0; x < len; x++)
            out[x] = plain_level(sums[x]);
}

static const struct kernel plain_kernel = {plain_across, plain_down};

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

typedef int32_t lanes __attribute__((vector_size(32)));
typedef uint16_t halves __attribute__((vector_size(16)));

AVX2 static inline void avx2_load(lanes *v, const uint8_t *p)
{
    /* GCC makes a dozen instructions of a conversion by the book. */
    *v = (lanes)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}

AVX2 static inline void avx2_levels(uint8_t *p, const lanes *sums)
{
    lanes v = *sums >> WEIGHT_BITS;
    bytes8 levels;

    v = (v & ~(v < 0)) | (v > 255); /* a true comparison is all ones */
    levels =
        __builtin_convertvector(__builtin_convertvector(v, halves), bytes8);
    memcpy(p, &levels, sizeof levels);
}

AVX2 static void avx2_across(uint8_t *restrict out,
                             const uint8_t *restrict columns,
                             const struct resize_axis *axis)
{
    for (uint32_t o = 0; o < axis->out; o++, out += COLUMN) {
        const struct resize_span span = axis->spans[o];
        const int32_t *weights = axis->weights + o * axis->num_taps;
        const uint8_t *in = columns + (size_t)span.first * COLUMN;
        lanes red = (lanes){0} + HALF, green = red, blue = red;

        for (uint32_t i = 0; i < span.count; i++, in += COLUMN) {
            lanes r, g, b;

            avx2_load(&r, in);
            avx2_load(&g, in + BAND);
            avx2_load(&b, in + 2 * BAND);
            red += r * weights[i];
            green += g * weights[i];
            blue += b * weights[i];
        }
        avx2_levels(out, &red);
        avx2_levels(out + BAND, &green);
        avx2_levels(out + 2 * BAND, &blue);
    }
}

AVX2 static void avx2_down(uint8_t *restrict out, int32_t *restrict sums,
                           const uint8_t *restrict rows, size_t len,
                           const int32_t *restrict weights, size_t count,
                           bool begins, bool ends)
{
    for (size_t x = 0; x < len; x += ROUND) {
        lanes a = (lanes){0} + HALF, b = a, c = a, d = a;

        if (!begins) {
            memcpy(&a, sums + x, sizeof a);
            memcpy(&b, sums + x + 8, sizeof b);
            memcpy(&c, sums + x + 16, sizeof c);
            memcpy(&d, sums + x + 24, sizeof d);
        }
        for (size_t i = 0; i < count; i++) {
            const uint8_t *in = rows + i * len + x;
            lanes v;

            avx2_load(&v, in);
            a += v * weights[i];
            avx2_load(&v, in + 8);
            b += v * weights[i];
            avx2_load(&v, in + 16);
            c += v * weights[i];
            avx2_load(&v, in + 24);
            d += v * weights[i];
        }
        if (ends) {
            avx2_levels(out + x, &a);
            avx2_levels(out + x + 8, &b);
            avx2_levels(out + x + 16, &c);
            avx2_levels(out + x + 24, &d);
        } else {
            memcpy(sums + x, &a, sizeof a);
            memcpy(sums + x + 8, &b, sizeof b);
            memcpy(sums + x + 16, &c, sizeof c);
            memcpy(sums + x + 24, &d, sizeof d);
        }
    }
}

static const struct kernel avx2_kernel = {avx2_across, avx2_down};
#endif

/* The fastest that this machine runs. */
static const struct kernel *find_kernel(bool is_plain)
{
#ifdef __x86_64__
    if (!is_plain && __builtin_cpu_supports("avx2"))
        return &avx2_kernel;
#endif
    (void)is_plain;
    return &plain_kernel;
}

/* 8 bytes each of two rows: a0 b0 a1 b1 ... */
static inline bytes16 load_pair(const uint8_t *a, const uint8_t *b)
{
    bytes8 narrow_a, narrow_b;

    memcpy(&narrow_a, a, sizeof narrow_a);
    memcpy(&narrow_b, b, sizeof narrow_b);
    return __builtin_shufflevector(narrow_a, narrow_b, 0, 8, 1, 9, 2, 10, 3, 11,
                                   4, 12, 5, 13, 6, 14, 7, 15);
}

static inline void store_pair(uint8_t *a, uint8_t *b, bytes16 v)
{
    memcpy(a, &v, 8);
    memcpy(b, (const uint8_t *)&v + 8, 8);
}

/* Turns 8 x 8 bytes: out[c * stride + r] = rows[r][c + offset]. */
static inline void turn_block(uint8_t *out, size_t stride,
                              const uint8_t *const rows[BAND], size_t offset)
{
    const bytes16 a = load_pair(rows[0] + offset, rows[1] + offset);
    const bytes16 b = load_pair(rows[2] + offset, rows[3] + offset);
    const bytes16 c = load_pair(rows[4] + offset, rows[5] + offset);
    const bytes16 d = load_pair(rows[6] + offset, rows[7] + offset);
    /* Columns 0..3 and 4..7, of rows 0..3 and 4..7. */
    const bytes16 ab_low = __builtin_shufflevector(
        a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    const bytes16 ab_high = __builtin_shufflevector(
        a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
    const bytes16 cd_low = __builtin_shufflevector(
        c, d, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    const bytes16 cd_high = __builtin_shufflevector(
        c, d, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);

    store_pair(out, out + stride,
               __builtin_shufflevector(ab_low, cd_low, 0, 1, 2, 3, 16, 17, 18,
                                       19, 4, 5, 6, 7, 20, 21, 22, 23));
    store_pair(out + 2 * stride, out + 3 * stride,
               __builtin_shufflevector(ab_low, cd_low, 8, 9, 10, 11, 24, 25, 26,
                                       27, 12, 13, 14, 15, 28, 29, 30, 31));
    store_pair(out + 4 * stride, out + 5 * stride,
               __builtin_shufflevector(ab_high, cd_high, 0, 1, 2, 3, 16, 17, 18,
                                       19, 4, 5, 6, 7, 20, 21, 22, 23));
    store_pair(out + 6 * stride, out + 7 * stride,
               __builtin_shufflevector(ab_high, cd_high, 8, 9, 10, 11, 24, 25,
                                       26, 27, 12, 13, 14, 15, 28, 29, 30, 31));
}

/* Turns a band: out (len, BAND). */
static void turn_rows(uint8_t *out, const uint8_t *const rows[BAND], size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8)
        turn_block(out + i * BAND, BAND, rows, i);
    for (; i < len; i++)
        for (size_t r = 0; r < BAND; r++)
            out[i * BAND + r] = rows[r][i];
}

/* Turns it back: out (BAND, len), in (len, BAND), len a multiple of 8. */
static void turn_back(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *rows[8];

    for (size_t i = 0; i < len; i += 8) {
        for (size_t r = 0; r < 8; r++)
            rows[r] = in + (i + r) * BAND;
        turn_block(out + i, len, rows, 0);
    }
}

/* Bytes of a row of pixels, as the inner loops want it. */
static size_t padded_len(uint32_t width)
{
    return ((size_t)width * 3 + ROUND - 1) / ROUND * ROUND;
}

static size_t band_rows(size_t top, size_t height)
{
    return height - top < BAND ? height - top : BAND;
}

/* The band of input rows that the first output row begins in. */
static size_t first_band(const struct resize_axis *down)
{
    return down->spans[0].first / BAND * BAND;
}

/* Resizes the rows of `in` from `top` on across, to resize->band with rows of
 * padded_len(across.out) bytes. */
static void across_band(const struct resize *resize,
                        const struct kernel *kernel, const uint8_t *in,
                        size_t top, size_t num_rows)
{
    const size_t in_len = (size_t)resize->across.in * 3;
    const uint8_t *rows[BAND];

    for (size_t r = 0; r < BAND; r++) /* the last stands in for missing ones */
        rows[r] = in + (top + (r < num_rows ? r : num_rows - 1)) * in_len;
    turn_rows(resize->columns, rows, in_len);
    kernel->across(resize->resized, resize->columns, &resize->across);
    turn_back(resize->band, resize->resized, padded_len(resize->across.out));
}

/* Adds resize->band, whose first row is `top` of the input's, to the output
 * rows that it belongs to, from row *next on; *next becomes the first that is
 * unfinished.  out: (down.out, width, 3) */
static void down_band(const struct resize *resize, const struct kernel *kernel,
                      uint8_t *out, uint32_t width, size_t top, size_t num_rows,
                      uint32_t *next)
{
    const struct resize_axis *axis = &resize->down;
    const size_t len = padded_len(width);
    const size_t bottom = top + num_rows;
    uint8_t *row = resize->band + BAND * len;

    for (uint32_t o = *next; o < axis->out && axis->spans[o].first < bottom;
         o++) {
        const size_t first = axis->spans[o].first;
        const size_t end = first + axis->spans[o].count;
        const size_t from = first > top ? first : top;
        const size_t to = end < bottom ? end : bottom;

        kernel->down(row, resize->sums + o % axis->num_live * len,
                     resize->band + (from - top) * len, len,
                     axis->weights + o * axis->num_taps + (from - first),
                     to - from, from == first, to == end);
        if (to == end) {
            memcpy(out + o * (size_t)width * 3, row, (size_t)width * 3);
            *next = o + 1;
        }
    }
}

static void run_across_first(const struct resize *resize, uint8_t *out,
                             const uint8_t *in)
{
    const struct kernel *kernel = find_kernel(resize->is_plain);
    const size_t in_height = resize->down.in;
    uint32_t next = 0;

    for (size_t top = first_band(&resize->down);
         top < in_height && next < resize->down.out; top += BAND) {
        const size_t num_rows = band_rows(top, in_height);

        across_band(resize, kernel, in, top, num_rows);
        down_band(resize, kernel, out, resize->across.out, top, num_rows,
                  &next);
    }
}

static void run_down_first(const struct resize *resize, uint8_t *out,
                           const uint8_t *in)
{
    const struct kernel *kernel = find_kernel(resize->is_plain);
    const uint32_t in_width = resize->across.in;
    const size_t in_height = resize->down.in, out_height = resize->down.out;
    const size_t in_len = (size_t)in_width * 3;
    const size_t out_len = (size_t)resize->across.out * 3;
    uint32_t next = 0;

    for (size_t top = first_band(&resize->down);
         top < in_height && next < out_height; top += BAND) {
        const size_t num_rows = band_rows(top, in_height);

        for (size_t r = 0; r < num_rows; r++)
            memcpy(resize->band + r * padded_len(in_width),
                   in + (top + r) * in_len, in_len);
        down_band(resize, kernel, resize->between, in_width, top, num_rows,
                  &next);
    }
    for (size_t top = 0; top < out_height; top += BAND) {
        const size_t num_rows = band_rows(top, out_height);

        across_band(resize, kernel, resize->between, top, num_rows);
        for (size_t r = 0; r < num_rows; r++)
            memcpy(out + (top + r) * out_len,
                   resize->band + r * padded_len(resize->across.out), out_len);
    }
}

static int64_t num_fewer(const struct resize_axis *axis)
{
    return (int64_t)axis->in - (int64_t)axis->full;
}

/* Pillow's rule, in differences of pixels of the whole pictures, upright. */
static bool is_down_first(const struct resize *resize, bool swaps)
{
    const int64_t rows = num_fewer(swaps ? &resize->across : &resize->down);
    const int64_t columns = num_fewer(swaps ? &resize->down : &resize->across);

    return (rows > 0 && rows > 2 * columns) != swaps;
}

static bool reserve_all(struct resize *resize, bool down_first,
                        struct error *err)
{
    const uint32_t in_width = resize->across.in;
    const uint32_t out_width = resize->across.out;
    const size_t across_len = padded_len(out_width);
    const size_t down_len = down_first ? padded_len(in_width) : across_len;
    const size_t band_len = down_len > across_len ? down_len : across_len;

    resize->columns = scratch_reserve(resize->columns, &resize->columns_cap,
                                      in_width, COLUMN, err);
    resize->resized = scratch_reserve(resize->resized, &resize->resized_cap,
                                      across_len, BAND, err);
    resize->band = scratch_reserve(resize->band, &resize->band_cap, band_len,
                                   BAND + 1, err);
    resize->sums = scratch_reserve(resize->sums, &resize->sums_cap,
                                   resize->down.num_live * down_len,
                                   sizeof *resize->sums, err);
    if (down_first)
        resize->between =
            scratch_reserve(resize->between, &resize->between_cap,
                            resize->down.out, (size_t)in_width * 3, err);
    return resize->columns && resize->resized && resize->band && resize->sums &&
           (resize->between || !down_first);
}

/* The axes of an input that may lie, each with what it is of the upright one.
 */
static bool prepare_axes(struct resize *resize, const struct resize_part *part,
                         uint32_t in_width, uint32_t in_height,
                         struct error *err)
{
    const bool across = turn_mirrors_across(part->orientation);
    const bool down = turn_mirrors_down(part->orientation);

    if (turn_swaps(part->orientation))
        return prepare_axis(&resize->across, part->filter, in_width,
                            part->full_height, part->top, part->height, across,
                            err) &&
               prepare_axis(&resize->down, part->filter, in_height,
                            part->full_width, part->left, part->width, down,
                            err);
    return prepare_axis(&resize->across, part->filter, in_width,
                        part->full_width, part->left, part->width, across,
                        err) &&
           prepare_axis(&resize->down, part->filter, in_height,
                        part->full_height, part->top, part->height, down, err);
}

bool resize_rgb_part(struct resize *resize, uint8_t *restrict out,
                     const struct resize_part *part, const uint8_t *restrict in,
                     uint32_t in_width, uint32_t in_height, struct error *err)
{
    const bool upright = part->orientation <= 1;
    uint8_t *result = out;

    if (!prepare_axes(resize, part, in_width, in_height, err))
        return false;
    const bool down_first =
        is_down_first(resize, turn_swaps(part->orientation));
    if (!reserve_all(resize, down_first, err))
        return false;
    if (!upright)
        result = resize->lying = scratch_reserve(
            resize->lying, &resize->lying_cap,
            (size_t)part->width * part->height * 3 + TURN_MORE, 1, err);
    if (!result)
        return false;
    if (down_first)
        run_down_first(resize, result, in);
    else
        run_across_first(resize, result, in);
    if (!upright)
        turn_upright(out, result, part->width, part->height, part->orientation);
    return true;
}

bool resize_rgb(struct resize *resize, uint8_t *restrict out,
                uint32_t out_width, uint32_t out_height,
                const uint8_t *restrict in, uint32_t in_width,
                uint32_t in_height, struct error *err)
{
    const struct resize_part whole = {
        .full_width = out_width,
        .full_height = out_height,
        .width = out_width,
        .height = out_height,
    };

    return resize_rgb_part(resize, out, &whole, in, in_width, in_height, err);
}

void resize_release(struct resize *resize)
{
    free(resize->across.spans);
    free(resize->across.weights);
    free(resize->down.spans);
    free(resize->down.weights);
    free(resize->columns);
    free(resize->resized);
    free(resize->band);
    free(resize->sums);
    free(resize->between);
    free(resize->lying);
    *resize = (struct resize){0};
}
