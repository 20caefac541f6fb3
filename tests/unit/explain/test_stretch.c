/* Cells that are stretched to the size of the image: between edges, as heatmaps
 * are by code of their own, and between centres, by their definition. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/explain/stretch.h"
#include "engine/render/heatmap.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum { MOST = 40 };

static double value_at(const struct stretch *stretch, size_t y, size_t x)
{
    struct stretch_tap down = stretch_tap(&stretch->down, y);
    struct stretch_tap across = stretch_tap(&stretch->across, x);

    return stretch_at(stretch, &down, &across);
}

static void between_edges_it_is_what_heatmaps_are(void **state)
{
    struct sketch_random random = {7};
    struct heatmap_scratch scratch = {0};
    float cells[MOST * MOST], pixels[MOST * MOST];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t height = 1 + sketch_below(&random, 12);
        size_t width = 1 + sketch_below(&random, 12);
        size_t down = 1 + sketch_below(&random, MOST);
        size_t across = 1 + sketch_below(&random, MOST);
        const struct heatmap_region all = {.width = (double)across,
                                           .height = (double)down};
        const struct stretch stretch = {
            .cells = cells,
            .channels = 1,
            .down = stretch_edges(height, down),
            .across = stretch_edges(width, across),
            .range = 1,
        };
        struct error err = {0};

        sketch_fill(&random, cells, height * width, -1, 1);
        assert_true(heatmap_upsample(pixels, down, across, cells, height, width,
                                     &all, &scratch, &err));
        for (size_t y = 0; y < down; y++)
            for (size_t x = 0; x < across; x++)
                assert_true(fabs((double)pixels[y * across + x] -
                                 value_at(&stretch, y, x)) < 1e-5);
    }
    heatmap_scratch_release(&scratch);
}

/* Also of a part of a row, and where cells are shifted, as rise shifts them. */
static void a_row_has_the_values_of_its_pixels(void **state)
{
    struct sketch_random random = {8};
    float cells[2 * MOST * MOST], row[MOST];

    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t height = 1 + sketch_below(&random, 12);
        size_t width = 1 + sketch_below(&random, 12);
        size_t down = 1 + sketch_below(&random, MOST);
        size_t across = 1 + sketch_below(&random, MOST);
        size_t first = sketch_below(&random, across);
        size_t count = 1 + sketch_below(&random, across - first);
        bool edges = sketch_below(&random, 2);
        struct stretch stretch = {
            .cells = cells,
            .channels = 1 + sketch_below(&random, 2),
            .down = (edges ? stretch_edges : stretch_centres)(height, down),
            .across = (edges ? stretch_edges : stretch_centres)(width, across),
            .low = -0.25,
            .range = 3,
        };

        stretch.across.first +=
            stretch.across.step * (double)sketch_below(&random, 5);
        sketch_fill(&random, cells, 2 * height * width, -1, 1);
        for (size_t y = 0; y < down; y++) {
            stretch_row(row, &stretch, y, first, count);
            for (size_t x = 0; x < count; x++)
                assert_true(fabs((double)row[x] -
                                 value_at(&stretch, y, first + x)) < 1e-6);
        }
    }
}

/* Of PyTorch's interpolate(…, align_corners=True) of 2 x 3 to 3 x 5. */
static void between_centres_corners_are_on_corners(void **state)
{
    static const float cells[] = {1, 9, 2, 9, 4, 9, 8, 9, 16, 9, 32, 9};
    static const double expected[3][5] = {
        {1, 1.5, 2, 3, 4}, {4.5, 6.75, 9, 13.5, 18}, {8, 12, 16, 24, 32}};
    const struct stretch stretch = {
        .cells = cells,
        .channels = 2,
        .down = stretch_centres(2, 3),
        .across = stretch_centres(3, 5),
        .low = 1,
        .range = 2,
    };

    (void)state;
    for (size_t y = 0; y < 3; y++)
        for (size_t x = 0; x < 5; x++)
            assert_true(fabs(value_at(&stretch, y, x) -
                             (expected[y][x] - 1) / 2) < 1e-12);
}

static void
one_pixel_takes_the_first_cell_and_one_cell_is_everywhere(void **state)
{
    static const float cells[] = {3, 5, 7};
    const struct stretch stretch = {
        .cells = cells,
        .channels = 1,
        .down = stretch_centres(1, 4),
        .across = stretch_centres(3, 1),
        .range = 1,
    };

    (void)state;
    for (size_t y = 0; y < 4; y++)
        assert_true(value_at(&stretch, y, 0) == 3);
}

/* Neither end of the cells is at a pixel: these are at 0, 2/3, 4/3 and 2. */
static void a_normalized_stretch_is_from_0_to_1_at_the_pixels(void **state)
{
    static const float cells[] = {0, 3, 0}, flat[] = {2, 2, 2};
    struct stretch stretch = {
        .cells = cells,
        .channels = 1,
        .down = stretch_centres(1, 1),
        .across = stretch_centres(3, 4),
    };

    (void)state;
    stretch_normalize(&stretch, 1, 4);
    assert_true(value_at(&stretch, 0, 0) == 0);
    assert_true(fabs(value_at(&stretch, 0, 1) - 1) < 1e-12);
    assert_true(fabs(value_at(&stretch, 0, 2) - 1) < 1e-12);
    assert_true(value_at(&stretch, 0, 3) == 0);
    stretch.cells = flat;
    stretch_normalize(&stretch, 1, 4);
    for (size_t x = 0; x < 4; x++)
        assert_true(value_at(&stretch, 0, x) == 0);
}

static void a_blend_is_the_image_at_1_and_the_baseline_at_0(void **state)
{
    static const float cells[] = {0, 1};
    static const float baseline[] = {2, -2};
    static const float values[] = {4, 5, 6, 7, 8, 9};
    static const float expected[] = {2, -2, 4, 2.5f, 8, 9};
    const struct probe_features image = {values, 1, 3, 2};
    const struct stretch mask = {
        .cells = cells,
        .channels = 1,
        .down = stretch_centres(1, 1),
        .across = stretch_centres(2, 3),
        .range = 1,
    };
    float changed[6];

    (void)state;
    stretch_blend(changed, &image, baseline, &mask);
    assert_memory_equal(changed, expected, sizeof changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_edges_it_is_what_heatmaps_are),
        cmocka_unit_test(a_row_has_the_values_of_its_pixels),
        cmocka_unit_test(between_centres_corners_are_on_corners),
        cmocka_unit_test(
            one_pixel_takes_the_first_cell_and_one_cell_is_everywhere),
        cmocka_unit_test(a_normalized_stretch_is_from_0_to_1_at_the_pixels),
        cmocka_unit_test(a_blend_is_the_image_at_1_and_the_baseline_at_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
