/* DESIGN: VPMADDUBSW multiplies four inputs, spread over all lanes, by four
 * weights of each lane, and adds two products each in 16 bits; VPMADDWD and an
 * addition make a sum of 32 bits of them: three instructions where VNNI has
 * one. Weights have 7 bits, as 2 x 255 x 63 fits 16 bits and 2 x 255 x 127 does
 * not. 6 positions by 16 channels, half a panel. */

#include "engine/run/dense_int8_tile.h"

#ifdef __x86_64__
#include <math.h>
#include <string.h>

#include "engine/run/dense_rest_avx2.h"

enum {
    WIDTH = 8,
    VECTORS = DENSE_INT8_LANES / WIDTH,
    HALF = VECTORS / 2, /* of a panel */
    POSITIONS = 6,
    MOST = 63,
    WIDE = 4 * WIDTH,
};

/* ---- products ---- */

AVX2_INLINE __m256i spread(const uint8_t *in)
{
    int32_t group;

    memcpy(&group, in, sizeof group);
    return _mm256_set1_epi32(group);
}

/* Of half a panel, from vector `first` on. */
AVX2_INLINE void run(int32_t *results, const struct dense_int8_tile *tile,
                     int positions, size_t first)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const int8_t *weights = tile->panel + first * WIDTH * DENSE_INT8_GROUP;
    __m256i sums[POSITIONS][HALF];

#pragma GCC unroll 6
    for (int p = 0; p < positions; p++)
#pragma GCC unroll 2
        for (int v = 0; v < HALF; v++)
            sums[p][v] = _mm256_setzero_si256();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const uint8_t *at[POSITIONS];

#pragma GCC unroll 6
        for (int p = 0; p < positions; p++)
            at[p] = tile->in + tile->runs[r] + (size_t)p * tile->step;
        for (size_t i = 0; i < tile->length; i += DENSE_INT8_GROUP) {
            __m256i weight[HALF];

#pragma GCC unroll 2
            for (int v = 0; v < HALF; v++)
                weight[v] = _mm256_loadu_si256(
                    (const void *)(weights + v * WIDTH * DENSE_INT8_GROUP));
#pragma GCC unroll 6
            for (int p = 0; p < positions; p++) {
                __m256i x = spread(at[p] + i);

#pragma GCC unroll 2
                for (int v = 0; v < HALF; v++)
                    sums[p][v] = _mm256_add_epi32(
                        sums[p][v],
                        _mm256_madd_epi16(_mm256_maddubs_epi16(x, weight[v]),
                                          ones));
            }
            weights += DENSE_INT8_LANES * DENSE_INT8_GROUP;
        }
    }
#pragma GCC unroll 6
    for (int p = 0; p < positions; p++)
#pragma GCC unroll 2
        for (int v = 0; v < HALF; v++)
            _mm256_storeu_si256((void *)(results + p * DENSE_INT8_LANES +
                                         (first + (size_t)v) * WIDTH),
                                sums[p][v]);
}

/* X(positions) in ascending order */
#define SIZES(X) X(2) X(4) X(6)

#define X(positions)                                               \
    AVX2_TARGET static void run_##positions(                       \
        int32_t *sums, const struct dense_int8_tile *tile)         \
    {                                                              \
        for (size_t v = 0; v * WIDTH < tile->num_lanes; v += HALF) \
            run(sums, tile, positions, v);                         \
    }
SIZES(X)
#undef X

static void run_tile(int32_t *sums, const struct dense_int8_tile *tile)
{
#define X(positions)                          \
    if (tile->num_positions <= (positions)) { \
        run_##positions(sums, tile);          \
        return;                               \
    }
    SIZES(X)
#undef X
}

/* ---- floats to integers ---- */

AVX2_TARGET static void extend(struct dense_int8_range *range, const float *in,
                               size_t count)
{
    __m256i above = _mm256_set1_epi32(range->above);
    __m256i below = _mm256_set1_epi32((int32_t)range->below);
    int32_t aboves[WIDTH];
    uint32_t belows[WIDTH];
    float rest[WIDTH] = {0}; /* 0 is in the range */

    for (; count > 0; count -= count < WIDTH ? count : WIDTH) {
        __m256i bits;

        if (count < WIDTH)
            memcpy(rest, in, count * sizeof *in);
        bits = _mm256_loadu_si256((const void *)(count < WIDTH ? rest : in));
        above = _mm256_max_epi32(above, bits);
        below = _mm256_max_epu32(below, bits);
        in += count < WIDTH ? count : WIDTH;
    }
    _mm256_storeu_si256((void *)aboves, above);
    _mm256_storeu_si256((void *)belows, below);
    for (size_t l = 0; l < WIDTH; l++) {
        range->above = aboves[l] > range->above ? aboves[l] : range->above;
        range->below = belows[l] > range->below ? belows[l] : range->below;
    }
}

/* 32 floats. */
AVX2_INLINE void quantize_wide(uint8_t *out, const float *in, __m256 inverse,
                               __m256 zero)
{
    /* Packing works within each half of a vector. */
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i rounded[4];

#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
        rounded[v] = _mm256_cvtps_epi32(
            _mm256_fmadd_ps(_mm256_loadu_ps(in + v * WIDTH), inverse, zero));
    _mm256_storeu_si256(
        (void *)out,
        _mm256_permutevar8x32_epi32(
            _mm256_packus_epi16(_mm256_packs_epi32(rounded[0], rounded[1]),
                                _mm256_packs_epi32(rounded[2], rounded[3])),
            order));
}

AVX2_TARGET static void quantize(uint8_t *out, const float *in, size_t count,
                                 struct dense_int8_scale scale)
{
    const __m256 inverse = _mm256_set1_ps(scale.inverse);
    const __m256 zero = _mm256_set1_ps((float)scale.zero);

    for (; count >= WIDE; count -= WIDE) {
        quantize_wide(out, in, inverse, zero);
        in += WIDE;
        out += WIDE;
    }
    if (count > 0) {
        float rest[WIDE] = {0};
        uint8_t bytes[WIDE];

        memcpy(rest, in, count * sizeof *in);
        quantize_wide(bytes, rest, inverse, zero);
        memcpy(out, bytes, count);
    }
}

/* ---- sums to floats ---- */

AVX2_INLINE void store(float *to, __m256 x, size_t count)
{
    float lanes[WIDTH];

    if (count >= WIDTH) {
        _mm256_storeu_ps(to, x);
        return;
    }
    _mm256_storeu_ps(lanes, x);
    memcpy(to, lanes, count * sizeof *to);
}

/* A vector of each position's channels. */
AVX2_INLINE void finish_vector(const struct dense_int8_tile *tile,
                               const int32_t *sums, size_t before,
                               bool has_rest)
{
    const struct dense_rest rest = *tile->rest;
    const size_t *pixels = tile->pixels, num = tile->num_positions;
    const float *scale = tile->in_scales, *zero = tile->in_zeros;
    const size_t step = tile->scale_step, channel = tile->channel + before;
    const size_t count = tile->num_lanes - before;
    const __m256i lanes = _mm256_cmpgt_epi32(
        _mm256_set1_epi32((int)(count < WIDTH ? count : WIDTH)),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    const float min = tile->min, max = tile->max;
    const __m256 of_weights = _mm256_loadu_ps(tile->scales + before);
    const __m256 of_sums = _mm256_loadu_ps(tile->sums + before);
    const __m256 bias = _mm256_loadu_ps(tile->bias + before);
    float *out = tile->out;

    for (size_t p = 0; p < num; p++, scale += step, zero += step) {
        size_t at = pixels[p] + channel;
        __m256 r;

        if (pixels[p] == DENSE_INT8_NOWHERE)
            continue;
        r = _mm256_cvtepi32_ps(_mm256_loadu_si256(
            (const void *)(sums + p * DENSE_INT8_LANES + before)));
        r = _mm256_fmadd_ps(
            r, _mm256_mul_ps(_mm256_set1_ps(*scale), of_weights),
            _mm256_fmadd_ps(_mm256_set1_ps(*zero), of_sums, bias));
        r = avx2_clamp(r, min, max);
        if (has_rest)
            r = dense_rest_avx2(&rest, r, at, lanes, count >= WIDTH);
        store(out + at, r, count);
    }
}

AVX2_TARGET static void finish(const struct dense_int8_tile *tile,
                               const int32_t *sums)
{
    for (size_t before = 0; before < tile->num_lanes; before += WIDTH)
        if (tile->has_rest)
            finish_vector(tile, sums, before, true);
        else
            finish_vector(tile, sums, before, false);
}

static const struct dense_int8_vectors vectors = {
    .extend = extend,
    .quantize = quantize,
    .finish = finish,
};

const struct dense_int8_kernel *dense_int8_avx2(void)
{
    static const struct dense_int8_kernel kernel = {
        .name = "AVX2",
        .positions = POSITIONS,
        .depth = DENSE_INT8_GROUP,
        .most = MOST,
        .is_slower = true,
        .run = run_tile,
        .vectors = &vectors,
    };

    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
               ? &kernel
               : NULL;
}
#else
const struct dense_int8_kernel *dense_int8_avx2(void)
{
    return NULL;
}
#endif
