/* Growable bytes. */

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"

#include "tests/unit/alloc_sweep.h"

static void appended_bytes_are_there_in_order(void **state)
{
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint8_t bytes[3] = {(uint8_t)i, (uint8_t)(i >> 8), 7};

        assert_true(buf_append(&buf, bytes, 3, &err));
    }
    assert_int_equal(buf.len, 30000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buf.data[3 * i], i & 255);
        assert_int_equal(buf.data[3 * i + 1], i >> 8);
        assert_int_equal(buf.data[3 * i + 2], 7);
    }
    buf_release(&buf);
}

static void nothing_can_be_appended_to_an_empty_buffer(void **state)
{
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    assert_true(buf_append(&buf, NULL, 0, &err));
    assert_true(buf_reserve(&buf, 0, &err));
    assert_int_equal(buf.len, 0);
    assert_null(buf.data);
    buf_release(&buf);
}

static void room_that_cannot_be_is_refused(void **state)
{
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    assert_true(buf_append(&buf, "abc", 3, &err));
    assert_false(buf_reserve(&buf, SIZE_MAX, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    err = (struct error){0};
    assert_false(buf_reserve(&buf, SIZE_MAX - 3, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "abc", 3);
    buf_release(&buf);
}

static void clearing_keeps_the_room_and_releasing_gives_it_back(void **state)
{
    struct buf buf = {0};
    struct error err = {0};
    uint8_t *data;

    (void)state;
    assert_true(buf_append(&buf, "abc", 3, &err));
    data = buf.data;
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_true(buf_append(&buf, "de", 2, &err));
    assert_ptr_equal(buf.data, data);
    buf_release(&buf);
    buf_release(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
}

static void a_file_is_appended_whole(void **state)
{
    struct buf buf = {0};
    struct error err = {0};
    char path[] = "/tmp/test_buf_XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "two\0three", 9), 9);
    close(fd);
    assert_true(buf_append(&buf, "one", 3, &err));
    assert_true(buf_append_file(&buf, path, 9, &err));
    assert_int_equal(buf.len, 12);
    assert_memory_equal(buf.data, "onetwo\0three", 12);

    assert_false(buf_append_file(&buf, path, 8, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_string_equal(err.text, "is 9 bytes; at most 8 are allowed");
    assert_int_equal(buf.len, 12);
    unlink(path);
    buf_release(&buf);
}

static void what_is_not_a_file_that_can_be_read_is_an_io_error(void **state)
{
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    assert_false(buf_append_file(&buf, "/nowhere/at/all", 99, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_non_null(strstr(err.text, "No such file"));
    assert_null(strstr(err.text, "nowhere"));
    err = (struct error){0};
    assert_false(buf_append_file(&buf, "/tmp", 99, &err));
    assert_int_equal(err.kind, ERROR_IO);
    err = (struct error){0};
    assert_false(buf_append_file(&buf, "/dev/zero", 99, &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
}

static bool append_twice(void *arg, struct error *err)
{
    struct buf buf = {0};
    uint8_t bytes[300] = {0};
    bool ok = buf_append(&buf, bytes, 200, err) &&
              buf_append(&buf, bytes, sizeof bytes, err);

    (void)arg;
    buf_release(&buf);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(append_twice, NULL);
}

static void a_text_is_printed_whole_or_not_at_all(void **state)
{
    struct buf buf = {0};
    struct error err = {0};

    (void)state;
    assert_true(buf_append(&buf, "a", 1, &err));
    assert_true(buf_printf(&buf, &err, "%s %d", "bc", 7));
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.data, "abc 7", 5);
    assert_true(buf_printf(&buf, &err, "%*d", BUF_MAX_PRINTED, 1));
    assert_int_equal(buf.len, 5 + BUF_MAX_PRINTED);
    assert_false(buf_printf(&buf, &err, "%*d", BUF_MAX_PRINTED + 1, 1));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_int_equal(buf.len, 5 + BUF_MAX_PRINTED);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_are_there_in_order),
        cmocka_unit_test(nothing_can_be_appended_to_an_empty_buffer),
        cmocka_unit_test(room_that_cannot_be_is_refused),
        cmocka_unit_test(clearing_keeps_the_room_and_releasing_gives_it_back),
        cmocka_unit_test(a_file_is_appended_whole),
        cmocka_unit_test(what_is_not_a_file_that_can_be_read_is_an_io_error),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_text_is_printed_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
