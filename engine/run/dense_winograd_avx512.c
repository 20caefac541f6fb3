#include "engine/run/dense_winograd.h"

#ifdef __x86_64__
#include "engine/run/dense_rest_avx512.h"

#define TARGET AVX512_TARGET
#define INLINE AVX512_INLINE
#define LANES 16
#define VEC __m512
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SPREAD _mm512_set1_ps
#define ADD _mm512_add_ps
#define SUB _mm512_sub_ps
#define MUL _mm512_mul_ps
#define FMA _mm512_fmadd_ps
#define FNMA _mm512_fnmadd_ps
#define CLAMP avx512_clamp
#define REST(rest, r, at) dense_rest_avx512(rest, r, at, 0xffff)
#include "engine/run/dense_winograd.inc"

const struct dense_winograd_kernel dense_winograd_avx512 = {
    LANES, transform_in, transform_out, transform_weights};
#endif
