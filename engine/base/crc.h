#ifndef ENGINE_BASE_CRC_H
#define ENGINE_BASE_CRC_H

/* The checksum of PNG's chunks (CRC-32), computed eight bytes at a time, or 64
 * by products of polynomials where the processor has them. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* tables[n][byte] is the effect of `byte` on the checksum when n more bytes
 * follow. Making them takes microseconds. Immutable after crc_init. */
struct crc {
    uint32_t tables[8][256];
};

void crc_init(struct crc *crc);

/* The checksum of a chunk's type and data (PNG, annex D). Any thread. */
uint32_t crc_of(const struct crc *crc, const uint8_t *bytes, size_t len);

/* Continues a checksum: `crc_of` of the bytes before gave `checksum`. Any
 * thread. */
uint32_t crc_more(const struct crc *crc, uint32_t checksum,
                  const uint8_t *bytes, size_t len);

/* The checksum of a file, of any size. ERROR_IO: it cannot be read. */
bool crc_file(uint32_t *checksum, const struct crc *crc, const char *path,
              struct error *err) __attribute__((warn_unused_result));

#endif
