#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/bytes.h"

#include <cmocka.h>

static const uint8_t digits[] = {0x12, 0x34, 0x56, 0x78, 0x9a};

static struct bytes some_bytes(size_t len)
{
    return (struct bytes){.data = digits, .len = len};
}

static void numbers_are_read_in_the_named_order(void **state)
{
    struct bytes bytes;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;

    (void)state;
    bytes = some_bytes(5);
    assert_true(bytes_u8(&bytes, &u8));
    assert_int_equal(u8, 0x12);
    assert_true(bytes_u16be(&bytes, &u16));
    assert_int_equal(u16, 0x3456);
    assert_true(bytes_u16le(&bytes, &u16));
    assert_int_equal(u16, 0x9a78);
    assert_int_equal(bytes.len, 0);

    bytes = some_bytes(5);
    assert_true(bytes_u32be(&bytes, &u32));
    assert_int_equal(u32, 0x12345678);
    bytes = some_bytes(5);
    assert_true(bytes_u32le(&bytes, &u32));
    assert_int_equal(u32, 0x78563412);
    bytes = some_bytes(5);
    assert_true(bytes_u24le(&bytes, &u32));
    assert_int_equal(u32, 0x563412);
    assert_int_equal(bytes.len, 2);
}

static void a_number_that_is_cut_leaves_all_as_it_was(void **state)
{
    struct bytes bytes;
    uint8_t u8 = 7;
    uint16_t u16 = 7;
    uint32_t u32 = 7;

    (void)state;
    bytes = some_bytes(0);
    assert_false(bytes_u8(&bytes, &u8));
    bytes = some_bytes(1);
    assert_false(bytes_u16be(&bytes, &u16));
    assert_false(bytes_u16le(&bytes, &u16));
    bytes = some_bytes(2);
    assert_false(bytes_u24le(&bytes, &u32));
    bytes = some_bytes(3);
    assert_false(bytes_u32be(&bytes, &u32));
    assert_false(bytes_u32le(&bytes, &u32));
    assert_ptr_equal(bytes.data, digits);
    assert_int_equal(bytes.len, 3);
    assert_int_equal(u8, 7);
    assert_int_equal(u16, 7);
    assert_int_equal(u32, 7);
}

static void a_part_is_taken_only_where_it_fits(void **state)
{
    struct bytes bytes = some_bytes(5), part = {0};

    (void)state;
    assert_true(bytes_take(&bytes, &part, 3));
    assert_ptr_equal(part.data, digits);
    assert_int_equal(part.len, 3);
    assert_ptr_equal(bytes.data, digits + 3);
    assert_false(bytes_take(&bytes, &part, 3));
    assert_false(bytes_skip(&bytes, SIZE_MAX));
    assert_int_equal(bytes.len, 2);
    assert_true(bytes_skip(&bytes, 2));
    assert_int_equal(bytes.len, 0);
}

static void an_empty_cursor_gives_nothing(void **state)
{
    struct bytes bytes = {0}, part = some_bytes(5);

    (void)state;
    assert_true(bytes_take(&bytes, &part, 0));
    assert_int_equal(part.len, 0);
    assert_false(bytes_skip(&bytes, 1));
    assert_true(bytes_begin_with(&bytes, "", 0));
    assert_false(bytes_begin_with(&bytes, "x", 1));
}

static void a_prefix_is_looked_at_without_moving(void **state)
{
    struct bytes bytes = some_bytes(2);

    (void)state;
    assert_true(bytes_begin_with(&bytes, "\x12\x34", 2));
    assert_false(bytes_begin_with(&bytes, "\x12\x35", 2));
    assert_false(bytes_begin_with(&bytes, "\x12\x34\x56", 3));
    assert_int_equal(bytes.len, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_the_named_order),
        cmocka_unit_test(a_number_that_is_cut_leaves_all_as_it_was),
        cmocka_unit_test(a_part_is_taken_only_where_it_fits),
        cmocka_unit_test(an_empty_cursor_gives_nothing),
        cmocka_unit_test(a_prefix_is_looked_at_without_moving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
