#ifndef ENGINE_RENDER_DEFLATE_CODE_H
#define ENGINE_RENDER_DEFLATE_CODE_H

/* The Huffman codes of a block. Private to deflate*.c.
 *
 * The filtered samples of a picture are mostly close to zero. Bytes from -16 to
 * 15 (modulo 256) have codes of their own; the others share one for each upper
 * half, and their lower half follows in four bits. That costs 0.3 % of the
 * size, and vectors can look codes up by half bytes (deflate_vector.h). */

#include <stdint.h>

/* Four codes of bytes and 7 remaining bits fit 64 bits; deflate allows 15 bits
 * a code. */
enum {
    DEFLATE_NUM_SYMBOLS = 286,
    DEFLATE_END_OF_BLOCK = 256,
    DEFLATE_TREE_BITS = 10,
    DEFLATE_MAX_BITS = DEFLATE_TREE_BITS + 4
};

/* The code of a symbol: `bits`, first bit lowest. */
struct deflate_code {
    uint16_t bits;
    uint16_t len;
};

/* Makes the codes of all symbols, complete, for how often they are expected;
 * each counts once more, so that every one has a code. */
void deflate_code_make(struct deflate_code codes[DEFLATE_NUM_SYMBOLS],
                       const uint32_t counts[DEFLATE_NUM_SYMBOLS]);

/* The lowest `len` bits in reverse. */
uint16_t deflate_code_reversed(uint16_t bits, unsigned len);

#endif
