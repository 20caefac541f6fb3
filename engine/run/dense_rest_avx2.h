#ifndef ENGINE_RUN_DENSE_REST_AVX2_H
#define ENGINE_RUN_DENSE_REST_AVX2_H

/* What dense_rest says, for vectors of eight results. Only for x86-64. */

#include "engine/run/avx2.h"
#include "engine/run/dense.h"

/* `whole`: all lanes count, else those that are set in `lanes`. */
AVX2_INLINE __m256 dense_rest_load(const float *from, __m256i lanes, bool whole)
{
    return whole ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, lanes);
}

/* Of results for the output's elements from `at` on. */
AVX2_INLINE __m256 dense_rest_avx2(const struct dense_rest *rest, __m256 r,
                                   size_t at, __m256i lanes, bool whole)
{
    if (rest->addend)
        r = _mm256_add_ps(r, dense_rest_load(rest->addend + at, lanes, whole));
    if (rest->y)
        r = _mm256_and_ps(
            r, avx2_between(dense_rest_load(rest->y + at, lanes, whole),
                            rest->low, rest->high));
    if (rest->mask)
        r = _mm256_and_ps(r, avx2_lanes(rest->mask[at / MASK_UNIT]));
    if (rest->clamps)
        r = avx2_clamp(r, rest->min, rest->max);
    if (rest->made)
        rest->made[at / MASK_UNIT] = (uint8_t)_mm256_movemask_ps(
            avx2_between(r, rest->bounds.low, rest->bounds.high));
    return r;
}

#endif
