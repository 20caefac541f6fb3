#ifndef ENGINE_EXPLAIN_LANES_H
#define ENGINE_EXPLAIN_LANES_H

/* Sums over two arrays, in an order that lets the compiler use vectors without
 * reordering floating-point additions. */

#include <stddef.h>

enum { LANES_WIDTH = 16 };

/* A term of a sum; the compiler must see its definition to use vectors. */
typedef float lanes_term(float a, float b);

static inline float lanes_product(float a, float b)
{
    return a * b;
}

/* The sum of term(a[i], b[i]). */
__attribute__((always_inline)) static inline float
lanes_sum(const float *restrict a, const float *restrict b, size_t count,
          lanes_term *term)
{
    float lanes[LANES_WIDTH] = {0};
    float sum = 0;
    size_t i = 0;

    for (; i + LANES_WIDTH <= count; i += LANES_WIDTH)
        for (size_t lane = 0; lane < LANES_WIDTH; lane++)
            lanes[lane] += term(a[i + lane], b[i + lane]);
    for (; i < count; i++)
        sum += term(a[i], b[i]);
    for (size_t lane = 0; lane < LANES_WIDTH; lane++)
        sum += lanes[lane];
    return sum;
}

/* The same for each row of two arrays.
 *
 * sums  out  (num_rows)
 * a, b  in   (num_rows, count) */
__attribute__((always_inline)) static inline void
lanes_sum_rows(float *restrict sums, const float *restrict a,
               const float *restrict b, size_t num_rows, size_t count,
               lanes_term *term)
{
    for (size_t row = 0; row < num_rows; row++)
        sums[row] = lanes_sum(a + row * count, b + row * count, count, term);
}

#endif
