/* The photos that excite channels most: the cells, the lists, and the crops.
 * Whole networks are held to ONNX Runtime by tests/cli/test_exemplars.py. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside/winners.h"

#include "tests/unit/alloc_sweep.h"

enum { HEIGHT = 2, WIDTH = 3, CHANNELS = 3 };

/* (HEIGHT, WIDTH, CHANNELS) */
static const float features[HEIGHT * WIDTH * CHANNELS] = {
    1, -3, 0, 2, -2, NAN, 5, -1, NAN, 5, -4, NAN, 0, -1, NAN, 2, -9, NAN};

static void a_peak_is_the_first_of_the_largest_cells(void **state)
{
    struct peaks peaks = {0};

    (void)state;
    assert_true(peaks_find(&peaks, features, HEIGHT, WIDTH, CHANNELS, NULL));
    assert_int_equal(peaks.count, CHANNELS);
    assert_float_equal(peaks.list[0].value, 5, 0);
    assert_int_equal(peaks.list[0].x, 2);
    assert_int_equal(peaks.list[0].y, 0);
    assert_float_equal(peaks.list[0].mean, 2.5, 0);
    assert_float_equal(peaks.list[1].value, -1, 0);
    assert_int_equal(peaks.list[1].x, 2);
    assert_int_equal(peaks.list[1].y, 0);
    assert_float_equal(peaks.list[2].value, 0, 0);
    assert_true(isnan(peaks.list[2].mean));
    peaks_release(&peaks);
}

static void without_a_number_there_is_no_peak(void **state)
{
    static const float nothing[4] = {NAN, 1, NAN, 2};
    struct peaks peaks = {0};

    (void)state;
    assert_true(peaks_find(&peaks, nothing, 1, 2, 2, NULL));
    assert_true(isnan(peaks.list[0].value));
    assert_float_equal(peaks.list[1].value, 2, 0);
    peaks_release(&peaks);
}

/* ---- lists ---- */

static const struct crop_frame frame = {.width = 8, .height = 8};

/* Photos, with the value and mean of their two channels. */
static const struct {
    const char *file;
    float value[2], mean[2];
} photos[] = {
    {"a", {1, 6}, {0, 2}}, {"b", {3, 6}, {0, 4}},   {"c", {2, 6}, {0, 2}},
    {"d", {3, 5}, {0, 9}}, {"e", {NAN, 6}, {0, 4}}, {"f", {-1, NAN}, {0, 0}},
};

enum { NUM_PHOTOS = sizeof photos / sizeof photos[0] };

static bool add(struct winners *winners, size_t i, struct error *err)
{
    struct peak list[2];
    const struct peaks peaks = {.list = list, .count = 2};

    for (size_t k = 0; k < 2; k++)
        list[k] = (struct peak){.value = photos[i].value[k],
                                .mean = photos[i].mean[k]};
    return winners_add(winners, photos[i].file, &frame, &peaks, err);
}

/* The names on a list, joined. */
static const char *names_of(char names[8], const struct winners *winners,
                            size_t i)
{
    size_t len = 0;

    for (size_t k = 0; k < winners->counts[i]; k++)
        names[len++] = winners_list(winners, i)[k].photo->file[0];
    names[len] = '\0';
    return names;
}

/* By value, then mean, then name, in whatever order they are added. */
static void the_order_of_photos_does_not_matter(void **state)
{
    char names[8];

    (void)state;
    for (size_t first = 0; first < NUM_PHOTOS; first++)
        for (size_t step = 1; step < NUM_PHOTOS; step += 4) {
            struct winners winners = {0};

            assert_true(winners_init(&winners, NULL, 2, 4, NULL));
            for (size_t n = 0; n < NUM_PHOTOS; n++)
                assert_true(
                    add(&winners, (first + n * step) % NUM_PHOTOS, NULL));
            assert_string_equal(names_of(names, &winners, 0), "bdca");
            assert_string_equal(names_of(names, &winners, 1), "beac");
            winners_release(&winners);
        }
}

static void a_photo_belongs_to_the_lists_it_is_on(void **state)
{
    static const size_t channels[] = {1};
    struct winners winners = {0};

    (void)state;
    assert_true(winners_init(&winners, channels, 1, 1, NULL));
    assert_int_equal(winners.channels[0], 1);
    assert_true(add(&winners, 3, NULL));
    assert_string_equal(winners_list(&winners, 0)[0].photo->file, "d");
    assert_true(add(&winners, 1, NULL));
    assert_true(add(&winners, 0, NULL));
    assert_string_equal(winners_list(&winners, 0)[0].photo->file, "b");
    assert_int_equal(winners_list(&winners, 0)[0].photo->num_places, 1);
    winners_release(&winners);
}

static void too_many_are_refused(void **state)
{
    struct winners winners = {0};
    struct error err = {0};

    (void)state;
    assert_false(winners_init(&winners, NULL, WINNERS_MAX, 2, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(err.limit, WINNERS_MAX);
}

static bool list_all(void *arg, struct error *err)
{
    struct winners winners = {0};
    struct peaks peaks = {0};
    bool ok = winners_init(&winners, NULL, 2, 2, err) &&
              peaks_find(&peaks, features, HEIGHT, WIDTH, CHANNELS, err);

    (void)arg;
    for (size_t i = 0; ok && i < NUM_PHOTOS; i++)
        ok = add(&winners, i, err);
    winners_release(&winners);
    peaks_release(&peaks);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    alloc_sweep(list_all, NULL);
}

/* ---- crops ---- */

static void expect_crop(const struct layer *layer,
                        const struct crop_frame *photo, uint32_t x, uint32_t y,
                        struct crop expected)
{
    struct crop crop;

    crop_find(&crop, layer, 20, 10, photo, x, y);
    assert_int_equal(crop.x, expected.x);
    assert_int_equal(crop.y, expected.y);
    assert_int_equal(crop.width, expected.width);
    assert_int_equal(crop.height, expected.height);
}

/* Cell (0, 0) sees the input from -1 to 2, the next one 2 pixels further. */
static const struct layer small = {.field_x = 3,
                                   .field_y = 3,
                                   .stride_x = 2,
                                   .stride_y = 2,
                                   .first_x = -1,
                                   .first_y = -1};

static void a_field_is_mapped_back_and_cut_off(void **state)
{
    static const struct crop_frame same = {20, 10, {0, 0, 20, 10}};
    static const struct crop_frame half = {50, 15, {0, 0, 50, 15}};

    (void)state;
    expect_crop(&small, &same, 0, 0, (struct crop){0, 0, 2, 2});
    expect_crop(&small, &same, 2, 1, (struct crop){3, 1, 3, 3});
    expect_crop(&small, &same, 9, 4, (struct crop){17, 7, 3, 3});
    expect_crop(&small, &half, 0, 0, (struct crop){0, 0, 5, 3});
    expect_crop(&small, &half, 1, 1, (struct crop){2, 1, 8, 5});
}

/* The input shows the middle of a photo, or a photo and its frame. */
static void what_is_cut_or_added_around_the_photo_counts(void **state)
{
    static const struct crop_frame middle = {40, 30, {10, 10, 20, 10}};
    static const struct crop_frame framed = {20, 4, {0, -3, 20, 10}};

    (void)state;
    expect_crop(&small, &middle, 2, 1, (struct crop){13, 11, 3, 3});
    expect_crop(&small, &framed, 2, 2, (struct crop){3, 0, 3, 3});
    expect_crop(&small, &framed, 2, 0, (struct crop){3, 0, 3, 1});
    expect_crop(&small, &framed, 2, 4, (struct crop){3, 3, 3, 1});
}

static void an_infinite_field_is_the_whole_input(void **state)
{
    static const struct layer all = {.field_x = INFINITY,
                                     .field_y = INFINITY,
                                     .first_x = -INFINITY,
                                     .first_y = -INFINITY};
    static const struct crop_frame middle = {40, 30, {10, 10, 20, 10}};

    (void)state;
    expect_crop(&all, &middle, 1, 1, (struct crop){10, 10, 20, 10});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peak_is_the_first_of_the_largest_cells),
        cmocka_unit_test(without_a_number_there_is_no_peak),
        cmocka_unit_test(the_order_of_photos_does_not_matter),
        cmocka_unit_test(a_photo_belongs_to_the_lists_it_is_on),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_field_is_mapped_back_and_cut_off),
        cmocka_unit_test(what_is_cut_or_added_around_the_photo_counts),
        cmocka_unit_test(an_infinite_field_is_the_whole_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
