/* DESIGN: A tile's sums stay in registers from the first input to the last. For
 * each input channel, one number of each of six pixels is spread over all lanes
 * and multiplied by 16 weights: 12 multiply-adds for 8 loads. Up to four pixels
 * take two thirds of the time. A single one would take as long as four, each of
 * its sums waiting for itself: it is multiplied by the weights of six panels at
 * once. */

#include "engine/run/dense_row.h"
#include "engine/run/dense_winograd.h"

#ifdef __x86_64__
#include "engine/run/dense_rest_avx2.h"

enum {
    WIDTH = 8,  /* of a vector */
    PIXELS = 6, /* 12 sums leave 4 of 16 registers */
    LANES = 2 * WIDTH,
    PANELS = 6, /* of a single pixel: 12 sums, too */
};

/* All bits set in the first `count` lanes. */
AVX2_INLINE __m256i mask_of(size_t count)
{
    return _mm256_cmpgt_epi32(
        _mm256_set1_epi32((int)(count < WIDTH ? count : WIDTH)),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first `count` lanes; storing by a mask is slow on AMD's processors. */
AVX2_INLINE void store_part(float *to, __m256 x, size_t count)
{
    float lanes[WIDTH];

    _mm256_storeu_ps(lanes, x);
    for (size_t i = 0; i < count; i++)
        to[i] = lanes[i];
}

/* Finishes and stores the results of one vector of channels, of which `count`
 * lanes count, for each pixel: (num_pixels, WIDTH). */
AVX2_TARGET static void finish_with_rest(const struct dense_tile *tile,
                                         const float *results, size_t channel,
                                         size_t count)
{
    const struct dense_rest rest = *tile->rest; /* nothing written changes it */
    const float min = tile->min, max = tile->max;
    const size_t *pixels = tile->pixels, num_pixels = tile->num_pixels;
    const __m256i mask = mask_of(count);
    const bool whole = count >= WIDTH;
    float *out = tile->out;

    for (size_t p = 0; p < num_pixels; p++) {
        size_t at = pixels[p] + channel;
        __m256 sum = avx2_clamp(_mm256_loadu_ps(results + p * WIDTH), min, max);
        __m256 result = dense_rest_avx2(&rest, sum, at, mask, whole);

        if (whole)
            _mm256_storeu_ps(out + at, result);
        else
            store_part(out + at, result, count);
    }
}

/* Of vector v of the channels. What is not plain is a loop, as it would be too
 * much code otherwise. */
AVX2_INLINE void finish(const struct dense_tile *tile, __m256 (*sums)[2],
                        int pixels, int v)
{
    const size_t before = (size_t)(v * WIDTH), left = tile->num_lanes - before;
    const size_t channel = tile->channel + before;
    const __m256 bias = _mm256_loadu_ps(tile->bias + before);
    const __m256 min = _mm256_set1_ps(tile->min),
                 max = _mm256_set1_ps(tile->max);
    const size_t *at = tile->pixels;
    float results[PIXELS * WIDTH], *out = tile->out + channel;

#pragma GCC unroll 6
    for (int p = 0; p < pixels; p++)
        sums[p][v] = _mm256_add_ps(sums[p][v], bias);
    if (tile->has_rest || left < WIDTH) {
#pragma GCC unroll 6
        for (int p = 0; p < pixels; p++)
            _mm256_storeu_ps(results + p * WIDTH, sums[p][v]);
        finish_with_rest(tile, results, channel, left);
        return;
    }
#pragma GCC unroll 6
    for (int p = 0; p < pixels; p++)
        _mm256_storeu_ps(out + at[p],
                         _mm256_min_ps(max, _mm256_max_ps(min, sums[p][v])));
}

/* `vectors` of channels of `pixels`. */
AVX2_INLINE void run(const struct dense_tile *tile, int pixels, int vectors)
{
    __m256 sums[PIXELS][2];
    const size_t end = tile->first + tile->length;

#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 6
        for (int p = 0; p < pixels; p++)
            sums[p][v] = _mm256_setzero_ps();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const float *in[PIXELS];
        const float *weights =
            tile->panel + tile->weights_at[r] * (size_t)(vectors * WIDTH);

#pragma GCC unroll 6
        for (int p = 0; p < pixels; p++)
            in[p] = tile->inputs[r * PIXELS + (size_t)p] + end;
        for (ptrdiff_t i = -(ptrdiff_t)tile->length; i < 0; i++) {
            __m256 weight[2];

#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                weight[v] = _mm256_loadu_ps(weights + v * WIDTH);
#pragma GCC unroll 6
            for (int p = 0; p < pixels; p++) {
                __m256 x = _mm256_broadcast_ss(in[p] + i);

#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sums[p][v] = _mm256_fmadd_ps(x, weight[v], sums[p][v]);
            }
            weights += vectors * WIDTH;
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
        finish(tile, sums, pixels, v);
}

/* X(pixels) in ascending order */
#define SIZES(X) X(4) X(6)

#define X(pixels)                                                       \
    AVX2_TARGET static void run_##pixels(const struct dense_tile *tile) \
    {                                                                   \
        if (tile->num_lanes > WIDTH)                                    \
            run(tile, pixels, 2);                                       \
        else                                                            \
            run(tile, pixels, 1);                                       \
    }
SIZES(X)
#undef X

static void run_tile(const struct dense_tile *tile)
{
#define X(pixels)                       \
    if (tile->num_pixels <= (pixels)) { \
        run_##pixels(tile);             \
        return;                         \
    }
    SIZES(X)
#undef X
}

AVX2_TARGET static void run_panels(const struct dense_tile *tile,
                                   size_t panel_len)
{
    __m256 sums[PANELS][2];
    struct dense_tile one = *tile;

#pragma GCC unroll 6
    for (int n = 0; n < PANELS; n++)
        sums[n][0] = sums[n][1] = _mm256_setzero_ps();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const float *in = tile->inputs[r * PIXELS] + tile->first;
        const float *weights = tile->panel + tile->weights_at[r] * LANES;

        for (size_t i = 0; i < tile->length; i++, weights += LANES) {
            __m256 x = _mm256_broadcast_ss(in + i);

#pragma GCC unroll 6
            for (size_t n = 0; n < PANELS; n++)
#pragma GCC unroll 2
                for (size_t v = 0; v < 2; v++)
                    sums[n][v] = _mm256_fmadd_ps(
                        x, _mm256_loadu_ps(weights + n * panel_len + v * WIDTH),
                        sums[n][v]);
        }
    }
    for (int n = 0; n < PANELS; n++) {
        finish(&one, &sums[n], 1, 0);
        finish(&one, &sums[n], 1, 1);
        one.bias += LANES;
        one.channel += LANES;
    }
}

/* Input k of both groups, each spread over the half of a vector that it is in.
 * Odd ones have sums of their own, or sums would wait for themselves. */
#define STEP(k)                                                              \
    sums[p][(k) % 2] = _mm256_fmadd_ps(_mm256_permute_ps(x, (k)*0x55),       \
                                       _mm256_loadu_ps(weights + (k)*WIDTH), \
                                       sums[p][(k) % 2])

AVX2_TARGET static void run_pair(const struct dense_tile *tile)
{
    __m256 sums[PIXELS][2];

#pragma GCC unroll 6
    for (int p = 0; p < PIXELS; p++)
        sums[p][0] = sums[p][1] = _mm256_setzero_ps();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const float *weights = tile->panel + tile->weights_at[r] * WIDTH;

#pragma GCC unroll 6
        for (size_t p = 0; p < PIXELS; p++) {
            __m256 x =
                _mm256_loadu_ps(tile->inputs[r * PIXELS + p] + tile->first);

            STEP(0);
            STEP(1);
            STEP(2);
            STEP(3);
        }
    }
#pragma GCC unroll 6
    for (int p = 0; p < PIXELS; p++)
        sums[p][0] = _mm256_add_ps(sums[p][0], sums[p][1]);
    finish(tile, sums, PIXELS, 0);
}
#undef STEP

const struct dense_kernel *dense_tile_avx2(void)
{
    static const struct dense_kernel kernel = {
        .pixels = PIXELS,
        .lanes = LANES,
        .run = run_tile,
        .num_panels = PANELS,
        .run_panels = run_panels,
        .run_pair = run_pair,
        .winograd = &dense_winograd_avx2,
        .add_rows = dense_row_add_avx2,
    };

    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
               ? &kernel
               : NULL;
}
#else
const struct dense_kernel *dense_tile_avx2(void)
{
    return NULL;
}
#endif
