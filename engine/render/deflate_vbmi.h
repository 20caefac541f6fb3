#ifndef ENGINE_RENDER_DEFLATE_VBMI_H
#define ENGINE_RENDER_DEFLATE_VBMI_H

/* The codes of bytes with 512-bit vectors, which look each byte up in a table
 * of 256 (AVX-512 VBMI). Private to deflate*.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/render/deflate_code.h"

#ifdef __x86_64__

enum { DEFLATE_VBMI_LEN = 64 }; /* bytes at a time */

/* By byte. */
struct deflate_vbmi {
    uint8_t len[256];            /* in bits */
    uint8_t low[256], high[256]; /* the code, first bit lowest */
};

bool deflate_vbmi_can(void);

void deflate_vbmi_init(struct deflate_vbmi *vbmi,
                       const struct deflate_code *codes);

/* As deflate_vector_put, until less than DEFLATE_VBMI_LEN are left. */
uint8_t *deflate_vbmi_put(const struct deflate_vbmi *vbmi, size_t *num,
                          uint8_t *restrict out, uint64_t *bits,
                          unsigned *num_bits, const uint8_t *restrict bytes,
                          size_t len);

#endif
#endif
