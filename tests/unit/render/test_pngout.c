/* PNG files: libspng must read from them what was written, and strictly. */

#include <spng.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/render/pngout.h"

#include "tests/unit/alloc_sweep.h"

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Checks that the file has the size and, as RGB, the pixels. Adler-32 and
 * CRC-32 are libspng's and zlib's to check; both are made errors. */
static void check_rgb(const struct buf *png, size_t start,
                      const uint8_t *pixels, uint32_t width, uint32_t height)
{
    spng_ctx *ctx = spng_ctx_new(0);
    size_t len = (size_t)width * height * 3, decoded_len;
    uint8_t *decoded = malloc(len);
    struct spng_ihdr ihdr;

    assert_non_null(ctx);
    assert_int_equal(spng_set_crc_action(ctx, SPNG_CRC_ERROR, SPNG_CRC_ERROR),
                     0);
    assert_int_equal(
        spng_set_png_buffer(ctx, png->data + start, png->len - start), 0);
    assert_int_equal(spng_get_ihdr(ctx, &ihdr), 0);
    assert_int_equal(ihdr.width, width);
    assert_int_equal(ihdr.height, height);
    assert_int_equal(spng_decoded_image_size(ctx, SPNG_FMT_RGB8, &decoded_len),
                     0);
    assert_int_equal(decoded_len, len);
    assert_int_equal(spng_decode_image(ctx, decoded, len, SPNG_FMT_RGB8, 0), 0);
    assert_memory_equal(decoded, pixels, len);
    assert_int_equal(spng_decode_chunks(ctx), 0); /* as far as IEND */
    free(decoded);
    spng_ctx_free(ctx);
}

/* What pictures consist of, from a single colour to noise. */
enum texture { FLAT, GRADIENT, STRIPES, SPARSE, NOISE, LOPSIDED, NUM_TEXTURES };

static uint8_t sample_of(enum texture texture, size_t i, uint32_t *seed)
{
    uint32_t random = random_next(seed);

    switch (texture) {
    case FLAT:
        return 77;
    case GRADIENT:
        return (uint8_t)(i / 97);
    case STRIPES:
        return i / 300 % 2 ? 255 : 0;
    case SPARSE:
        return random % 200 == 0 ? (uint8_t)random : 0;
    case LOPSIDED: /* counts like Fibonacci's make the longest codes */
        return (uint8_t)(__builtin_ctz(random | 1u << 23) * 9);
    default:
        return (uint8_t)random;
    }
}

static void fill(uint8_t *samples, size_t len, enum texture texture)
{
    uint32_t seed = (uint32_t)len;

    for (size_t i = 0; i < len; i++)
        samples[i] = sample_of(texture, i, &seed);
}

static void truecolour_comes_back_as_it_was(void **state)
{
    static const uint32_t sizes[][2] = {
        {1, 1},   {2, 1},     {1, 2},     {3, 5},     {5, 3},   {16, 16},
        {85, 64}, {500, 375}, {43691, 3}, {90000, 2}, {7, 9000}};
    struct pngout_scratch scratch = {0};
    struct buf png = {0};
    struct error err = {0};

    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        size_t len = (size_t)sizes[n][0] * sizes[n][1] * 3;
        uint8_t *pixels = malloc(len);

        for (int texture = 0; texture < NUM_TEXTURES; texture++) {
            size_t start = png.len; /* one file after another */

            fill(pixels, len, (enum texture)texture);
            assert_true(pngout_rgb(&png, &scratch, pixels, sizes[n][0],
                                   sizes[n][1], &err));
            check_rgb(&png, start, pixels, sizes[n][0], sizes[n][1]);
        }
        free(pixels);
    }
    buf_release(&png);
    pngout_scratch_release(&scratch);
}

static void palette_pictures_come_back_in_their_colours(void **state)
{
    static const uint32_t sizes[][2] = {
        {1, 1}, {3, 2}, {500, 375}, {140000, 2}, {9, 3000}};
    struct pngout_scratch scratch = {0};
    struct error err = {0};
    uint8_t palette[768];

    (void)state;
    fill(palette, sizeof palette, NOISE);
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        size_t count = (size_t)sizes[n][0] * sizes[n][1];
        uint8_t *indices = malloc(count), *pixels = malloc(3 * count);

        for (int texture = 0; texture < NUM_TEXTURES; texture++) {
            struct buf png = {0};

            fill(indices, count, (enum texture)texture);
            for (size_t i = 0; i < count; i++)
                memcpy(pixels + 3 * i, palette + 3 * indices[i], 3);
            assert_true(pngout_palette(&png, &scratch, indices, palette,
                                       sizes[n][0], sizes[n][1], &err));
            check_rgb(&png, 0, pixels, sizes[n][0], sizes[n][1]);
            buf_release(&png);
        }
        free(indices);
        free(pixels);
    }
    pngout_scratch_release(&scratch);
}

static void flat_pictures_are_small_and_noise_hardly_grows(void **state)
{
    enum { WIDTH = 500, HEIGHT = 375, LEN = WIDTH * HEIGHT * 3 };
    struct pngout_scratch scratch = {0};
    struct buf png = {0};
    struct error err = {0};
    uint8_t *pixels = malloc(LEN);

    (void)state;
    fill(pixels, LEN, FLAT);
    assert_true(pngout_rgb(&png, &scratch, pixels, WIDTH, HEIGHT, &err));
    assert_true(png.len < LEN / 50);
    buf_clear(&png);
    fill(pixels, LEN, NOISE);
    assert_true(pngout_rgb(&png, &scratch, pixels, WIDTH, HEIGHT, &err));
    assert_true(png.len < LEN + LEN / 50);
    free(pixels);
    buf_release(&png);
    pngout_scratch_release(&scratch);
}

static void an_impossible_size_is_refused_and_the_buffer_stays(void **state)
{
    static const uint32_t sizes[][2] = {
        {0, 1}, {1, 0}, {0, 0}, {1, UINT32_MAX}, {UINT32_MAX, 1}};
    struct pngout_scratch scratch = {0};
    struct buf png = {0};
    struct error err = {0};

    (void)state;
    assert_true(buf_append(&png, "before", 6, &err));
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        err = (struct error){0};
        assert_false(
            pngout_rgb(&png, &scratch, NULL, sizes[n][0], sizes[n][1], &err));
        assert_int_equal(err.kind, ERROR_INTERNAL);
        err = (struct error){0};
        assert_false(pngout_palette(&png, &scratch, NULL, NULL, sizes[n][0],
                                    sizes[n][1], &err));
        assert_int_equal(err.kind, ERROR_INTERNAL);
        assert_int_equal(png.len, 6);
    }
    buf_release(&png);
    pngout_scratch_release(&scratch);
}

enum { SWEEP_SIDE = 300 }; /* several blocks */

static bool encode_once(void *pixels, struct error *err)
{
    struct pngout_scratch scratch = {0};
    struct buf png = {0};
    bool ok = buf_append(&png, "before", 6, err) &&
              pngout_rgb(&png, &scratch, pixels, SWEEP_SIDE, SWEEP_SIDE, err);

    if (!ok && png.len != 0 && png.len != 6)
        abort();
    buf_release(&png);
    pngout_scratch_release(&scratch);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    uint8_t *pixels = malloc(SWEEP_SIDE * SWEEP_SIDE * 3);

    (void)state;
    fill(pixels, SWEEP_SIDE * SWEEP_SIDE * 3, NOISE);
    alloc_sweep(encode_once, pixels);
    free(pixels);
}

static void a_second_picture_of_the_size_allocates_nothing(void **state)
{
    enum { SIDE = 100 };
    static uint8_t pixels[SIDE * SIDE * 3];
    struct pngout_scratch scratch = {0};
    struct buf png = {0};
    struct error err = {0};
    bool ok;

    (void)state;
    fill(pixels, sizeof pixels, NOISE);
    assert_true(pngout_rgb(&png, &scratch, pixels, SIDE, SIDE, &err));
    buf_clear(&png);
    alloc_sweep_state.countdown = 0; /* the first allocation would fail */
    alloc_sweep_state.on = true;
    ok = pngout_rgb(&png, &scratch, pixels, SIDE, SIDE, &err);
    alloc_sweep_state.on = false;
    assert_true(ok);
    buf_release(&png);
    pngout_scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truecolour_comes_back_as_it_was),
        cmocka_unit_test(palette_pictures_come_back_in_their_colours),
        cmocka_unit_test(flat_pictures_are_small_and_noise_hardly_grows),
        cmocka_unit_test(an_impossible_size_is_refused_and_the_buffer_stays),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_second_picture_of_the_size_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
