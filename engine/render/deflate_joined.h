#ifndef ENGINE_RENDER_DEFLATE_JOINED_H
#define ENGINE_RENDER_DEFLATE_JOINED_H

/* Codes that vectors have joined, on their way into the stream. Private to
 * deflate*.c. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DEFLATE_JOINED_BITS = 56 }; /* as many can follow 7 that wait */

/* Codes of four or eight bytes each, one after the other, and their lengths, at
 * most DEFLATE_JOINED_BITS. */
struct deflate_joined {
    uint64_t bits[8], lens[8];
};

/* Writes `count` of them. Stores up to 8 bytes beyond the end, which it
 * returns; num_bits stays below 8.
 *
 * bits, num_bits
 *        in/out  not yet written, first bit lowest */
static inline uint8_t *deflate_joined_put(const struct deflate_joined *joined,
                                          size_t count, uint8_t *out,
                                          uint64_t *bits, unsigned *num_bits)
{
    uint64_t waiting = *bits;
    unsigned num_waiting = *num_bits;

    for (size_t i = 0; i < count; i++) {
        waiting |= joined->bits[i] << num_waiting;
        memcpy(out, &waiting, sizeof waiting);
        num_waiting += (unsigned)joined->lens[i];
        out += num_waiting / 8;
        waiting >>= num_waiting & ~7u;
        num_waiting &= 7;
    }
    *bits = waiting;
    *num_bits = num_waiting;
    return out;
}

#endif
