/* The C library as its callers see it, on the lane-change network, which is in
 * the repository. What a program that is linked with the installed one gets is
 * in tests/cli/test_library.py. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/wherefore.h"

#define MODEL "examples/lane-change/model"
#define PICTURE "tests/cases/images/jpeg-444.jpg" /* 37 x 27 */

struct file {
    unsigned char bytes[1 << 16];
    size_t len;
};

static struct file picture;
static wherefore_model *model;
static wherefore_session *session;

static int open_all(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    FILE *file = fopen(PICTURE, "rb");

    (void)state;
    assert_non_null(file);
    picture.len = fread(picture.bytes, 1, sizeof picture.bytes, file);
    fclose(file);
    model = wherefore_model_open(MODEL, NULL, 0, &err);
    session = model ? wherefore_session_new(model, 1, &err) : NULL;
    if (!session)
        fail_msg("%s", err.text);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    wherefore_session_free(session);
    wherefore_model_free(model);
    return 0;
}

/* The picture, explained with up to one option. */
static const wherefore_explanation *explain(const char *name, const char *value)
{
    const struct wherefore_option option = {name, value};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    const wherefore_explanation *found = wherefore_explain(
        session, picture.bytes, picture.len, &option, name ? 1 : 0, &err);

    if (!found)
        fail_msg("%s", err.text);
    assert_int_equal(err.kind, WHEREFORE_NONE);
    return found;
}

static const struct wherefore_class *
first_of(const wherefore_explanation *found)
{
    return wherefore_explanation_class(
        found, wherefore_explanation_summary(found)->first);
}

static void expect(int kind, const char *part,
                   const struct wherefore_error *err)
{
    if (err->kind != kind || !strstr(err->text, part))
        fail_msg("kind %d: %s", err->kind, err->text);
}

/* ---- the model ---- */

static void a_model_says_what_it_is(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    char *json;
    size_t index = 7;

    (void)state;
    assert_string_equal(wherefore_model_name(model), "lane-change");
    assert_int_equal(wherefore_model_input_width(model), 160);
    assert_int_equal(wherefore_model_input_height(model), 80);
    assert_int_equal(wherefore_model_map_width(model), 20);
    assert_int_equal(wherefore_model_map_height(model), 10);
    assert_int_equal(wherefore_model_num_classes(model), 3);
    assert_string_equal(wherefore_model_class_label(model, 2), "UNDEFINED");
    assert_null(wherefore_model_class_id(model, 2));
    assert_null(wherefore_model_class_label(model, 3));
    assert_true(wherefore_model_find_class(model, "FREE", &index));
    assert_int_equal(index, 1);
    assert_false(wherefore_model_find_class(model, "cat", &index));
    assert_int_equal(index, 1);
    json = wherefore_model_json(model, &err);
    assert_non_null(strstr(json, "\"num_classes\":3"));
    assert_null(strstr(json, "\"workers\""));
    assert_int_equal(json[strlen(json) - 1], '}');
    wherefore_free(json);
    json = wherefore_model_methods_json(model, &err);
    assert_non_null(strstr(json, "\"gradcam++\""));
    wherefore_free(json);
}

static void options_of_a_model_are_checked(void **state)
{
    static const struct {
        struct wherefore_option option;
        int kind;
        const char *part;
    } cases[] = {
        {{"precision", "fp64"}, WHEREFORE_INPUT, "precision"},
        {{"size", "0x80"}, WHEREFORE_INPUT, "size"},
        {{"max_bytes", "-1"}, WHEREFORE_INPUT, "max_bytes"},
        {{"colour", "red"}, WHEREFORE_INPUT, "unknown option \"colour\""},
        {{NULL, "red"}, WHEREFORE_INPUT, "option 0 has no name"},
        {{"size", NULL}, WHEREFORE_INPUT, "option 0 has no value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wherefore_error err = {WHEREFORE_IO, "an earlier error"};

        assert_null(wherefore_model_open(MODEL, &cases[i].option, 1, &err));
        expect(cases[i].kind, cases[i].part, &err);
        assert_null(wherefore_model_open(MODEL, &cases[i].option, 1, NULL));
    }
}

static void a_model_that_is_not_there_is_an_error(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;

    (void)state;
    assert_null(wherefore_model_open("/nonexistent", NULL, 0, &err));
    expect(WHEREFORE_IO, "/nonexistent: cannot be opened", &err);
    assert_null(wherefore_model_open(NULL, NULL, 0, &err));
    expect(WHEREFORE_INPUT, "NULL", &err);
}

static void limits_are_those_of_the_model(void **state)
{
    static const struct wherefore_option small = {"max_pixels", "998"},
                                         exact = {"max_pixels", "999"},
                                         brief = {"max_bytes", "100"};
    const struct wherefore_option *const options[] = {&small, &exact, &brief};
    static const int kinds[] = {WHEREFORE_LIMIT, WHEREFORE_NONE,
                                WHEREFORE_LIMIT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct wherefore_error err = WHEREFORE_ERROR_INIT;
        wherefore_model *other =
            wherefore_model_open(MODEL, options[i], 1, &err);
        wherefore_session *own = wherefore_session_new(other, 1, &err);

        wherefore_explain(own, picture.bytes, picture.len, NULL, 0, &err);
        assert_int_equal(err.kind, kinds[i]);
        wherefore_session_free(own);
        wherefore_model_free(other);
    }
}

/* ---- explanations ---- */

static void an_explanation_holds_together(void **state)
{
    const wherefore_explanation *found = explain("boxes", "3");
    const struct wherefore_summary *summary =
        wherefore_explanation_summary(found);
    const struct wherefore_class *class;
    const struct wherefore_map *map;
    const struct wherefore_box *box;
    float sum = 0, largest = -1e9f;

    (void)state;
    assert_int_equal(summary->image_width, 37);
    assert_int_equal(summary->image_height, 27);
    assert_string_equal(summary->image_format, "jpeg");
    assert_string_equal(summary->method, "cam");
    assert_int_equal(summary->passes, 1);
    assert_int_equal(summary->num_classes, 3);
    for (size_t i = 0; (class = wherefore_explanation_class(found, i)); i++) {
        sum += class->score;
        assert_true(class->is_asked == (i == summary->first));
        assert_true(!class->map == !class->is_asked);
    }
    assert_float_equal(sum, 1, 1e-6); /* rounding of three floats */
    class = first_of(found);
    map = class->map;
    assert_int_equal(map->width, 20);
    assert_int_equal(map->height, 10);
    for (size_t i = 0; i < 200; i++)
        largest = map->values[i] > largest ? map->values[i] : largest;
    assert_true(map->values[map->peak] == largest && map->max == largest);
    assert_float_equal(map->peak_x, ((double)(map->peak % 20) + 0.5) * 37 / 20,
                       1e-4); /* rounding to float */
    assert_true(class->num_boxes >= 1 && class->num_boxes <= 3);
    box = wherefore_explanation_box(found, summary->first, 0);
    assert_true(box->share > 0 && box->x + box->width <= 37 &&
                box->y + box->height <= 27);
    assert_null(
        wherefore_explanation_box(found, summary->first, class->num_boxes));
    assert_null(wherefore_explanation_class(found, 3));
}

static void json_is_the_reply_without_a_line_feed(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    char *json = wherefore_explanation_json(explain("values", "f32"), &err);

    (void)state;
    assert_non_null(strstr(json, "\"label\":\"FREE\""));
    assert_non_null(strstr(json, "\"values\":\""));
    assert_non_null(strstr(json, "\"heatmap\":null"));
    assert_int_equal(json[strlen(json) - 1], '}');
    wherefore_free(json);
}

static void a_heatmap_is_made_if_it_is_asked_for(void **state)
{
    const void *png = picture.bytes;
    size_t len = 1;

    (void)state;
    assert_false(
        wherefore_explanation_heatmap(explain(NULL, NULL), &png, &len));
    assert_true(png == NULL && len == 0);
    assert_true(
        wherefore_explanation_heatmap(explain("heatmap", "map"), &png, &len));
    assert_true(len > 8 && memcmp(png, "\x89PNG\r\n\x1a\n", 8) == 0);
}

static void an_image_is_explained_again_by_other_options(void **state)
{
    static const struct wherefore_option method = {"method", "gradcam"},
                                         wrong = {"method", "gradcan"};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    const wherefore_explanation *found = explain(NULL, NULL);
    const float logit = first_of(found)->logit;

    (void)state;
    assert_null(wherefore_explain_again(session, &wrong, 1, &err));
    expect(WHEREFORE_INPUT, "\"gradcan\" is not accepted", &err);
    found = wherefore_explain_again(session, &method, 1, &err);
    assert_string_equal(wherefore_explanation_summary(found)->method,
                        "gradcam");
    assert_true(first_of(found)->logit == logit);
    assert_null(wherefore_explain(session, "GIF89a", 6, NULL, 0, &err));
    expect(WHEREFORE_UNSUPPORTED, "not a JPEG, PNG or WebP", &err);
    assert_null(wherefore_explain_again(session, NULL, 0, &err));
    expect(WHEREFORE_INPUT, "no image", &err);
}

static void options_contradict_or_are_unknown(void **state)
{
    static const struct {
        struct wherefore_option options[2];
        const char *part;
    } cases[] = {
        {{{"top", "2"}, {"top", "3"}}, "given twice"},
        {{{"model", "x"}, {"top", "3"}}, "the session has its model"},
        {{{"box", "paper"}, {"quality", "fine"}}, "for the box rule object"},
        {{{"class", "cat"}, {"top", "1"}}, "\"cat\" is not accepted"},
        {{{"frame", "1"}, {"top", "1"}}, "unknown option"},
        {{{"", "1"}, {"top", "1"}}, "name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wherefore_error err = WHEREFORE_ERROR_INIT;

        assert_null(wherefore_explain(session, picture.bytes, picture.len,
                                      cases[i].options, 2, &err));
        expect(WHEREFORE_INPUT, cases[i].part, &err);
    }
}

static void nothing_is_no_crash(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;

    (void)state;
    assert_null(wherefore_session_new(NULL, 1, &err));
    assert_null(wherefore_explain(NULL, "", 0, NULL, 0, &err));
    assert_null(wherefore_explain(session, NULL, 5, NULL, 0, &err));
    expect(WHEREFORE_INPUT, "NULL", &err);
    assert_null(wherefore_explain(session, NULL, 0, NULL, 0, &err));
    assert_null(wherefore_explain(session, "", 0, NULL, 1, &err));
    assert_null(
        wherefore_explain_pixels(session, NULL, 1, 1, 3, 0, NULL, 0, &err));
    assert_null(wherefore_explain_again(NULL, NULL, 0, &err));
    assert_null(wherefore_explanation_summary(NULL));
    assert_null(wherefore_explanation_class(NULL, 0));
    assert_null(wherefore_explanation_box(NULL, 0, 0));
    assert_false(wherefore_explanation_heatmap(NULL, NULL, NULL));
    assert_null(wherefore_explanation_json(NULL, &err));
    assert_null(wherefore_model_json(NULL, &err));
    assert_null(wherefore_model_methods_json(NULL, &err));
    assert_null(wherefore_model_name(NULL));
    assert_int_equal(wherefore_model_num_classes(NULL), 0);
    assert_null(wherefore_model_class_label(NULL, 0));
    assert_false(wherefore_model_find_class(NULL, "x", NULL));
    wherefore_session_cancel(NULL);
    wherefore_session_set_progress(NULL, NULL, NULL);
    wherefore_session_free(NULL);
    wherefore_model_free(NULL);
    wherefore_free(NULL);
}

/* ---- pixels ---- */

/* White rows of 9 bytes with a gap, in which the first channel is 255 - y. */
static void fill(uint8_t *pixels, size_t height, size_t width, size_t channels,
                 size_t stride)
{
    memset(pixels, 255, height * stride);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            memset(pixels + y * stride + x * channels, (int)(255 - y),
                   channels < 3 ? 1 : 3);
}

static float logit_of(const uint8_t *pixels, unsigned channels, size_t stride)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    const wherefore_explanation *found = wherefore_explain_pixels(
        session, pixels, 8, 6, channels, stride, NULL, 0, &err);

    if (!found)
        fail_msg("%s", err.text);
    assert_string_equal(wherefore_explanation_summary(found)->image_format,
                        "unknown");
    return first_of(found)->logit;
}

static void pixels_of_all_layouts_are_the_same_picture(void **state)
{
    uint8_t grey[6 * 8], rgb[6 * 8 * 3], rgba[6 * 8 * 4], wide[6 * 40];
    float logit;

    (void)state;
    fill(grey, 6, 8, 1, 8);
    fill(rgb, 6, 8, 3, 24);
    fill(rgba, 6, 8, 4, 32);
    fill(wide, 6, 8, 3, 40);
    logit = logit_of(rgb, 3, 0);
    assert_true(logit_of(grey, 1, 0) == logit);
    assert_true(logit_of(rgba, 4, 32) == logit);
    assert_true(logit_of(wide, 3, 40) == logit);
}

static void pixels_that_are_none_are_refused(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    const uint8_t pixels[12] = {0};

    (void)state;
    assert_null(
        wherefore_explain_pixels(session, pixels, 0, 2, 3, 0, NULL, 0, &err));
    assert_int_equal(err.kind, WHEREFORE_INPUT);
    assert_null(
        wherefore_explain_pixels(session, pixels, 2, 2, 2, 0, NULL, 0, &err));
    assert_int_equal(err.kind, WHEREFORE_INPUT);
    assert_null(
        wherefore_explain_pixels(session, pixels, 2, 2, 3, 5, NULL, 0, &err));
    assert_int_equal(err.kind, WHEREFORE_INPUT);
    assert_null(wherefore_explain_pixels(session, pixels, 60000, 2, 3, 0, NULL,
                                         0, &err));
    assert_int_equal(err.kind, WHEREFORE_LIMIT);
}

/* ---- cancelling ---- */

struct passes {
    size_t last, total, stop; /* after which it ends */
};

static bool note(void *user, size_t done, size_t total)
{
    struct passes *passes = user;

    passes->last = done;
    passes->total = total;
    return done < passes->stop;
}

static bool cancel(void *user, size_t done, size_t total)
{
    (void)user;
    (void)done;
    (void)total;
    wherefore_session_cancel(session);
    return true;
}

static void progress_is_told_and_can_end_it(void **state)
{
    static const struct wherefore_option options[] = {{"method", "rise"},
                                                      {"masks", "64"}};
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    struct passes passes = {.stop = SIZE_MAX};

    (void)state;
    wherefore_session_set_progress(session, note, &passes);
    assert_non_null(wherefore_explain(session, picture.bytes, picture.len,
                                      options, 2, &err));
    assert_true(passes.total > 64 && passes.last > 0);
    passes.stop = 2;
    assert_null(wherefore_explain(session, picture.bytes, picture.len, options,
                                  2, &err));
    expect(WHEREFORE_BUSY, "cancelled", &err);
    assert_true(passes.last < 64);
    wherefore_session_set_progress(session, cancel, NULL);
    assert_null(wherefore_explain(session, picture.bytes, picture.len, options,
                                  2, &err));
    expect(WHEREFORE_BUSY, "cancelled", &err);
    wherefore_session_set_progress(session, NULL, NULL);
    assert_null(wherefore_explain_again(session, NULL, 0, &err));
    wherefore_session_cancel(session); /* nothing is running */
    explain(NULL, NULL);
}

/* ---- promises ---- */

static void numbers_and_names_of_kinds_stay(void **state)
{
    (void)state;
    assert_string_equal(wherefore_kind_name(0), "none");
    assert_string_equal(wherefore_kind_name(1), "bad-input");
    assert_string_equal(wherefore_kind_name(2), "unsupported");
    assert_string_equal(wherefore_kind_name(3), "over-limit");
    assert_string_equal(wherefore_kind_name(4), "busy");
    assert_string_equal(wherefore_kind_name(5), "no-memory");
    assert_string_equal(wherefore_kind_name(6), "io");
    assert_string_equal(wherefore_kind_name(7), "internal");
    assert_string_equal(wherefore_kind_name(-1), "internal");
    assert_string_equal(wherefore_kind_name(8), "internal");
    assert_int_equal(sizeof(struct wherefore_error), 504);
}

static void texts_of_errors_are_utf8(void **state)
{
    struct wherefore_error err = WHEREFORE_ERROR_INIT;
    const struct wherefore_option option = {"class", "a\xff\xc3"};

    (void)state;
    assert_null(wherefore_explain(session, picture.bytes, picture.len, &option,
                                  1, &err));
    expect(WHEREFORE_INPUT, "\"a??\"", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_says_what_it_is),
        cmocka_unit_test(options_of_a_model_are_checked),
        cmocka_unit_test(a_model_that_is_not_there_is_an_error),
        cmocka_unit_test(limits_are_those_of_the_model),
        cmocka_unit_test(an_explanation_holds_together),
        cmocka_unit_test(json_is_the_reply_without_a_line_feed),
        cmocka_unit_test(a_heatmap_is_made_if_it_is_asked_for),
        cmocka_unit_test(an_image_is_explained_again_by_other_options),
        cmocka_unit_test(options_contradict_or_are_unknown),
        cmocka_unit_test(nothing_is_no_crash),
        cmocka_unit_test(pixels_of_all_layouts_are_the_same_picture),
        cmocka_unit_test(pixels_that_are_none_are_refused),
        cmocka_unit_test(progress_is_told_and_can_end_it),
        cmocka_unit_test(numbers_and_names_of_kinds_stay),
        cmocka_unit_test(texts_of_errors_are_utf8),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
