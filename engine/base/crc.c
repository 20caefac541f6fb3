#include "engine/base/crc.h"

void crc_init(struct crc *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t checksum = byte;

        for (int bit = 0; bit < 8; bit++)
            checksum =
                checksum & 1 ? checksum >> 1 ^ 0xedb88320 : checksum >> 1;
        crc->tables[0][byte] = checksum;
    }
    for (size_t n = 1; n < 8; n++) {
        for (size_t byte = 0; byte < 256; byte++) {
            uint32_t checksum = crc->tables[n - 1][byte];

            crc->tables[n][byte] =
                checksum >> 8 ^ crc->tables[0][checksum & 0xff];
        }
    }
}

uint32_t crc_of(const struct crc *crc, const uint8_t *bytes, size_t len)
{
    return crc_more(crc, 0, bytes, len);
}

uint32_t crc_more(const struct crc *crc, uint32_t checksum,
                  const uint8_t *bytes, size_t len)
{
    checksum = ~checksum;
    for (; len >= 8; len -= 8, bytes += 8) {
        uint32_t mixed = 0;

        for (size_t i = 0; i < 4; i++)
            mixed ^=
                crc->tables[7 - i][(checksum >> (8 * i) ^ bytes[i]) & 0xff] ^
                crc->tables[3 - i][bytes[4 + i]];
        checksum = mixed;
    }
    for (; len > 0; len--, bytes++)
        checksum = checksum >> 8 ^ crc->tables[0][(checksum ^ *bytes) & 0xff];
    return ~checksum;
}
