/* What decoding a picture is taken to cost, by what it takes for the picture to
 * be allowed. Files are made here, of grey or black that takes next to no
 * bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/image/image.h"
#include "engine/render/pngout.h"

#include <cmocka.h>

static bool decodes_with(const struct buf *file,
                         const struct image_limits *limits)
{
    struct image image = {0};
    struct error err = {0};
    const bool ok = image_decode(&image, file->data, file->len, limits, &err);

    if (!ok && err.kind != ERROR_LIMIT)
        fail_msg("%s", err.text);
    image_release(&image);
    return ok;
}

static bool decodes(const struct buf *file, uint64_t max_unpacked)
{
    const struct image_limits limits = {.max_unpacked = max_unpacked};

    return decodes_with(file, &limits);
}

/* Checks that a picture takes `cost`, some of which its bytes in the file pay
 * for: most of the file, or more where `margin` says so. */
static void check_cost(const struct buf *file, uint64_t cost, uint64_t margin)
{
    const uint64_t more = IMAGE_UNPACKED * (uint64_t)file->len;

    assert_true(more + margin < cost);
    assert_true(decodes(file, cost));
    assert_false(decodes(file, cost - more - margin));
}

static void add(struct buf *file, const void *bytes, size_t len)
{
    assert_true(buf_append(file, bytes, len, NULL));
}

static void add_zeros(struct buf *file, size_t len)
{
    static const uint8_t zeros[100000];

    assert_true(len <= sizeof zeros);
    add(file, zeros, len);
}

/* One segment of a JPEG. */
static void add_segment(struct buf *file, uint8_t marker, const uint8_t *data,
                        size_t len)
{
    const uint8_t head[] = {0xff, marker, (uint8_t)((len + 2) >> 8),
                            (uint8_t)(len + 2)};

    add(file, head, sizeof head);
    add(file, data, len);
}

enum {
    SIDE = 256, /* of JPEGs */
    BLOCKS = SIDE * SIDE / 64,
    SAMPLES = (SIDE / 8 + 1) * (SIDE / 8 + 1) * 64, /* of a channel, at most */
    SOF0 = 0xc0,
    SOF2 = 0xc2,
};

/* Up to the first scan: three channels of such names, and codes of one bit. */
static void begin_jpeg(struct buf *file, uint8_t process, const char *names)
{
    const uint8_t frame[] = {8,
                             SIDE >> 8,
                             SIDE & 255,
                             SIDE >> 8,
                             SIDE & 255,
                             3,
                             (uint8_t)names[0],
                             0x11,
                             0,
                             (uint8_t)names[1],
                             0x11,
                             0,
                             (uint8_t)names[2],
                             0x11,
                             0};
    uint8_t steps[65], code[18] = {0, 1};

    buf_clear(file);
    memset(steps, 1, sizeof steps);
    steps[0] = 0;
    add(file, "\xff\xd8", 2);
    add_segment(file, 0xdb, steps, sizeof steps);
    add_segment(file, process, frame, sizeof frame);
    add_segment(file, 0xc4, code, sizeof code);
    code[0] = 0x10;
    /* No more coefficients; and in progressive ones, in 16384 blocks. */
    code[17] = process == SOF2 ? 0xe0 : 0;
    add_segment(file, 0xc4, code, sizeof code);
}

/* A scan of these channels, of so many bits that are 0. */
static void add_scan(struct buf *file, const char *names, uint8_t first,
                     uint8_t last, uint8_t bits, size_t num_bits)
{
    const size_t count = strlen(names);
    uint8_t data[10] = {(uint8_t)count};

    for (size_t i = 0; i < count; i++)
        data[1 + 2 * i] = (uint8_t)names[i];
    data[1 + 2 * count] = first;
    data[2 + 2 * count] = last;
    data[3 + 2 * count] = bits;
    add_segment(file, 0xda, data, 4 + 2 * count);
    add_zeros(file, num_bits / 8 + 1);
}

static void end_jpeg(struct buf *file)
{
    add(file, "\xff\xd9", 2);
}

/* Ten scans of each channel after the one of all. */
static void make_progressive(struct buf *file, const char *names)
{
    begin_jpeg(file, SOF2, names);
    add_scan(file, "abc", 0, 0, 0, 3 * BLOCKS);
    for (unsigned i = 0; i < 30; i++) {
        const unsigned level = 13 - i / 3;
        const char name[] = {"abc"[i % 3], '\0'};

        add_scan(file, name, 1, 63,
                 (uint8_t)(i < 3 ? level : (level + 1) << 4 | level), 15);
    }
    end_jpeg(file);
}

static void a_jpeg_takes_its_pixels(void **state)
{
    struct buf file = {0};

    (void)state;
    begin_jpeg(&file, SOF0, "abc");
    add_scan(&file, "abc", 0, 63, 0, 2 * 3 * BLOCKS);
    end_jpeg(&file);
    check_cost(&file, 3 * SIDE * SIDE, 0);
    buf_release(&file);
}

/* libjpeg-turbo keeps their coefficients until the last one. */
static void a_jpeg_in_several_scans_takes_its_coefficients_too(void **state)
{
    struct buf file = {0};

    (void)state;
    begin_jpeg(&file, SOF0, "abc");
    add_scan(&file, "a", 0, 63, 0, 2 * BLOCKS);
    add_scan(&file, "b", 0, 63, 0, 2 * BLOCKS);
    add_scan(&file, "c", 0, 63, 0, 2 * BLOCKS);
    end_jpeg(&file);
    check_cost(&file, 3 * SIDE * SIDE + 3 * 3 * SAMPLES, 0);
    buf_release(&file);
}

static void a_progressive_jpeg_takes_the_samples_of_its_scans(void **state)
{
    struct buf file = {0};

    (void)state;
    make_progressive(&file, "abc");
    check_cost(&file, (3 + 30) * SAMPLES * 3 / 4, 0);
    buf_release(&file);
}

/* libjpeg-turbo names the second and the third anew, and would find them. */
static void a_channel_whose_name_is_not_its_own_may_be_any(void **state)
{
    const struct image_limits limits = {.max_unpacked = 40 * SAMPLES};
    struct image image = {0};
    struct error err = {0};
    struct buf file = {0};

    (void)state;
    make_progressive(&file, "abc");
    assert_true(decodes(&file, limits.max_unpacked));
    make_progressive(&file, "aac");
    assert_false(image_decode(&image, file.data, file.len, &limits, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    buf_release(&file);
    image_release(&image);
}

static void a_png_takes_its_bytes_and_what_their_filters_do(void **state)
{
    enum { WIDTH = 1000, HEIGHT = 500, LEN = WIDTH * HEIGHT * 3 };
    uint8_t *black = calloc(LEN, 1);
    struct pngout_scratch scratch = {0};
    struct buf file = {0};

    (void)state;
    assert_non_null(black);
    assert_true(pngout_rgb(&file, &scratch, black, WIDTH, HEIGHT, NULL));
    /* Two for each byte, and one for those with the filter Average: all rows
     * but perhaps the first. */
    check_cost(&file, 3 * LEN, 3 * WIDTH);
    assert_false(
        decodes(&file, 2 * LEN - IMAGE_UNPACKED * (uint64_t)file.len - 1));
    pngout_scratch_release(&scratch);
    buf_release(&file);
    free(black);
}

/* Of a picture twice as large, the half of what it takes: three for each byte,
 * as above. */
static void the_share_of_free_pixels_is_not_counted(void **state)
{
    enum { WIDTH = 1000, HEIGHT = 500, LEN = WIDTH * HEIGHT * 3 };
    uint8_t *black = calloc(LEN, 1);
    struct image_limits limits = {.max_unpacked = 1};
    struct pngout_scratch scratch = {0};
    struct buf file = {0};

    (void)state;
    assert_non_null(black);
    assert_true(pngout_rgb(&file, &scratch, black, WIDTH, HEIGHT, NULL));
    assert_false(decodes_with(&file, &limits));
    limits.free_pixels = WIDTH * HEIGHT;
    assert_true(decodes_with(&file, &limits));
    limits.free_pixels = WIDTH * HEIGHT / 2;
    limits.max_unpacked = 3 * LEN / 2;
    assert_true(decodes_with(&file, &limits));
    limits.max_unpacked -= IMAGE_UNPACKED * (uint64_t)file.len + 3 * WIDTH;
    assert_false(decodes_with(&file, &limits));
    pngout_scratch_release(&scratch);
    buf_release(&file);
    free(black);
}

/* All flags off, and no coefficients. */
static void a_lossy_webp_takes_its_pixels_and_bytes(void **state)
{
    enum { WIDTH = 1600, HEIGHT = 1600, FIRST = 62000, LEN = 10 + 82000 };
    const uint32_t tag = 1u << 4 | FIRST << 5; /* shown; of its first part */
    const uint32_t riff_len = 4 + 8 + LEN;
    const uint8_t head[] = {'R',
                            'I',
                            'F',
                            'F',
                            riff_len & 255,
                            riff_len >> 8 & 255,
                            riff_len >> 16,
                            0,
                            'W',
                            'E',
                            'B',
                            'P',
                            'V',
                            'P',
                            '8',
                            ' ',
                            LEN & 255,
                            LEN >> 8 & 255,
                            LEN >> 16,
                            0,
                            tag & 255,
                            tag >> 8 & 255,
                            tag >> 16 & 255,
                            0x9d,
                            1,
                            0x2a,
                            WIDTH & 255,
                            WIDTH >> 8,
                            HEIGHT & 255,
                            HEIGHT >> 8};
    const uint64_t cost = 4 * WIDTH * HEIGHT + 128 * LEN;
    const uint64_t more = IMAGE_UNPACKED * LEN;
    struct buf file = {0};

    (void)state;
    add(&file, head, sizeof head);
    add_zeros(&file, LEN - 10);
    assert_true(decodes(&file, cost - more));
    assert_false(decodes(&file, cost - more - 1));
    buf_release(&file);
}

/* Black of 1000 x 1000 pixels, without any transform; and predicted by the
 * means of means, from red to blue, and from green to both. */
static void a_lossless_webp_takes_longer_if_it_is_predicted(void **state)
{
    static const uint8_t plain[] = {0x52, 0x49, 0x46, 0x46, 0x14, 0x00, 0x00,
                                    0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50,
                                    0x38, 0x4c, 0x08, 0x00, 0x00, 0x00, 0x2f,
                                    0xe7, 0xc3, 0xf9, 0x00, 0x88, 0x88, 0x08};
    static const uint8_t predicted[] = {
        0x52, 0x49, 0x46, 0x46, 0x1e, 0x00, 0x00, 0x00, 0x57, 0x45,
        0x42, 0x50, 0x56, 0x50, 0x38, 0x4c, 0x11, 0x00, 0x00, 0x00,
        0x2f, 0xe7, 0xc3, 0xf9, 0x00, 0xb9, 0x16, 0x44, 0x44, 0xec,
        0x5a, 0x10, 0x11, 0x51, 0x44, 0x44, 0x04, 0x00};
    struct buf file = {0};

    (void)state;
    add(&file, plain, sizeof plain);
    check_cost(&file, 7 * 1000 * 1000, 0);
    buf_clear(&file);
    add(&file, predicted, sizeof predicted);
    check_cost(&file, 8 * 1000 * 1000, 0);
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jpeg_takes_its_pixels),
        cmocka_unit_test(a_jpeg_in_several_scans_takes_its_coefficients_too),
        cmocka_unit_test(a_progressive_jpeg_takes_the_samples_of_its_scans),
        cmocka_unit_test(a_channel_whose_name_is_not_its_own_may_be_any),
        cmocka_unit_test(a_png_takes_its_bytes_and_what_their_filters_do),
        cmocka_unit_test(the_share_of_free_pixels_is_not_counted),
        cmocka_unit_test(a_lossy_webp_takes_its_pixels_and_bytes),
        cmocka_unit_test(a_lossless_webp_takes_longer_if_it_is_predicted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
