#include "engine/base/half.h"

#include <string.h>

enum {
    SIGN = 0x8000,
    INFINITE = 0x7c00,
    LARGEST = 0x7bff,
    QUIET = 0x0200,    /* of what is not a number */
    DROPPED = 13,      /* bits of a float's fraction */
    BIAS = 127 - 15,   /* between the exponents */
    LEAST_NORMAL = 113 /* a float's exponent of the least normal half */
};

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t half_of(float value)
{
    const uint32_t bits = bits_of(value), size = bits & 0x7fffffff;
    const uint32_t sign = bits >> 16 & SIGN;

    if (size > 0x7f800000)
        return (uint16_t)(sign | INFINITE | QUIET);
    if (size == 0x7f800000)
        return (uint16_t)(sign | INFINITE);
    if (size >= 0x477ff000) /* what would round to 65536 */
        return (uint16_t)(sign | LARGEST);
    if (size >> 23 < LEAST_NORMAL) /* the sum has a half's bits at its end */
        return (uint16_t)(sign |
                          (bits_of(float_of(size) + 0.5f) - bits_of(0.5f)));
    return (uint16_t)(sign | ((size - ((uint32_t)BIAS << 23) + 0x0fff +
                               (size >> DROPPED & 1)) >>
                              DROPPED));
}

static float float_from(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & SIGN) << 16;
    const uint32_t size = half & 0x7fff;

    if (size >= INFINITE)
        return float_of(sign | 0x7f800000 | (size & 0x03ff) << DROPPED);
    if (size < 0x0400) /* below the least normal one */
        return float_of(sign | bits_of((float)size * 0x1p-24f));
    return float_of(sign | ((size << DROPPED) + ((uint32_t)BIAS << 23)));
}

void half_from_floats(uint16_t *halves, const float *floats, size_t count)
{
    for (size_t i = 0; i < count; i++)
        halves[i] = half_of(floats[i]);
}

void half_to_floats(float *floats, const uint16_t *halves, size_t count)
{
    for (size_t i = 0; i < count; i++)
        floats[i] = float_from(halves[i]);
}
