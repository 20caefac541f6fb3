/* Base64 against RFC 4648's examples and a plain encoder, of every length up to
 * some vectors and of every byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/encode64.h"

#include <cmocka.h>

/* As the RFC says it: three bytes are four numbers of six bits. */
static void encode_plainly(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t three = (uint32_t)bytes[i] << 16;

        three |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= left > 2 ? bytes[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            *out++ = k <= left ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
}

static void the_examples_of_the_rfc_come_out(void **state)
{
    static const char *const examples[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        size_t len = strlen(examples[i][0]);
        char out[8];

        assert_int_equal(encode64_len(len), strlen(examples[i][1]));
        encode64_write(out, (const uint8_t *)examples[i][0], len);
        assert_memory_equal(out, examples[i][1], encode64_len(len));
    }
}

/* In memory of just that size, so that a sanitizer sees what is beyond. */
static void every_length_is_as_a_plain_encoder_has_it(void **state)
{
    (void)state;
    for (size_t len = 1; len < 200; len++) {
        uint8_t *bytes = malloc(len);
        char *out = malloc(encode64_len(len));
        char *expected = malloc(encode64_len(len));

        assert_true(bytes && out && expected);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * i * 37 + len * 11);
        encode64_write(out, bytes, len);
        encode_plainly(expected, bytes, len);
        assert_memory_equal(out, expected, encode64_len(len));
        free(bytes);
        free(out);
        free(expected);
    }
}

/* All 64 characters in each of the 32 places of a vector. */
static void every_byte_is_written_in_every_place(void **state)
{
    enum { PLACES = 32, LEN = 64 };

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t place = 0; place < PLACES; place++) {
            uint8_t bytes[LEN] = {0};
            char out[(LEN + 2) / 3 * 4], expected[sizeof out];

            bytes[place] = (uint8_t)byte;
            encode64_write(out, bytes, LEN);
            encode_plainly(expected, bytes, LEN);
            assert_memory_equal(out, expected, sizeof out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_come_out),
        cmocka_unit_test(every_length_is_as_a_plain_encoder_has_it),
        cmocka_unit_test(every_byte_is_written_in_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
