/* DESIGN: A tile's sums stay in registers from the first input to the last. For
 * each input channel, one number of each of six pixels is spread over all lanes
 * and multiplied by 16 weights: 12 multiply-adds for 8 loads. */

#include "engine/run/dense_row.h"
#include "engine/run/dense_winograd.h"

#ifdef __x86_64__
#include "engine/run/dense_rest_avx2.h"

enum {
    WIDTH = 8,  /* of a vector */
    PIXELS = 6, /* 12 sums leave 4 of 16 registers */
    LANES = 2 * WIDTH,
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

/* Adds the bias to the sums of vector v, finishes them and stores them.
 * `whole`: all of its lanes count. */
AVX2_INLINE void store(const struct dense_tile *tile, __m256 (*sums)[2], int v,
                       bool whole)
{
    size_t before = (size_t)v * WIDTH;
    size_t left = tile->num_lanes - before;
    __m256 bias = _mm256_loadu_ps(tile->bias + before);
    __m256i mask = mask_of(left);

#pragma GCC unroll 6
    for (int p = 0; p < PIXELS; p++) {
        size_t at = tile->pixels[p] + tile->channel + before;
        __m256 sum =
            avx2_clamp(_mm256_add_ps(sums[p][v], bias), tile->min, tile->max);
        __m256 result = dense_rest_avx2(tile->rest, sum, at, mask, whole);

        if (whole)
            _mm256_storeu_ps(tile->out + at, result);
        else
            store_part(tile->out + at, result, left < WIDTH ? left : WIDTH);
    }
}

/* `vectors` of channels; `whole`: all of their lanes count. */
AVX2_INLINE void run(const struct dense_tile *tile, int vectors, bool whole)
{
    __m256 sums[PIXELS][2];

#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 6
        for (int p = 0; p < PIXELS; p++)
            sums[p][v] = _mm256_setzero_ps();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const float *const *in = tile->inputs + r * PIXELS;
        const float *in0 = in[0], *in1 = in[1], *in2 = in[2], *in3 = in[3],
                    *in4 = in[4], *in5 = in[5];
        const float *weights =
            tile->panel + tile->weights_at[r] * (size_t)(vectors * WIDTH);

        for (size_t i = 0; i < tile->length; i++) {
            __m256 weight[2];

#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                weight[v] = _mm256_loadu_ps(weights + v * WIDTH);
#define ADD(p)                                                                 \
    do {                                                                       \
        __m256 x = _mm256_broadcast_ss(in##p + i);                             \
                                                                               \
        _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sums[p][v] = \
            _mm256_fmadd_ps(x, weight[v], sums[p][v]);                         \
    } while (0)
            ADD(0);
            ADD(1);
            ADD(2);
            ADD(3);
            ADD(4);
            ADD(5);
#undef ADD
            weights += vectors * WIDTH;
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
        store(tile, sums, v, whole);
}

AVX2_TARGET static void run_wide(const struct dense_tile *tile)
{
    run(tile, 2, true);
}

AVX2_TARGET static void run_narrow(const struct dense_tile *tile)
{
    run(tile, 1, true);
}

AVX2_TARGET static void run_part_of_wide(const struct dense_tile *tile)
{
    run(tile, 2, false);
}

AVX2_TARGET static void run_part_of_narrow(const struct dense_tile *tile)
{
    run(tile, 1, false);
}

static void run_tile(const struct dense_tile *tile)
{
    if (tile->num_lanes == LANES)
        run_wide(tile);
    else if (tile->num_lanes > WIDTH)
        run_part_of_wide(tile);
    else if (tile->num_lanes == WIDTH)
        run_narrow(tile);
    else
        run_part_of_narrow(tile);
}

const struct dense_kernel *dense_tile_avx2(void)
{
    static const struct dense_kernel kernel = {
        PIXELS, LANES, run_tile, &dense_winograd_avx2, dense_row_add_avx2};

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
