/* Against the mean of the pixels of the picture decoded in full, which
 * test_image.c holds to Pillow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "image.h"
#include "ppm.h"

#include <cmocka.h>

#define VALID "tests/cases/images"

static const struct image_limits no_limits = {0};

static void read_file(struct buf *file, const char *name)
{
    struct error err = {0};
    char path[512];

    snprintf(path, sizeof path, VALID "/%s", name);
    buf_clear(file);
    if (!buf_append_file(file, path, 1 << 20, &err))
        fail_msg("%s: %s", path, err.text);
}

/* The mean of those of a cell's pixels that there are, to nearest. */
static unsigned cell_mean(const struct image *full, uint32_t x, uint32_t y,
                          unsigned scale, int c)
{
    unsigned sum = 0, count = 0;

    for (uint32_t v = y * scale; v < (y + 1) * scale; v++)
        for (uint32_t u = x * scale; u < (x + 1) * scale; u++)
            if (u < full->width && v < full->height) {
                sum += full->pixels[3 * (v * full->width + u) + (uint32_t)c];
                count++;
            }
    return (2 * sum + count) / (2 * count);
}

static void check_scale(const struct buf *file, const char *name,
                        unsigned scale)
{
    struct image full = {0}, reduced = {0};
    struct error err = {0};

    assert_true(image_decode(&full, file->data, file->len, &no_limits, &err));
    const struct image_need need = {.width = full.width / scale,
                                    .height = full.height / scale};
    assert_true(image_decode_for(&reduced, &need, file->data, file->len,
                                 &no_limits, &err));
    assert_int_equal(reduced.width, full.width);
    assert_int_equal(reduced.height, full.height);
    assert_int_equal(reduced.pixel_width, (full.width + scale - 1) / scale);
    assert_int_equal(reduced.pixel_height, (full.height + scale - 1) / scale);
    for (uint32_t y = 0; y < reduced.pixel_height; y++)
        for (uint32_t x = 0; x < reduced.pixel_width; x++)
            for (int c = 0; c < 3; c++) {
                const unsigned is =
                    reduced.pixels[3 * (y * reduced.pixel_width + x) +
                                   (uint32_t)c];
                const unsigned mean = cell_mean(&full, x, y, scale, c);

                if (is != mean)
                    fail_msg("%s at 1/%u: %u, %u is %u, not %u", name, scale, x,
                             y, is, mean);
            }
    image_release(&full);
    image_release(&reduced);
}

static void a_reduced_png_has_the_means_of_its_pixels(void **state)
{
    DIR *folder = opendir(VALID);
    struct buf file = {0};
    const char *name;
    int num_cases = 0;

    (void)state;
    assert_non_null(folder);
    while ((name = ppm_next_case(folder)) != NULL) {
        /* Turned pictures have their narrower cells at other edges, and colours
         * change after the means are taken. */
        if (!strstr(name, ".png") || strstr(name, "exif") ||
            strstr(name, "xmp") || strstr(name, "profile"))
            continue;
        read_file(&file, name);
        for (unsigned scale = 2; scale <= 8; scale *= 2)
            check_scale(&file, name, scale);
        num_cases++;
    }
    assert_true(num_cases >= 30);
    closedir(folder);
    buf_release(&file);
}

/* libwebp weighs pixels on the border of two by their parts, where a side is no
 * multiple; so it is told by the whole picture. */
static void a_reduced_webp_looks_like_the_means_of_its_pixels(void **state)
{
    static const char *const names[] = {"webp-lossy.webp", "webp-lossless.webp",
                                        "webp-lossy-alpha.webp"};
    struct buf file = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct image full = {0}, reduced = {0};
        struct error err = {0};
        unsigned sum = 0, count = 0;

        read_file(&file, names[i]);
        assert_true(image_decode(&full, file.data, file.len, &no_limits, &err));
        const struct image_need need = {.width = full.width / 2,
                                        .height = full.height / 2};
        assert_true(image_decode_for(&reduced, &need, file.data, file.len,
                                     &no_limits, &err));
        assert_int_equal(reduced.width, full.width);
        assert_int_equal(reduced.pixel_width, (full.width + 1) / 2);
        assert_int_equal(reduced.pixel_height, (full.height + 1) / 2);
        for (uint32_t y = 0; y < reduced.pixel_height; y++)
            for (uint32_t x = 0; x < reduced.pixel_width; x++)
                for (int c = 0; c < 3; c++, count++)
                    sum += (unsigned)abs(
                        reduced.pixels[3 * (y * reduced.pixel_width + x) +
                                       (uint32_t)c] -
                        (int)cell_mean(&full, x, y, 2, c));
        if (sum > 8 * count)
            fail_msg("%s: %u levels beside on %u samples", names[i], sum,
                     count);
        image_release(&full);
        image_release(&reduced);
    }
    buf_release(&file);
}

static void memory_of_a_larger_picture_serves_a_smaller_one(void **state)
{
    struct image image = {0};
    struct buf file = {0};
    struct error err = {0};
    const struct image_need need = {.width = 2, .height = 2};

    (void)state;
    read_file(&file, "png-type2-8bit.png");
    assert_true(image_decode(&image, file.data, file.len, &no_limits, &err));
    const uint8_t *pixels = image.pixels;
    assert_true(
        image_decode_for(&image, &need, file.data, file.len, &no_limits, &err));
    assert_ptr_equal(image.pixels, pixels);
    assert_true(image.pixel_width < image.width);
    buf_release(&file);
    image_release(&image);
}

static bool is_gone(void *user)
{
    return --*(int *)user < 0;
}

static void nobody_waits_for_a_picture_that_is_not_needed(void **state)
{
    struct image image = {0};
    struct buf file = {0};
    struct error err = {0}, none = {0};
    int asked = 0, patient = 1000;
    const struct image_need gone = {.gone = is_gone, .user = &asked};
    const struct image_need waiting = {.gone = is_gone, .user = &patient};

    (void)state;
    read_file(&file, "png-type2-8bit.png");
    assert_false(
        image_decode_for(&image, &gone, file.data, file.len, &no_limits, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_int_equal(image.width, 0);
    assert_true(image_decode_for(&image, &waiting, file.data, file.len,
                                 &no_limits, &none));
    assert_true(patient < 1000);
    buf_release(&file);
    image_release(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reduced_png_has_the_means_of_its_pixels),
        cmocka_unit_test(a_reduced_webp_looks_like_the_means_of_its_pixels),
        cmocka_unit_test(memory_of_a_larger_picture_serves_a_smaller_one),
        cmocka_unit_test(nobody_waits_for_a_picture_that_is_not_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
