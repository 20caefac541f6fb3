/* Problems as JSON, read back by Jansson. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "server/http/problem.h"
#include "server/observe/metrics.h"

#include <cmocka.h>

static json_t *parse(const struct response *response)
{
    json_t *root = json_loadb((const char *)response->body.data,
                              response->body.len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(root);
    return root;
}

static const char *string_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_int_t integer_at(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static void a_problem_replaces_whatever_was_there(void **state)
{
    struct response response = {.status = 200, .content_type = "image/png"};
    json_t *root;

    (void)state;
    assert_true(buf_append(&response.body, "half an answer", 14, NULL));
    response_header(&response, "X-Wherefore-Class", "%d", 1);
    problem_response(&response, PROBLEM_LIMIT, "too \"much\"", 42);
    root = parse(&response);
    assert_int_equal(response.status, 413);
    assert_string_equal(response.title, "Content Too Large");
    assert_string_equal(response.content_type, "application/problem+json");
    assert_int_equal(integer_at(root, "status"), 413);
    assert_int_equal(integer_at(root, "limit"), 42);
    assert_string_equal(string_at(root, "title"), "Content Too Large");
    assert_string_equal(string_at(root, "detail"), "too \"much\"");
    assert_string_equal(string_at(root, "kind"), "over-limit");
    for (size_t i = 0; i < response.num_headers; i++)
        assert_string_not_equal(response.headers[i].name, "X-Wherefore-Class");
    json_decref(root);
    response_release(&response);
}

static void a_problem_may_quote_what_is_no_utf_8(void **state)
{
    struct response response = {0};
    json_t *root;

    (void)state;
    problem_response(&response, PROBLEM_INPUT, "option \"\xe9t\xe9\"", 0);
    root = parse(&response);
    assert_string_equal(string_at(root, "detail"),
                        "option \"\xef\xbf\xbdt\xef\xbf\xbd\"");
    assert_null(json_object_get(root, "limit"));
    json_decref(root);
    response_release(&response);
}

static void every_503_says_when_to_come_back(void **state)
{
    struct response response = {0};
    bool found = false;

    (void)state;
    problem_response(&response, PROBLEM_BUSY, "full", 0);
    for (size_t i = 0; i < response.num_headers; i++)
        found = found || strcmp(response.headers[i].name, "Retry-After") == 0;
    assert_true(found);
    response_release(&response);
}

static void kinds_of_errors_have_their_status(void **state)
{
    static const struct {
        enum error_kind kind;
        unsigned status;
    } cases[] = {{ERROR_INPUT, 422},    {ERROR_UNSUPPORTED, 415},
                 {ERROR_LIMIT, 413},    {ERROR_BUSY, 503},
                 {ERROR_MEMORY, 503},   {ERROR_IO, 500},
                 {ERROR_INTERNAL, 500}, {ERROR_NONE, 500}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(problem_status(problem_of(cases[i].kind)),
                         cases[i].status);
}

static void the_status_of_every_problem_is_counted(void **state)
{
    static const struct metrics_numbers numbers = {.xnnpack = ""};
    static const char *const routes[] = {"/a"};
    static struct metrics metrics;
    struct buf out = {0};
    char line[32];

    (void)state;
#define X(problem, status, title, kind) metrics_count(&metrics, 0, status);
    PROBLEMS(X)
#undef X
    assert_true(metrics_render(&out, &metrics, routes, 1, &numbers, NULL));
    assert_true(buf_append(&out, "", 1, NULL));
#define X(problem, status, title, kind)                                 \
    snprintf(line, sizeof line, "status=\"%u\"} ", (unsigned)(status)); \
    assert_non_null(strstr((char *)out.data, line));
    PROBLEMS(X)
#undef X
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_replaces_whatever_was_there),
        cmocka_unit_test(a_problem_may_quote_what_is_no_utf_8),
        cmocka_unit_test(every_503_says_when_to_come_back),
        cmocka_unit_test(the_status_of_every_problem_is_counted),
        cmocka_unit_test(kinds_of_errors_have_their_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
