#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "preprocess.h"

#include <cmocka.h>

/* One rounding to float, of values of some hundred at most. */
#define ROUNDING 1e-5f

static uint8_t pixels[2 * 2 * 3] = {0, 64, 255, 10, 20, 30, 1, 2, 3, 4, 5, 6};
static const struct image picture = {
    .width = 2, .height = 2, .format = IMAGE_PNG, .pixels = pixels};

static struct preprocess_spec square_spec(uint32_t side)
{
    return (struct preprocess_spec){
        .width = side,
        .height = side,
        .mean = {127, 100, 50},
        .std = {128, 50, 0.25f},
    };
}

static void samples_are_normalised_channel_by_channel(void **state)
{
    const struct preprocess_spec spec = square_spec(2);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    struct preprocess_view view;
    float input[2 * 2 * 3];

    (void)state;
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &view, &picture, NULL));
    for (int i = 0; i < 12; i++)
        assert_float_equal(
            input[i], ((float)pixels[i] - spec.mean[i % 3]) / spec.std[i % 3],
            ROUNDING);
    preprocess_free(preprocess);
}

static void a_bgr_input_begins_with_blue(void **state)
{
    struct preprocess_spec spec = square_spec(2);
    struct preprocess_view view;
    float input[2 * 2 * 3];

    (void)state;
    spec.bgr = true;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &view, &picture, NULL));
    /* Mean and std are in the order of the input's channels. */
    assert_float_equal(input[0], (255.0f - 127) / 128, ROUNDING);
    assert_float_equal(input[1], (64.0f - 100) / 50, ROUNDING);
    assert_float_equal(input[2], (0.0f - 50) / 0.25f, ROUNDING);
    assert_float_equal(input[9], (6.0f - 127) / 128, ROUNDING);
    preprocess_free(preprocess);
}

static void stretching_shows_the_whole_picture(void **state)
{
    const struct preprocess_spec spec = square_spec(5);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    struct preprocess_view view = {.x = 9, .y = 9};
    static uint8_t grey[7 * 3 * 3];
    const struct image wide = {.width = 7, .height = 3, .pixels = grey};
    float input[5 * 5 * 3];

    (void)state;
    assert_non_null(preprocess);
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = 127;
    assert_true(preprocess_apply(preprocess, input, &view, &wide, NULL));
    assert_true(view.x == 0 && view.y == 0);
    assert_true(view.width == 7 && view.height == 3);
    for (int i = 0; i < 25; i++)
        assert_float_equal(input[i * 3], 0, ROUNDING);
    preprocess_free(preprocess);
}

static void one_preprocess_serves_pictures_of_any_size(void **state)
{
    const struct preprocess_spec spec = square_spec(2);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    uint8_t one[3] = {127, 100, 50};
    const struct image dot = {.width = 1, .height = 1, .pixels = one};
    struct preprocess_view view;
    float input[2 * 2 * 3];

    (void)state;
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &view, &dot, NULL));
    for (int i = 0; i < 12; i++)
        assert_float_equal(input[i], 0, ROUNDING);
    assert_true(preprocess_apply(preprocess, input, &view, &picture, NULL));
    assert_float_equal(input[0], (0.0f - 127) / 128, ROUNDING);
    assert_true(view.width == 2);
    preprocess_free(preprocess);
}

static void an_input_beyond_memory_is_refused(void **state)
{
    struct preprocess_spec spec = square_spec(1);
    struct error err = {0};

    (void)state;
    spec.width = spec.height = UINT32_MAX;
    assert_null(preprocess_new(&spec, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    preprocess_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_normalised_channel_by_channel),
        cmocka_unit_test(a_bgr_input_begins_with_blue),
        cmocka_unit_test(stretching_shows_the_whole_picture),
        cmocka_unit_test(one_preprocess_serves_pictures_of_any_size),
        cmocka_unit_test(an_input_beyond_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
