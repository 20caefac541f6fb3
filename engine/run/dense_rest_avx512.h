#ifndef ENGINE_RUN_DENSE_REST_AVX512_H
#define ENGINE_RUN_DENSE_REST_AVX512_H

/* What dense_rest says, for vectors of 16 results. Only for x86-64. */

#include <string.h>

#include "engine/run/avx512.h"
#include "engine/run/dense.h"

/* Of results for the output's elements from `at` on, in the lanes that are set.
 * Of a mask they have one byte, or two. */
AVX512_INLINE __m512 dense_rest_avx512(const struct dense_rest *rest, __m512 r,
                                       size_t at, __mmask16 lanes)
{
    size_t mask_len = lanes >> MASK_UNIT ? 2 : 1;
    uint16_t bits = 0;

    if (rest->addend)
        r = _mm512_add_ps(r, _mm512_maskz_loadu_ps(lanes, rest->addend + at));
    if (rest->y)
        r = _mm512_maskz_mov_ps(
            avx512_between(_mm512_maskz_loadu_ps(lanes, rest->y + at),
                           rest->low, rest->high),
            r);
    if (rest->mask) {
        memcpy(&bits, rest->mask + at / MASK_UNIT, mask_len);
        r = _mm512_maskz_mov_ps(bits, r);
    }
    if (rest->clamps)
        r = avx512_clamp(r, rest->min, rest->max);
    if (rest->made) {
        bits = avx512_between(r, rest->bounds.low, rest->bounds.high);
        memcpy(rest->made + at / MASK_UNIT, &bits, mask_len);
    }
    return r;
}

#endif
