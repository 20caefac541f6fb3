/* Upsampling, levels, colours. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/render/heatmap.h"

#include "tests/unit/alloc_sweep.h"

static const float MAP[2 * 3] = {1, -2, 3, 0.5f, 4, -1};

/* Pillow 12: Image.fromarray(MAP).resize((7, 5), Image.BILINEAR), mode F. */
static const float UPSAMPLED[5][7] = {
    {1, 0.5714286f, -0.71428573f, -2, 0.14285715f, 2.2857144f, 3},
    {0.95f, 0.6142857f, -0.39285716f, -1.4f, 0.31428573f, 2.0285716f, 2.6f},
    {0.75f, 0.78571427f, 0.89285713f, 1, 1, 1, 1},
    {0.55f, 0.95714283f, 2.1785715f, 3.4f, 1.6857142f, -0.02857143f, -0.6f},
    {0.5f, 1, 2.5f, 4, 1.8571428f, -0.2857143f, -1},
};

static void upsampling_agrees_with_pillow(void **state)
{
    const struct heatmap_region whole = {0, 0, 7, 5};
    struct error err = {0};
    struct heatmap_scratch scratch = {0};
    float out[5][7];

    (void)state;
    assert_true(
        heatmap_upsample(&out[0][0], 5, 7, MAP, 2, 3, &whole, &scratch, &err));
    for (size_t y = 0; y < 5; y++)
        for (size_t x = 0; x < 7; x++)
            assert_float_equal(out[y][x], UPSAMPLED[y][x], 1e-5);
    heatmap_scratch_release(&scratch);
}

/* One coordinate: the two cells it lies between, and the share of the second.
 * Returns false outside the region. */
static bool place(size_t pixel, double start, double length, size_t num_cells,
                  size_t cell[2], double *share)
{
    double centre = (double)pixel + 0.5;
    double at = (centre - start) / length * (double)num_cells - 0.5;

    at = fmin(fmax(at, 0), (double)num_cells - 1);
    cell[0] = (size_t)floor(at);
    cell[1] = cell[0] + 1 < num_cells ? cell[0] + 1 : cell[0];
    *share = at - floor(at);
    return length > 0 && centre >= start && centre < start + length;
}

static double slow_value(const float *map, size_t height, size_t width,
                         const struct heatmap_region *region, size_t y,
                         size_t x)
{
    size_t row[2], column[2];
    double down, right, sum;

    if (!place(y, region->y, region->height, height, row, &down) ||
        !place(x, region->x, region->width, width, column, &right))
        return 0;
    sum = (1 - down) * (1 - right) * (double)map[row[0] * width + column[0]];
    sum += (1 - down) * right * (double)map[row[0] * width + column[1]];
    sum += down * (1 - right) * (double)map[row[1] * width + column[0]];
    sum += down * right * (double)map[row[1] * width + column[1]];
    return sum;
}

static void any_view_agrees_with_the_formula_pixel_by_pixel(void **state)
{
    static const struct {
        size_t out_height, out_width, height, width;
        struct heatmap_region region;
    } cases[] = {
        {60, 80, 7, 7, {0, 0, 80, 60}},
        {60, 80, 7, 7, {0, -20, 80, 60}}, /* the next band: the same columns */
        {60, 80, 7, 9, {0, -20, 80, 60}}, /* not the same */
        {60, 40, 7, 9, {0, -20, 80, 60}},
        {60, 80, 7, 7, {10, 5, 60, 50}},           /* smaller: a crop */
        {60, 80, 7, 7, {-20, -3, 120, 66}},        /* larger: letterbox */
        {60, 80, 7, 7, {10.25, 5.75, 33.5, 20.1}}, /* edges inside pixels */
        {60, 80, 7, 7, {9.5, 4.5, 30, 20}},        /* edges on centres */
        {60, 80, 7, 7, {200, 5, 10, 10}},          /* beside the picture */
        {60, 80, 7, 7, {-1e9, -1e9, 3e9, 3e9}},
        {3, 2, 40, 50, {0, 0, 2, 3}}, /* fewer pixels than cells */
        {9, 9, 1, 1, {0, 0, 9, 9}},
        {1, 1, 7, 7, {0, 0, 1, 1}},
        {60, 80, 7, 7, {40, 30, 0.01, 0.01}},
        {60, 80, 7, 7, {40.4, 30.4, 0.2, 0.2}},
    };
    struct heatmap_scratch scratch = {0};
    float map[40 * 50], out[60 * 80];

    (void)state;
    for (size_t i = 0; i < 40 * 50; i++)
        map[i] = (float)(i * 7919 % 1009) / 100 - 5;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        size_t height = cases[n].out_height, width = cases[n].out_width;
        struct error err = {0};

        memset(out, 0xff, sizeof out); /* NaN: every pixel must be written */
        assert_true(heatmap_upsample(out, height, width, map, cases[n].height,
                                     cases[n].width, &cases[n].region, &scratch,
                                     &err));
        for (size_t i = 0; i < height * width; i++)
            assert_true(
                fabs(out[i] - slow_value(map, cases[n].height, cases[n].width,
                                         &cases[n].region, i / width,
                                         i % width)) < 1e-4);
    }
    heatmap_scratch_release(&scratch);
}

static void an_empty_view_covers_nothing(void **state)
{
    static const struct heatmap_region views[] = {
        {0, 0, 0, 4},   {0, 0, 4, -1},        {NAN, 0, 4, 4},
        {0, 0, NAN, 4}, {0, INFINITY, 4, 4},  {0, 0, -INFINITY, 4},
        {0, 0, 4, NAN}, {-INFINITY, 0, 4, 4},
    };

    (void)state;
    for (size_t n = 0; n < sizeof views / sizeof views[0]; n++) {
        struct heatmap_scratch scratch = {0};
        struct error err = {0};
        float out[16];

        memset(out, 0xff, sizeof out);
        assert_true(
            heatmap_upsample(out, 4, 4, MAP, 2, 3, &views[n], &scratch, &err));
        for (size_t i = 0; i < 16; i++)
            assert_true(out[i] == 0);
        assert_null(scratch.rows); /* nothing had to be worked out */
    }
}

static bool upsample(void *arg, struct error *err)
{
    const struct heatmap_region whole = {0, 0, 4, 4};
    struct heatmap_scratch scratch = {0};
    float out[16];
    bool ok;

    (void)arg;
    ok = heatmap_upsample(out, 4, 4, MAP, 2, 3, &whole, &scratch, err);
    heatmap_scratch_release(&scratch);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(upsample, NULL);
}

static void levels_go_from_zero_to_the_maximum(void **state)
{
    const float map[10] = {-3, 0, 1, 2, 4, 5, NAN, INFINITY, -INFINITY, 0.007f};
    const uint8_t expected[10] = {0, 0, 64, 128, 255, 255, 0, 255, 0, 0};
    uint8_t levels[10];

    (void)state;
    heatmap_levels(levels, map, 10, 4);
    assert_memory_equal(levels, expected, 10);
}

static void without_a_positive_maximum_all_levels_are_zero(void **state)
{
    static const float maxima[] = {0, -1, NAN, -INFINITY, INFINITY};
    const float map[5] = {-1, 0, 1, NAN, 3e38f};
    const uint8_t expected[5] = {0};

    (void)state;
    for (size_t n = 0; n < sizeof maxima / sizeof maxima[0]; n++) {
        uint8_t levels[5] = {9, 9, 9, 9, 9};

        heatmap_levels(levels, map, 5, maxima[n]);
        assert_memory_equal(levels, expected, 5);
    }
}

static void levels_of_both_signs_meet_in_the_middle(void **state)
{
    const float map[] = {0, 2, -2, 1, -1, 9, -9, NAN, INFINITY, -INFINITY};
    const uint8_t expected[] = {128, 255, 1, 192, 65, 255, 1, 128, 255, 1};
    uint8_t levels[10];

    (void)state;
    heatmap_levels_signed(levels, map, 10, 2);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(levels[i], expected[i]);
    heatmap_levels_signed(levels, map, 7, 0);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(levels[i], 128);
}

static void palettes_have_the_known_colours(void **state)
{
    /* first, middle and last of matplotlib's */
    static const uint8_t known[HEATMAP_NUM_COLORMAPS][3][3] = {
        [HEATMAP_AUTO] = {{0, 0, 128}, {125, 255, 122}, {128, 0, 0}},
        [HEATMAP_JET] = {{0, 0, 128}, {125, 255, 122}, {128, 0, 0}},
        [HEATMAP_TURBO] = {{48, 18, 59}, {164, 252, 60}, {122, 4, 3}},
        [HEATMAP_VIRIDIS] = {{68, 1, 84}, {33, 145, 140}, {253, 231, 37}},
        [HEATMAP_INFERNO] = {{0, 0, 4}, {188, 55, 84}, {252, 255, 164}},
        [HEATMAP_GRAY] = {{0, 0, 0}, {128, 128, 128}, {255, 255, 255}},
        [HEATMAP_SIGNED] = {{33, 72, 172}, {246, 245, 245}, {178, 24, 43}},
    };

    (void)state;
    for (int i = 0; i < HEATMAP_NUM_COLORMAPS; i++) {
        const uint8_t *palette = heatmap_palette((enum heatmap_colormap)i);

        assert_memory_equal(palette, known[i][0], 3);
        assert_memory_equal(palette + 3 * 128, known[i][1], 3);
        assert_memory_equal(palette + 3 * 255, known[i][2], 3);
    }
}

/* More pixels than a strip of the blend, with every level and sample. */
enum { PIXELS = 256 * 5 + 3 };

static void make_picture(uint8_t *picture, uint8_t *levels)
{
    for (size_t i = 0; i < PIXELS; i++)
        levels[i] = (uint8_t)i;
    for (size_t i = 0; i < 3 * (size_t)PIXELS; i++)
        picture[i] = (uint8_t)(i * 7919 >> 3);
}

static void overlays_are_within_one_level_of_the_formula(void **state)
{
    const uint8_t *palette = heatmap_palette(HEATMAP_TURBO);
    uint8_t picture[3 * PIXELS], levels[PIXELS], out[3 * PIXELS];

    (void)state;
    make_picture(picture, levels);
    for (int n = 0; n <= 100; n++) {
        double alpha = n / 100.0;
        bool exact = n % 25 == 0; /* whole 256ths: rounded to the nearest */

        heatmap_overlay(out, picture, levels, palette, PIXELS, (float)alpha);
        for (size_t i = 0; i < 3 * (size_t)PIXELS; i++) {
            double value = (1 - alpha) * picture[i] +
                           alpha * palette[3 * levels[i / 3] + i % 3];

            assert_true(fabs(out[i] - value) <= (exact ? 0.5 : 1));
        }
    }
}

static void an_overlay_may_be_made_in_place(void **state)
{
    const uint8_t *palette = heatmap_palette(HEATMAP_JET);
    uint8_t picture[3 * PIXELS], levels[PIXELS], out[3 * PIXELS];

    (void)state;
    make_picture(picture, levels);
    heatmap_overlay(out, picture, levels, palette, PIXELS, 0.4f);
    heatmap_overlay(picture, picture, levels, palette, PIXELS, 0.4f);
    assert_memory_equal(picture, out, sizeof out);
}

static void alpha_beyond_its_range_is_clamped(void **state)
{
    const uint8_t *palette = heatmap_palette(HEATMAP_JET);
    uint8_t picture[3 * PIXELS], levels[PIXELS], out[3 * PIXELS];

    (void)state;
    make_picture(picture, levels);
    heatmap_overlay(out, picture, levels, palette, PIXELS, -1e30f);
    assert_memory_equal(out, picture, sizeof out);
    heatmap_overlay(out, picture, levels, palette, PIXELS, NAN);
    assert_memory_equal(out, picture, sizeof out);
    heatmap_overlay(out, picture, levels, palette, PIXELS, INFINITY);
    for (size_t i = 0; i < PIXELS; i++)
        assert_memory_equal(out + 3 * i, palette + 3 * levels[i], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upsampling_agrees_with_pillow),
        cmocka_unit_test(any_view_agrees_with_the_formula_pixel_by_pixel),
        cmocka_unit_test(an_empty_view_covers_nothing),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(levels_go_from_zero_to_the_maximum),
        cmocka_unit_test(without_a_positive_maximum_all_levels_are_zero),
        cmocka_unit_test(levels_of_both_signs_meet_in_the_middle),
        cmocka_unit_test(palettes_have_the_known_colours),
        cmocka_unit_test(overlays_are_within_one_level_of_the_formula),
        cmocka_unit_test(an_overlay_may_be_made_in_place),
        cmocka_unit_test(alpha_beyond_its_range_is_clamped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
