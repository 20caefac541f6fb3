/* How failures are recorded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/error.h"

#include <cmocka.h>
#undef fail /* cmocka's */

static void a_failure_is_recorded_and_returns_false(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(fail(&err, ERROR_LIMIT, "%d are too many", 7));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_string_equal(err.text, "7 are too many");
}

static void a_bound_that_is_crossed_is_recorded_too(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_limit(&err, 5, "%d are too many", 7));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(err.limit, 5);
    assert_string_equal(err.text, "7 are too many");
    assert_false(error_limit(&err, 6, "second"));
    assert_int_equal(err.limit, 5);
    assert_false(error_limit(NULL, 6, "nowhere"));
}

static void the_first_failure_stays(void **state)
{
    struct error err = {0};

    (void)state;
    fail(&err, ERROR_IO, "first");
    assert_false(fail(&err, ERROR_MEMORY, "second"));
    assert_int_equal(err.kind, ERROR_IO);
    assert_string_equal(err.text, "first");
}

static void without_a_place_to_record_it_still_returns_false(void **state)
{
    (void)state;
    assert_false(fail(NULL, ERROR_INPUT, "nowhere"));
    assert_false(error_prefix(NULL, "nowhere"));
}

static void long_texts_are_cut_and_terminated(void **state)
{
    struct error err = {0};
    char text[2 * ERROR_TEXT_SIZE];

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    fail(&err, ERROR_INPUT, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    error_prefix(&err, "model.json");
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    assert_memory_equal(err.text, "model.json: xxx", 15);
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
    assert_memory_equal(err.text, "xxx", 3);
}

static void a_prefix_comes_before_the_text(void **state)
{
    struct error err = {0};

    (void)state;
    fail(&err, ERROR_IO, "cannot be read");
    assert_false(error_prefix(&err, "file %d", 3));
    assert_string_equal(err.text, "file 3: cannot be read");
    assert_int_equal(err.kind, ERROR_IO);
}

static void no_failure_takes_no_prefix(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_prefix(&err, "context"));
    assert_int_equal(err.kind, ERROR_NONE);
    assert_string_equal(err.text, "");
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = ERROR_NONE; a <= ERROR_INTERNAL; a++) {
        assert_true(strlen(error_kind_name((enum error_kind)a)) > 0);
        for (int b = ERROR_NONE; b < a; b++)
            assert_string_not_equal(error_kind_name((enum error_kind)a),
                                    error_kind_name((enum error_kind)b));
    }
    assert_string_equal(error_kind_name(ERROR_INPUT), "bad-input");
    assert_string_equal(error_kind_name((enum error_kind)99), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_recorded_and_returns_false),
        cmocka_unit_test(a_bound_that_is_crossed_is_recorded_too),
        cmocka_unit_test(the_first_failure_stays),
        cmocka_unit_test(without_a_place_to_record_it_still_returns_false),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
        cmocka_unit_test(a_prefix_comes_before_the_text),
        cmocka_unit_test(no_failure_takes_no_prefix),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
