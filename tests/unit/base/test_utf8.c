/* Texts of any bytes made UTF-8. */

#include "engine/base/utf8.c" /* before cmocka.h, which has a macro fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void assert_repaired(const char *text, const char *expected)
{
    struct buf made = {0};

    assert_true(utf8_append(&made, text, NULL));
    assert_true(buf_append(&made, "", 1, NULL));
    assert_string_equal((const char *)made.data, expected);
    buf_release(&made);
}

static void utf_8_stays_as_it_is(void **state)
{
    /* The first and the last character of each length, and those beside the
     * surrogates. */
    const char *text = "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                       "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";

    (void)state;
    assert_repaired(text, text);
    assert_repaired("", "");
    assert_repaired("\x01\x1f\x7f", "\x01\x1f\x7f");
}

static void every_byte_that_is_not_utf_8_is_replaced(void **state)
{
    (void)state;
    /* A lone tail, bytes that never occur, a head that is cut short. */
    assert_repaired("\x80", BAD);
    assert_repaired("\xc1\xff", BAD BAD);
    assert_repaired("\xe2\x82", BAD BAD);
    assert_repaired("\xf0\x9f\x98", BAD BAD BAD);
    assert_repaired("\xe9.png", BAD ".png");
    /* Overlong "/", a surrogate, one beyond U+10FFFF. */
    assert_repaired("\xe0\x80\xaf", BAD BAD BAD);
    assert_repaired("\xed\xa0\x80", BAD BAD BAD);
    assert_repaired("\xf4\x90\x80\x80", BAD BAD BAD BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf_8_stays_as_it_is),
        cmocka_unit_test(every_byte_that_is_not_utf_8_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
