#ifndef SERVER_API_ENCODE64_H
#define SERVER_API_ENCODE64_H

/* Writes bytes in base64 (RFC 4648, section 4, with padding), 24 at a time
 * where the processor has AVX2: an overlay has some hundred thousand. Any
 * thread. */

#include <stddef.h>
#include <stdint.h>

/* The characters of `len` bytes. */
size_t encode64_len(size_t len);

/*     out    out  (encode64_len(len)), without a 0 at the end
 *     bytes  in   (len) */
void encode64_write(char *out, const uint8_t *bytes, size_t len);

#endif
