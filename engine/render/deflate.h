#ifndef ENGINE_RENDER_DEFLATE_H
#define ENGINE_RENDER_DEFLATE_H

/* Compresses bytes to a zlib stream (RFC 1950, 1951). It is made for the
 * filtered rows of images: it uses Huffman codes and runs of zeros, but does
 * not search for matches. Matches are rare in such rows, and a general
 * compressor spends nearly all its time searching for them. For text and other
 * repetitive data, use a general compressor.
 *
 *     struct deflate deflate = {0};
 *
 *     end = deflate_block(&deflate, out, bytes, len, false);
 *     end = deflate_block(&deflate, end, more, more_len, true);
 *
 * Nothing fails and nothing is allocated. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state of a stream; `= {0}` is a new one. */
struct deflate {
    bool begun;
    uint64_t bits; /* not yet written, first bit lowest */
    unsigned num_bits;
    uint32_t a, b; /* the two sums of Adler-32 */
};

/* The largest block in bytes. */
#define DEFLATE_MAX_BLOCK ((size_t)1 << 30)

/* The largest output of deflate_block for `len` bytes. */
size_t deflate_bound(size_t len);

/* Compresses a block with its own Huffman codes; blocks of 64 KB to 256 KB
 * compress best. `last` ends the stream. Returns the end of the output; up to 7
 * bits are kept for the next block.
 *
 * out    out  (deflate_bound(len))
 * bytes  in   (len) at most DEFLATE_MAX_BLOCK */
uint8_t *deflate_block(struct deflate *deflate, uint8_t *restrict out,
                       const uint8_t *restrict bytes, size_t len, bool last);

#endif
