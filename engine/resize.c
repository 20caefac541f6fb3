/* DESIGN: the picture goes through in bands of 8 rows. A band is turned, so
 * that the 8 samples of one column lie side by side: one weight is then
 * multiplied with 8 samples at once, whatever the channel. The result is
 * turned back, and added with its weights to the output rows it belongs to.
 * The vectors are the compiler's (GCC's and clang's vector extension); all
 * arithmetic is in integers, so that every machine gives the same levels. */

#include "resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BAND = 8,   /* rows; fixed by the vectors below */
    ROUND = 32, /* samples of a row summed up at a time */
    WEIGHT_BITS = 22,
    HALF = 1 << (WEIGHT_BITS - 1),
};

typedef int32_t lanes __attribute__((vector_size(32)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));

#define FORCE_INLINE inline __attribute__((always_inline))

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2)
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

/* Makes room for `count` elements of `size` bytes; the contents are lost. */
static bool reserve(void **memory, size_t *cap, size_t count, size_t size,
                    struct error *err)
{
    if (count <= *cap)
        return true;
    free(*memory);
    *memory = NULL;
    *cap = 0;
    if (count <= (size_t)PTRDIFF_MAX / size)
        *memory = malloc(count * size);
    if (!*memory)
        return fail(err, ERROR_MEMORY, "no memory to resize the image");
    *cap = count;
    return true;
}

static bool reserve_axis(struct resize_axis *axis, uint32_t out,
                         size_t num_taps, struct error *err)
{
    void *firsts = axis->firsts, *counts = axis->counts;
    void *weights = axis->weights;
    size_t firsts_cap = axis->outputs_cap, counts_cap = axis->outputs_cap;
    bool ok;

    if (num_taps > SIZE_MAX / out)
        return fail(err, ERROR_MEMORY, "no memory to resize the image");
    ok = reserve(&firsts, &firsts_cap, out, sizeof *axis->firsts, err) &&
         reserve(&counts, &counts_cap, out, sizeof *axis->counts, err) &&
         reserve(&weights, &axis->weights_cap, num_taps * out,
                 sizeof *axis->weights, err);
    axis->firsts = firsts;
    axis->counts = counts;
    axis->weights = weights;
    axis->outputs_cap = firsts_cap < counts_cap ? firsts_cap : counts_cap;
    return ok;
}

/* The i-th weight of an output pixel, not normalised. The centre of the pixel
 * is `center` in the input, whose pixel i covers i .. i + 1. */
static double raw_weight(double center, double scale, uint32_t i)
{
    return cubic((i + 0.5 - center) / scale);
}

static bool prepare_axis(struct resize_axis *axis, uint32_t in, uint32_t out,
                         struct error *err)
{
    const double ratio = (double)in / out;
    const double scale = ratio > 1 ? ratio : 1; /* of the filter */
    const double support = 2 * scale;
    const size_t num_taps = (size_t)ceil(support) * 2 + 1;

    if (axis->in == in && axis->out == out)
        return true;
    axis->in = axis->out = 0;
    if (!reserve_axis(axis, out, num_taps, err))
        return false;
    for (uint32_t o = 0; o < out; o++) {
        const double center = (o + 0.5) * ratio;
        const double low = center - support + 0.5;
        const double high = center + support + 0.5;
        const uint32_t first = low > 0 ? (uint32_t)low : 0;
        const uint32_t end = high < in ? (uint32_t)high : in;
        int32_t *weights = axis->weights + o * num_taps;
        double sum = 0;

        for (uint32_t i = first; i < end; i++)
            sum += raw_weight(center, scale, i);
        for (uint32_t i = first; i < end; i++)
            weights[i - first] = (int32_t)round(raw_weight(center, scale, i) /
                                                sum * (1 << WEIGHT_BITS));
        axis->firsts[o] = first;
        axis->counts[o] = end - first;
    }
    axis->in = in;
    axis->out = out;
    axis->num_taps = num_taps;
    return true;
}

/* One pass over a picture: what resize_rgb was asked, and its scratch. */
struct pass {
    uint8_t *out;
    const uint8_t *in;
    const struct resize_axis *across, *down;
    size_t row_len;   /* bytes of an output row, rounded up to whole ROUNDs */
    uint8_t *columns; /* (in_width, 3, BAND) a band, turned */
    uint8_t *resized; /* (row_len, BAND) the same, resized across */
    uint8_t *band;    /* (BAND, row_len) the same, turned back */
    uint8_t *row;     /* (row_len) a finished row */
    int32_t *sums;    /* (out_height, row_len) */
};

static FORCE_INLINE void load_lanes(lanes *v, const uint8_t *p)
{
    bytes8 narrow;

    memcpy(&narrow, p, sizeof narrow);
    *v = __builtin_convertvector(narrow, lanes);
}

/* Sums of weighted samples to levels: rounded, and clipped to 0..255. */
static FORCE_INLINE void store_levels(uint8_t *p, const lanes *sums)
{
    lanes v = *sums >> WEIGHT_BITS;
    bytes8 narrow;

    v = (v & ~(v < 0)) | (v > 255); /* a true comparison is all ones */
    narrow = __builtin_convertvector(v, bytes8);
    memcpy(p, &narrow, sizeof narrow);
}

static FORCE_INLINE bytes16 load_pair(const uint8_t *a, const uint8_t *b)
{
    bytes8 narrow_a, narrow_b;

    memcpy(&narrow_a, a, sizeof narrow_a);
    memcpy(&narrow_b, b, sizeof narrow_b);
    return __builtin_shufflevector(narrow_a, narrow_b, 0, 8, 1, 9, 2, 10, 3, 11,
                                   4, 12, 5, 13, 6, 14, 7, 15);
}

static FORCE_INLINE void store_pair(uint8_t *a, uint8_t *b, bytes16 v)
{
    memcpy(a, &v, 8);
    memcpy(b, (const uint8_t *)&v + 8, 8);
}

/* Turns 8 x 8 bytes: out[c * out_stride + r] = rows[r][c]. */
static FORCE_INLINE void turn_block(uint8_t *out, size_t out_stride,
                                    const uint8_t *const rows[BAND],
                                    size_t offset)
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

    store_pair(out, out + out_stride,
               __builtin_shufflevector(ab_low, cd_low, 0, 1, 2, 3, 16, 17, 18,
                                       19, 4, 5, 6, 7, 20, 21, 22, 23));
    store_pair(out + 2 * out_stride, out + 3 * out_stride,
               __builtin_shufflevector(ab_low, cd_low, 8, 9, 10, 11, 24, 25, 26,
                                       27, 12, 13, 14, 15, 28, 29, 30, 31));
    store_pair(out + 4 * out_stride, out + 5 * out_stride,
               __builtin_shufflevector(ab_high, cd_high, 0, 1, 2, 3, 16, 17, 18,
                                       19, 4, 5, 6, 7, 20, 21, 22, 23));
    store_pair(out + 6 * out_stride, out + 7 * out_stride,
               __builtin_shufflevector(ab_high, cd_high, 8, 9, 10, 11, 24, 25,
                                       26, 27, 12, 13, 14, 15, 28, 29, 30, 31));
}

/* Turns rows of `len` bytes: out (len, BAND). */
static FORCE_INLINE void turn_rows(uint8_t *out,
                                   const uint8_t *const rows[BAND], size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8)
        turn_block(out + i * BAND, BAND, rows, i);
    for (; i < len; i++)
        for (size_t r = 0; r < BAND; r++)
            out[i * BAND + r] = rows[r][i];
}

/* Turns them back: out (BAND, len), in (len, BAND), len a multiple of 8. */
static FORCE_INLINE void turn_back(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *rows[8];

    for (size_t i = 0; i < len; i += 8) {
        for (size_t r = 0; r < 8; r++)
            rows[r] = in + (i + r) * BAND;
        turn_block(out + i, len, rows, 0);
    }
}

static FORCE_INLINE void resize_across(const struct pass *pass)
{
    const struct resize_axis *axis = pass->across;
    uint8_t *out = pass->resized;

    for (uint32_t o = 0; o < axis->out; o++, out += 3 * BAND) {
        const int32_t *weights = axis->weights + o * axis->num_taps;
        const uint8_t *in =
            pass->columns + (size_t)axis->firsts[o] * (3 * BAND);
        lanes red = (lanes){0} + HALF, green = red, blue = red;

        for (uint32_t i = 0; i < axis->counts[o]; i++, in += 3 * BAND) {
            lanes r, g, b;

            load_lanes(&r, in);
            load_lanes(&g, in + BAND);
            load_lanes(&b, in + 2 * BAND);
            red += r * weights[i];
            green += g * weights[i];
            blue += b * weights[i];
        }
        store_levels(out, &red);
        store_levels(out + BAND, &green);
        store_levels(out + 2 * BAND, &blue);
    }
}

/* Adds `count` rows of the band with their weights to an output row's sums,
 * which begin here or go on; where they end, the row is finished. */
static FORCE_INLINE void add_rows(const struct pass *pass, int32_t *sums,
                                  const uint8_t *rows, const int32_t *weights,
                                  size_t count, bool begins, bool ends)
{
    const size_t len = pass->row_len;

    for (size_t x = 0; x < len; x += ROUND) {
        lanes s[ROUND / 8];

        if (begins)
            for (size_t j = 0; j < ROUND / 8; j++)
                s[j] = (lanes){0} + HALF;
        else
            memcpy(s, sums + x, sizeof s);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *in = rows + i * len + x;

            for (size_t j = 0; j < ROUND / 8; j++) {
                lanes v;

                load_lanes(&v, in + 8 * j);
                s[j] += v * weights[i];
            }
        }
        if (ends)
            for (size_t j = 0; j < ROUND / 8; j++)
                store_levels(pass->row + x + 8 * j, &s[j]);
        else
            memcpy(sums + x, s, sizeof s);
    }
}

/* Adds the band, whose first row is `top` of the input, to the output rows it
 * belongs to, from row *next on; *next becomes the first unfinished one. */
static FORCE_INLINE void resize_down(const struct pass *pass, size_t top,
                                     size_t num_rows, uint32_t *next)
{
    const struct resize_axis *axis = pass->down;
    const size_t out_len = (size_t)pass->across->out * 3;
    const size_t bottom = top + num_rows;

    for (uint32_t o = *next; o < axis->out && axis->firsts[o] < bottom; o++) {
        const size_t first = axis->firsts[o];
        const size_t end = first + axis->counts[o];
        const size_t from = first > top ? first : top;
        const size_t to = end < bottom ? end : bottom;

        add_rows(pass, pass->sums + o * pass->row_len,
                 pass->band + (from - top) * pass->row_len,
                 axis->weights + o * axis->num_taps + (from - first), to - from,
                 from == first, to == end);
        if (to == end) {
            memcpy(pass->out + o * out_len, pass->row, out_len);
            *next = o + 1;
        }
    }
}

static FORCE_INLINE void run_pass(const struct pass *pass)
{
    const size_t in_len = (size_t)pass->across->in * 3;
    const size_t in_height = pass->down->in;
    uint32_t next = 0;

    for (size_t top = 0; top < in_height; top += BAND) {
        const size_t num_rows = in_height - top < BAND ? in_height - top : BAND;
        const uint8_t *rows[BAND];

        for (size_t r = 0; r < BAND; r++) /* the last stands in for missing */
            rows[r] =
                pass->in + (top + (r < num_rows ? r : num_rows - 1)) * in_len;
        turn_rows(pass->columns, rows, in_len);
        resize_across(pass);
        turn_back(pass->band, pass->resized, pass->row_len);
        resize_down(pass, top, num_rows, &next);
    }
}

/* The same code for two machines; the levels are the same. */
static void run_pass_plain(const struct pass *pass)
{
    run_pass(pass);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void
run_pass_avx2(const struct pass *pass)
{
    run_pass(pass);
}
#endif

static void run_pass_best(const struct pass *pass)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        run_pass_avx2(pass);
        return;
    }
#endif
    run_pass_plain(pass);
}

bool resize_rgb(struct resize *resize, uint8_t *restrict out,
                uint32_t out_width, uint32_t out_height,
                const uint8_t *restrict in, uint32_t in_width,
                uint32_t in_height, struct error *err)
{
    const size_t row_len = ((size_t)out_width * 3 + ROUND - 1) / ROUND * ROUND;
    void *columns = resize->columns, *band = resize->band, *sums = resize->sums;
    bool ok;

    /* The band's rows, one finished row, and the resized columns. */
    ok = prepare_axis(&resize->across, in_width, out_width, err) &&
         prepare_axis(&resize->down, in_height, out_height, err) &&
         reserve(&columns, &resize->columns_cap, in_width, 3 * BAND, err) &&
         reserve(&band, &resize->band_cap, row_len, 2 * BAND + 1, err) &&
         reserve(&sums, &resize->sums_cap, row_len * out_height,
                 sizeof(int32_t), err);
    resize->columns = columns;
    resize->band = band;
    resize->sums = sums;
    if (!ok)
        return false;
    run_pass_best(&(struct pass){
        .out = out,
        .in = in,
        .across = &resize->across,
        .down = &resize->down,
        .row_len = row_len,
        .columns = resize->columns,
        .band = resize->band,
        .row = resize->band + BAND * row_len,
        .resized = resize->band + (BAND + 1) * row_len,
        .sums = resize->sums,
    });
    return true;
}

static void release_axis(struct resize_axis *axis)
{
    free(axis->firsts);
    free(axis->counts);
    free(axis->weights);
}

void resize_release(struct resize *resize)
{
    release_axis(&resize->across);
    release_axis(&resize->down);
    free(resize->columns);
    free(resize->band);
    free(resize->sums);
    *resize = (struct resize){0};
}
