/* What one core can do at most: multiply-adds of floats a second in registers,
 * and bytes copied a second in memory. The floors in bench/profile.py. Prints
 * one line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __x86_64__
#include <immintrin.h>

enum { CHAINS = 12, ROUNDS = 4000000, TRIES = 5 };

static double now_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* As many independent sums as hide the latency of a multiply-add. Both
 * functions return how many multiply-adds of floats they did. */
__attribute__((target("avx512f"))) static double sums_avx512(float *sink)
{
    __m512 sums[CHAINS], factor = _mm512_set1_ps(0.999f);

#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_set1_ps((float)i);
    for (int n = 0; n < ROUNDS; n++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_fmadd_ps(sums[i], factor, factor);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        *sink += _mm512_cvtss_f32(sums[i]);
    return 16.0 * CHAINS * ROUNDS;
}

__attribute__((target("avx2,fma"))) static double sums_avx2(float *sink)
{
    __m256 sums[CHAINS], factor = _mm256_set1_ps(0.999f);

#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_set1_ps((float)i);
    for (int n = 0; n < ROUNDS; n++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm256_fmadd_ps(sums[i], factor, factor);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        *sink += _mm256_cvtss_f32(sums[i]);
    return 8.0 * CHAINS * ROUNDS;
}

/* The best of some tries, in billions of multiply-adds a second. */
static double peak_compute(float *sink)
{
    double best = 0;

    for (int t = 0; t < TRIES; t++) {
        double start = now_s();
        double count = __builtin_cpu_supports("avx512f") ? sums_avx512(sink)
                                                         : sums_avx2(sink);
        double rate = count / (now_s() - start) / 1e9;

        best = rate > best ? rate : best;
    }
    return best;
}

/* Likewise in billions of bytes copied a second, out of the caches. */
static double peak_copy(float *sink)
{
    const size_t len = (size_t)256 << 20;
    char *from = malloc(len), *to = malloc(len);
    double best = 0;

    if (from && to) {
        memset(from, 1, len);
        memset(to, 2, len);
        for (int t = 0; t < TRIES; t++) {
            double start = now_s(), rate;

            memcpy(to, from, len);
            *sink += (float)to[len / 2];
            rate = (double)len / (now_s() - start) / 1e9;
            best = rate > best ? rate : best;
        }
    }
    free(from);
    free(to);
    return best;
}

int main(void)
{
    float sink = 0;

    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        fputs("peak: this processor has no AVX2\n", stderr);
        return 1;
    }
    printf("{\"gmac_s\": %.2f, ", peak_compute(&sink));
    printf("\"copy_gb_s\": %.2f}\n", peak_copy(&sink));
    return sink < 0; /* so that nothing is left out */
}

#else
int main(void)
{
    fputs("peak: only known for x86-64\n", stderr);
    return 1;
}
#endif
