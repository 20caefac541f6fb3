/* Which requests have a body of a length that nobody can read otherwise. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/http/framing.h"

#include <cmocka.h>

enum { MAX_HEADERS = 3 };

static const struct {
    const char *headers[MAX_HEADERS][2]; /* name, value */
    const char *problem;                 /* NULL: none */
    uint64_t len;
} cases[] = {
    {{{0}}, NULL, 0},
    {{{"Content-Length", "0"}}, NULL, 0},
    {{{"content-length", "12"}}, NULL, 12},
    {{{"Content-Length", "18446744073709551615"}}, NULL, UINT64_MAX},
    {{{"Content-Length", "12"}, {"Content-Length", "12"}}, NULL, 12},
    {{{"Transfer-Encoding", "Chunked"}}, NULL, 0},
    {{{"Content-Type", "image/png"}, {"X-Content-Length", "9"}}, NULL, 0},
    {{{"Content-Length", "12"}, {"Content-Length", "13"}},
     "the Content-Length is not a single number",
     0},
    {{{"Content-Length", ""}}, "the Content-Length is not a single number", 0},
    {{{"Content-Length", "+1"}},
     "the Content-Length is not a single number",
     0},
    {{{"Content-Length", "1, 1"}},
     "the Content-Length is not a single number",
     0},
    {{{"Content-Length", "0x10"}},
     "the Content-Length is not a single number",
     0},
    {{{"Content-Length", "18446744073709551616"}},
     "the Content-Length is not a single number",
     0},
    {{{"Content-Length", "no"}, {"Content-Length", "3"}},
     "the Content-Length is not a single number",
     0},
    {{{"Transfer-Encoding", "gzip"}},
     "the only supported Transfer-Encoding is chunked",
     0},
    {{{"Transfer-Encoding", "gzip, chunked"}},
     "the only supported Transfer-Encoding is chunked",
     0},
    {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
     "the only supported Transfer-Encoding is chunked",
     0},
    {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "4"}},
     "both Content-Length and Transfer-Encoding are given",
     0},
    {{{"Content-Length", "no"}, {"Transfer-Encoding", "chunked"}},
     "both Content-Length and Transfer-Encoding are given",
     0},
    {{{"Content-Length ", "5"}},
     "a header name contains an invalid character",
     0},
    {{{"X\tY", "5"}}, "a header name contains an invalid character", 0},
    {{{"X-\xc3\xa9", "5"}}, "a header name contains an invalid character", 0},
    {{{"", "5"}}, "a header name contains an invalid character", 0},
    {{{"x_Y.!#$%&'*+-^`|~09", "5"}}, NULL, 0},
    {{{"Host", "a"}}, NULL, 0},
    {{{"Host", "a"}, {"host", "a"}}, "there is more than one Host header", 0},
};

static void a_length_is_one_number_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framing framing = {0};
        const char *problem;

        for (size_t h = 0; h < MAX_HEADERS && cases[i].headers[h][0]; h++)
            framing_header(&framing, cases[i].headers[h][0],
                           cases[i].headers[h][1]);
        problem = framing_problem(&framing);
        if (!cases[i].problem) {
            assert_null(problem);
            assert_true(framing.len == cases[i].len);
        } else {
            assert_non_null(problem);
            assert_string_equal(problem, cases[i].problem);
        }
    }
}

static void a_request_of_http_1_1_names_its_host(void **state)
{
    struct framing framing = {.needs_host = true};

    (void)state;
    assert_string_equal(framing_problem(&framing), "there is no Host header");
    framing_header(&framing, "Host", "");
    assert_null(framing_problem(&framing));
}

static void a_header_has_one_line(void **state)
{
    struct framing framing = {.folded = true};

    (void)state;
    assert_string_equal(framing_problem(&framing),
                        "a header is continued on a second line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_one_number_or_none),
        cmocka_unit_test(a_request_of_http_1_1_names_its_host),
        cmocka_unit_test(a_header_has_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
