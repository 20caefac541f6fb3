/* The file's name in front of an answer. */

#include "cli/jsonl.c" /* before cmocka.h, which has a macro fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void assert_line(const char *file, const char *expected)
{
    static const char object[] = "{\"a\":1}\n";
    struct buf line = {0};

    assert_true(jsonl_append(&line, (const uint8_t *)object, strlen(object),
                             file, NULL));
    assert_true(buf_append(&line, "", 1, NULL));
    assert_string_equal((const char *)line.data, expected);
    buf_release(&line);
}

static void the_file_comes_before_the_other_members(void **state)
{
    (void)state;
    assert_line("cat.png", "{\"file\":\"cat.png\",\"a\":1}\n");
    assert_line("", "{\"file\":\"\",\"a\":1}\n");
}

static void quotes_backslashes_and_controls_are_escaped(void **state)
{
    (void)state;
    assert_line(
        "\"\\\n\x01\x1f\x7f",
        "{\"file\":\"\\\"\\\\\\u000a\\u0001\\u001f\\u007f\",\"a\":1}\n");
}

static void utf_8_stays_as_it_is(void **state)
{
    /* The first and the last character of each length, and those beside the
     * surrogates. */
    const char *text = "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                       "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    char expected[128];

    (void)state;
    snprintf(expected, sizeof expected, "{\"file\":\"%s\",\"a\":1}\n", text);
    assert_line(text, expected);
}

static void every_byte_that_is_not_utf_8_is_replaced(void **state)
{
    (void)state;
    /* A lone tail, bytes that never occur, a head that is cut short. */
    assert_line("\x80", "{\"file\":\"" BAD "\",\"a\":1}\n");
    assert_line("\xc1\xff", "{\"file\":\"" BAD BAD "\",\"a\":1}\n");
    assert_line("\xe2\x82", "{\"file\":\"" BAD BAD "\",\"a\":1}\n");
    assert_line("\xf0\x9f\x98", "{\"file\":\"" BAD BAD BAD "\",\"a\":1}\n");
    assert_line("\xe9.png", "{\"file\":\"" BAD ".png\",\"a\":1}\n");
    /* Overlong "/", a surrogate, one beyond U+10FFFF. */
    assert_line("\xe0\x80\xaf", "{\"file\":\"" BAD BAD BAD "\",\"a\":1}\n");
    assert_line("\xed\xa0\x80", "{\"file\":\"" BAD BAD BAD "\",\"a\":1}\n");
    assert_line("\xf4\x90\x80\x80",
                "{\"file\":\"" BAD BAD BAD BAD "\",\"a\":1}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_comes_before_the_other_members),
        cmocka_unit_test(quotes_backslashes_and_controls_are_escaped),
        cmocka_unit_test(utf_8_stays_as_it_is),
        cmocka_unit_test(every_byte_that_is_not_utf_8_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
