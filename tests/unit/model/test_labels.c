/* The names of a model's classes. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/labels.h"

#include "tests/unit/alloc_sweep.h"

/* Reads labels from a file of these bytes. */
static bool read_bytes(struct labels *labels, const char *bytes, size_t len,
                       struct error *err)
{
    char path[] = "/tmp/test_labels_XXXXXX";
    int fd = mkstemp(path);
    bool ok;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
    ok = labels_read(labels, path, err);
    unlink(path);
    return ok;
}

static void read_good(struct labels *labels, const char *text)
{
    struct error err = {0};

    assert_true(read_bytes(labels, text, strlen(text), &err));
    assert_int_equal(err.kind, ERROR_NONE);
}

static void check_refused(const char *bytes, size_t len, const char *why)
{
    struct labels labels;
    struct error err = {0};

    assert_false(read_bytes(&labels, bytes, len, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, why));
    assert_null(labels.text);
    assert_null(labels.ids);
    assert_null(labels.names);
    assert_int_equal(labels.count, 0);
}

static void a_line_is_a_label_or_an_id_and_a_label(void **state)
{
    struct labels labels;

    (void)state;
    read_good(&labels, "n01\ttabby, tabby cat\ndog\nn03\tgr\xc3\xbcn\n");
    assert_int_equal(labels.count, 3);
    assert_string_equal(labels.ids[0], "n01");
    assert_string_equal(labels.names[0], "tabby, tabby cat");
    assert_null(labels.ids[1]);
    assert_string_equal(labels.names[1], "dog");
    assert_string_equal(labels.names[2], "gr\xc3\xbcn");
    labels_release(&labels);
    labels_release(&labels);
    assert_null(labels.text);
}

static void one_empty_line_at_the_end_names_no_class(void **state)
{
    static const char *const texts[] = {"cat\ndog\n\n", "cat\ndog\n\r\n",
                                        "cat\r\ndog\r\n\r\n"};
    struct labels labels;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        read_good(&labels, texts[i]);
        assert_int_equal(labels.count, 2);
        assert_string_equal(labels.names[1], "dog");
        labels_release(&labels);
    }
}

static void line_ends_and_a_byte_order_mark_are_no_part_of_labels(void **state)
{
    struct labels labels;

    (void)state;
    read_good(&labels, "\xef\xbb\xbf"
                       "a\tcat\r\nb\tdog\r\nbird");
    assert_int_equal(labels.count, 3);
    assert_string_equal(labels.ids[0], "a");
    assert_string_equal(labels.names[0], "cat");
    assert_string_equal(labels.names[1], "dog");
    assert_string_equal(labels.names[2], "bird");
    labels_release(&labels);
}

static void malformed_files_are_refused_by_line(void **state)
{
#define CASE(text, why)             \
    {                               \
        text, sizeof(text) - 1, why \
    }
    static const struct {
        const char *bytes;
        size_t len;
        const char *why;
    } cases[] = {
        CASE("", "no lines"),
        CASE("\xef\xbb\xbf", "no lines"),
        CASE("\n", "line 1 is empty"),
        CASE("cat\n\ndog\n", "line 2 is empty"),
        CASE("cat\n\n\n", "line 2 is empty"),
        CASE("cat\n\r\n\n", "line 2 is empty"),
        CASE("\n\n", "line 1 is empty"),
        CASE("\tcat\n", "line 1 lacks"),
        CASE("n01\t\n", "line 1 lacks"),
        CASE("n01\t\r\n", "line 1 lacks"),
        CASE("n01\tcat\tdog\n", "line 1 is not"),
        CASE("cat\nd\rog\n", "line 2 is not"),
        CASE("c\x1b[2Jat\n", "line 1 is not"),
        CASE("c\x7f\n", "line 1 is not"),
        CASE("c\0at\n", "line 1 has a NUL"),
        CASE("cat\n\0", "line 2 has a NUL"),
        CASE("a\tcat\nb\tdog\na\tbird\n", "lines 1 and 3"),
        CASE("gr\xfcn\n", "line 1 is not"),        /* Latin-1 */
        CASE("\x80\n", "line 1 is not"),           /* a tail alone */
        CASE("\xc3\n", "line 1 is not"),           /* cut short */
        CASE("cat\n\xc3", "line 2 is not"),        /* by the file's end */
        CASE("\xe2\x82\n", "line 1 is not"),       /* cut short */
        CASE("\xf0\x9f\x90", "line 1 is not"),     /* cut short */
        CASE("\xc0\xaf\n", "line 1 is not"),       /* overlong, 2 */
        CASE("\xe0\x80\xaf\n", "line 1 is not"),   /* overlong, 3 */
        CASE("\xf0\x80\x80\xaf", "line 1 is not"), /* overlong, 4 */
        CASE("\xed\xa0\x80\n", "line 1 is not"),   /* a surrogate */
        CASE("\xf4\x90\x80\x80", "line 1 is not"), /* above U+10FFFF */
        CASE("\xf5\x80\x80\x80\n", "line 1 is not"),
        CASE("\xff\xfe"
             "c\0a\0",
             "line 1"),                       /* UTF-16 */
        CASE("\xc2\x85\n", "line 1 is not"),  /* a C1 control */
        CASE("\x80\tcat\n", "line 1 is not"), /* in the id */
    };
#undef CASE

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_refused(cases[i].bytes, cases[i].len, cases[i].why);
}

static void the_outermost_characters_of_each_length_are_read(void **state)
{
    struct labels labels;

    (void)state;
    read_good(&labels, " ~\n\xc2\xa0\xdf\xbf\n\xe0\xa0\x80\xed\x9f\xbf\n"
                       "\xee\x80\x80\xef\xbf\xbf\n"
                       "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\n");
    assert_int_equal(labels.count, 5);
    labels_release(&labels);
}

static void a_missing_file_is_an_io_error(void **state)
{
    struct labels labels;
    struct error err = {0};

    (void)state;
    assert_false(labels_read(&labels, "/nowhere/labels.txt", &err));
    assert_int_equal(err.kind, ERROR_IO);
    assert_null(labels.text);
}

static void a_file_of_more_than_16_megabytes_is_refused(void **state)
{
    char path[] = "/tmp/test_labels_XXXXXX";
    int fd = mkstemp(path);
    struct labels labels;
    struct error err = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (16 << 20) + 1), 0);
    close(fd);
    assert_false(labels_read(&labels, path, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    unlink(path);
}

static void check_found(const struct labels *labels, const char *text,
                        size_t expected)
{
    size_t index = 99;

    assert_true(labels_find(&index, labels, 5, text));
    assert_int_equal(index, expected);
}

static void classes_are_found_by_index_then_id_then_label(void **state)
{
    struct labels labels;
    size_t index;

    (void)state;
    /* the labels 1 and 7 and the id 2 try to get before */
    read_good(&labels, "x\t1\n2\tCat\nn03\tDog\ncat\t7\nn05\tx\nn06\tbird\n");
    check_found(&labels, "0", 0);
    check_found(&labels, "1", 1);
    check_found(&labels, "2", 2);
    check_found(&labels, "0004", 4);
    check_found(&labels, "n03", 2);
    check_found(&labels, "cat", 3); /* an id before a label */
    check_found(&labels, "CAT", 1); /* ids heed case, labels do not */
    check_found(&labels, "dOG", 2);
    check_found(&labels, "7", 3); /* beyond the classes: a label */
    check_found(&labels, "x", 0);
    check_found(&labels, "X", 4);
    assert_false(labels_find(&index, &labels, 5, "5"));
    assert_false(labels_find(&index, &labels, 5, "n06")); /* not a class */
    assert_false(labels_find(&index, &labels, 5, "bird"));
    assert_false(labels_find(&index, &labels, 5, ""));
    assert_false(labels_find(&index, &labels, 5, "-1"));
    assert_false(labels_find(&index, &labels, 5, "+1"));
    assert_false(labels_find(&index, &labels, 5, " 1"));
    assert_false(labels_find(&index, &labels, 5, "do"));
    assert_false(labels_find(&index, &labels, 5, "dogs"));
    assert_false(
        labels_find(&index, &labels, 5, "18446744073709551617")); /* 2^64+1 */
    labels_release(&labels);
}

static void without_labels_an_index_is_found_still(void **state)
{
    const struct labels none = {0};
    size_t index;

    (void)state;
    assert_true(labels_find(&index, &none, 1000, "999"));
    assert_int_equal(index, 999);
    assert_false(labels_find(&index, &none, 1000, "1000"));
    assert_false(labels_find(&index, &none, 1000, "cat"));
}

static bool read_once(void *path, struct error *err)
{
    struct labels labels;
    bool ok = labels_read(&labels, path, err);

    labels_release(&labels);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    char path[] = "/tmp/test_labels_XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a\tcat\nb\tdog\n", 12), 12);
    close(fd);
    alloc_sweep(read_once, path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_label_or_an_id_and_a_label),
        cmocka_unit_test(line_ends_and_a_byte_order_mark_are_no_part_of_labels),
        cmocka_unit_test(one_empty_line_at_the_end_names_no_class),
        cmocka_unit_test(malformed_files_are_refused_by_line),
        cmocka_unit_test(the_outermost_characters_of_each_length_are_read),
        cmocka_unit_test(a_missing_file_is_an_io_error),
        cmocka_unit_test(a_file_of_more_than_16_megabytes_is_refused),
        cmocka_unit_test(classes_are_found_by_index_then_id_then_label),
        cmocka_unit_test(without_labels_an_index_is_found_still),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
