#ifndef ENGINE_BASE_DIGEST_H
#define ENGINE_BASE_DIGEST_H

/* Checksums that tell files apart. Any thread. */

#include <stddef.h>

/* A SHA-256 in hexadecimal, and a NUL. */
enum { DIGEST_TEXT = 65 };

/* Writes the SHA-256 of bytes (FIPS 180-4). */
void digest_sha256(char text[DIGEST_TEXT], const void *bytes, size_t len);

#endif
