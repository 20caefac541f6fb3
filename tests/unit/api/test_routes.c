/* Routes, embedded files, options as they came, metrics and log lines. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "server/api/asset.h"
#include "server/api/routes.h"
#include "server/http/params.h"
#include "server/observe/log.h"
#include "server/observe/metrics.h"

#include <cmocka.h>

static void a_path_is_found_whole_or_not_at_all(void **state)
{
    static const char *const unknown[] = {"",      "/cam/",    "//cam",
                                          "/CAM",  "cam",      "/ca",
                                          "/cam2", "/samples", "/index.html"};
    const struct route *route;

    (void)state;
    assert_int_equal(route_find(routes_table(), &route, REQUEST_POST, "/cam"),
                     ROUTE_FOUND);
    assert_string_equal(route->path, "/cam");
    assert_int_equal(route_find(routes_table(), &route, REQUEST_HEAD, "/"),
                     ROUTE_FOUND);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(
            route_find(routes_table(), &route, REQUEST_GET, unknown[i]),
            ROUTE_NO_PATH);
        assert_null(route);
    }
}

static void a_path_may_have_a_name_in_it(void **state)
{
    static const char *const unknown[] = {
        "/v1/models/",         "/v1/models/:predict", "/v1/models/a/b",
        "/v1/models/a:b",      "/v2/models//ready",   "/v2/models/a/ready/",
        "/v2/models/a:b/ready"};
    const struct route *route;
    char name[8];

    (void)state;
    assert_int_equal(route_find(routes_table(), &route, REQUEST_POST,
                                "/v1/models/a.b:predict"),
                     ROUTE_FOUND);
    assert_string_equal(route->path, "/v1/models/{model}:predict");
    route_name(name, sizeof name, route, "/v1/models/a.b:predict");
    assert_string_equal(name, "a.b");
    assert_int_equal(route_find(routes_table(), &route, REQUEST_GET,
                                "/v2/models/0123456789/ready"),
                     ROUTE_FOUND);
    assert_string_equal(route->path, "/v2/models/{model}/ready");
    route_name(name, sizeof name, route, "/v2/models/0123456789/ready");
    assert_string_equal(name, "0123456");
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_int_equal(
            route_find(routes_table(), &route, REQUEST_GET, unknown[i]),
            ROUTE_NO_PATH);
}

static void another_method_is_told_which_there_are(void **state)
{
    const struct route *route;
    char allow[64];

    (void)state;
    assert_int_equal(route_find(routes_table(), &route, REQUEST_GET, "/cam"),
                     ROUTE_NO_METHOD);
    assert_int_equal(route_find(routes_table(), &route, REQUEST_OTHER, "/"),
                     ROUTE_NO_METHOD);
    route_allow(routes_table(), allow, sizeof allow, "/cam");
    assert_string_equal(allow, "POST, OPTIONS");
    route_allow(routes_table(), allow, sizeof allow, "/metrics");
    assert_string_equal(allow, "GET, HEAD, OPTIONS");
    route_allow(routes_table(), allow, sizeof allow, "*");
    assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
}

static void routes_are_numbered_as_they_are_named(void **state)
{
    const struct route_table *table = routes_table();
    const char *const *names;
    size_t count = routes_names(&names);

    (void)state;
    assert_true(count <= METRICS_MAX_ROUTES);
    for (size_t i = 0; i + 1 < count; i++) {
        assert_int_equal(route_number(table, &table->rows[i]), i);
        assert_string_equal(table->rows[i].path, names[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    assert_int_equal(table->count, count - 1);
    assert_int_equal(route_number(table, NULL), count - 1);
    assert_string_equal(names[count - 1], "other");
}

static void an_etag_is_recognised_in_a_list(void **state)
{
    const struct asset *asset;
    char list[128];

    (void)state;
    asset_init();
    asset = asset_find("/");
    assert_non_null(asset);
    assert_true(asset->len > 100);
    snprintf(list, sizeof list, "\"a\", W/\"b\" ,%s", asset->etag);
    assert_true(asset_matches(asset, list));
    assert_true(asset_matches(asset, "*"));
    assert_false(asset_matches(asset, NULL));
    assert_false(asset_matches(asset, ""));
    assert_false(asset_matches(asset, "\"a\""));
    assert_false(asset_matches(asset, "\"unterminated"));
    assert_false(asset_matches(asset, "bare, *"));
    assert_string_not_equal(asset->etag, asset_find("/app.js")->etag);
    assert_null(asset_find("/nope"));
}

static void options_are_kept_in_the_order_they_came(void **state)
{
    struct params params = {0};
    const char *name, *value;
    size_t pos = 0;

    (void)state;
    assert_true(params_begin(&params, "a", 1, NULL));
    assert_true(params_extend(&params, "12", 2, NULL));
    assert_true(params_extend(&params, "345", 3, NULL));
    assert_true(params_begin(&params, "empty", 5, NULL));
    assert_true(params_begin(&params, "a", 1, NULL));
    assert_true(params_extend(&params, "6", 1, NULL));
    assert_true(params_next(&params, &pos, &name, &value));
    assert_string_equal(name, "a");
    assert_string_equal(value, "12345");
    assert_true(params_next(&params, &pos, &name, &value));
    assert_string_equal(name, "empty");
    assert_string_equal(value, "");
    assert_true(params_next(&params, &pos, &name, &value));
    assert_string_equal(value, "6");
    assert_false(params_next(&params, &pos, &name, &value));
    params_release(&params);
}

static void options_are_bounded_and_have_no_nul(void **state)
{
    struct params params = {0};
    struct error nul = {0}, nameless = {0}, long_ = {0};
    static char text[PARAMS_MAX_BYTES];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_false(params_begin(&params, "", 0, &nameless));
    assert_int_equal(nameless.kind, ERROR_INPUT);
    assert_true(params_begin(&params, "a", 1, NULL));
    assert_false(params_extend(&params, "1\0002", 3, &nul));
    assert_int_equal(nul.kind, ERROR_INPUT);
    assert_false(params_extend(&params, text, sizeof text, &long_));
    assert_int_equal(long_.kind, ERROR_LIMIT);
    params_release(&params);
}

static void requests_are_counted_by_route_and_status(void **state)
{
    static const char *const names[] = {"/a", "/b"};
    static struct metrics metrics;
    struct metrics_numbers numbers = {.forward_passes = 7};
    struct buf out = {0};

    (void)state;
    metrics_count(&metrics, 0, 200);
    metrics_count(&metrics, 0, 200);
    metrics_count(&metrics, 1, 413);
    metrics_count(&metrics, 1, 299); /* not one of ours */
    metrics_reject(&metrics, METRICS_DEADLINE);
    assert_true(metrics_render(&out, &metrics, names, 2, &numbers, NULL));
    assert_true(buf_append(&out, "", 1, NULL));
    assert_non_null(strstr((char *)out.data,
                           "\nwherefore_requests_total{route=\"/a\","
                           "status=\"200\"} 2\n"));
    assert_non_null(
        strstr((char *)out.data, "{route=\"/b\",status=\"413\"} 1\n"));
    assert_non_null(
        strstr((char *)out.data, "{route=\"/b\",status=\"0\"} 1\n"));
    assert_non_null(
        strstr((char *)out.data, "\nwherefore_forward_passes_total 7\n"));
    assert_null(strstr((char *)out.data, "{route=\"/a\",status=\"413\""));
    assert_non_null(
        strstr((char *)out.data, "{route=\"/a\",status=\"500\"} 0\n"));
    assert_non_null(strstr((char *)out.data, "{reason=\"deadline\"} 1\n"));
    assert_non_null(strstr((char *)out.data, "{reason=\"queue_full\"} 0\n"));
    buf_release(&out);
}

static void a_log_line_is_one_line_whatever_the_path(void **state)
{
    char line[LOG_LINE_SIZE], path[2000];
    struct log_entry entry = {.method = "GET",
                              .path = "/a\n\"\\\x7f\xff",
                              .id = "7",
                              .status = 404,
                              .bytes = 12,
                              .ms = 1.25};
    size_t len = log_format(line, CONFIG_LOG_TEXT, &entry);
    json_t *root;

    (void)state;
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    assert_non_null(strstr(line,
                           " GET /a\\u000a\\u0022\\u005c\\u007f\\u00ff 404 "
                           "12 1.2ms client=- received=0 id=7\n"));
    len = log_format(line, CONFIG_LOG_JSON, &entry);
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    root = json_loadb(line, len, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "status")), 404);
    json_decref(root);
    memset(path, '"', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    entry.path = path;
    len = log_format(line, CONFIG_LOG_JSON, &entry);
    root = json_loadb(line, len, 0, NULL);
    assert_non_null(root);
    json_decref(root);
    assert_int_equal(log_format(line, CONFIG_LOG_NONE, &entry), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_found_whole_or_not_at_all),
        cmocka_unit_test(a_path_may_have_a_name_in_it),
        cmocka_unit_test(another_method_is_told_which_there_are),
        cmocka_unit_test(routes_are_numbered_as_they_are_named),
        cmocka_unit_test(an_etag_is_recognised_in_a_list),
        cmocka_unit_test(options_are_kept_in_the_order_they_came),
        cmocka_unit_test(options_are_bounded_and_have_no_nul),
        cmocka_unit_test(requests_are_counted_by_route_and_status),
        cmocka_unit_test(a_log_line_is_one_line_whatever_the_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
