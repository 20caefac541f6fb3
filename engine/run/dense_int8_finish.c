/* Floats to integers and back, for dense_int8.c: vectors of 16. */

#include "engine/run/dense_int8_tile.h"

#ifdef __x86_64__
#include <math.h>
#include <string.h>

#include "engine/run/dense_rest_avx512.h"

enum { WIDTH = 16, VECTORS = DENSE_INT8_LANES / WIDTH, WIDE = 4 * WIDTH };

#define BYTES_TARGET __attribute__((target("avx512f,avx512bw")))

AVX512_INLINE __mmask16 mask_of(size_t count)
{
    return (__mmask16)(count < WIDTH ? (1u << count) - 1 : 0xffff);
}

/* ---- ranges ---- */

AVX512_TARGET static void extend(struct dense_int8_range *range,
                                 const float *in, size_t count)
{
    __m512i above[2], below[2];

    for (int v = 0; v < 2; v++) {
        above[v] = _mm512_set1_epi32(range->above);
        below[v] = _mm512_set1_epi32((int32_t)range->below);
    }
    for (; count >= (size_t)2 * WIDTH; count -= (size_t)2 * WIDTH) {
        for (int v = 0; v < 2; v++) {
            __m512i bits = _mm512_loadu_si512(in + v * WIDTH);

            above[v] = _mm512_max_epi32(above[v], bits);
            below[v] = _mm512_max_epu32(below[v], bits);
        }
        in += 2 * WIDTH;
    }
    for (; count > 0; count -= count < WIDTH ? count : WIDTH) {
        __m512i bits = _mm512_maskz_loadu_epi32(mask_of(count), in);

        above[0] = _mm512_max_epi32(above[0], bits);
        below[0] = _mm512_max_epu32(below[0], bits);
        in += count < WIDTH ? count : WIDTH;
    }
    range->above =
        _mm512_reduce_max_epi32(_mm512_max_epi32(above[0], above[1]));
    range->below =
        _mm512_reduce_max_epu32(_mm512_max_epu32(below[0], below[1]));
}

/* ---- floats to integers ---- */

/* 64 floats, or those that are set. */
BYTES_TARGET static inline __attribute__((always_inline)) __m512i
quantize(const __m512 *x, __m512 inverse, __m512 zero)
{
    /* Packing works within each quarter of a vector. */
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i rounded[4];

#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
        rounded[v] = _mm512_cvtps_epi32(_mm512_fmadd_ps(x[v], inverse, zero));
    return _mm512_permutexvar_epi32(
        order, _mm512_packus_epi16(_mm512_packs_epi32(rounded[0], rounded[1]),
                                   _mm512_packs_epi32(rounded[2], rounded[3])));
}

BYTES_TARGET static void quantize_all(uint8_t *out, const float *in,
                                      size_t count,
                                      struct dense_int8_scale scale)
{
    const __m512 inverse = _mm512_set1_ps(scale.inverse);
    const __m512 zero = _mm512_set1_ps((float)scale.zero);
    __m512 x[4];

    for (; count >= WIDE; count -= WIDE) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
            x[v] = _mm512_loadu_ps(in + v * WIDTH);
        _mm512_storeu_si512(out, quantize(x, inverse, zero));
        in += WIDE;
        out += WIDE;
    }
    if (count > 0) {
        const __mmask64 mask = ((__mmask64)1 << count) - 1;

#pragma GCC unroll 4
        for (int v = 0; v < 4; v++)
            x[v] = _mm512_maskz_loadu_ps((__mmask16)(mask >> (v * WIDTH)),
                                         in + v * WIDTH);
        _mm512_mask_storeu_epi8(out, mask, quantize(x, inverse, zero));
    }
}

/* ---- sums to floats ---- */

/* Some vectors of each position's channels. */
AVX512_INLINE void finish(const struct dense_int8_tile *tile,
                          const int32_t *sums, int vectors, bool has_rest)
{
    const struct dense_rest rest = *tile->rest;
    const __m512 min = _mm512_set1_ps(tile->min),
                 max = _mm512_set1_ps(tile->max);
    const size_t *pixels = tile->pixels, num = tile->num_positions;
    const float *scale = tile->in_scales, *zero = tile->in_zeros;
    const size_t step = tile->scale_step;
    float *out = tile->out + tile->channel;
    float last_scale = NAN, last_zero = NAN;
    __m512 scales[VECTORS], shifts[VECTORS];
    __mmask16 lanes[VECTORS];

#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        lanes[v] = mask_of(tile->num_lanes - (size_t)(v * WIDTH));
        scales[v] = shifts[v] = _mm512_setzero_ps(); /* soon set */
    }
    for (size_t p = 0; p < num; p++, scale += step, zero += step) {
        if (!(*scale == last_scale && *zero == last_zero)) {
            last_scale = *scale;
            last_zero = *zero;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                scales[v] =
                    _mm512_mul_ps(_mm512_set1_ps(last_scale),
                                  _mm512_loadu_ps(tile->scales + v * WIDTH));
                shifts[v] =
                    _mm512_fmadd_ps(_mm512_set1_ps(last_zero),
                                    _mm512_loadu_ps(tile->sums + v * WIDTH),
                                    _mm512_loadu_ps(tile->bias + v * WIDTH));
            }
        }
        if (pixels[p] == DENSE_INT8_NOWHERE)
            continue;
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            __m512 r =
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(
                                    sums + p * DENSE_INT8_LANES + v * WIDTH)),
                                scales[v], shifts[v]);

            r = _mm512_min_ps(max, _mm512_max_ps(min, r));
            if (has_rest)
                r = dense_rest_avx512(
                    &rest, r, pixels[p] + tile->channel + (size_t)(v * WIDTH),
                    lanes[v]);
            _mm512_mask_storeu_ps(out + pixels[p] + v * WIDTH, lanes[v], r);
        }
    }
}

AVX512_TARGET static void finish_tile(const struct dense_int8_tile *tile,
                                      const int32_t *sums)
{
    bool narrow = tile->num_lanes <= WIDTH;

    if (tile->has_rest && narrow)
        finish(tile, sums, 1, true);
    else if (tile->has_rest)
        finish(tile, sums, 2, true);
    else if (narrow)
        finish(tile, sums, 1, false);
    else
        finish(tile, sums, 2, false);
}

const struct dense_int8_vectors dense_int8_finish_vectors = {
    .extend = extend,
    .quantize = quantize_all,
    .finish = finish_tile,
};
#else
typedef int dense_int8_finish_is_empty;
#endif
