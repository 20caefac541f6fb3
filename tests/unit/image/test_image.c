#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/image/image.h"
#include "tests/unit/ppm.h"

#include <cmocka.h>

#define VALID "tests/cases/images"
#define INVALID "tests/cases/invalid-images"

static const struct image_limits no_limits = {0};
static const struct image_limits usual_limits = {
    .max_width = 8192, .max_height = 8192, .max_pixels = 16000000};

static void read_file(struct buf *file, const char *path)
{
    struct error err = {0};

    buf_clear(file);
    if (!buf_append_file(file, path, 1 << 20, &err))
        fail_msg("%s: %s", path, err.text);
}

/* Decodes a copy of exactly `len` bytes, so that a sanitizer sees an
 * overrun. */
static bool decode_exactly(struct image *image, const uint8_t *bytes,
                           size_t len, const struct image_limits *limits,
                           struct error *err)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    if (len)
        memcpy(copy, bytes, len);
    const bool ok = image_decode(image, copy, len, limits, err);
    free(copy);
    return ok;
}

static bool has_suffix(const char *name, const char *suffix)
{
    const size_t len = strlen(name), suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* Lossless files must give the very pixels. Decoders of lossy ones may round
 * in their own way, from one version to the next: by a level or two; and
 * littlecms, in 14 bits, by one. */
static int max_difference(const char *name)
{
    const int rounded = strstr(name, "profile") ? 1 : 0;

    return has_suffix(name, ".png") || strstr(name, "lossless") ||
                   strstr(name, "animated")
               ? rounded
               : rounded + 2;
}

static void check_case(struct image *image, const char *name)
{
    struct error err = {0};
    struct buf file = {0};
    struct ppm ppm;
    char path[512];

    snprintf(path, sizeof path, "%s/%s", VALID, name);
    read_file(&file, path);
    snprintf(path, sizeof path, "%s/%.*s.ppm", VALID,
             (int)(strrchr(name, '.') - name), name);
    assert_true(ppm_read(&ppm, path));

    if (!decode_exactly(image, file.data, file.len, &usual_limits, &err))
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(image->width, ppm.width);
    assert_int_equal(image->height, ppm.height);
    assert_true(strncmp(name, image_format_name(image->format),
                        strlen(image_format_name(image->format))) == 0);
    for (size_t i = 0; i < (size_t)ppm.width * ppm.height * 3; i++)
        if (abs(image->pixels[i] - ppm.pixels[i]) > max_difference(name))
            fail_msg("%s: sample %zu is %u, not %u", name, i, image->pixels[i],
                     ppm.pixels[i]);
    buf_release(&ppm.file);
    buf_release(&file);
}

static void every_kind_of_picture_shows_what_pillow_shows(void **state)
{
    struct image image = {0};
    DIR *folder = opendir(VALID);
    const char *name;
    int num_cases = 0;

    (void)state;
    assert_non_null(folder);
    while ((name = ppm_next_case(folder)) != NULL) {
        if (has_suffix(name, ".ppm"))
            continue;
        check_case(&image, name);
        num_cases++;
    }
    assert_true(num_cases >= 150);
    closedir(folder);
    image_release(&image);
}

static void check_invalid_case(struct image *image, const char *name)
{
    struct error err = {0};
    struct buf file = {0}, expected = {0};
    char path[512];

    snprintf(path, sizeof path, INVALID "/%s/input", name);
    read_file(&file, path);
    snprintf(path, sizeof path, INVALID "/%s/error", name);
    read_file(&expected, path);
    assert_true(buf_append(&expected, "", 1, NULL));
    const char *kind = (const char *)expected.data;
    char *text = strchr((char *)expected.data, '\n');
    assert_non_null(text);
    *text++ = '\0';
    text[strcspn(text, "\n")] = '\0';

    image->width = image->height = 1;
    if (decode_exactly(image, file.data, file.len, &usual_limits, &err))
        fail_msg("%s: decoded", name);
    if (strcmp(error_kind_name(err.kind), kind) != 0)
        fail_msg("%s: %s (%s)", name, error_kind_name(err.kind), err.text);
    if (!strstr(err.text, text))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, err.text, text);
    assert_int_equal(image->width, 0);
    assert_int_equal(image->height, 0);
    if (err.kind == ERROR_LIMIT || err.kind == ERROR_UNSUPPORTED)
        if (image->pixels_cap > 65536)
            fail_msg("%s: memory was taken", name);
    buf_release(&file);
    buf_release(&expected);
}

static void every_invalid_picture_is_refused_for_its_reason(void **state)
{
    DIR *folder = opendir(INVALID);
    const char *name;
    int num_cases = 0;

    (void)state;
    assert_non_null(folder);
    while ((name = ppm_next_case(folder)) != NULL) {
        struct image image = {0};

        check_invalid_case(&image, name);
        image_release(&image);
        num_cases++;
    }
    assert_true(num_cases >= 60);
    closedir(folder);
}

/* Whether the first of two pictures shows what the second does. */
static bool shows_the_same(const struct image *a, const struct image *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 3) == 0;
}

/* `tail`: the bytes after the last that pixels are made of. */
static void check_cuts(const char *name, size_t tail)
{
    struct image whole = {0}, image = {0};
    struct error none = {0};
    struct buf file = {0};
    char path[512];

    snprintf(path, sizeof path, "%s/%s", VALID, name);
    read_file(&file, path);
    assert_true(
        image_decode(&whole, file.data, file.len, &usual_limits, &none));
    for (size_t len = 0; len < file.len; len++) {
        struct error err = {0};
        const bool ok =
            decode_exactly(&image, file.data, len, &usual_limits, &err);

        if (ok != (len >= file.len - tail))
            fail_msg("%s, %zu of %zu bytes: %s", name, len, file.len,
                     ok ? "decoded" : err.text);
        if (ok && !shows_the_same(&image, &whole))
            fail_msg("%s shows another picture from %zu bytes", name, len);
        /* Before the signature is complete it is no picture at all. */
        if (!ok && err.kind != ERROR_INPUT &&
            !(err.kind == ERROR_UNSUPPORTED && len < 12))
            fail_msg("%s, %zu bytes: %s", name, len, err.text);
    }
    buf_release(&file);
    image_release(&image);
    image_release(&whole);
}

static void a_file_cut_within_its_pixels_is_refused(void **state)
{
    (void)state;
    check_cuts("jpeg-420.jpg", 2); /* the end */
    check_cuts("jpeg-progressive.jpg", 2);
    check_cuts("jpeg-restart.jpg", 2);
    check_cuts("jpeg-cmyk.jpg", 2);
    /* IEND, and the check sums of IDAT and zlib */
    check_cuts("png-type2-8bit.png", 12 + 4 + 4);
    check_cuts("png-type6-16bit.png", 12 + 4 + 4);
    check_cuts("png-type3-4bit-trns-interlaced.png", 12 + 4 + 4);
    check_cuts("webp-lossy.webp", 0);
    check_cuts("webp-lossless.webp", 1); /* a byte to make it even */
    check_cuts("webp-lossy-alpha.webp", 0);
    check_cuts("webp-animated.webp", 692); /* the other frame */
}

static void limits_are_inclusive(void **state)
{
    /* 37 x 27 pixels */
    const struct image_limits just = {
        .max_width = 37, .max_height = 27, .max_pixels = 37 * 27};
    const struct image_limits narrow = {.max_width = 36};
    const struct image_limits low = {.max_height = 26};
    const struct image_limits few = {.max_pixels = 37 * 27 - 1};
    static const char *const names[] = {"jpeg-420.jpg", "webp-lossy.webp"};
    char path[512];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buf file = {0};
        struct image image = {0};
        struct error a = {0}, b = {0}, c = {0}, d = {0};

        snprintf(path, sizeof path, "%s/%s", VALID, names[i]);
        read_file(&file, path);
        assert_false(image_decode(&image, file.data, file.len, &narrow, &a));
        assert_false(image_decode(&image, file.data, file.len, &low, &b));
        assert_false(image_decode(&image, file.data, file.len, &few, &c));
        assert_int_equal(a.kind, ERROR_LIMIT);
        assert_int_equal(b.kind, ERROR_LIMIT);
        assert_int_equal(c.kind, ERROR_LIMIT);
        assert_string_equal(
            a.text, "the image is 37 pixels wide; at most 36 are allowed");
        assert_null(image.pixels);
        assert_true(image_decode(&image, file.data, file.len, &just, &d));
        buf_release(&file);
        image_release(&image);
    }
}

static void rows_beyond_all_memory_are_refused(void **state)
{
    /* A PNG header of 2147483647 x 2147483647, and an end. */
    static const uint8_t file[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02"
        "\0\0\0\x9b\xab\x9c\x31\0\0\0\0IEND\xae\x42\x60\x82";
    struct image image = {0};
    struct error err = {0};

    (void)state;
    assert_false(image_decode(&image, file, sizeof file - 1, &no_limits, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_null(image.pixels);
}

static void memory_is_used_again_and_only_grows(void **state)
{
    struct image image = {0};
    struct buf big = {0}, small = {0};
    struct error err = {0};

    (void)state;
    read_file(&big, VALID "/jpeg-420.jpg");
    read_file(&small, VALID "/jpeg-exif-6.jpg");
    assert_true(image_decode(&image, big.data, big.len, &no_limits, &err));
    assert_null(image.stored);
    const uint8_t *pixels = image.pixels;
    const size_t cap = image.pixels_cap;
    assert_true(image_decode(&image, small.data, small.len, &no_limits, &err));
    assert_ptr_equal(image.pixels, pixels);
    assert_int_equal(image.pixels_cap, cap);
    assert_int_equal(image.width, 12);
    assert_int_equal(image.height, 20);
    assert_false(image_decode(&image, big.data, 100, &no_limits, &err));
    assert_int_equal(image.width, 0);
    assert_int_equal(image.format, IMAGE_UNKNOWN);
    assert_ptr_equal(image.pixels, pixels);
    image_release(&image);
    assert_null(image.pixels);
    assert_int_equal(image.pixels_cap, 0);
    buf_release(&big);
    buf_release(&small);
}

/* A TGA begins like a cursor, of no pictures. */
static void what_is_not_known_is_given_no_name(void **state)
{
    static const uint8_t tga[18 + 3] = {[2] = 2, [12] = 1, [14] = 1, [16] = 24};
    struct image image = {0};
    struct error err = {0};

    (void)state;
    assert_false(image_decode(&image, tga, sizeof tga, &no_limits, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_string_equal(err.text, "the file is not a JPEG, PNG or WebP image");
    image_release(&image);
}

static void formats_have_names(void **state)
{
    (void)state;
    assert_string_equal(image_format_name(IMAGE_JPEG), "jpeg");
    assert_string_equal(image_format_name(IMAGE_PNG), "png");
    assert_string_equal(image_format_name(IMAGE_WEBP), "webp");
    assert_string_equal(image_format_name(IMAGE_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_picture_shows_what_pillow_shows),
        cmocka_unit_test(every_invalid_picture_is_refused_for_its_reason),
        cmocka_unit_test(a_file_cut_within_its_pixels_is_refused),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(rows_beyond_all_memory_are_refused),
        cmocka_unit_test(memory_is_used_again_and_only_grows),
        cmocka_unit_test(what_is_not_known_is_given_no_name),
        cmocka_unit_test(formats_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
