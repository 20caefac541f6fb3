#include "engine/image/resize_kernel.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { HALF = 1 << (RESIZE_WEIGHT_BITS - 1) };

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Converts a sum of weighted samples to a level: rounded and clipped to 0..255.
 */
static inline uint8_t plain_level(int32_t sum)
{
    const int32_t level = sum >> RESIZE_WEIGHT_BITS;

    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void plain_across(uint8_t *restrict out, const uint8_t *restrict columns,
                         const struct resize_axis *axis)
{
    for (uint32_t o = 0; o < axis->out; o++, out += RESIZE_COLUMN) {
        const struct resize_span span = axis->spans[o];
        const int32_t *weights = axis->weights + o * axis->num_taps;
        const uint8_t *in = columns + (size_t)span.first * RESIZE_COLUMN;
        int32_t sums[RESIZE_COLUMN];

        for (size_t j = 0; j < RESIZE_COLUMN; j++)
            sums[j] = HALF;
        for (uint32_t i = 0; i < span.count; i++, in += RESIZE_COLUMN)
            for (size_t j = 0; j < RESIZE_COLUMN; j++)
                sums[j] += in[j] * weights[i];
        for (size_t j = 0; j < RESIZE_COLUMN; j++)
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

static const struct resize_kernel plain_kernel = {plain_across, plain_down};

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

typedef int32_t lanes __attribute__((vector_size(32)));
typedef uint16_t halves __attribute__((vector_size(16)));

AVX2 static inline void avx2_load(lanes *v, const uint8_t *p)
{
    /* GCC compiles a standard conversion to a dozen instructions. */
    *v = (lanes)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}

AVX2 static inline void avx2_levels(uint8_t *p, const lanes *sums)
{
    lanes v = *sums >> RESIZE_WEIGHT_BITS;
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
    for (uint32_t o = 0; o < axis->out; o++, out += RESIZE_COLUMN) {
        const struct resize_span span = axis->spans[o];
        const int32_t *weights = axis->weights + o * axis->num_taps;
        const uint8_t *in = columns + (size_t)span.first * RESIZE_COLUMN;
        lanes red = (lanes){0} + HALF, green = red, blue = red;

        for (uint32_t i = 0; i < span.count; i++, in += RESIZE_COLUMN) {
            lanes r, g, b;

            avx2_load(&r, in);
            avx2_load(&g, in + RESIZE_BAND);
            avx2_load(&b, in + 2 * RESIZE_BAND);
            red += r * weights[i];
            green += g * weights[i];
            blue += b * weights[i];
        }
        avx2_levels(out, &red);
        avx2_levels(out + RESIZE_BAND, &green);
        avx2_levels(out + 2 * RESIZE_BAND, &blue);
    }
}

AVX2 static void avx2_down(uint8_t *restrict out, int32_t *restrict sums,
                           const uint8_t *restrict rows, size_t len,
                           const int32_t *restrict weights, size_t count,
                           bool begins, bool ends)
{
    for (size_t x = 0; x < len; x += RESIZE_ROUND) {
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

static const struct resize_kernel avx2_kernel = {avx2_across, avx2_down};
#endif

const struct resize_kernel *resize_kernel_find(bool is_plain)
{
#ifdef __x86_64__
    if (!is_plain && __builtin_cpu_supports("avx2"))
        return &avx2_kernel;
#endif
    (void)is_plain;
    return &plain_kernel;
}

/* Interleaves 8 bytes each of two rows: a0 b0 a1 b1 ... */
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

/* Transposes 8 x 8 bytes: out[c * stride + r] = rows[r][c + offset]. */
static inline void orient_block(uint8_t *out, size_t stride,
                                const uint8_t *const rows[RESIZE_BAND],
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

void resize_kernel_turn(uint8_t *out, const uint8_t *const rows[RESIZE_BAND],
                        size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8)
        orient_block(out + i * RESIZE_BAND, RESIZE_BAND, rows, i);
    for (; i < len; i++)
        for (size_t r = 0; r < RESIZE_BAND; r++)
            out[i * RESIZE_BAND + r] = rows[r][i];
}

void resize_kernel_turn_back(uint8_t *out, const uint8_t *in, size_t len)
{
    const uint8_t *rows[8];

    for (size_t i = 0; i < len; i += 8) {
        for (size_t r = 0; r < 8; r++)
            rows[r] = in + (i + r) * RESIZE_BAND;
        orient_block(out + i, len, rows, 0);
    }
}
