/* The options of POST /cam. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/api/explain_options.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

/* Parses "name\0value\0..." pairs, the last name NULL. */
static bool parse(struct explain_request *asked, struct error *err,
                  const char *const *pairs)
{
    struct engine engine = {0};
    struct params params = {0};
    bool ok;

    for (; *pairs; pairs += 2) {
        assert_true(params_begin(&params, pairs[0], strlen(pairs[0]), NULL));
        assert_true(params_extend(&params, pairs[1], strlen(pairs[1]), NULL));
    }
    ok = explain_options_parse(asked, &params, &engine, true, err);
    params_release(&params);
    return ok;
}

#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void the_defaults_are_those_that_are_documented(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(parse(&asked, &err, (const char *const[]){NULL}));
    assert_int_equal(asked.top, FAKE_CLASSES); /* 5, but there are 4 */
    assert_int_equal(asked.num_classes, 0);
    assert_int_equal(asked.style.kind, RENDER_OVERLAY);
    assert_int_equal(asked.style.colormap, HEATMAP_AUTO);
    assert_true(asked.style.alpha == 0.5f);
    assert_int_equal(asked.style.max_side, 0);
    assert_int_equal(asked.values, EXPLAIN_VALUES_NONE);
    assert_int_equal(asked.box.rule, BOX_OBJECT);
    assert_int_equal(asked.map, EXPLAIN_MAP_EVIDENCE);
    assert_true(asked.box.threshold == 0.2f);
    assert_true(asked.box.percentile == 0.6f);
    assert_int_equal(asked.box.most, 1);
    assert_null(asked.method);
    assert_true(asked.layer == EXPLAIN_LAYER_DEFAULT);
    assert_int_equal(asked.target, TARGET_LOGIT);
    assert_int_equal(asked.parameters.masks, 300);
    assert_true(asked.parameters.noise == 0.15f);
}

static void every_option_is_read(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(parse(&asked, &err,
                      PAIRS("top", "3", "heatmap", "map", "colormap", "gray",
                            "alpha", "0.25", "heatmap_size", "4096", "values",
                            "1", "threshold", ".75", "boxes", "16")));
    assert_int_equal(asked.top, 3);
    assert_int_equal(asked.style.kind, RENDER_MAP);
    assert_int_equal(asked.style.colormap, HEATMAP_GRAY);
    assert_true(asked.style.alpha == 0.25f);
    assert_int_equal(asked.style.max_side, 4096);
    assert_true(asked.values);
    assert_true(asked.box.threshold == 0.75f);
    assert_int_equal(asked.box.most, 16);
    assert_true(
        parse(&asked, &err, PAIRS("percentile", "1", "box", "percentile")));
    assert_int_equal(asked.box.rule, BOX_PERCENTILE);
    assert_true(asked.box.percentile == 1);
}

static void colours_are_for_methods_that_have_them(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(
        parse(&asked, &err, PAIRS("heatmap", "colours", "method", "cam")));
    assert_int_equal(asked.style.kind, RENDER_COLOURS);
    assert_false(parse(&asked, &err, PAIRS("heatmap", "colours")));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "\"heatmap\": colours"));
}

static void a_rules_own_option_asks_for_the_rule(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(parse(&asked, &err, PAIRS("threshold", "0.3")));
    assert_int_equal(asked.box.rule, BOX_PAPER);
    assert_true(parse(&asked, &err, PAIRS("percentile", "0.3", "boxes", "2")));
    assert_int_equal(asked.box.rule, BOX_PERCENTILE);
    assert_int_equal(asked.box.quality, BOX_QUALITY_FAST);
    assert_true(parse(&asked, &err, PAIRS("quality", "fine")));
    assert_int_equal(asked.box.rule, BOX_OBJECT);
    assert_int_equal(asked.box.quality, BOX_QUALITY_FINE);
    assert_true(parse(&asked, &err, PAIRS("map", "object", "box", "otsu")));
    assert_int_equal(asked.box.rule, BOX_OTSU);
    assert_int_equal(asked.map, EXPLAIN_MAP_OBJECT);
}

static void an_option_of_another_box_rule_is_refused(void **state)
{
    static const char *const wrong[][4] = {
        {"box", "otsu", "threshold", "0.2"},
        {"threshold", "0.2", "box", "authors"},
        {"box", "paper", "percentile", "0.2"},
        {"percentile", "0.6", "threshold", "0.2"},
        {"threshold", "0.2", "box", "object"},
        {"quality", "fine", "box", "paper"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct explain_request asked;
        struct error err = {0};

        assert_false(
            parse(&asked, &err,
                  PAIRS(wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3])));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "is for the box rule "));
    }
}

static void boxes_are_calibrated_by_models_that_have_a_calibration(void **state)
{
    const struct model_box box = {.is_given = true};
    struct engine engine = {0};
    struct params params = {0};
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(params_begin(&params, "box", 3, NULL));
    assert_true(params_extend(&params, "calibrated", 10, NULL));
    assert_true(explain_options_parse(&asked, &params, NULL, true, &err));
    assert_true(explain_options_parse(&asked, &params, &engine, false, &err));
    assert_false(explain_options_parse(&asked, &params, &engine, true, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "no calibration"));
    assert_non_null(strstr(err.text, "`wherefore calibrate`"));
    engine.box = &box;
    err = (struct error){0};
    assert_true(explain_options_parse(&asked, &params, &engine, true, &err));
    assert_int_equal(asked.box.rule, BOX_CALIBRATED);
    params_release(&params);
}

static void classes_keep_their_order_and_are_listed_once(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(parse(
        &asked, &err,
        PAIRS("class", "2", "class", "top", "class", "n02", "class", "CAT")));
    assert_int_equal(asked.num_classes, 3);
    assert_int_equal(asked.classes[0], 2);
    assert_true(asked.classes[1] == EXPLAIN_TOP);
    assert_int_equal(asked.classes[2], 0);
}

static void a_model_not_yet_known_leaves_its_classes_unchecked(void **state)
{
    struct params params = {0};
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_true(params_begin(&params, "class", 5, NULL));
    assert_true(params_extend(&params, "horse", 5, NULL));
    assert_true(explain_options_parse(&asked, &params, NULL, true, &err));
    assert_true(params_begin(&params, "alpha", 5, NULL));
    assert_false(explain_options_parse(&asked, &params, NULL, true, &err));
    assert_non_null(strstr(err.text, "\"alpha\""));
    params_release(&params);
}

static void an_unknown_option_is_named_with_those_there_are(void **state)
{
    struct explain_request asked;
    struct error err = {0};
    struct request_option option;

    (void)state;
    assert_false(parse(&asked, &err, PAIRS("tops", "3")));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "\"tops\""));
    for (size_t i = 0; i < explain_options_table()->count; i++) {
        request_options_describe(&option, explain_options_table(), i);
        assert_non_null(strstr(err.text, option.name));
    }
}

static void an_option_given_twice_is_refused(void **state)
{
    struct explain_request asked;
    struct error err = {0};

    (void)state;
    assert_false(parse(&asked, &err, PAIRS("top", "3", "top", "3")));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "twice"));
}

static void more_classes_than_there_are_is_all_of_them(void **state)
{
    static const char *const many[] = {
        "4",
        "5",
        "1000",
        "0000004",
        "18446744073709551615",
        "18446744073709551617",
        "999999999999999999999999999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        struct explain_request asked;
        struct error err = {0};

        assert_true(parse(&asked, &err, PAIRS("top", many[i], "class", "top")));
        assert_int_equal(asked.top, FAKE_CLASSES);
    }
}

static void fractions_are_decimal_numbers(void **state)
{
    static const struct {
        const char *text;
        float value;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"0.2", 0.2f},
        {".5", 0.5f},
        {"1.", 1},
        {"00.25", 0.25f},
        {"1e-05", 1e-5f},
        {"2e-1", 0.2f},
        {"1E-3", 1e-3f},
        {"+0.2", 0.2f},
        {"1e0", 1},
        {"1.0e+00", 1},
        {"50e-2", 0.5f},
        {".1e1", 1},
        {"0e999", 0},
        {"1e-9999", 0},
        {"5E-0000001", 0.5f},
        {"0.30000000000000004", 0.3f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct explain_request asked;
        struct error err = {0};

        assert_true(
            parse(&asked, &err,
                  PAIRS("threshold", good[i].text, "alpha", good[i].text)));
        assert_true(asked.box.threshold == good[i].value);
        assert_true(asked.style.alpha == good[i].value);
    }
}

static void values_out_of_range_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"top", "0"},
        {"top", "+3"},
        {"top", " 3"},
        {"top", ""},
        {"top", "0x2"},
        {"class", "4"},
        {"class", "horse"},
        {"class", ""},
        {"heatmap", "Overlay"},
        {"colormap", "hot"},
        {"alpha", "1.01"},
        {"alpha", "1.0000001"},
        {"alpha", "1e"},
        {"alpha", "e-1"},
        {"alpha", "1e-"},
        {"alpha", "1e+"},
        {"alpha", "1e-1 "},
        {"alpha", " 1e-1"},
        {"alpha", "1e-1.5"},
        {"alpha", "1e1"},
        {"alpha", "1e999"},
        {"alpha", "++1"},
        {"alpha", "+-1"},
        {"alpha", "+"},
        {"alpha", "."},
        {"alpha", "-.5"},
        {"alpha", "1e-1f"},
        {"alpha", "0x1p-3"},
        {"alpha", "inf"},
        {"alpha", "nan"},
        {"alpha", "infinity"},
        {"alpha", ""},
        {"alpha", "0,5"},
        {"heatmap_size", "0"},
        {"heatmap_size", "4097"},
        {"values", "true"},
        {"threshold", "-0"},
        {"box", "Otsu"},
        {"box", ""},
        {"percentile", "60"},
        {"boxes", "0"},
        {"boxes", "17"},
        {"top", "00"},
        {"top", "5."},
        {"top", "1e1"},
        {"top", "99999999999999999999x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct explain_request asked;
        struct error err = {0};

        assert_false(parse(&asked, &err, PAIRS(bad[i][0], bad[i][1])));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, bad[i][0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_that_are_documented),
        cmocka_unit_test(every_option_is_read),
        cmocka_unit_test(colours_are_for_methods_that_have_them),
        cmocka_unit_test(a_rules_own_option_asks_for_the_rule),
        cmocka_unit_test(an_option_of_another_box_rule_is_refused),
        cmocka_unit_test(
            boxes_are_calibrated_by_models_that_have_a_calibration),
        cmocka_unit_test(classes_keep_their_order_and_are_listed_once),
        cmocka_unit_test(a_model_not_yet_known_leaves_its_classes_unchecked),
        cmocka_unit_test(an_unknown_option_is_named_with_those_there_are),
        cmocka_unit_test(an_option_given_twice_is_refused),
        cmocka_unit_test(more_classes_than_there_are_is_all_of_them),
        cmocka_unit_test(fractions_are_decimal_numbers),
        cmocka_unit_test(values_out_of_range_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
