/* DESIGN: As dense_tile_avx512.c, with VPDPBUSD: it multiplies four inputs,
 * spread over all lanes, by four weights of each lane, and adds them to 16
 * sums. 14 positions by 32 channels: 28 for 16 loads. Positions are equally far
 * apart, so five pointers and a step address all of them. */

#include "engine/run/dense_int8_tile.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

enum { WIDTH = 16, VECTORS = DENSE_INT8_LANES / WIDTH, POSITIONS = 14 };

#define VNNI_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define VNNI_INLINE VNNI_TARGET static inline __attribute__((always_inline))

VNNI_INLINE __m512i spread(const uint8_t *in)
{
    int32_t group;

    memcpy(&group, in, sizeof group);
    return _mm512_set1_epi32(group);
}

VNNI_INLINE void run(int32_t *results, const struct dense_int8_tile *tile,
                     int positions, int vectors)
{
    const size_t step = tile->step;
    const int8_t *weights = tile->panel;
    __m512i sums[POSITIONS][VECTORS];

#pragma GCC unroll 14
    for (int p = 0; p < positions; p++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            sums[p][v] = _mm512_setzero_si512();
    for (size_t r = 0; r < tile->num_runs; r++) {
        const uint8_t *in = tile->in + tile->runs[r];
        const uint8_t *at[] = {in, in + 3 * step, in + 6 * step, in + 9 * step,
                               in + 12 * step};

        for (size_t i = 0; i < tile->length; i += DENSE_INT8_GROUP) {
            __m512i weight[VECTORS];

#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                weight[v] =
                    _mm512_loadu_si512(weights + v * WIDTH * DENSE_INT8_GROUP);
#pragma GCC unroll 14
            for (int p = 0; p < positions; p++) {
                __m512i x = spread(at[p / 3] + (size_t)(p % 3) * step + i);

#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], x, weight[v]);
            }
            weights += DENSE_INT8_LANES * DENSE_INT8_GROUP;
        }
    }
#pragma GCC unroll 14
    for (int p = 0; p < positions; p++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++)
            _mm512_storeu_si512(results + p * DENSE_INT8_LANES + v * WIDTH,
                                sums[p][v]);
}

/* X(positions) in ascending order */
#define SIZES(X) X(1) X(4) X(8) X(14)

#define X(positions)                                       \
    VNNI_TARGET static void run_##positions(               \
        int32_t *sums, const struct dense_int8_tile *tile) \
    {                                                      \
        if (tile->num_lanes > WIDTH)                       \
            run(sums, tile, positions, 2);                 \
        else                                               \
            run(sums, tile, positions, 1);                 \
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

const struct dense_int8_kernel *dense_int8_vnni(void)
{
    static const struct dense_int8_kernel kernel = {
        .name = "VNNI",
        .positions = POSITIONS,
        .most = DENSE_INT8_MOST,
        .depth = DENSE_INT8_GROUP,
        .run = run_tile,
        .vectors = &dense_int8_finish_vectors,
    };

    return __builtin_cpu_supports("avx512vnni") &&
                   __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl")
               ? &kernel
               : NULL;
}
#else
const struct dense_int8_kernel *dense_int8_vnni(void)
{
    return NULL;
}
#endif
