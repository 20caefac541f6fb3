#ifndef SERVER_API_FLOAT32_H
#define SERVER_API_FLOAT32_H

/* Floats as bytes, the lowest first, whatever the order of this machine. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* bytes  out  (4 count) */
static inline void float32_write(uint8_t *restrict bytes,
                                 const float *restrict values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, &values[i], sizeof bits);
        for (size_t b = 0; b < 4; b++)
            bytes[4 * i + b] = (uint8_t)(bits >> 8 * b);
    }
}

/* Makes floats of bytes, where they are: (4 count), aligned for floats. */
static inline const float *float32_in_place(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        float value;

        for (size_t b = 0; b < 4; b++)
            bits |= (uint32_t)bytes[4 * i + b] << 8 * b;
        memcpy(&value, &bits, sizeof value);
        memcpy(bytes + 4 * i, &value, sizeof value);
    }
    return (const float *)(const void *)bytes;
}

#endif
