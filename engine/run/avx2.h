#ifndef ENGINE_RUN_AVX2_H
#define ENGINE_RUN_AVX2_H

/* Vectors of eight floats, for kernels that only run where there are AVX2 and
 * FMA. Only for x86-64. */

#include <immintrin.h>
#include <stdint.h>

#define AVX2_TARGET __attribute__((target("avx2,fma")))
#define AVX2_INLINE AVX2_TARGET static inline __attribute__((always_inline))

/* What is no number stays so: min and max return their second operand then. */
AVX2_INLINE __m256 avx2_clamp(__m256 x, float min, float max)
{
    return _mm256_min_ps(_mm256_set1_ps(max),
                         _mm256_max_ps(_mm256_set1_ps(min), x));
}

/* All bits of the lanes that are set in a byte of a mask (mask.h). */
AVX2_INLINE __m256 avx2_lanes(uint8_t byte)
{
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);

    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(
        _mm256_and_si256(_mm256_set1_epi32(byte), bits), bits));
}

/* All bits of the lanes that are above low and below high. */
AVX2_INLINE __m256 avx2_between(__m256 y, float low, float high)
{
    return _mm256_and_ps(_mm256_cmp_ps(y, _mm256_set1_ps(low), _CMP_GT_OQ),
                         _mm256_cmp_ps(y, _mm256_set1_ps(high), _CMP_LT_OQ));
}

#endif
