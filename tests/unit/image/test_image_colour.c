/* Whole pictures with profiles, against Pillow: tests/cases/images. Here is
 * what files do not show: what is kept, and what profiles of strangers come to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/image/image_colour.h"

#include "tests/unit/alloc_sweep.h"

enum { MAX_PROFILE = 1024 };

/* A profile being put together: header, table of tags, tags. */
struct draft {
    uint8_t bytes[MAX_PROFILE];
    size_t len;
    unsigned num_tags;
};

static void put(struct draft *draft, size_t at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        draft->bytes[at + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t four(const char *text)
{
    return (uint32_t)text[0] << 24 | (uint32_t)text[1] << 16 |
           (uint32_t)text[2] << 8 | (uint32_t)text[3];
}

enum { TABLE_AT = 128, MAX_TAGS = 7 };

static void begin(struct draft *draft, const char *space)
{
    *draft = (struct draft){.len = TABLE_AT + 4 + 12 * MAX_TAGS};
    put(draft, 8, 0x02400000); /* version */
    put(draft, 12, four("mntr"));
    put(draft, 16, four(space));
    put(draft, 20, four("XYZ "));
    put(draft, 36, four("acsp"));
    put(draft, 68, 63190); /* white is D50, in 65536ths */
    put(draft, 72, 65536);
    put(draft, 76, 54061);
}

/* A tag of `count` numbers. */
static void add(struct draft *draft, const char *name, const char *type,
                const uint32_t *numbers, unsigned count)
{
    const size_t entry = TABLE_AT + 4 + 12 * (size_t)draft->num_tags++;

    put(draft, entry, four(name));
    put(draft, entry + 4, (uint32_t)draft->len);
    put(draft, entry + 8, 8 + 4 * count);
    put(draft, draft->len, four(type));
    for (unsigned i = 0; i < count; i++)
        put(draft, draft->len + 8 + 4 * i, numbers[i]);
    draft->len += 8 + 4 * count;
    put(draft, TABLE_AT, draft->num_tags);
    put(draft, 0, (uint32_t)draft->len);
}

/* Primaries in 65536ths, and gamma in 256ths for all of them. */
static struct bytes make_rgb(struct draft *draft, const uint32_t primaries[9],
                             uint32_t gamma)
{
    const uint32_t curve[] = {1, gamma << 16};

    begin(draft, "RGB ");
    add(draft, "rXYZ", "XYZ ", primaries, 3);
    add(draft, "gXYZ", "XYZ ", primaries + 3, 3);
    add(draft, "bXYZ", "XYZ ", primaries + 6, 3);
    add(draft, "rTRC", "curv", curve, 2);
    add(draft, "gTRC", "curv", curve, 2);
    add(draft, "bTRC", "curv", curve, 2);
    return (struct bytes){.data = draft->bytes, .len = draft->len};
}

static const uint32_t srgb[9] = {28578, 14581, 912,  25241, 46981,
                                 6362,  9376,  3972, 46799};
/* Its green and its blue, the other way round. */
static const uint32_t swapped[9] = {28578, 14581, 912,   9376, 3972,
                                    46799, 25241, 46981, 6362};
enum { GAMMA_1 = 256, GAMMA_2 = 512 };

static void a_matrix_moves_colours(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;
    uint8_t pixels[] = {200, 0, 0, 9, 0, 200, 0, 8, 0, 0, 200, 7, 0, 0, 0, 6};
    /* Levels of light: (200 / 255) squared, as sRGB has it, is 206.6. */
    static const uint8_t expected[] = {207, 0,   0, 9, 0, 0, 207, 8,
                                       0,   207, 0, 7, 0, 0, 0,   6};

    (void)state;
    assert_true(image_colour_find(
        &colour, &kept, make_rgb(&draft, swapped, GAMMA_2), false, NULL));
    assert_non_null(colour);
    image_colour_convert(colour, pixels, 4, 4);
    for (size_t i = 0; i < sizeof pixels; i++)
        assert_in_range(pixels[i] + 1, expected[i], expected[i] + 2);
    image_colour_free(kept);
}

static void alpha_and_what_comes_after_stay(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;
    uint8_t pixels[] = {50, 50, 50, 50, 50, 50, 77};

    (void)state;
    assert_true(image_colour_find(
        &colour, &kept, make_rgb(&draft, srgb, GAMMA_1), false, NULL));
    image_colour_convert(colour, pixels, 2, 3);
    /* 50 / 255 of the light is 0.4796 of sRGB's levels. */
    for (int i = 0; i < 6; i++)
        assert_in_range(pixels[i], 121, 124);
    assert_int_equal(pixels[6], 77);
    image_colour_free(kept);
}

/* sRGB's own curve, of the type that has five numbers. */
static struct bytes make_srgb(struct draft *draft)
{
    static const uint32_t curve[] = {3 << 16, 157286, 62119, 3417, 5072, 2651};

    begin(draft, "RGB ");
    add(draft, "rXYZ", "XYZ ", srgb, 3);
    add(draft, "gXYZ", "XYZ ", srgb + 3, 3);
    add(draft, "bXYZ", "XYZ ", srgb + 6, 3);
    add(draft, "rTRC", "para", curve, 6);
    add(draft, "gTRC", "para", curve, 6);
    add(draft, "bTRC", "para", curve, 6);
    return (struct bytes){.data = draft->bytes, .len = draft->len};
}

static void srgb_changes_nothing(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;

    (void)state;
    assert_true(
        image_colour_find(&colour, &kept, make_srgb(&draft), false, NULL));
    assert_null(colour);
    assert_non_null(kept); /* that it is sRGB need not be found out again */
    image_colour_free(kept);
}

static void the_same_profile_is_not_read_again(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *first, *again, *other, *grey;
    struct draft draft, copy;

    (void)state;
    const struct bytes profile = make_rgb(&draft, swapped, GAMMA_2);
    assert_true(image_colour_find(&first, &kept, profile, false, NULL));
    copy = draft;
    alloc_sweep_state.on = true;
    alloc_sweep_state.countdown = 0; /* there is no room for anything */
    assert_true(image_colour_find(
        &again, &kept, (struct bytes){copy.bytes, copy.len}, false, NULL));
    alloc_sweep_state.on = false;
    assert_ptr_equal(first, again);
    copy.bytes[copy.len - 3]++; /* the last curve's number */
    assert_true(image_colour_find(
        &other, &kept, (struct bytes){copy.bytes, copy.len}, false, NULL));
    assert_non_null(other);
    assert_true(image_colour_find(
        &grey, &kept, (struct bytes){copy.bytes, copy.len}, true, NULL));
    assert_non_null(grey);
    image_colour_free(kept);
}

static void a_profile_of_grey_is_for_grey_alone(void **state)
{
    static const uint32_t curve[] = {1, GAMMA_1 << 16};
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;
    uint8_t pixel[] = {50, 50, 50};

    (void)state;
    begin(&draft, "GRAY");
    add(&draft, "kTRC", "curv", curve, 2);
    const struct bytes profile = {draft.bytes, draft.len};
    assert_true(image_colour_find(&colour, &kept, profile, false, NULL));
    assert_null(colour);
    assert_true(image_colour_find(&colour, &kept, profile, true, NULL));
    assert_non_null(colour);
    image_colour_convert(colour, pixel, 1, 3);
    assert_in_range(pixel[0], 121, 124);
    assert_int_equal(pixel[1], pixel[0]);
    assert_int_equal(pixel[2], pixel[0]);
    image_colour_free(kept);
}

static void a_broken_profile_changes_nothing(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;
    struct bytes profile = make_rgb(&draft, swapped, GAMMA_2);

    (void)state;
    for (size_t len = 0; len < profile.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);

        memcpy(copy, profile.data, len);
        assert_true(image_colour_find(&colour, &kept, (struct bytes){copy, len},
                                      false, NULL));
        assert_null(colour);
        free(copy);
    }
    image_colour_free(kept);
}

static void a_profile_beyond_the_bound_takes_no_memory(void **state)
{
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    const size_t len = IMAGE_COLOUR_MAX_LEN + 1;
    uint8_t *bytes = calloc(len, 1);
    struct draft draft;

    (void)state;
    make_rgb(&draft, swapped, GAMMA_2);
    memcpy(bytes, draft.bytes, draft.len);
    assert_true(image_colour_find(&colour, &kept, (struct bytes){bytes, len},
                                  false, NULL));
    assert_null(colour);
    assert_null(kept);
    assert_true(image_colour_find(&colour, &kept,
                                  (struct bytes){bytes, len - 1}, false, NULL));
    assert_non_null(colour);
    image_colour_free(kept);
    free(bytes);
}

/* Colours from everywhere come out somewhere. */
static void wild_primaries_are_bounded(void **state)
{
    static const uint32_t wild[9] = {0x7fffffff, 0x80000000, 0x7fffffff,
                                     0x80000000, 0x7fffffff, 0x80000000,
                                     0x7fffffff, 0x7fffffff, 0x7fffffff};
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    struct draft draft;
    uint8_t pixels[256 * 3];

    (void)state;
    assert_true(image_colour_find(
        &colour, &kept, make_rgb(&draft, wild, GAMMA_2), false, NULL));
    assert_non_null(colour);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37);
    image_colour_convert(colour, pixels, 256, 3);
    image_colour_free(kept);
}

static bool find_once(void *arg, struct error *err)
{
    const struct bytes *profile = arg;
    struct image_colour *kept = NULL;
    const struct image_colour *colour;
    const bool ok = image_colour_find(&colour, &kept, *profile, false, err);

    image_colour_free(kept);
    return ok;
}

static void a_profile_is_read_or_there_is_no_room(void **state)
{
    struct draft draft;
    struct bytes profile = make_rgb(&draft, swapped, GAMMA_2);

    (void)state;
    alloc_sweep(find_once, &profile);
    profile = make_srgb(&draft);
    alloc_sweep(find_once, &profile);
}

int main(void)
{
    tzset(); /* which gmtime does once, in the library's way */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_moves_colours),
        cmocka_unit_test(alpha_and_what_comes_after_stay),
        cmocka_unit_test(srgb_changes_nothing),
        cmocka_unit_test(the_same_profile_is_not_read_again),
        cmocka_unit_test(a_profile_of_grey_is_for_grey_alone),
        cmocka_unit_test(a_broken_profile_changes_nothing),
        cmocka_unit_test(a_profile_beyond_the_bound_takes_no_memory),
        cmocka_unit_test(wild_primaries_are_bounded),
        cmocka_unit_test(a_profile_is_read_or_there_is_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
