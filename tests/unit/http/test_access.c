/* Files of tokens, and the header that has one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/access.h"

#include <cmocka.h>

#define TOKEN "abcdefghijklmnop"

static bool parse(struct access_list *list, struct error *err, const char *text)
{
    return access_parse(list, text, strlen(text), err);
}

static void a_line_is_a_token_unless_empty_or_a_comment(void **state)
{
    struct access_list list;
    struct error err = {0};

    (void)state;
    assert_true(parse(&list, &err,
                      "# one\n\n" TOKEN "\n  \n" TOKEN "2 \r\n#" TOKEN
                      "\n" TOKEN "3"));
    assert_int_equal(list.count, 3);
    access_list_release(&list);
}

static void what_is_no_token_is_named_by_its_line_only(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {{"", "the file has no tokens"},
                 {"\n#\n", "the file has no tokens"},
                 {"\nsecret\n", "line 2"},
                 {TOKEN "\nsecret with spaces\n", "line 2"},
                 {"secret,secret,secret", "line 1"},
                 {"secretsecretsecret\x80", "line 1"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct access_list list;
        struct error err = {0};

        assert_false(parse(&list, &err, cases[i].text));
        assert_non_null(strstr(err.text, cases[i].words));
        assert_null(strstr(err.text, "secret"));
        assert_null(list.digests);
    }
}

static void a_nul_is_in_no_token(void **state)
{
    static const char text[] = TOKEN "\0" TOKEN;
    struct access_list list;
    struct error err = {0};

    (void)state;
    assert_false(access_parse(&list, text, sizeof text - 1, &err));
}

static void a_token_has_16_to_256_letters(void **state)
{
    char text[258];
    struct access_list list;

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t len = 1; len < sizeof text; len++) {
        struct error err = {0};
        bool ok = access_parse(&list, text, len, &err);

        assert_int_equal(ok, len >= 16 && len <= 256);
        if (ok)
            access_list_release(&list);
    }
}

static void there_are_at_most_256(void **state)
{
    enum { LINE = 20 };
    static char text[(ACCESS_MAX_TOKENS + 1) * LINE + 1];
    struct access_list list;
    struct error err = {0};

    (void)state;
    for (int i = 0; i <= ACCESS_MAX_TOKENS; i++)
        snprintf(text + i * LINE, LINE + 1, "%019d\n", i);
    assert_true(access_parse(&list, text, LINE * ACCESS_MAX_TOKENS, &err));
    assert_int_equal(list.count, 256);
    access_list_release(&list);
    assert_false(parse(&list, &err, text));
    assert_non_null(strstr(err.text, "more than 256"));
}

static void an_empty_one_lets_everybody_in(void **state)
{
    struct access access = {0};

    (void)state;
    assert_true(access_allows(&access, ACCESS_CAM, NULL));
    assert_true(access_allows(&access, ACCESS_METRICS, "Bearer x"));
    access_close(&access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_token_unless_empty_or_a_comment),
        cmocka_unit_test(what_is_no_token_is_named_by_its_line_only),
        cmocka_unit_test(a_nul_is_in_no_token),
        cmocka_unit_test(a_token_has_16_to_256_letters),
        cmocka_unit_test(there_are_at_most_256),
        cmocka_unit_test(an_empty_one_lets_everybody_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
