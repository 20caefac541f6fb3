#ifndef ENGINE_RUN_AVX512_H
#define ENGINE_RUN_AVX512_H

/* Vectors of 16 floats, for kernels that only run where there is AVX-512. Only
 * for x86-64. */

#include <immintrin.h>
#include <stdint.h>

#define AVX512_TARGET __attribute__((target("avx512f")))
#define AVX512_INLINE AVX512_TARGET static inline __attribute__((always_inline))

/* What is no number stays so: min and max return their second operand then. */
AVX512_INLINE __m512 avx512_clamp(__m512 x, float min, float max)
{
    return _mm512_min_ps(_mm512_set1_ps(max),
                         _mm512_max_ps(_mm512_set1_ps(min), x));
}

/* The lanes that are above low and below high. */
AVX512_INLINE __mmask16 avx512_between(__m512 y, float low, float high)
{
    return _mm512_cmp_ps_mask(y, _mm512_set1_ps(low), _CMP_GT_OQ) &
           _mm512_cmp_ps_mask(y, _mm512_set1_ps(high), _CMP_LT_OQ);
}

#endif
