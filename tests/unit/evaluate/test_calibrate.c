/* The search for how boxes are cut best. Boxes are made from the true ones by
 * settings that are known, so that what must be found is known too. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/calibrate.h"

#include "tests/unit/alloc_sweep.h"

enum { PHOTOS = 40, AT = 15 /* the threshold .3 */ };

static const struct box_place place = {
    .width = 800, .height = 600, .cell_width = 80, .cell_height = 60};

/* Not in a grid with the settings' steps. */
static struct dataset_box true_box(size_t i)
{
    double x = 150 + 7 * (double)(i % 13), y = 120 + 5 * (double)(i % 11);

    return (struct dataset_box){x, y, x + 180 + 9 * (double)(i % 5),
                                y + 144 + 9 * (double)(i % 7)};
}

/* The box that a setting turns into the true one. */
static struct iou_box found_box(const struct dataset_box *box,
                                const struct calibrate_setting *setting)
{
    double x = (box->x0 + box->x1) / 2 - (double)setting->shift_x * 80;
    double y = (box->y0 + box->y1) / 2 - (double)setting->shift_y * 60;
    double half_width = (box->x1 - box->x0) / 2 / (double)setting->scale;
    double half_height = (box->y1 - box->y0) / 2 / (double)setting->scale;

    return (struct iou_box){x - half_width, y - half_height, x + half_width,
                            y + half_height};
}

/* Adds a photo that is right with the setting at its threshold, and has boxes
 * of one pixel with others. The true box is in another size of the photo. */
static bool add_photo(struct calibrate *calibrate, size_t i, const char *file,
                      const struct calibrate_setting *setting,
                      struct error *err)
{
    struct dataset_box box = true_box(i);
    struct result results[CALIBRATE_THRESHOLDS] = {{0}};
    struct result_photo photo = {.place = place, .results = results};
    const struct dataset_box halved = {box.x0 / 2, box.y0 / 2, box.x1 / 2,
                                       box.y1 / 2};
    const struct dataset_item item = {
        .file = file,
        .boxes = &halved,
        .num_boxes = 1,
        .width = place.width / 2,
        .height = place.height / 2,
    };

    for (size_t k = 0; k < CALIBRATE_THRESHOLDS; k++) {
        results[k].has_box = k % 2 == 1;
        results[k].box = (struct iou_box){0, 0, 1, 1};
    }
    results[AT].box = found_box(&box, setting);
    return calibrate_add(calibrate, &item, &photo, err);
}

static const char *file_of(size_t i)
{
    static const char names[PHOTOS + 1] = "";

    return &names[i];
}

static struct calibrate *new_calibrate(size_t num_folds)
{
    struct error err = {0};
    struct calibrate *calibrate = calibrate_new(num_folds, &err);

    assert_non_null(calibrate);
    return calibrate;
}

static void check_setting(const struct calibrate_setting *found,
                          const struct calibrate_setting *expected)
{
    assert_float_equal(found->threshold, expected->threshold, 1e-6);
    assert_float_equal(found->scale, expected->scale, 1e-6);
    assert_float_equal(found->shift_x, expected->shift_x, 1e-6);
    assert_float_equal(found->shift_y, expected->shift_y, 1e-6);
}

static void the_setting_that_makes_all_boxes_right_is_found(void **state)
{
    static const struct calibrate_setting settings[] = {
        {.3f, .9f, .25f, -.5f}, {.3f, 1, 0, 0}, {.3f, 1.3f, -.75f, .75f}};
    static struct calibrate_result result;
    struct error err = {0};

    (void)state;
    for (size_t s = 0; s < sizeof settings / sizeof settings[0]; s++) {
        struct calibrate *calibrate = new_calibrate(4);

        for (size_t i = 0; i < PHOTOS; i++)
            assert_true(
                add_photo(calibrate, i, file_of(i), &settings[s], &err));
        assert_true(calibrate_find(calibrate, &result, &err));
        assert_int_equal(result.num_photos, PHOTOS);
        assert_int_equal(result.num_items, PHOTOS);
        check_setting(&result.best.setting, &settings[s]);
        assert_true(result.best.fitted.mean == 1);
        assert_true(result.best.held_out.mean == 1);
        /* a pixel of 180 may be missing on each side, since they are whole */
        assert_true(result.best.fitted.overlap > .96);
        assert_true(result.paper.mean == 0);
        assert_true(result.adjusted[AT].mean == 1);
        assert_true(result.adjusted[AT - 1].mean == 0);
        for (size_t fold = 0; fold < 4; fold++)
            check_setting(&result.folds[fold].setting, &settings[s]);
        calibrate_free(calibrate);
    }
}

/* Every third photo is in a fold of its own, and needs the opposite shift: with
 * three folds, those that learn without it fail on it. */
static void a_fold_is_scored_by_what_the_others_say(void **state)
{
    static const struct calibrate_setting one = {.3f, 1, .75f, 0};
    static const struct calibrate_setting other = {.3f, 1, -.75f, 0};
    static struct calibrate_result result;
    struct calibrate *calibrate = new_calibrate(3);
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 30; i++)
        assert_true(add_photo(calibrate, i, file_of(i),
                              i % 3 == 0 ? &other : &one, &err));
    assert_true(calibrate_find(calibrate, &result, &err));
    check_setting(&result.folds[0].setting, &one);
    assert_true(result.folds[0].fitted.mean == 1);
    assert_true(result.folds[0].held_out.right[CALIBRATE_HALF] == 0);
    assert_true(result.best.held_out.right[CALIBRATE_HALF] <
                result.best.fitted.right[CALIBRATE_HALF]);
    calibrate_free(calibrate);
}

static void items_of_one_photo_are_in_one_fold(void **state)
{
    static const struct calibrate_setting setting = {.3f, 1, 0, 0};
    static struct calibrate_result result;
    struct calibrate *calibrate = new_calibrate(2);
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 9; i++)
        assert_true(add_photo(calibrate, i, file_of(0), &setting, &err));
    assert_false(calibrate_find(calibrate, &result, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "1 photos with true boxes; 2 folds"));
    err = (struct error){0};
    assert_true(add_photo(calibrate, 0, file_of(1), &setting, &err));
    assert_true(calibrate_find(calibrate, &result, &err));
    assert_int_equal(result.num_photos, 2);
    assert_int_equal(result.num_items, 10);
    calibrate_free(calibrate);
}

static void broken_photos_and_those_without_boxes_do_not_count(void **state)
{
    struct result results[CALIBRATE_THRESHOLDS] = {{0}};
    struct result_photo photo = {.place = place, .results = results};
    struct dataset_box box = true_box(0);
    struct dataset_item item = {.file = file_of(0)};
    struct calibrate *calibrate = new_calibrate(2);
    static struct calibrate_result result;
    struct error err = {0};

    (void)state;
    assert_true(calibrate_add(calibrate, &item, &photo, &err));
    item.boxes = &box;
    item.num_boxes = 1;
    strcpy(photo.error, "it is not an image");
    assert_true(calibrate_add(calibrate, &item, &photo, &err));
    assert_false(calibrate_find(calibrate, &result, &err));
    assert_non_null(strstr(err.text, "0 photos"));
    assert_int_equal(result.num_items, 0);
    calibrate_free(calibrate);
}

static void the_paper_s_threshold_is_among_those_tried(void **state)
{
    struct box_options boxes[CALIBRATE_THRESHOLDS];
    size_t num = 0;

    (void)state;
    calibrate_boxes(boxes);
    for (size_t i = 0; i < CALIBRATE_THRESHOLDS; i++) {
        assert_int_equal(boxes[i].rule, BOX_PAPER);
        assert_true(boxes[i].threshold <= (float)MODEL_BOX_MAX_THRESHOLD);
        num += !(boxes[i].threshold < BOX_THRESHOLD) &&
               !(boxes[i].threshold > BOX_THRESHOLD);
    }
    assert_int_equal(num, 1);
}

static bool add_all(void *arg, struct error *err)
{
    static const struct calibrate_setting setting = {.3f, 1, 0, 0};
    struct calibrate *calibrate = calibrate_new(2, err);
    bool ok = calibrate;

    (void)arg;
    for (size_t i = 0; ok && i < 10; i++)
        ok = add_photo(calibrate, i, file_of(i), &setting, err);
    calibrate_free(calibrate);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(add_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_that_makes_all_boxes_right_is_found),
        cmocka_unit_test(a_fold_is_scored_by_what_the_others_say),
        cmocka_unit_test(items_of_one_photo_are_in_one_fold),
        cmocka_unit_test(broken_photos_and_those_without_boxes_do_not_count),
        cmocka_unit_test(the_paper_s_threshold_is_among_those_tried),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
