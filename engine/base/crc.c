#include "engine/base/crc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/* Continues a register (an inverted checksum) byte by byte and, as long as
 * there are eight, by eight bytes. */
static uint32_t add_bytes(const struct crc *crc, uint32_t sum,
                          const uint8_t *bytes, size_t len)
{
    for (; len >= 8; len -= 8, bytes += 8) {
        uint32_t mixed = 0;

        for (size_t i = 0; i < 4; i++)
            mixed ^= crc->tables[7 - i][(sum >> (8 * i) ^ bytes[i]) & 0xff] ^
                     crc->tables[3 - i][bytes[4 + i]];
        sum = mixed;
    }
    for (; len > 0; len--, bytes++)
        sum = sum >> 8 ^ crc->tables[0][(sum ^ *bytes) & 0xff];
    return sum;
}

#ifdef __x86_64__
/* Polynomials are multiplied without carries (Gopal et al., "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ", 2009): 16 bytes that
 * begin n bits before others are replaced by a multiple, modulo the checksum's
 * polynomial, that is added to these. The factors are x^(n + 32) and x^(n - 32)
 * modulo the polynomial, their bits in reverse. */
#define FOLDING __attribute__((target("pclmul,sse4.1")))

enum { FOLD = 64 }; /* bytes at a time, in four parts */

FOLDING static inline void fold(__m128i *sum, const __m128i *more,
                                const __m128i *factors)
{
    const __m128i low = _mm_clmulepi64_si128(*sum, *factors, 0x00);
    const __m128i high = _mm_clmulepi64_si128(*sum, *factors, 0x11);

    *sum = _mm_xor_si128(_mm_xor_si128(low, high), *more);
}

/* Continues a register by `len` bytes, a multiple of FOLD but not 0: leaves
 * 16 bytes that have the same effect on a register of 0. */
FOLDING static void fold_bytes(uint8_t left[16], uint32_t sum,
                               const uint8_t *bytes, size_t len)
{
    /* n = 512 and n = 128 */
    const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i sums[4], more;

    for (size_t i = 0; i < 4; i++)
        sums[i] = _mm_loadu_si128((const void *)(bytes + 16 * i));
    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128((int)sum));
    for (size_t at = FOLD; at < len; at += FOLD)
        for (size_t i = 0; i < 4; i++) {
            more = _mm_loadu_si128((const void *)(bytes + at + 16 * i));
            fold(&sums[i], &more, &far);
        }
    for (size_t i = 1; i < 4; i++) {
        more = sums[i];
        sums[i] = sums[i - 1];
        fold(&sums[i], &more, &near);
    }
    _mm_storeu_si128((void *)left, sums[3]);
}
#endif

uint32_t crc_more(const struct crc *crc, uint32_t checksum,
                  const uint8_t *bytes, size_t len)
{
    uint32_t sum = ~checksum;

#ifdef __x86_64__
    if (len >= FOLD && __builtin_cpu_supports("pclmul") &&
        __builtin_cpu_supports("sse4.1")) {
        size_t whole = len / FOLD * FOLD;
        uint8_t left[16];

        fold_bytes(left, sum, bytes, whole);
        sum = add_bytes(crc, 0, left, sizeof left);
        bytes += whole;
        len -= whole;
    }
#endif
    return ~add_bytes(crc, sum, bytes, len);
}

bool crc_file(uint32_t *checksum, const struct crc *crc, const char *path,
              struct error *err)
{
    uint8_t bytes[1 << 14];
    FILE *file = fopen(path, "rbe");
    size_t len;
    bool ok;

    *checksum = 0;
    if (!file)
        return fail(err, ERROR_IO, "it cannot be opened: %s", strerror(errno));
    while ((len = fread(bytes, 1, sizeof bytes, file)) > 0)
        *checksum = crc_more(crc, *checksum, bytes, len);
    ok = !ferror(file) ||
         fail(err, ERROR_IO, "it cannot be read: %s", strerror(errno));
    fclose(file);
    return ok;
}
