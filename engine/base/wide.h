#ifndef ENGINE_BASE_WIDE_H
#define ENGINE_BASE_WIDE_H

/* Loops over bytes and pixels that are compiled twice: for every processor, and
 * for vectors of 256 bits where the processor has AVX2, which is asked at run
 * time.
 *
 *     WIDE_BODY(halve)(uint8_t *out, const uint8_t *in, size_t count)
 *     {
 *         for (size_t i = 0; i < count; i++)
 *             out[i] = in[i] / 2;
 *     }
 *     WIDE(halve, (uint8_t *out, const uint8_t *in, size_t count),
 *          (out, in, count))
 *
 * defines the static function `halve`. Nothing is reordered and no product
 * joins a sum, so both give the same results. WIDE_INTEGERS does the same for
 * loops without floats, also for vectors of 512 bits (AVX-512), with which
 * products of floats would join sums. */

#include <stdbool.h>

#define WIDE_BODY(name) \
    static inline __attribute__((always_inline)) void name##_body

#ifdef __x86_64__
#ifdef __clang__
#define WIDE_512 "avx512f,avx512bw,avx512dq,avx512vl"
#else
#define WIDE_512 "avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#endif

static inline bool wide_has_512(void)
{
    return __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

#define WIDE(name, parameters, arguments)                              \
    __attribute__((target("avx2"))) static void name##_avx2 parameters \
    {                                                                  \
        name##_body arguments;                                         \
    }                                                                  \
    static void name parameters                                        \
    {                                                                  \
        if (__builtin_cpu_supports("avx2"))                            \
            name##_avx2 arguments;                                     \
        else                                                           \
            name##_body arguments;                                     \
    }
/* Also for 512 bits; `target_256` names what vectors of 256 may use, and
 * `has_target` asks the processor for it. */
#define WIDE_TO_512(name, target_256, has_target, parameters, arguments)   \
    __attribute__((target(WIDE_512))) static void name##_avx512 parameters \
    {                                                                      \
        name##_body arguments;                                             \
    }                                                                      \
    __attribute__((target(target_256))) static void name##_avx2 parameters \
    {                                                                      \
        name##_body arguments;                                             \
    }                                                                      \
    static void name parameters                                            \
    {                                                                      \
        if (wide_has_512())                                                \
            name##_avx512 arguments;                                       \
        else if (has_target)                                               \
            name##_avx2 arguments;                                         \
        else                                                               \
            name##_body arguments;                                         \
    }
#define WIDE_INTEGERS(name, parameters, arguments)                        \
    WIDE_TO_512(name, "avx2", __builtin_cpu_supports("avx2"), parameters, \
                arguments)
#else
#define WIDE(name, parameters, arguments) \
    static void name parameters           \
    {                                     \
        name##_body arguments;            \
    }
#define WIDE_INTEGERS WIDE
#endif

#endif
