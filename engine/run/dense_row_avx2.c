#include "engine/run/dense_row.h"

#ifdef __x86_64__
#include "engine/run/avx2.h"

AVX2_TARGET void dense_row_add_avx2(float *restrict sums,
                                    const float *const *rows, const float *x,
                                    size_t count)
{
    enum { WIDTH = 8 };

    for (size_t l = 0; l < count; l += WIDTH) {
        __m256 sum = _mm256_loadu_ps(sums + l);

#pragma GCC unroll 4
        for (int i = 0; i < DENSE_ROW_INPUTS; i++)
            sum = _mm256_fmadd_ps(_mm256_set1_ps(x[i]),
                                  _mm256_loadu_ps(rows[i] + l), sum);
        _mm256_storeu_ps(sums + l, sum);
    }
}
#endif
