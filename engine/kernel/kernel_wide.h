#ifndef ENGINE_KERNEL_KERNEL_WIDE_H
#define ENGINE_KERNEL_KERNEL_WIDE_H

/* Loops that are compiled for several widths of vectors, of which the widest
 * that the processor has is chosen at run time.
 *
 *     KERNEL_WIDE_BODY(square)(float *out, const float *x, size_t count)
 *     {
 *         for (size_t i = 0; i < count; i++)
 *             out[i] = x[i] * x[i];
 *     }
 *     KERNEL_WIDE(square, (float *out, const float *x, size_t count),
 *                 (out, x, count))
 *
 * defines the function `square`. Nothing is reordered, so results do not depend
 * on the width, but for products and sums that the Makefile lets join. */

#include "engine/base/team.h"
#include "engine/base/wide.h"
#include "engine/kernel/kernel_call.h"

#define KERNEL_WIDE_INLINE static inline __attribute__((always_inline))
#define KERNEL_WIDE_BODY(name) KERNEL_WIDE_INLINE void name##_body

#ifdef __x86_64__
#define KERNEL_WIDE(name, parameters, arguments)   \
    WIDE_TO_512(name, "avx2,fma",                  \
                __builtin_cpu_supports("avx2") &&  \
                    __builtin_cpu_supports("fma"), \
                parameters, arguments)
#else
#define KERNEL_WIDE(name, parameters, arguments) \
    static void name parameters                  \
    {                                            \
        name##_body arguments;                   \
    }
#endif

/* Lines and columns of an array (outer, rows, columns), for kernels that
 * compute along the rows: axes that are kept, then adjacent ones that are gone,
 * then such that are kept. */
struct kernel_wide_view {
    size_t outer, rows, columns;
};

/* Whether the array is of that kind. */
bool kernel_wide_view(struct kernel_wide_view *view,
                      const struct graph_shape *shape, const bool *gone);

/* Run a reduction or normalization if its numbers lie so; else return false. */
bool kernel_wide_reduce(const struct kernel_call *call);
bool kernel_norm_wide(const struct kernel_call *call);

/* Rounds to the nearest integer, halves to even: a float of this magnitude has
 * no bits for a fraction. |x| must be below 2^22. */
KERNEL_WIDE_INLINE float kernel_round_small(float x)
{
    const float large = 0x1.8p23f;

    return (x + large) - large;
}

#endif
