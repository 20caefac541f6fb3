/* DESIGN: As dense_tile_avx2.c, with 32 registers. For each input channel, one
 * number of each of 14 pixels is spread over all lanes and multiplied by 32
 * weights: 28 multiply-adds for 16 loads. Parts of vectors are masked, which
 * costs nothing here. Where fewer pixels are left, fewer are computed. */

#include "engine/run/dense_row.h"
#include "engine/run/dense_winograd.h"

#ifdef __x86_64__
#include "engine/run/dense_rest_avx512.h"

enum {
    WIDTH = 16,  /* of a vector */
    PIXELS = 14, /* 28 sums leave 4 of 32 registers; 14 divides the sides of
                    most networks' feature maps */
    LANES = 2 * WIDTH,
    AHEAD = 256, /* floats from a weight that is used to one that is fetched:
                    the processor's own prefetching ends with each page */
    FETCH_PAYS = 256, /* inputs of a sum, during which its place is fetched */
};

AVX512_INLINE __mmask16 mask_of(size_t count)
{
    return (__mmask16)(count < WIDTH ? (1u << count) - 1 : 0xffff);
}

/* Stores `count` pixels' results for one vector of channels: (count,
 * WIDTH). */
AVX512_TARGET static void finish_with_rest(const struct dense_tile *tile,
                                           const float *results, size_t channel,
                                           __mmask16 lanes)
{
    const struct dense_rest rest = *tile->rest; /* nothing written changes it */
    const float min = tile->min, max = tile->max;
    const size_t *pixels = tile->pixels, num_pixels = tile->num_pixels;
    float *out = tile->out;

    for (size_t p = 0; p < num_pixels; p++) {
        size_t at = pixels[p] + channel;
        __m512 sum =
            avx512_clamp(_mm512_loadu_ps(results + p * WIDTH), min, max);

        _mm512_mask_storeu_ps(out + at, lanes,
                              dense_rest_avx512(&rest, sum, at, lanes));
    }
}

/* What follows the sums is a loop, as it would be too much code otherwise. */
AVX512_INLINE void finish(const struct dense_tile *tile, __m512 sums[][2],
                          int pixels, int vectors)
{
    const __m512 min = _mm512_set1_ps(tile->min),
                 max = _mm512_set1_ps(tile->max);
    float results[PIXELS * LANES];

#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        size_t before = (size_t)(v * WIDTH), channel = tile->channel + before;
        __mmask16 lanes = mask_of(tile->num_lanes - before);
        __m512 bias = _mm512_loadu_ps(tile->bias + before);

#pragma GCC unroll 14
        for (int p = 0; p < pixels; p++)
            sums[p][v] = _mm512_add_ps(sums[p][v], bias);
        if (tile->has_rest) {
#pragma GCC unroll 14
            for (int p = 0; p < pixels; p++)
                _mm512_storeu_ps(results + p * WIDTH, sums[p][v]);
            finish_with_rest(tile, results, channel, lanes);
            continue;
        }
#pragma GCC unroll 14
        for (int p = 0; p < pixels; p++)
            _mm512_mask_storeu_ps(
                tile->out + tile->pixels[p] + channel, lanes,
                _mm512_min_ps(max, _mm512_max_ps(min, sums[p][v])));
    }
}

/* What is added, and where results go, is on its way while they are computed.
 */
AVX512_INLINE void fetch(const struct dense_tile *tile, int pixels, int vectors)
{
    const float *addend = tile->rest->addend;

#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
        for (int p = 0; p < pixels; p++) {
            size_t at = tile->pixels[p] + tile->channel + (size_t)(v * WIDTH);

            __builtin_prefetch(tile->out + at, 1);
            if (addend)
                _mm_prefetch(addend + at, _MM_HINT_T0);
        }
}

/* `vectors` of channels of `pixels`. */
AVX512_INLINE void run(const struct dense_tile *tile, int pixels, int vectors)
{
    __m512 sums[PIXELS][2];
    const size_t end = tile->first + tile->length;

    if (tile->rest->addend || tile->num_runs * tile->length >= FETCH_PAYS)
        fetch(tile, pixels, vectors);
#pragma GCC unroll 14
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sums[p][v] = _mm512_setzero_ps();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const float *in[PIXELS];
        const float *weights =
            tile->panel + tile->weights_at[r] * (size_t)(vectors * WIDTH);

#pragma GCC unroll 14
        for (int p = 0; p < pixels; p++)
            in[p] = tile->inputs[r * PIXELS + (size_t)p] + end;
        for (ptrdiff_t i = -(ptrdiff_t)tile->length; i < 0; i++) {
            __m512 weight[2];

#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                weight[v] = _mm512_loadu_ps(weights + v * WIDTH);
#pragma GCC unroll 14
            for (int p = 0; p < pixels; p++) {
                __m512 x = _mm512_set1_ps(in[p][i]);

#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sums[p][v] = _mm512_fmadd_ps(x, weight[v], sums[p][v]);
            }
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                _mm_prefetch(weights + AHEAD + v * WIDTH, _MM_HINT_T0);
            weights += vectors * WIDTH;
        }
    }
    finish(tile, sums, pixels, vectors);
}

/* X(pixels) in ascending order */
#define SIZES(X) X(1) X(4) X(8) X(14)

#define X(pixels)                                                         \
    AVX512_TARGET static void run_##pixels(const struct dense_tile *tile) \
    {                                                                     \
        if (tile->num_lanes > WIDTH)                                      \
            run(tile, pixels, 2);                                         \
        else                                                              \
            run(tile, pixels, 1);                                         \
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

const struct dense_kernel *dense_tile_avx512(void)
{
    static const struct dense_kernel kernel = {
        .pixels = PIXELS,
        .lanes = LANES,
        .run = run_tile,
        .winograd = &dense_winograd_avx512,
        .add_rows = dense_row_add_avx512,
    };

    return __builtin_cpu_supports("avx512f") ? &kernel : NULL;
}
#else
const struct dense_kernel *dense_tile_avx512(void)
{
    return NULL;
}
#endif
