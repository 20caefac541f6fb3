#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/image_exif.h"

#include <cmocka.h>

/* A big-endian block with one entry, orientation 6. */
static const uint8_t good[] = {
    'M', 'M',  0, 42, 0, 0, 0, 8,             /* header, directory at 8 */
    0,   1,                                   /* one entry */
    1,   0x12, 0, 3,  0, 0, 0, 1, 0, 6, 0, 0, /* orientation, short, 1, 6 */
    0,   0,    0, 0,                          /* no further directory */
};

enum {
    AT_OFFSET = 4,
    AT_COUNT = 8,
    AT_TAG = 10,
    AT_TYPE = 12,
    AT_NUM_VALUES = 14,
    AT_VALUE = 18,
};

/* Reads a copy of exactly `len` bytes, so that a sanitizer sees an overrun. */
static unsigned read_exactly(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    unsigned orientation;

    assert_non_null(copy);
    memcpy(copy, data, len);
    orientation =
        image_exif_orientation((struct bytes){.data = copy, .len = len});
    free(copy);
    return orientation;
}

/* Reads the good block with one byte changed. */
static unsigned read_patched(size_t at, uint8_t value)
{
    uint8_t data[sizeof good];

    memcpy(data, good, sizeof good);
    data[at] = value;
    return read_exactly(data, sizeof data);
}

static void the_orientation_is_read_in_both_byte_orders(void **state)
{
    static const uint8_t little[] = {
        'I',  'I', 42, 0, 8, 0, 0, 0, 1, 0,       /* header, one entry */
        0x12, 1,   3,  0, 1, 0, 0, 0, 8, 0, 0, 0, /* orientation, short, 1, 8 */
    };

    (void)state;
    assert_int_equal(read_exactly(good, sizeof good), 6);
    assert_int_equal(read_exactly(little, sizeof little), 8);
}

static void a_prefix_of_jpeg_is_passed_over(void **state)
{
    uint8_t data[6 + sizeof good] = "Exif\0";

    (void)state;
    memcpy(data + 6, good, sizeof good);
    assert_int_equal(read_exactly(data, sizeof data), 6);
}

static void every_value_from_1_to_8_counts(void **state)
{
    (void)state;
    for (uint8_t value = 0; value < 255; value++)
        assert_int_equal(read_patched(AT_VALUE + 1, value),
                         value >= 1 && value <= 8 ? value : 1);
}

static void a_broken_block_names_none(void **state)
{
    (void)state;
    assert_int_equal(read_patched(0, 'I'), 0);
    assert_int_equal(read_patched(3, 43), 0);
    assert_int_equal(read_patched(AT_OFFSET, 0xff), 0);
    assert_int_equal(read_patched(AT_OFFSET + 3, sizeof good - 1), 0);
    assert_int_equal(read_patched(AT_COUNT + 1, 0), 0);
    assert_int_equal(read_patched(AT_TAG, 2), 0);
    assert_int_equal(read_patched(AT_TYPE + 1, 99), 0);
    assert_int_equal(read_patched(AT_NUM_VALUES + 3, 0), 0);
    assert_int_equal(read_patched(AT_NUM_VALUES + 3, 3), 0); /* elsewhere */
}

static void what_is_none_of_the_eight_is_upright(void **state)
{
    (void)state;
    assert_int_equal(read_patched(AT_VALUE + 1, 0), 1);
    assert_int_equal(read_patched(AT_VALUE + 1, 9), 1);
    assert_int_equal(read_patched(AT_VALUE, 1), 1);
    assert_int_equal(read_patched(AT_TYPE + 1, 1), 1);  /* a byte */
    assert_int_equal(read_patched(AT_TYPE + 1, 2), 1);  /* a text */
    assert_int_equal(read_patched(AT_TYPE + 1, 11), 1); /* a float */
}

/* Big-endian, of that type and number of values. */
static unsigned read_as(uint8_t type, uint8_t count, const uint8_t value[4],
                        const uint8_t *elsewhere, size_t elsewhere_len)
{
    uint8_t data[sizeof good + 8];

    memcpy(data, good, sizeof good);
    data[AT_TYPE + 1] = type;
    data[AT_NUM_VALUES + 3] = count;
    memcpy(data + AT_VALUE, value, 4);
    if (elsewhere_len > 0)
        memcpy(data + sizeof good, elsewhere, elsewhere_len);
    return read_exactly(data, sizeof good + elsewhere_len);
}

static void whole_numbers_of_all_types_count(void **state)
{
    static const uint8_t as_long[] = {0, 0, 0, 6}, as_byte[] = {6, 0, 0, 0};
    static const uint8_t at_end[] = {0, 0, 0, sizeof good};
    static const uint8_t shorts[] = {0, 8, 0, 1, 0, 1};
    static const uint8_t twelve_halves[] = {0, 0, 0, 12, 0, 0, 0, 2};
    static const uint8_t by_nothing[] = {0, 0, 0, 12, 0, 0, 0, 0};

    (void)state;
    assert_int_equal(read_as(4, 1, as_long, NULL, 0), 6);
    assert_int_equal(read_as(9, 1, as_long, NULL, 0), 6);
    assert_int_equal(read_as(13, 1, as_long, NULL, 0), 6);
    assert_int_equal(read_as(6, 1, as_byte, NULL, 0), 6);
    assert_int_equal(read_as(3, 3, at_end, shorts, sizeof shorts), 8);
    assert_int_equal(read_as(3, 3, at_end, shorts, sizeof shorts - 1), 0);
    assert_int_equal(read_as(5, 1, at_end, twelve_halves, 8), 6);
    assert_int_equal(read_as(5, 1, at_end, by_nothing, 8), 1);
    assert_int_equal(read_as(5, 255, at_end, twelve_halves, 8), 0);
}

static void the_other_byte_order_of_the_magic_number_is_read(void **state)
{
    uint8_t data[sizeof good];

    (void)state;
    memcpy(data, good, sizeof good);
    data[2] = 42;
    data[3] = 0;
    assert_int_equal(read_exactly(data, sizeof data), 6);
}

static void
a_directory_that_promises_more_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    assert_int_equal(read_patched(AT_COUNT, 0xff), 6);
    assert_int_equal(read_patched(AT_OFFSET + 3, 0), 0); /* on itself */
}

static void a_block_cut_anywhere_does_no_harm(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof good; len++)
        assert_int_equal(read_exactly(good, len), len >= 22 ? 6 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_orientation_is_read_in_both_byte_orders),
        cmocka_unit_test(a_prefix_of_jpeg_is_passed_over),
        cmocka_unit_test(every_value_from_1_to_8_counts),
        cmocka_unit_test(a_broken_block_names_none),
        cmocka_unit_test(what_is_none_of_the_eight_is_upright),
        cmocka_unit_test(whole_numbers_of_all_types_count),
        cmocka_unit_test(the_other_byte_order_of_the_magic_number_is_read),
        cmocka_unit_test(
            a_directory_that_promises_more_is_read_as_far_as_it_goes),
        cmocka_unit_test(a_block_cut_anywhere_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
