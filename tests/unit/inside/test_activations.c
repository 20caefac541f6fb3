/* Activations: what each channel is in numbers, which are chosen, and how they
 * are drawn. Whole networks are held to ONNX Runtime by tests/cli/test_look.py.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside/activations.h"

#include "tests/unit/alloc_sweep.h"

enum { HEIGHT = 2, WIDTH = 2, CHANNELS = 4 };

/* (HEIGHT, WIDTH, CHANNELS) The means are 2.5, 0, 2.5 and -1. */
static const float features[HEIGHT * WIDTH * CHANNELS] = {
    1, 0, 4, -4, 2, 0, 3, 0, 3, 0, 2, 0, 4, 0, 1, 0};

static const struct activations_style grey = {
    .ground = ACTIVATIONS_ALONE, .colormap = HEATMAP_GRAY, .size = 8};

static bool find(struct activations *found,
                 const struct activations_choice *choice, struct error *err)
{
    return activations_find(found, features, HEIGHT, WIDTH, CHANNELS, choice,
                            err);
}

static void a_channel_is_measured_over_all_cells(void **state)
{
    const struct activations_choice choice = {.channels = {3, 0},
                                              .num_channels = 2};
    struct activations found = {0};

    (void)state;
    assert_true(find(&found, &choice, NULL));
    assert_int_equal(found.count, 2);
    assert_int_equal(found.list[0].index, 3);
    assert_float_equal(found.list[0].mean, -1, 0);
    assert_float_equal(found.list[0].min, -4, 0);
    assert_float_equal(found.list[0].max, 0, 0);
    assert_float_equal(found.list[0].above_zero, 0, 0);
    assert_int_equal(found.list[1].index, 0);
    assert_float_equal(found.list[1].mean, 2.5, 0);
    assert_float_equal(found.list[1].above_zero, 1, 0);
    for (size_t cell = 0; cell < HEIGHT * WIDTH; cell++) {
        assert_float_equal(found.maps[cell], features[cell * CHANNELS + 3], 0);
        assert_float_equal(found.maps[HEIGHT * WIDTH + cell],
                           features[cell * CHANNELS], 0);
    }
    activations_release(&found);
}

static void the_largest_means_come_first_and_equal_ones_in_order(void **state)
{
    static const size_t order[] = {0, 2, 1, 3};
    struct activations_choice choice = {.top = 3};
    struct activations found = {0};

    (void)state;
    assert_true(find(&found, &choice, NULL));
    assert_int_equal(found.count, 3);
    choice.top = ACTIVATIONS_MAX;
    assert_true(find(&found, &choice, NULL));
    assert_int_equal(found.count, CHANNELS);
    for (size_t i = 0; i < CHANNELS; i++)
        assert_int_equal(found.list[i].index, order[i]);
    activations_release(&found);
}

static void what_is_not_a_number_comes_last(void **state)
{
    const float values[] = {NAN, -1, -2, NAN, -3, -4};
    const struct activations_choice choice = {.top = 3};
    struct activations found = {0};

    (void)state;
    assert_true(activations_find(&found, values, 1, 2, 3, &choice, NULL));
    assert_int_equal(found.list[0].index, 1);
    assert_int_equal(found.list[1].index, 2);
    assert_int_equal(found.list[2].index, 0);
    activations_release(&found);
}

/* ---- the sheet ---- */

static bool draw(struct activations *found,
                 const struct activations_style *style, struct error *err)
{
    uint8_t pixels[8 * 8 * 3] = {0};
    struct image image = {.width = 8, .height = 8, .pixels = pixels};
    struct render render = {0};
    struct buf png = {0};
    const struct activations_picture picture = {
        .image = &image, .region = {0, 0, 8, 8}, .render = &render};
    bool ok = activations_draw(found, &png, &picture, style, err);

    render_release(&render);
    buf_release(&png);
    return ok;
}

/* The corner of a picture beyond the centre of its outermost cell. */
static int corner(struct activations *found, size_t i)
{
    return sheet_tile(&found->sheet, i)[0];
}

static void each_map_or_all_together_are_drawn_in_full(void **state)
{
    const struct activations_choice choice = {.channels = {0, 2},
                                              .num_channels = 2};
    struct activations found = {0};
    struct activations_style style = grey;
    const float halves[] = {4, 2, 1, 1};

    (void)state;
    assert_true(find(&found, &choice, NULL));
    assert_true(draw(&found, &style, NULL));
    assert_int_equal(corner(&found, 0), 64); /* 1 of 4 */
    assert_int_equal(corner(&found, 1), 255);
    assert_true(activations_find(
        &found, halves, 1, 2, 2,
        &(struct activations_choice){.channels = {0, 1}, .num_channels = 2},
        NULL));
    assert_true(draw(&found, &style, NULL));
    assert_int_equal(corner(&found, 1), 255);
    style.scale = ACTIVATIONS_COMMON;
    assert_true(draw(&found, &style, NULL));
    assert_int_equal(corner(&found, 0), 255);
    assert_int_equal(corner(&found, 1), 128); /* 2 of 4 */
    activations_release(&found);
}

static void a_map_without_values_above_zero_is_dark(void **state)
{
    const struct activations_choice choice = {.channels = {3},
                                              .num_channels = 1};
    struct activations found = {0};

    (void)state;
    assert_true(find(&found, &choice, NULL));
    assert_true(draw(&found, &grey, NULL));
    assert_int_equal(corner(&found, 0), 0);
    activations_release(&found);
}

static void negative_values_ask_for_two_colours(void **state)
{
    const uint8_t *blue = heatmap_palette(HEATMAP_SIGNED) + 3;
    struct activations_choice choice = {.channels = {3, 0}, .num_channels = 2};
    struct activations found = {0};
    struct activations_style style = grey;

    (void)state;
    style.colormap = HEATMAP_AUTO;
    assert_true(find(&found, &choice, NULL));
    assert_true(draw(&found, &style, NULL));
    assert_memory_equal(sheet_tile(&found.sheet, 0), blue, 3);
    choice.channels[0] = 2;
    assert_true(find(&found, &choice, NULL));
    assert_true(draw(&found, &style, NULL));
    assert_memory_equal(sheet_tile(&found.sheet, 0),
                        heatmap_palette(HEATMAP_JET) + 3 * 255, 3);
    activations_release(&found);
}

static bool find_and_draw(void *arg, struct error *err)
{
    const struct activations_choice choice = {.top = 3};
    struct activations_style style = grey;
    struct activations found = {0};
    bool ok;

    (void)arg;
    style.ground = ACTIVATIONS_PHOTO;
    style.size = 4;
    ok = find(&found, &choice, err) && draw(&found, &style, err);
    activations_release(&found);
    return ok;
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    alloc_sweep(find_and_draw, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_measured_over_all_cells),
        cmocka_unit_test(the_largest_means_come_first_and_equal_ones_in_order),
        cmocka_unit_test(what_is_not_a_number_comes_last),
        cmocka_unit_test(each_map_or_all_together_are_drawn_in_full),
        cmocka_unit_test(a_map_without_values_above_zero_is_dark),
        cmocka_unit_test(negative_values_ask_for_two_colours),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
