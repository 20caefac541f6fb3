/* Which methods of explanation may be used, with an engine that has one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/work/allowed.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static void all_methods_are_allowed_by_one_word(void **state)
{
    struct allowed allowed = {0};
    char text[ALLOWED_TEXT_SIZE];

    (void)state;
    assert_false(allowed_has(&allowed, explain_method(0)));
    allowed_list(text, &allowed);
    assert_string_equal(text, "");
    assert_true(allowed_parse(&allowed, "all", NULL));
    assert_true(allowed_has(&allowed, explain_method(0)));
    allowed_list(text, &allowed);
    assert_string_equal(text, "cam");
}

static void names_are_separated_by_commas(void **state)
{
    static const char *const wrong[] = {"", "cam,", ",cam", "cam, cam", "Cam"};
    struct allowed allowed;

    (void)state;
    assert_true(allowed_parse(&allowed, "cam", NULL));
    assert_true(allowed_has(&allowed, explain_method(0)));
    assert_true(allowed_parse(&allowed, "cam,cam", NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error err = {0};

        assert_false(allowed_parse(&allowed, wrong[i], &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "the methods are cam"));
    }
}

static void no_method_is_numbered_after_all_methods(void **state)
{
    (void)state;
    assert_int_equal(allowed_number(explain_method(0)), 0);
    assert_int_equal(allowed_number(NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_methods_are_allowed_by_one_word),
        cmocka_unit_test(names_are_separated_by_commas),
        cmocka_unit_test(no_method_is_numbered_after_all_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
