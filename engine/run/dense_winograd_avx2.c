#include "engine/run/dense_winograd.h"

#ifdef __x86_64__
#include "engine/run/dense_rest_avx2.h"

#define TARGET AVX2_TARGET
#define INLINE AVX2_INLINE
#define LANES 8
#define VEC __m256
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SPREAD _mm256_set1_ps
#define ADD _mm256_add_ps
#define SUB _mm256_sub_ps
#define MUL _mm256_mul_ps
#define FMA _mm256_fmadd_ps
#define FNMA _mm256_fnmadd_ps
#define CLAMP avx2_clamp
#define REST(rest, r, at) \
    dense_rest_avx2(rest, r, at, _mm256_setzero_si256(), true)
#include "engine/run/dense_winograd.inc"

const struct dense_winograd_kernel dense_winograd_avx2 = {
    LANES, transform_in, transform_out, transform_weights};
#endif
