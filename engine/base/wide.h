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
 * joins a sum, so both give the same results. */

#define WIDE_BODY(name) \
    static inline __attribute__((always_inline)) void name##_body

#ifdef __x86_64__
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
#else
#define WIDE(name, parameters, arguments) \
    static void name parameters           \
    {                                     \
        name##_body arguments;            \
    }
#endif

#endif
