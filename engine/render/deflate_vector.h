#ifndef ENGINE_RENDER_DEFLATE_VECTOR_H
#define ENGINE_RENDER_DEFLATE_VECTOR_H

/* The inner loops of deflate.c with 256-bit vectors (AVX2); they compute what
 * the plain ones do. Private to deflate*.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/render/deflate_code.h"

#ifdef __x86_64__

enum { DEFLATE_VECTOR_LEN = 32 }; /* bytes at a time */

/* The codes of bytes, by half bytes: of bytes 0 to 15; of 255 to 240; of the
 * upper half of others. */
struct deflate_vector {
    uint8_t len[3][16];                  /* in bits */
    uint8_t low[3][16], high[3][16];     /* the code from the top of 16 bits */
    uint8_t low_step[16], high_step[16]; /* what a lower half counts there */
};

bool deflate_vector_can(void);

void deflate_vector_init(struct deflate_vector *vector,
                         const struct deflate_code *codes);

/* Whether 8 bytes that begin at a multiple of 8 are zeros.
 *
 * bytes  in  (len) a multiple of DEFLATE_VECTOR_LEN */
bool deflate_vector_has_zeros(const uint8_t *bytes, size_t len);

/* Writes the codes of bytes, until 8 that begin at a multiple of 8 are zeros or
 * less than DEFLATE_VECTOR_LEN are left. Stores up to 8 bytes beyond the end,
 * which it returns; num_bits stays below 8.
 *
 * num    out     the number of bytes written, a multiple of 8
 * bits, num_bits
 *        in/out  not yet written, first bit lowest */
uint8_t *deflate_vector_put(const struct deflate_vector *vector, size_t *num,
                            uint8_t *restrict out, uint64_t *bits,
                            unsigned *num_bits, const uint8_t *restrict bytes,
                            size_t len);

/* The sum of the bytes, and of the bytes times len, len - 1, .. 1.
 *
 * bytes  in  (len) at most 4096, a multiple of DEFLATE_VECTOR_LEN */
void deflate_vector_sums(uint32_t *sum, uint32_t *weighted,
                         const uint8_t *bytes, size_t len);

#endif
#endif
