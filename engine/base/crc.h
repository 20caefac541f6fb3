#ifndef ENGINE_BASE_CRC_H
#define ENGINE_BASE_CRC_H

/* The check sum of PNG's chunks (CRC-32), eight bytes at a time. */

#include <stddef.h>
#include <stdint.h>

/* tables[n][byte] is what `byte` does to the sum when n more bytes follow.
 * To make them takes microseconds. Immutable after crc_init. */
struct crc {
    uint32_t tables[8][256];
};

void crc_init(struct crc *crc);

/* The check sum of a chunk's type and data (PNG, annex D). Any thread. */
uint32_t crc_of(const struct crc *crc, const uint8_t *bytes, size_t len);

/* The sum of what had the sum `sum` and these bytes after it. Any thread. */
uint32_t crc_more(const struct crc *crc, uint32_t sum, const uint8_t *bytes,
                  size_t len);

#endif
