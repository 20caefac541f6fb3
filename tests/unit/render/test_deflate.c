/* Streams are read by zlib; what vectors write of a block are the bits that
 * come from one code after the other. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/render/deflate.h"
#include "engine/render/deflate_code.h"
#include "engine/render/deflate_vbmi.h"
#include "engine/render/deflate_vector.h"

#include "tests/unit/alloc_sweep.h"

enum { LEN = 3000, ROUNDS = 200 };

/* Small and large bytes, more or less of them, and some zeros in a row. */
static void fill(uint8_t *bytes, unsigned spread, unsigned zeros)
{
    for (size_t i = 0; i < LEN; i++) {
        int at = rand() % (int)(1u << spread) - (1 << spread) / 2;

        bytes[i] = (uint8_t)at;
    }
    for (unsigned i = 0; i < zeros; i++)
        memset(bytes + (size_t)(rand() % (LEN - 40)), 0, (size_t)(rand() % 40));
}

static void zlib_reads_streams_of_any_length(void **state)
{
    static uint8_t bytes[LEN], out[2 * LEN + 1024], back[LEN];

    (void)state;
    srand(2);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t len = round < 100 ? round : (size_t)(rand() % LEN);
        const size_t first = len > 0 ? (size_t)rand() % len : 0;
        struct deflate deflate = {0};
        uLongf num = LEN;
        uint8_t *end;

        fill(bytes, 1 + round % 8, round % 5);
        end = deflate_block(&deflate, out, bytes, first, false);
        end = deflate_block(&deflate, end, bytes + first, len - first, true);
        assert_int_equal(uncompress(back, &num, out, (uLong)(end - out)), Z_OK);
        assert_int_equal(num, len);
        assert_memory_equal(back, bytes, len);
    }
}

#ifdef __x86_64__

struct written {
    uint8_t bytes[2 * LEN + 16];
    size_t num; /* bytes that were encoded */
    uint8_t *end;
    uint64_t bits;
    unsigned num_bits;
};

/* Codes for what the bytes are, or for what they are not: long ones. */
static void make_codes(struct deflate_code *codes, const uint8_t *bytes,
                       bool is_skewed)
{
    uint32_t counts[DEFLATE_NUM_SYMBOLS] = {0};

    for (size_t i = 0; i < LEN; i++)
        counts[bytes[i]]++;
    if (is_skewed)
        for (size_t i = 0; i < 24; i++)
            counts[i] = 1u << (24 - i);
    deflate_code_make(codes, counts);
}

/* One code after the other, as many as the other way wrote. */
static void write_plainly(struct written *plain,
                          const struct deflate_code *codes,
                          const uint8_t *bytes, size_t num)
{
    plain->end = plain->bytes;
    for (size_t i = 0; i < num; i++) {
        plain->bits |= (uint64_t)codes[bytes[i]].bits << plain->num_bits;
        plain->num_bits += codes[bytes[i]].len;
        for (; plain->num_bits >= 8; plain->num_bits -= 8) {
            *plain->end++ = (uint8_t)plain->bits;
            plain->bits >>= 8;
        }
    }
}

/* `from` has no more than the bits that wait. */
static void check(const struct written *found, const struct written *from,
                  const struct deflate_code *codes, const uint8_t *bytes,
                  size_t step)
{
    static struct written plain;
    const size_t end = found->num + step;

    plain.bits = from->bits;
    plain.num_bits = from->num_bits;
    write_plainly(&plain, codes, bytes, found->num);
    assert_int_equal(found->end - found->bytes, plain.end - plain.bytes);
    assert_memory_equal(found->bytes, plain.bytes,
                        (size_t)(plain.end - plain.bytes));
    assert_int_equal(found->num_bits, plain.num_bits);
    assert_int_equal(found->bits, plain.bits);
    assert_int_equal(found->num % 8, 0);
    /* It stops for no other reason than that it may. */
    assert_true(end > LEN ||
                deflate_vector_has_zeros(bytes + found->num, step));
}

typedef void writer(struct written *written, const struct deflate_code *codes,
                    const uint8_t *bytes);

static void write_vector(struct written *written,
                         const struct deflate_code *codes, const uint8_t *bytes)
{
    struct deflate_vector vector;

    deflate_vector_init(&vector, codes);
    written->end =
        deflate_vector_put(&vector, &written->num, written->bytes,
                           &written->bits, &written->num_bits, bytes, LEN);
}

static void write_vbmi(struct written *written,
                       const struct deflate_code *codes, const uint8_t *bytes)
{
    struct deflate_vbmi vbmi;

    deflate_vbmi_init(&vbmi, codes);
    written->end =
        deflate_vbmi_put(&vbmi, &written->num, written->bytes, &written->bits,
                         &written->num_bits, bytes, LEN);
}

static void compare(writer *write, size_t step)
{
    static uint8_t bytes[LEN];
    struct deflate_code codes[DEFLATE_NUM_SYMBOLS];
    size_t total = 0;

    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct written found;
        struct written from = {.num_bits = round % 8};

        from.bits = (uint64_t)(rand() % (1 << from.num_bits));
        found.bits = from.bits;
        found.num_bits = from.num_bits;
        fill(bytes, 1 + round % 8, round % 3 == 0 ? round % 5 : 0);
        make_codes(codes, bytes, round % 4 == 3);
        write(&found, codes, bytes);
        check(&found, &from, codes, bytes, step);
        total += found.num;
    }
    assert_true(total > (size_t)ROUNDS * LEN / 3);
}

static void vectors_write_one_code_after_the_other(void **state)
{
    (void)state;
    if (!deflate_vector_can())
        skip();
    compare(write_vector, DEFLATE_VECTOR_LEN);
}

static void wide_vectors_do_the_same(void **state)
{
    (void)state;
    if (!deflate_vbmi_can())
        skip();
    compare(write_vbmi, DEFLATE_VBMI_LEN);
}

static void zeros_are_found_at_multiples_of_eight(void **state)
{
    uint8_t bytes[64];

    (void)state;
    if (!deflate_vector_can())
        skip();
    for (size_t at = 0; at + 8 <= sizeof bytes; at++) {
        memset(bytes, 1, sizeof bytes);
        memset(bytes + at, 0, 8);
        assert_int_equal(deflate_vector_has_zeros(bytes, sizeof bytes),
                         at % 8 == 0);
    }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zlib_reads_streams_of_any_length),
#ifdef __x86_64__
        cmocka_unit_test(vectors_write_one_code_after_the_other),
        cmocka_unit_test(wide_vectors_do_the_same),
        cmocka_unit_test(zeros_are_found_at_multiples_of_eight),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
