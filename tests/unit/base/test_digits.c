#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digits.h"

#include <cmocka.h>

static void digits_are_a_number(void **state)
{
    uint64_t number;

    (void)state;
    assert_true(digits_parse(&number, "0"));
    assert_int_equal(number, 0);
    assert_true(digits_parse(&number, "0042"));
    assert_int_equal(number, 42);
    assert_true(digits_parse(&number, "18446744073709551615"));
    assert_true(number == UINT64_MAX);
}

static void anything_else_is_not(void **state)
{
    static const char *const texts[] = {"",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "-1",
                                        "0x",
                                        "1.",
                                        "1e3",
                                        "٣",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_false(digits_parse(&number, texts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_a_number),
        cmocka_unit_test(anything_else_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
