/* Results and models as JSON, read back by Jansson. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "server/api/cam_json.h"
#include "server/api/explain_options.h"
#include "server/api/model_json.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static json_t *parse(const struct response *response)
{
    json_t *root = json_loadb((const char *)response->body.data,
                              response->body.len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(root);
    return root;
}

/* Answers a request with the fake engine and parses the answer. */
static json_t *answer(const struct explain_request *request,
                      const char *refusal)
{
    struct engine engine = {.refusal = refusal};
    struct engine_session *session = engine_session_new(&engine, NULL, NULL);
    struct cam_json_source source = {.queue_ms = 0.5};
    struct response response = {0};
    struct image_limits limits = {0};
    struct explanation explanation;
    json_t *root;

    assert_true(engine_session_sample(session, (const uint8_t *)"p", 1, &limits,
                                      NULL, NULL));
    assert_true(
        engine_session_explain(session, &explanation, request, NULL, NULL));
    assert_true(cam_json_write(&response, &engine, &explanation, request,
                               &source, NULL));
    assert_int_equal(response.status, 200);
    root = parse(&response);
    response_release(&response);
    engine_session_free(session);
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

/* Of class 0 by the fake engine's method, which has one check. */
static void expect_explanation(const json_t *explanation)
{
    const json_t *checks = json_object_get(explanation, "checks");
    const json_t *check = json_array_get(checks, 0);

    assert_string_equal(string_at(explanation, "title"), "a fake");
    assert_string_equal(string_at(explanation, "target"), "logit");
    assert_true(json_is_null(json_object_get(explanation, "against")));
    assert_true(json_is_null(json_object_get(explanation, "layer")));
    assert_int_equal(
        json_object_size(json_object_get(explanation, "parameters")), 1);
    assert_int_equal(
        integer_at(json_object_get(explanation, "parameters"), "masks"), 7);
    assert_int_equal(integer_at(explanation, "passes"), 1);
    assert_int_equal(json_array_size(checks), 1);
    assert_string_equal(string_at(check, "name"), "mean_plus_bias");
    assert_true(json_real_value(json_object_get(check, "expected")) == 4);
    assert_true(json_real_value(json_object_get(check, "found")) == 4);
    assert_true(json_real_value(json_object_get(check, "difference")) == 0);
}

static void an_answer_has_everything_in_its_place(void **state)
{
    struct explain_request request = {
        .top = 2, .box = {.threshold = 0.2f}, .parameters = {.masks = 7}};
    json_t *root = answer(&request, NULL);
    json_t *classes = json_object_get(root, "classes");
    json_t *first = json_array_get(classes, 0);
    json_t *map = json_object_get(root, "map");
    json_t *box = json_object_get(root, "box");
    json_t *timing = json_object_get(root, "timing_ms");

    (void)state;
    assert_string_equal(string_at(root, "model"), "fake");
    assert_string_equal(string_at(root, "method"), "cam");
    assert_string_equal(string_at(root, "scores"), "softmax");
    assert_int_equal(integer_at(json_object_get(root, "image"), "width"), 8);
    assert_int_equal(json_array_size(classes), 2);
    assert_string_equal(string_at(first, "label"), "cat");
    assert_null(json_object_get(first, "map"));
    assert_int_equal(integer_at(root, "class"), 0);
    assert_true(json_real_value(json_object_get(map, "mean_plus_bias")) == 4);
    assert_null(json_object_get(map, "values"));
    assert_int_equal(integer_at(box, "height"), 1);
    assert_string_equal(string_at(box, "rule"), "paper");
    assert_true(json_real_value(json_object_get(box, "threshold")) == 0.2);
    assert_true(json_real_value(json_object_get(timing, "decode")) == 1.235);
    expect_explanation(json_object_get(root, "explanation"));
    /* base64 of "png0", by hand */
    assert_string_equal(string_at(root, "heatmap"), "cG5nMA==");
    assert_null(json_object_get(root, "refusal"));
    json_decref(root);
}

static void classes_asked_for_have_their_own_evidence(void **state)
{
    struct explain_request request = {.top = 1,
                                      .classes = {3, 0},
                                      .num_classes = 2,
                                      .style = {.kind = RENDER_NONE},
                                      .values = EXPLAIN_VALUES_ROWS};
    json_t *root = answer(&request, NULL);
    json_t *classes = json_object_get(root, "classes");
    json_t *appended = json_array_get(classes, 1);
    json_t *values =
        json_object_get(json_object_get(appended, "map"), "values");

    (void)state;
    assert_int_equal(json_array_size(classes), 2);
    assert_int_equal(integer_at(root, "class"), 3);
    assert_int_equal(integer_at(appended, "index"), 3);
    assert_true(json_is_null(json_object_get(appended, "label")));
    assert_true(json_is_null(json_object_get(appended, "box")));
    assert_true(json_is_null(json_object_get(root, "box")));
    assert_true(json_is_null(json_object_get(root, "heatmap")));
    assert_int_equal(json_array_size(values), 2);
    assert_int_equal(json_array_size(json_array_get(values, 1)), 2);
    assert_non_null(json_object_get(json_array_get(classes, 0), "map"));
    json_decref(root);
}

static void floats_are_in_base64(void **state)
{
    struct explain_request request = {
        .top = 1, .style = {.kind = RENDER_NONE}, .values = EXPLAIN_VALUES_F32};
    json_t *root = answer(&request, NULL);

    (void)state;
    /* four times 4.0, which is 00 00 80 40 */
    assert_string_equal(string_at(json_object_get(root, "map"), "values"),
                        "AACAQAAAgEAAAIBAAACAQA==");
    json_decref(root);
}

static void boxes_are_listed_if_several_are_asked_for(void **state)
{
    struct explain_request request = {.top = 1,
                                      .classes = {3, 0},
                                      .num_classes = 2,
                                      .style = {.kind = RENDER_NONE},
                                      .box = {.rule = BOX_OTSU, .most = 2}};
    json_t *root = answer(&request, NULL);
    json_t *classes = json_object_get(root, "classes");
    json_t *none = json_object_get(json_array_get(classes, 1), "boxes");
    json_t *list = json_object_get(json_array_get(classes, 0), "boxes");
    json_t *box = json_array_get(list, 0);

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_object_size(box), 5);
    assert_int_equal(integer_at(box, "x"), 1);
    assert_int_equal(integer_at(box, "y"), 2);
    assert_int_equal(integer_at(box, "width"), 3);
    assert_int_equal(integer_at(box, "height"), 1);
    assert_true(json_real_value(json_object_get(box, "share")) == 0.75);
    assert_true(json_is_array(none)); /* class 3 has a map and no box */
    assert_int_equal(json_array_size(none), 0);
    assert_true(json_equal(json_object_get(root, "boxes"), none));
    assert_string_equal(
        string_at(json_object_get(json_array_get(classes, 0), "box"), "rule"),
        "otsu");
    json_decref(root);
    request.box.most = 1;
    root = answer(&request, NULL);
    assert_null(json_object_get(root, "boxes"));
    json_decref(root);
    request.box.most = 2;
    root = answer(&request, "no pooling layer");
    assert_true(json_is_null(json_object_get(root, "boxes")));
    json_decref(root);
}

static void top_stands_for_all_that_are_listed(void **state)
{
    struct explain_request request = {.top = 3,
                                      .classes = {EXPLAIN_TOP},
                                      .num_classes = 1,
                                      .style = {.kind = RENDER_NONE}};
    json_t *root = answer(&request, NULL);
    json_t *classes = json_object_get(root, "classes");

    (void)state;
    assert_int_equal(json_array_size(classes), 3);
    for (size_t i = 0; i < 3; i++)
        assert_non_null(json_object_get(json_array_get(classes, i), "map"));
    assert_int_equal(integer_at(root, "class"), 0);
    json_decref(root);
}

static void a_model_without_a_map_says_why(void **state)
{
    struct explain_request request = {.top = 2};
    json_t *root = answer(&request, "no pooling layer");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(root, "classes")), 2);
    assert_true(json_is_null(json_object_get(root, "map")));
    assert_true(json_is_null(json_object_get(root, "box")));
    assert_true(json_is_null(json_object_get(root, "heatmap")));
    assert_string_equal(string_at(root, "refusal"), "no pooling layer");
    json_decref(root);
}

static void expect_calibration(const json_t *box)
{
    const json_t *found_on = json_object_get(box, "found_on");
    const json_t *shift = json_object_get(box, "shift");

    assert_true(json_real_value(json_object_get(box, "threshold")) == 0.3);
    assert_true(json_real_value(json_array_get(shift, 0)) == 0);
    assert_true(json_real_value(json_array_get(shift, 1)) == 0.5);
    assert_string_equal(string_at(found_on, "data"), "birds");
    assert_string_equal(string_at(found_on, "method"), "cam");
    assert_int_equal(integer_at(found_on, "photos"), 9);
}

static void the_model_is_described_with_limits_and_options(void **state)
{
    const struct model_box box = {.is_given = true,
                                  .threshold = 0.3f,
                                  .scale = 1,
                                  .shift_y = 0.5f,
                                  .data = (char[]){"birds"},
                                  .method = (char[]){"cam"},
                                  .photos = 9};
    struct engine engine = {.box = &box};
    struct model model = {.engine = &engine, .slot = 1, .generation = 3};
    struct config config;
    struct response response = {0};
    json_t *root;
    size_t num_options = 0;

    (void)state;
    config_init(&config);
    engine_info(&engine, &model.info);
    assert_true(model_json_write(&response, &model, &config, NULL));
    root = parse(&response);
    assert_int_equal(integer_at(root, "generation"), 3);
    assert_true(json_is_false(json_object_get(root, "default")));
    assert_int_equal(integer_at(root, "num_classes"), FAKE_CLASSES);
    assert_int_equal(integer_at(root, "num_labels"), 3);
    assert_int_equal(
        integer_at(json_object_get(root, "limits"), "max_body_bytes"),
        16777216);
    expect_calibration(json_object_get(root, "box"));
    num_options = explain_options_table()->count;
    assert_int_equal(json_array_size(json_object_get(root, "options")),
                     num_options);
    json_decref(root);
    response_release(&response);
}

static void layers_are_listed_with_what_is_known_of_them(void **state)
{
    struct engine engine = {0};
    struct model model = {.engine = &engine};
    struct response response = {0};
    json_t *root, *list, *conv, *mul;

    (void)state;
    engine_info(&engine, &model.info);
    assert_true(model_json_layers(&response, &model, NULL));
    root = parse(&response);
    assert_string_equal(string_at(root, "model"), "fake");
    assert_int_equal(integer_at(json_object_get(root, "input"), "width"), 8);
    list = json_object_get(root, "layers");
    assert_int_equal(json_array_size(list), 2);
    conv = json_array_get(list, 0);
    mul = json_array_get(list, 1);

    assert_string_equal(string_at(conv, "name"), "conv");
    assert_string_equal(string_at(conv, "operation"), "Conv");
    assert_true(json_is_null(json_object_get(conv, "module")));
    assert_true(json_is_false(json_object_get(conv, "default")));
    assert_int_equal(integer_at(conv, "channels"), 2);
    assert_int_equal(integer_at(conv, "height"), 4);
    assert_int_equal(integer_at(conv, "width"), 8);
    assert_int_equal(json_array_size(json_object_get(conv, "aliases")), 0);
    assert_true(json_real_value(json_object_get(json_object_get(conv, "field"),
                                                "height")) == 5);
    assert_true(json_real_value(json_object_get(json_object_get(conv, "stride"),
                                                "height")) == 2);

    assert_string_equal(string_at(mul, "module"), "stem.1");
    assert_true(json_is_true(json_object_get(mul, "default")));
    assert_true(
        json_is_null(json_object_get(json_object_get(mul, "field"), "width")));
    assert_true(json_is_null(
        json_object_get(json_object_get(mul, "stride"), "height")));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(mul, "aliases"), 0)),
        "moved");
    json_decref(root);
    response_release(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_everything_in_its_place),
        cmocka_unit_test(classes_asked_for_have_their_own_evidence),
        cmocka_unit_test(floats_are_in_base64),
        cmocka_unit_test(boxes_are_listed_if_several_are_asked_for),
        cmocka_unit_test(top_stands_for_all_that_are_listed),
        cmocka_unit_test(a_model_without_a_map_says_why),
        cmocka_unit_test(the_model_is_described_with_limits_and_options),
        cmocka_unit_test(layers_are_listed_with_what_is_known_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
