#ifndef ENGINE_RENDER_DEFLATE_H
#define ENGINE_RENDER_DEFLATE_H

/* Bytes to a zlib stream (RFC 1950, 1951), made for the filtered rows of
 * photos: Huffman codes and runs of zeros, without a search for repetitions.
 * Repetitions are rare there and the search is nearly all the time of a
 * general compressor; what it finds in an overlay is not worth its bits.
 * Text and other repetitive data want a real compressor.
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

/* A stream on its way; `= {0}` is one that has not begun. */
struct deflate {
    bool begun;
    uint64_t bits; /* not yet written, first bit lowest */
    unsigned num_bits;
    uint32_t a, b; /* the two sums of Adler-32 */
};

/* The largest block in bytes. */
#define DEFLATE_MAX_BLOCK ((size_t)1 << 30)

/* How much room deflate_block may need for `len` bytes. */
size_t deflate_bound(size_t len);

/* Compresses a block with codes of its own; best between 64 KB and 256 KB.
 * `last` ends the stream. Returns the end of what was written; up to 7 bits
 * wait for the next block.
 *
 * out    out  (deflate_bound(len))
 * bytes  in   (len) at most DEFLATE_MAX_BLOCK */
uint8_t *deflate_block(struct deflate *deflate, uint8_t *restrict out,
                       const uint8_t *restrict bytes, size_t len, bool last);

#endif
