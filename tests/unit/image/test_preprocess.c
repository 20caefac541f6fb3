#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/preprocess.h"
#include "tests/unit/ppm.h"

#include <cmocka.h>

#define CASES "tests/data/inputs"

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
    struct preprocess_region region;
    float input[2 * 2 * 3];

    (void)state;
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &picture, NULL));
    for (int i = 0; i < 12; i++)
        assert_float_equal(
            input[i], ((float)pixels[i] - spec.mean[i % 3]) / spec.std[i % 3],
            ROUNDING);
    preprocess_free(preprocess);
}

/* Of an image of two columns, the right one. */
static void a_part_is_stretched_to_the_input(void **state)
{
    struct preprocess_spec spec = square_spec(2);
    struct preprocess_region region = {1, 0, 1, 2};
    float input[2 * 2 * 3];

    (void)state;
    spec.filter = RESIZE_NEAREST;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(
        preprocess_apply_part(preprocess, input, &region, &picture, NULL));
    for (int i = 0; i < 12; i++)
        assert_float_equal(
            input[i],
            ((float)pixels[i / 6 * 6 + 3 + i % 3] - spec.mean[i % 3]) /
                spec.std[i % 3],
            ROUNDING);
    assert_true(region.x == 1 && region.y == 0);
    assert_true(region.width == 1 && region.height == 2);
    preprocess_free(preprocess);
}

/* As if it were stretched, whatever the spec says. */
static void the_whole_as_a_part_is_the_whole(void **state)
{
    struct preprocess_spec spec = square_spec(5);
    struct preprocess_region region = {0, 0, 2, 2}, whole;
    float input[5 * 5 * 3], expected[5 * 5 * 3];

    (void)state;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, expected, &whole, &picture, NULL));
    assert_true(
        preprocess_apply_part(preprocess, input, &region, &picture, NULL));
    assert_memory_equal(input, expected, sizeof input);
    assert_memory_equal(&region, &whole, sizeof region);
    preprocess_free(preprocess);
}

/* A sliver is widened, and moved into the image. */
static void a_part_is_no_smaller_than_the_largest_zoom_allows(void **state)
{
    const struct preprocess_spec spec = square_spec(4);
    struct preprocess_region region = {1.99, 1.99, .001, .001};
    float input[4 * 4 * 3];

    (void)state;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(
        preprocess_apply_part(preprocess, input, &region, &picture, NULL));
    assert_true(region.width == 2. / PREPROCESS_MAX_ZOOM);
    assert_true(region.x + region.width == 2 && region.y + region.height == 2);
    preprocess_free(preprocess);
}

static void a_bgr_input_begins_with_blue(void **state)
{
    struct preprocess_spec spec = square_spec(2);
    struct preprocess_region region;
    float input[2 * 2 * 3];

    (void)state;
    spec.bgr = true;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &picture, NULL));
    /* Mean and std are in the order of the input's channels. */
    assert_float_equal(input[0], (255.0f - 127) / 128, ROUNDING);
    assert_float_equal(input[1], (64.0f - 100) / 50, ROUNDING);
    assert_float_equal(input[2], (0.0f - 50) / 0.25f, ROUNDING);
    assert_float_equal(input[9], (6.0f - 127) / 128, ROUNDING);
    preprocess_free(preprocess);
}

static void a_grey_input_is_luma(void **state)
{
    struct preprocess_spec spec = square_spec(2);
    struct preprocess_region region;
    /* By Pillow's convert("L"). */
    const float luma[] = {67, 18, 2, 5};
    float input[5] = {[4] = 42};

    (void)state;
    spec.grey = true;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &picture, NULL));
    for (int i = 0; i < 4; i++)
        assert_float_equal(input[i], (luma[i] - spec.mean[0]) / spec.std[0],
                           ROUNDING);
    assert_true(input[4] == 42);
    preprocess_free(preprocess);
}

static void stretching_shows_the_whole_picture(void **state)
{
    const struct preprocess_spec spec = square_spec(5);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    struct preprocess_region region = {.x = 9, .y = 9};
    static uint8_t grey[7 * 3 * 3];
    const struct image wide = {.width = 7, .height = 3, .pixels = grey};
    float input[5 * 5 * 3];

    (void)state;
    assert_non_null(preprocess);
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = 127;
    assert_true(preprocess_apply(preprocess, input, &region, &wide, NULL));
    assert_true(region.x == 0 && region.y == 0);
    assert_true(region.width == 7 && region.height == 3);
    for (int i = 0; i < 25; i++)
        assert_float_equal(input[i * 3], 0, ROUNDING);
    preprocess_free(preprocess);
}

/* ---- Pillow's inputs ---- */

static const char *const resizes[] = {
#define X(resize, name) [resize] = name,
    PREPROCESS_RESIZES(X)
#undef X
};

static const char *const filters[] = {
#define X(filter, name) [filter] = name,
    RESIZE_FILTERS(X)
#undef X
};

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fail_msg("there is no %s", name);
    return 0;
}

static void check_case(const char *name)
{
    char resize[16], filter[16], path[512];
    unsigned width, height, in_width, in_height, thousandths;
    struct preprocess_region region;
    struct ppm ppm;

    assert_int_equal(sscanf(name, "%15[a-z]-%15[a-z]-%ux%u-to-%ux%u-%u.ppm",
                            resize, filter, &width, &height, &in_width,
                            &in_height, &thousandths),
                     7);
    snprintf(path, sizeof path, "%s/%s", CASES, name);
    assert_true(ppm_read(&ppm, path));
    const struct preprocess_spec spec = {
        .width = in_width,
        .height = in_height,
        .resize = (enum preprocess_resize)index_of(resize, resizes, 3),
        .filter = (enum resize_filter)index_of(filter, filters, 3),
        .crop_fraction = thousandths / 1000.0,
        .pad = {114, 115, 116},
        .std = {1, 1, 1},
    };
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    uint8_t *noise = ppm_noise(width, height);
    const struct image image = {
        .width = width, .height = height, .pixels = noise};
    const size_t count = (size_t)in_width * in_height * 3;
    float *input = malloc(count * sizeof *input);

    assert_non_null(preprocess);
    assert_non_null(input);
    assert_int_equal(count, (size_t)ppm.width * ppm.height * 3);
    assert_true(preprocess_apply(preprocess, input, &region, &image, NULL));
    for (size_t i = 0; i < count; i++)
        if (input[i] != ppm.pixels[i])
            fail_msg("%s: sample %zu is %g, with Pillow %d", name, i,
                     (double)input[i], ppm.pixels[i]);
    free(input);
    free(noise);
    preprocess_free(preprocess);
    buf_release(&ppm.file);
}

static void inputs_are_made_as_pillow_makes_them(void **state)
{
    DIR *folder = opendir(CASES);
    const char *name;
    int num_cases = 0;

    (void)state;
    assert_non_null(folder);
    for (; (name = ppm_next_case(folder)) != NULL; num_cases++)
        check_case(name);
    assert_true(num_cases >= 20);
    closedir(folder);
}

/* ---- the way back ---- */

/* A white square on black, prepared; the square's place in the input, brought
 * back through the region, must be its place in the picture. */
static void check_way_back(const struct preprocess_spec *spec, uint32_t width,
                           uint32_t height)
{
    enum { SIDE = 8 };
    const uint32_t left = width / 2 - 11, top = height / 2 + 3;
    struct preprocess *preprocess = preprocess_new(spec, NULL);
    uint8_t *black = calloc((size_t)width * height, 3);
    float *input =
        calloc((size_t)spec->width * spec->height * 3, sizeof(float));
    const struct image image = {
        .width = width, .height = height, .pixels = black};
    struct preprocess_region region;
    double sum = 0, x = 0, y = 0;

    assert_non_null(preprocess);
    assert_non_null(black);
    assert_non_null(input);
    for (uint32_t row = 0; row < SIDE; row++)
        memset(black + ((top + row) * (size_t)width + left) * 3, 255, SIDE * 3);
    assert_true(preprocess_apply(preprocess, input, &region, &image, NULL));
    for (uint32_t row = 0; row < spec->height; row++)
        for (uint32_t column = 0; column < spec->width; column++) {
            double level =
                (double)input[((size_t)row * spec->width + column) * 3];

            sum += level;
            x += level * (column + 0.5);
            y += level * (row + 0.5);
        }
    assert_true(sum > 0);
    x = region.x + x / sum / spec->width * region.width;
    y = region.y + y / sum / spec->height * region.height;
    /* Levels are rounded, which moves a centre by a part of a pixel. */
    assert_true(fabs(x - (left + SIDE / 2.0)) < 0.3);
    assert_true(fabs(y - (top + SIDE / 2.0)) < 0.3);
    free(black);
    free(input);
    preprocess_free(preprocess);
}

static void the_view_leads_back_to_the_picture(void **state)
{
    static const uint32_t sizes[][2] = {
        {90, 61}, {61, 90}, {200, 50}, {50, 160}, {333, 250}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int resize = 0; resize < 3; resize++) {
            struct preprocess_spec spec = {
                .width = 160,
                .height = 80,
                .resize = (enum preprocess_resize)resize,
                .filter = RESIZE_BILINEAR,
                .crop_fraction = 0.875,
                .std = {1, 1, 1},
            };

            check_way_back(&spec, sizes[i][0], sizes[i][1]);
            spec.width = spec.height = 64;
            check_way_back(&spec, sizes[i][0], sizes[i][1]);
        }
}

static void a_crop_shows_less_and_a_letterbox_more(void **state)
{
    static uint8_t grey[200 * 100 * 3];
    const struct image wide = {.width = 200, .height = 100, .pixels = grey};
    struct preprocess_spec spec = square_spec(50);
    struct preprocess_region region;
    float input[50 * 50 * 3];

    (void)state;
    spec.resize = PREPROCESS_CROP;
    spec.crop_fraction = 0.5;
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &wide, NULL));
    assert_true(region.x == 75 && region.y == 25);
    assert_true(region.width == 50 && region.height == 50);
    preprocess_free(preprocess);
    spec.resize = PREPROCESS_LETTERBOX;
    preprocess = preprocess_new(&spec, NULL);
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &wide, NULL));
    /* 12.5 rows above are 12, the even one */
    assert_true(region.x == 0 && region.y == -48);
    assert_true(region.width == 200 && region.height == 200);
    preprocess_free(preprocess);
}

static void strips_of_one_pixel_are_prepared(void **state)
{
    static uint8_t strip[16384 * 3];
    struct preprocess_spec spec = square_spec(32);
    struct preprocess_region region;
    float input[32 * 32 * 3];

    (void)state;
    spec.crop_fraction = 0.875;
    for (int resize = 0; resize < 3; resize++)
        for (int upright = 0; upright < 2; upright++) {
            const struct image image = {.width = upright ? 1 : 16384,
                                        .height = upright ? 16384 : 1,
                                        .pixels = strip};

            spec.resize = (enum preprocess_resize)resize;
            struct preprocess *preprocess = preprocess_new(&spec, NULL);
            assert_non_null(preprocess);
            assert_true(
                preprocess_apply(preprocess, input, &region, &image, NULL));
            assert_true(region.width > 0 && region.height > 0);
            preprocess_free(preprocess);
        }
}

static void one_preprocess_serves_pictures_of_any_size(void **state)
{
    const struct preprocess_spec spec = square_spec(2);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    uint8_t one[3] = {127, 100, 50};
    const struct image dot = {.width = 1, .height = 1, .pixels = one};
    struct preprocess_region region;
    float input[2 * 2 * 3];

    (void)state;
    assert_non_null(preprocess);
    assert_true(preprocess_apply(preprocess, input, &region, &dot, NULL));
    for (int i = 0; i < 12; i++)
        assert_float_equal(input[i], 0, ROUNDING);
    assert_true(preprocess_apply(preprocess, input, &region, &picture, NULL));
    assert_float_equal(input[0], (0.0f - 127) / 128, ROUNDING);
    assert_true(region.width == 2);
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

/* ---- an input that is given ---- */

static void an_input_that_is_given_has_the_pixels_it_was_made_of(void **state)
{
    struct preprocess_spec spec = square_spec(2);
    struct preprocess_region region;
    struct image_pixels found;
    float given[2 * 2 * 3], planar[3 * 2 * 2], input[2 * 2 * 3];

    (void)state;
    for (int bgr = 0; bgr < 2; bgr++) {
        spec.bgr = bgr;
        struct preprocess *preprocess = preprocess_new(&spec, NULL);
        assert_non_null(preprocess);
        assert_true(
            preprocess_apply(preprocess, given, &region, &picture, NULL));
        for (int i = 0; i < 12; i++)
            planar[i % 3 * 4 + i / 3] = given[i];
        for (int is_planar = 0; is_planar < 2; is_planar++) {
            memset(input, 0, sizeof input);
            assert_true(preprocess_take(preprocess, input, &found,
                                        is_planar ? planar : given, is_planar,
                                        NULL));
            assert_memory_equal(input, given, sizeof input);
            assert_int_equal(found.width, 2);
            assert_int_equal(found.height, 2);
            assert_int_equal(found.channels, 3);
            assert_int_equal(found.stride, 6);
            assert_memory_equal(found.data, pixels, sizeof pixels);
        }
        preprocess_free(preprocess);
    }
}

static void a_grey_input_that_is_given_has_grey_pixels(void **state)
{
    struct preprocess_spec spec = {
        .width = 2, .height = 1, .grey = true, .mean = {100}, .std = {50}};
    const float given[] = {-3, 2.508f}; /* -50 and 225.4 */
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    struct image_pixels found;
    float input[2];

    (void)state;
    assert_non_null(preprocess);
    assert_true(preprocess_take(preprocess, input, &found, given, true, NULL));
    assert_memory_equal(input, given, sizeof input);
    assert_memory_equal(found.data, "\0\0\0\341\341\341", 6);
    preprocess_free(preprocess);
}

static void values_that_are_no_input_are_refused(void **state)
{
    const float values[] = {NAN, INFINITY, -INFINITY, 1.1e6f, -1.1e6f};
    const struct preprocess_spec spec = square_spec(1);
    struct preprocess *preprocess = preprocess_new(&spec, NULL);
    struct image_pixels found;

    (void)state;
    assert_non_null(preprocess);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const float given[3] = {1e6f, -1e6f, values[i]};
        struct error err = {0};
        float input[3];

        assert_false(
            preprocess_take(preprocess, input, &found, given, false, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "value 2 of the input is"));
    }
    preprocess_free(preprocess);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_normalised_channel_by_channel),
        cmocka_unit_test(a_part_is_stretched_to_the_input),
        cmocka_unit_test(the_whole_as_a_part_is_the_whole),
        cmocka_unit_test(a_part_is_no_smaller_than_the_largest_zoom_allows),
        cmocka_unit_test(a_bgr_input_begins_with_blue),
        cmocka_unit_test(a_grey_input_is_luma),
        cmocka_unit_test(stretching_shows_the_whole_picture),
        cmocka_unit_test(inputs_are_made_as_pillow_makes_them),
        cmocka_unit_test(the_view_leads_back_to_the_picture),
        cmocka_unit_test(a_crop_shows_less_and_a_letterbox_more),
        cmocka_unit_test(strips_of_one_pixel_are_prepared),
        cmocka_unit_test(one_preprocess_serves_pictures_of_any_size),
        cmocka_unit_test(an_input_beyond_memory_is_refused),
        cmocka_unit_test(an_input_that_is_given_has_the_pixels_it_was_made_of),
        cmocka_unit_test(a_grey_input_that_is_given_has_grey_pixels),
        cmocka_unit_test(values_that_are_no_input_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
