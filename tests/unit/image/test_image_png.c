/* PNGs whose chunks are cut and put together in odd ways; what they show is
 * what the plain file shows, which test_image.c holds to Pillow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/crc.h"
#include "engine/image/image.h"

#include <cmocka.h>

static const struct image_limits no_limits = {0};
static const uint8_t text[] = "a\0b";

/* A file being put together. */
struct png {
    struct buf file;
    struct crc crc;
};

static void add(struct png *png, const void *bytes, size_t len)
{
    assert_true(buf_append(&png->file, bytes, len, NULL));
}

static void add_chunk(struct png *png, const char *type, const uint8_t *data,
                      size_t len)
{
    const uint8_t head[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16),
                            (uint8_t)(len >> 8), (uint8_t)len};
    uint32_t sum = crc_of(&png->crc, (const uint8_t *)type, 4);

    sum = crc_more(&png->crc, sum, data, len);
    const uint8_t tail[] = {(uint8_t)(sum >> 24), (uint8_t)(sum >> 16),
                            (uint8_t)(sum >> 8), (uint8_t)sum};
    add(png, head, 4);
    add(png, type, 4);
    if (len > 0)
        add(png, data, len);
    add(png, tail, 4);
}

/* Calls `change` with each chunk of a file, and puts together what it adds. */
static void rebuild(struct png *png, const char *name,
                    void (*change)(struct png *png, const char *type,
                                   const uint8_t *data, size_t len))
{
    struct buf file = {0};
    struct error err = {0};
    char path[512];
    size_t at = 8;

    snprintf(path, sizeof path, "tests/cases/images/%s", name);
    if (!buf_append_file(&file, path, 1 << 20, &err))
        fail_msg("%s: %s", path, err.text);
    *png = (struct png){0};
    crc_init(&png->crc);
    add(png, file.data, 8);
    while (at < file.len) {
        const uint8_t *chunk = file.data + at;
        const size_t len = (size_t)chunk[2] << 8 | chunk[3];
        char type[5] = {0};

        memcpy(type, chunk + 4, 4);
        change(png, type, chunk + 8, len);
        at += len + 12;
    }
    buf_release(&file);
}

static void leave(struct png *png, const char *type, const uint8_t *data,
                  size_t len)
{
    add_chunk(png, type, data, len);
}

static void spread(struct png *png, const char *type, const uint8_t *data,
                   size_t len)
{
    if (strcmp(type, "IDAT") != 0) {
        add_chunk(png, type, data, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        add_chunk(png, "IDAT", data + i, 1);
        add_chunk(png, "IDAT", data + i, 0);
        add_chunk(png, "tEXt", text, 3);
    }
}

static void leave_empty_ones(struct png *png, const char *type,
                             const uint8_t *data, size_t len)
{
    if (strcmp(type, "IDAT") == 0)
        add_chunk(png, "IDAT", data, 0);
    else
        add_chunk(png, type, data, len);
}

static void fill_key(struct png *png, const char *type, const uint8_t *data,
                     size_t len)
{
    uint8_t key[6];

    if (strcmp(type, "tRNS") == 0 && len <= sizeof key) {
        memcpy(key, data, len);
        for (size_t i = 0; i < len; i += 2)
            key[i] |= 0xf0; /* beyond the sample's bits */
        data = key;
    }
    add_chunk(png, type, data, len);
}

static void add_later(struct png *png, const char *type, const uint8_t *data,
                      size_t len)
{
    static const uint8_t colours[3 * 256];

    if (strcmp(type, "IEND") == 0) {
        add_chunk(png, "PLTE", colours, sizeof colours);
        add_chunk(png, "tRNS", colours, 6);
        add_chunk(png, "IDAT", text, 3);
    }
    add_chunk(png, type, data, len);
}

static void add_header(struct png *png, const char *type, const uint8_t *data,
                       size_t len)
{
    add_chunk(png, type, data, len);
    if (strcmp(type, "IHDR") == 0)
        add_chunk(png, type, data, len);
}

static void decode(struct image *image, const struct png *png)
{
    struct error err = {0};

    if (!image_decode(image, png->file.data, png->file.len, &no_limits, &err))
        fail_msg("%s", err.text);
}

static const char *const names[] = {
    "png-type2-8bit.png",
    "png-type3-4bit-trns-interlaced.png",
    "png-type6-16bit.png",
};
enum { NUM_NAMES = sizeof names / sizeof names[0] };

static void
check_shows_the_same(const char *const *files, size_t num_files,
                     void (*change)(struct png *png, const char *type,
                                    const uint8_t *data, size_t len))
{
    for (size_t i = 0; i < num_files; i++) {
        struct png plain, odd;
        struct image expected = {0}, image = {0};

        rebuild(&plain, files[i], leave);
        rebuild(&odd, files[i], change);
        decode(&expected, &plain);
        decode(&image, &odd);
        assert_int_equal(image.width, expected.width);
        assert_int_equal(image.height, expected.height);
        assert_memory_equal(image.pixels, expected.pixels,
                            (size_t)image.width * image.height * 3);
        image_release(&expected);
        image_release(&image);
        buf_release(&plain.file);
        buf_release(&odd.file);
    }
}

static void data_may_be_spread_over_any_number_of_chunks(void **state)
{
    (void)state;
    check_shows_the_same(names, NUM_NAMES, spread);
}

static void what_comes_after_the_data_changes_nothing(void **state)
{
    (void)state;
    check_shows_the_same(names, NUM_NAMES, add_later);
}

static void a_transparent_colour_has_as_many_bits_as_a_sample(void **state)
{
    static const char *const with_key[] = {"png-type0-2bit-trns.png",
                                           "png-type0-8bit-trns.png",
                                           "png-type2-8bit-trns.png"};

    (void)state;
    check_shows_the_same(with_key, 3, fill_key);
}

static void check_is_refused(struct png *png)
{
    struct image image = {0};
    struct error err = {0};

    assert_false(
        image_decode(&image, png->file.data, png->file.len, &no_limits, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    buf_release(&png->file);
    image_release(&image);
}

static void each_of_many_check_sums_counts(void **state)
{
    struct png png;

    (void)state;
    for (size_t i = 0; i < NUM_NAMES; i++) {
        rebuild(&png, names[i], spread);
        for (size_t at = 8; at + 12 < png.file.len; at++)
            if (memcmp(png.file.data + at, "\0\0\0\1IDAT", 8) == 0) {
                png.file.data[at + 9] ^= 1; /* the first's sum */
                break;
            }
        check_is_refused(&png);
    }
}

static void pictures_without_data_or_with_two_headers_are_refused(void **state)
{
    struct png png;

    (void)state;
    for (size_t i = 0; i < NUM_NAMES; i++) {
        rebuild(&png, names[i], leave_empty_ones);
        check_is_refused(&png);
        rebuild(&png, names[i], add_header);
        check_is_refused(&png);
    }
}

static bool is_cancelled(void *user)
{
    return --*(int *)user < 0;
}

static void nobody_waits_for_a_picture_that_is_not_needed(void **state)
{
    struct image image = {0};
    struct buf file = {0};
    struct error err = {0}, none = {0};
    int asked = 0, patient = 1000;
    const struct cancel cancelled = {.is_cancelled = is_cancelled,
                                     .user = &asked};
    const struct cancel waiting = {.is_cancelled = is_cancelled,
                                   .user = &patient};

    (void)state;
    if (!buf_append_file(&file, "tests/cases/images/png-type2-8bit.png",
                         1 << 20, &err))
        fail_msg("%s", err.text);
    assert_false(image_decode_for(&image, file.data, file.len, &no_limits,
                                  &cancelled, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_int_equal(image.width, 0);
    assert_true(image_decode_for(&image, file.data, file.len, &no_limits,
                                 &waiting, &none));
    assert_true(patient < 1000);
    buf_release(&file);
    image_release(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_may_be_spread_over_any_number_of_chunks),
        cmocka_unit_test(what_comes_after_the_data_changes_nothing),
        cmocka_unit_test(a_transparent_colour_has_as_many_bits_as_a_sample),
        cmocka_unit_test(each_of_many_check_sums_counts),
        cmocka_unit_test(pictures_without_data_or_with_two_headers_are_refused),
        cmocka_unit_test(nobody_waits_for_a_picture_that_is_not_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
