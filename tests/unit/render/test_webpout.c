/* WebP files: our decoder must read from them about what was written. */

#include <stdlib.h>

#include "engine/image/image.h"
#include "engine/render/webpout.h"

#include "tests/unit/alloc_sweep.h"

enum { WIDTH = 61, HEIGHT = 47 };

/* A slope of each colour, which lossy files keep well. */
static void fill(uint8_t *pixels)
{
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        pixels[3 * i] = (uint8_t)(4 * (i % WIDTH));
        pixels[3 * i + 1] = (uint8_t)(5 * (i / WIDTH));
        pixels[3 * i + 2] = 90;
    }
}

static void a_file_has_about_the_same_pixels(void **state)
{
    uint8_t pixels[3 * WIDTH * HEIGHT];
    const struct image_limits limits = {0};
    struct image image = {0};
    struct buf webp = {0};

    (void)state;
    fill(pixels);
    assert_true(webpout_rgb(&webp, pixels, WIDTH, HEIGHT, 90, NULL));
    assert_true(image_decode(&image, webp.data, webp.len, &limits, NULL));
    assert_int_equal(image.format, IMAGE_WEBP);
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++)
        assert_in_range(image.pixels[i] + 16 - pixels[i], 0, 32);
    image_release(&image);
    buf_release(&webp);
}

static void a_side_of_none_or_too_many_pixels_is_refused(void **state)
{
    static const uint8_t pixels[3];
    struct buf webp = {0};
    struct error err = {0};

    (void)state;
    assert_false(webpout_rgb(&webp, pixels, 0, 1, 75, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
    assert_false(webpout_rgb(&webp, pixels, 1, WEBPOUT_MAX_SIDE + 1, 75, NULL));
    assert_int_equal(webp.len, 0);
}

static bool write_once(void *user, struct error *err)
{
    struct buf webp = {0};
    bool ok = webpout_rgb(&webp, user, WIDTH, HEIGHT, 75, err);

    buf_release(&webp);
    return ok;
}

static void a_failed_allocation_is_reported(void **state)
{
    uint8_t pixels[3 * WIDTH * HEIGHT];

    (void)state;
    fill(pixels);
    alloc_sweep(write_once, pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_about_the_same_pixels),
        cmocka_unit_test(a_side_of_none_or_too_many_pixels_is_refused),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
