/* The checksum against its definition, a bit at a time (PNG, annex D). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/crc.h"

#include <cmocka.h>

enum { MAX_LEN = 1100 };

static uint32_t by_bits(uint32_t checksum, const uint8_t *bytes, size_t len)
{
    checksum = ~checksum;
    for (size_t i = 0; i < len; i++) {
        checksum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            checksum =
                checksum & 1 ? checksum >> 1 ^ 0xedb88320 : checksum >> 1;
    }
    return ~checksum;
}

static void fill(uint8_t bytes[MAX_LEN])
{
    uint32_t state = 1;

    for (size_t i = 0; i < MAX_LEN; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static void a_known_checksum_is_right(void **state)
{
    struct crc crc;

    (void)state;
    crc_init(&crc);
    /* The check value of CRC-32/ISO-HDLC. */
    assert_int_equal(crc_of(&crc, (const uint8_t *)"123456789", 9), 0xcbf43926);
}

static void every_length_gives_the_sum_of_its_bits(void **state)
{
    uint8_t bytes[MAX_LEN];
    struct crc crc;

    (void)state;
    fill(bytes);
    crc_init(&crc);
    for (size_t len = 0; len + 7 <= MAX_LEN; len++)
        assert_int_equal(crc_of(&crc, bytes + len % 7, len),
                         by_bits(0, bytes + len % 7, len));
}

static void a_checksum_goes_on_after_any_byte(void **state)
{
    uint8_t bytes[MAX_LEN];
    struct crc crc;
    uint32_t whole;

    (void)state;
    fill(bytes);
    crc_init(&crc);
    whole = by_bits(0, bytes, MAX_LEN);
    for (size_t cut = 0; cut <= MAX_LEN; cut += 13)
        assert_int_equal(crc_more(&crc, crc_of(&crc, bytes, cut), bytes + cut,
                                  MAX_LEN - cut),
                         whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_checksum_is_right),
        cmocka_unit_test(every_length_gives_the_sum_of_its_bits),
        cmocka_unit_test(a_checksum_goes_on_after_any_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
