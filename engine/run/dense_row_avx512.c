#include "engine/run/dense_row.h"

#ifdef __x86_64__
#include "engine/run/avx512.h"

AVX512_TARGET void dense_row_add_avx512(float *restrict sums,
                                        const float *const *rows,
                                        const float *x, size_t count)
{
    enum { WIDTH = 16 };

    for (size_t l = 0; l < count; l += WIDTH) {
        __m512 sum = _mm512_loadu_ps(sums + l);

#pragma GCC unroll 4
        for (int i = 0; i < DENSE_ROW_INPUTS; i++)
            sum = _mm512_fmadd_ps(_mm512_set1_ps(x[i]),
                                  _mm512_loadu_ps(rows[i] + l), sum);
        _mm512_storeu_ps(sums + l, sum);
    }
}
#endif
