/* Views: what they show, and that the way back is the adjoint. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/ascend/view.h"
#include "engine/explain/random.h"

#include "tests/unit/alloc_sweep.h"

enum { HEIGHT = 20, WIDTH = 24, PLANE = HEIGHT * WIDTH, MOST = 64 * 64 * 3 };

static const struct painting_shape CANVAS = {HEIGHT, WIDTH, 1, 2};

/* The picture is in the middle of the canvas. */
enum { PICTURE_HEIGHT = 18, PICTURE_WIDTH = 20 };

static const struct preprocess_spec PLAIN = {.width = PICTURE_WIDTH,
                                             .height = PICTURE_HEIGHT,
                                             .mean = {10, 20, 30},
                                             .std = {50, 60, 70}};

static void open_view(struct view *view, const struct preprocess_spec *spec,
                      const struct view_place *place)
{
    assert_true(view_init(view, &CANVAS, PICTURE_HEIGHT, PICTURE_WIDTH, spec,
                          NULL, NULL));
    assert_true(view_set(view, place, NULL));
}

static void the_whole_picture_is_shown_as_the_network_takes_it(void **state)
{
    static float canvas[3 * PLANE], input[MOST];
    struct view view;

    (void)state;
    random_normal(canvas, 1, 0, 3 * PLANE);
    open_view(&view, &PLAIN, &VIEW_WHOLE);
    view_show(&view, input, canvas);
    for (size_t y = 0; y < PICTURE_HEIGHT; y++)
        for (size_t x = 0; x < PICTURE_WIDTH; x++)
            for (size_t c = 0; c < 3; c++) {
                float sample = canvas[c * PLANE + (y + CANVAS.top) * WIDTH + x +
                                      CANVAS.left];

                assert_float_equal(
                    input[(y * PICTURE_WIDTH + x) * 3 + c],
                    (255 * sample - PLAIN.mean[c]) / PLAIN.std[c], 1e-4f);
            }
    view_release(&view);
}

static void channels_are_in_the_order_of_the_input(void **state)
{
    static float canvas[3 * PLANE], input[MOST];
    struct preprocess_spec bgr = PLAIN, grey = PLAIN;
    struct view view;

    (void)state;
    for (size_t i = 0; i < 3 * PLANE; i++)
        canvas[i] = 0.25f * (float)(i / PLANE + 1);
    bgr.bgr = true;
    open_view(&view, &bgr, &VIEW_WHOLE);
    view_show(&view, input, canvas);
    for (size_t c = 0; c < 3; c++)
        assert_float_equal(input[c],
                           (255 * 0.25f * (float)(3 - c) - PLAIN.mean[c]) /
                               PLAIN.std[c],
                           1e-5f);
    view_release(&view);
    grey.grey = true;
    open_view(&view, &grey, &VIEW_WHOLE);
    view_show(&view, input, canvas);
    assert_float_equal(
        input[0],
        (255 * (0.299f * 0.25f + 0.587f * 0.5f + 0.114f * 0.75f) - 10) / 50,
        1e-5f);
    view_release(&view);
}

static void
a_slope_stays_a_slope_when_it_is_moved_scaled_and_turned(void **state)
{
    static float canvas[3 * PLANE], input[MOST];
    const struct view_place place = {1.5, -2, 0.5, 0.4};
    const struct preprocess_spec spec = {.width = PICTURE_WIDTH,
                                         .height = PICTURE_HEIGHT,
                                         .std = {255, 255, 255}};
    struct view view;

    (void)state;
    /* 2 x - 3 y, in pixels from the canvas's corner. */
    for (size_t i = 0; i < 3 * PLANE; i++)
        canvas[i] = 2 * (float)(i % WIDTH) - 3 * (float)(i % PLANE / WIDTH);
    open_view(&view, &spec, &place);
    view_show(&view, input, canvas);
    for (size_t y = 0; y < PICTURE_HEIGHT; y++)
        for (size_t x = 0; x < PICTURE_WIDTH; x++) {
            double dx = 0.5 * ((double)x + 0.5 - PICTURE_WIDTH / 2.0);
            double dy = 0.5 * ((double)y + 0.5 - PICTURE_HEIGHT / 2.0);
            double at_x = 2 + PICTURE_WIDTH / 2.0 + 1.5 * 0.5 + cos(0.4) * dx -
                          sin(0.4) * dy - 0.5;
            double at_y = 1 + PICTURE_HEIGHT / 2.0 - 2 * 0.5 + sin(0.4) * dx +
                          cos(0.4) * dy - 0.5;

            assert_float_equal(input[(y * PICTURE_WIDTH + x) * 3],
                               2 * at_x - 3 * at_y, 1e-4);
        }
    view_release(&view);
}

/* sum(view(a) b) - sum(view(0) b) = sum(a back(b)) */
static void check_adjoint(const struct preprocess_spec *spec,
                          const struct view_place *place)
{
    static float a[3 * PLANE], none[3 * PLANE], back[3 * PLANE];
    static float shown[MOST], empty[MOST], b[MOST];
    size_t count = (size_t)spec->width * spec->height * (spec->grey ? 1 : 3);
    double there = 0, return_ = 0, size = 0;
    struct view view;

    random_normal(a, 7, 0, 3 * PLANE);
    random_normal(b, 8, 0, count);
    open_view(&view, spec, place);
    view_show(&view, shown, a);
    view_show(&view, empty, none);
    view_back(&view, back, b);
    for (size_t i = 0; i < count; i++) {
        there += ((double)shown[i] - (double)empty[i]) * (double)b[i];
        size += fabs(((double)shown[i] - (double)empty[i]) * (double)b[i]);
    }
    for (size_t i = 0; i < 3 * PLANE; i++)
        return_ += (double)a[i] * (double)back[i];
    assert_true(fabs(there - return_) <= 1e-6 * size);
    view_release(&view);
}

static void the_way_back_is_the_adjoint(void **state)
{
    static const struct view_place places[] = {
        {.scale = 1},     {.scale = 1, .shift_x = 3.25, .shift_y = -1.5},
        {.scale = 0.7},   {.scale = 1, .turn = 0.3},
        {-6, 9, 1.2, -2}, {100, 0, 1, 0}, /* beside the picture */
    };
    struct preprocess_spec larger = PLAIN, smaller = PLAIN, grey = PLAIN;

    (void)state;
    larger.width = 61;
    larger.height = 40;
    smaller.width = 7; /* several samples a pixel */
    smaller.height = 5;
    grey.grey = true;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        check_adjoint(&PLAIN, &places[i]);
        check_adjoint(&larger, &places[i]);
        check_adjoint(&smaller, &places[i]);
        check_adjoint(&grey, &places[i]);
    }
}

static void places_are_within_their_range_and_the_seeds(void **state)
{
    const struct view_range range = {8, 0.25, 90};
    double least = 2, most = 0;

    (void)state;
    for (uint64_t step = 0; step < 1000; step++) {
        struct view_place place = view_choose(&range, 5, step);
        struct view_place again = view_choose(&range, 5, step);

        assert_memory_equal(&place, &again, sizeof place);
        assert_true(fabs(place.shift_x) <= 8 && fabs(place.shift_y) <= 8);
        assert_true(fabs(place.turn) <= 1.5707964);
        least = fmin(least, place.scale);
        most = fmax(most, place.scale);
    }
    assert_float_equal(least, 0.75, 0.01);
    assert_float_equal(most, 1.25, 0.01);
}

static bool open_once(void *arg, struct error *err)
{
    struct view view;
    bool ok = view_init(&view, &CANVAS, PICTURE_HEIGHT, PICTURE_WIDTH, &PLAIN,
                        NULL, err) &&
              view_set(&view, &VIEW_WHOLE, err);

    (void)arg;
    view_release(&view);
    return ok;
}

static void a_lack_of_memory_is_reported(void **state)
{
    (void)state;
    alloc_sweep(open_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_picture_is_shown_as_the_network_takes_it),
        cmocka_unit_test(channels_are_in_the_order_of_the_input),
        cmocka_unit_test(
            a_slope_stays_a_slope_when_it_is_moved_scaled_and_turned),
        cmocka_unit_test(the_way_back_is_the_adjoint),
        cmocka_unit_test(places_are_within_their_range_and_the_seeds),
        cmocka_unit_test(a_lack_of_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
