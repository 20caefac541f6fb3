#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/image/orient.h"
#include "engine/image/resize.h"
#include "tests/unit/ppm.h"

#include <cmocka.h>

#define CASES "tests/data/resize"

struct difference {
    int max;
    double mean;
};

static struct difference compare(const uint8_t *a, const uint8_t *b,
                                 size_t count)
{
    struct difference difference = {0};

    for (size_t i = 0; i < count; i++) {
        const int d = abs(a[i] - b[i]);

        difference.mean += d;
        if (d > difference.max)
            difference.max = d;
    }
    difference.mean /= (double)count;
    return difference;
}

/* Resizes one case's noise and compares with what Pillow made of it. */
static struct difference run_case(struct resize *resize, const char *name)
{
    struct error err = {0};
    char path[512];
    uint32_t width, height;
    struct ppm ppm;

    snprintf(path, sizeof path, "%s/%s", CASES, name);
    assert_int_equal(sscanf(name, "%ux%u-to-", &width, &height), 2);
    assert_true(ppm_read(&ppm, path));
    const size_t count = (size_t)ppm.width * ppm.height * 3;
    uint8_t *in = ppm_noise(width, height);
    uint8_t *out = malloc(count);
    assert_non_null(out);
    if (!resize_rgb(resize, out, ppm.width, ppm.height, in, width, height,
                    &err))
        fail_msg("%s: %s", name, err.text);
    const struct difference difference = compare(out, ppm.pixels, count);
    free(in);
    free(out);
    buf_release(&ppm.file);
    return difference;
}

static void run_cases(bool is_plain)
{
    struct resize resize = {.is_plain = is_plain};
    DIR *folder = opendir(CASES);
    const char *name;
    int num_cases = 0;

    assert_non_null(folder);
    while ((name = ppm_next_case(folder)) != NULL) {
        const struct difference difference = run_case(&resize, name);

        /* The algorithm is the same, down to the fixed-point weights. */
        if (difference.max > 0)
            fail_msg("%s differs from Pillow by up to %d levels, %g on average",
                     name, difference.max, difference.mean);
        num_cases++;
    }
    assert_true(num_cases >= 10);
    closedir(folder);
    resize_release(&resize);
}

static void pictures_are_resized_as_pillow_does_it(void **state)
{
    (void)state;
    run_cases(false);
}

static void plain_code_gives_the_same_levels_as_vectors(void **state)
{
    (void)state;
    run_cases(true);
}

static void a_picture_of_the_right_size_stays_as_it_is(void **state)
{
    struct resize resize = {0};
    uint8_t *in = ppm_noise(37, 29);
    uint8_t out[37 * 29 * 3];

    (void)state;
    assert_true(resize_rgb(&resize, out, 37, 29, in, 37, 29, NULL));
    assert_memory_equal(out, in, sizeof out);
    free(in);
    resize_release(&resize);
}

static void one_colour_stays_one_colour(void **state)
{
    struct resize resize = {0};
    uint8_t in[61 * 43 * 3], out[20 * 90 * 3], expected[20 * 90 * 3];

    (void)state;
    memset(in, 201, sizeof in);
    memset(expected, 201, sizeof expected);
    assert_true(resize_rgb(&resize, out, 20, 90, in, 61, 43, NULL));
    assert_memory_equal(out, expected, sizeof out);
    resize_release(&resize);
}

static void scratch_of_one_size_serves_the_next(void **state)
{
    static const uint32_t sizes[][4] = {
        {50, 40, 20, 20}, {20, 70, 30, 10}, {90, 9, 30, 10}, {50, 40, 20, 20}};
    struct resize used = {0};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint32_t *s = sizes[i];
        struct resize fresh = {0};
        uint8_t *in = ppm_noise(s[0], s[1]);
        uint8_t out[400 * 3], expected[400 * 3];

        assert_true(resize_rgb(&used, out, s[2], s[3], in, s[0], s[1], NULL));
        assert_true(
            resize_rgb(&fresh, expected, s[2], s[3], in, s[0], s[1], NULL));
        assert_memory_equal(out, expected, (size_t)s[2] * s[3] * 3);
        free(in);
        resize_release(&fresh);
    }
    resize_release(&used);
}

static void a_strip_takes_memory_by_its_output(void **state)
{
    enum { HEIGHT = 300000 };
    struct resize resize = {0};
    uint8_t *in = ppm_noise(2, HEIGHT);
    uint8_t out[16 * 16 * 3];

    (void)state;
    assert_true(resize_rgb(&resize, out, 16, 16, in, 2, HEIGHT, NULL));
    assert_true(resize.band_cap + resize.sums_cap + resize.between_cap +
                    resize.columns_cap + resize.resized_cap <
                100000);
    free(in);
    resize_release(&resize);
}

static void releasing_nothing_is_safe(void **state)
{
    struct resize resize = {0};

    (void)state;
    resize_release(&resize);
    assert_null(resize.band);
}

/* Parts of several shapes, of which both orders of the axes come. */
static void a_picture_that_lies_gives_what_the_upright_one_does(void **state)
{
    static const uint32_t sizes[][2] = {{61, 43}, {40, 300}, {300, 40}};
    static const struct resize_part parts[] = {
        {RESIZE_BICUBIC, 20, 30, 0, 0, 20, 30, 0},
        {RESIZE_BILINEAR, 30, 25, 7, 3, 19, 21, 0},
        {RESIZE_NEAREST, 30, 25, 7, 3, 19, 21, 0},
        {RESIZE_BICUBIC, 80, 90, 11, 50, 40, 30, 0},
    };
    enum { NUM_PARTS = sizeof parts / sizeof parts[0] };
    struct resize resize = {0};

    (void)state;
    for (unsigned i = 0; i < 3 * NUM_PARTS * 8; i++) {
        struct resize_part part = parts[i / 8 % NUM_PARTS];
        const unsigned orientation = i % 8 + 1;
        const uint32_t width = sizes[i / 8 / NUM_PARTS][0];
        const uint32_t height = sizes[i / 8 / NUM_PARTS][1];
        const bool swaps = orientation >= 5;
        uint8_t *stored = ppm_noise(width, height + 1);
        uint8_t *upright = malloc((size_t)width * height * 3);
        uint8_t out[40 * 30 * 3], expected[40 * 30 * 3];
        const size_t len = (size_t)part.width * part.height * 3;

        assert_non_null(upright);
        orient_upright(upright, stored, swaps ? height : width,
                       swaps ? width : height, orientation);
        assert_true(resize_rgb_part(&resize, expected, &part, upright,
                                    swaps ? height : width,
                                    swaps ? width : height, NULL));
        part.orientation = orientation;
        assert_true(
            resize_rgb_part(&resize, out, &part, stored, width, height, NULL));
        if (memcmp(out, expected, len) != 0)
            fail_msg("%ux%u, part %u, orientation %u", width, height,
                     i / 8 % NUM_PARTS, orientation);
        free(stored);
        free(upright);
    }
    resize_release(&resize);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_resized_as_pillow_does_it),
        cmocka_unit_test(plain_code_gives_the_same_levels_as_vectors),
        cmocka_unit_test(a_picture_of_the_right_size_stays_as_it_is),
        cmocka_unit_test(one_colour_stays_one_colour),
        cmocka_unit_test(scratch_of_one_size_serves_the_next),
        cmocka_unit_test(a_picture_that_lies_gives_what_the_upright_one_does),
        cmocka_unit_test(a_strip_takes_memory_by_its_output),
        cmocka_unit_test(releasing_nothing_is_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
