/* Photos' lines, and the sums over them, worked out by hand. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/map_score.h"
#include "engine/evaluate/tally.h"

#include "tests/unit/alloc_sweep.h"

static const struct result_row ROWS[] = {
    {"cam", "features", "logit", "paper 0.2"},
    {"a \"method\", quoted", "", "", ""},
};

enum { NUM_ROWS = 2 };

static const struct result NOTHING = {
    .pointing = NAN,
    .energy = NAN,
    .deletion = NAN,
    .insertion = NAN,
    .check = NAN,
    .ms = NAN,
};

/* ---- lines ---- */

/* Reads the records of `text` behind the header; photo->results are those of
 * all rows. Returns how many there were. */
static size_t read_back(struct result_photo *photo, char *text, size_t *row)
{
    struct csv csv = {.at = text, .end = text + strlen(text), .next_line = 1};
    struct error err = {0};
    bool has_record;
    size_t count = 0;

    assert_true(csv_next(&csv, &has_record, &err));
    for (;; count++) {
        assert_true(csv_next(&csv, &has_record, &err));
        if (!has_record)
            return count;
        assert_true(result_read(photo, row, &csv, NUM_ROWS, &err));
    }
}

static void write_all(struct buf *out, const struct result_photo *photo)
{
    struct error err = {0};

    assert_true(result_write_header(out, &err));
    assert_true(result_write(out, photo, ROWS, NUM_ROWS, &err));
    assert_true(buf_append(out, "", 1, &err));
}

static void a_line_is_read_as_it_was_written(void **state)
{
    struct result results[NUM_ROWS] = {NOTHING, NOTHING}, found[NUM_ROWS];
    struct result_photo photo = {.item = 7,
                                 .name = "a, \"b\"\n.jpg",
                                 .class_index = 3,
                                 .rank = 2,
                                 .share = 1.0 / 3,
                                 .results = results};
    struct result_photo again = {.results = found};
    struct buf out = {0};
    size_t row;

    (void)state;
    results[0].has_box = true;
    results[0].box = (struct iou_box){1, 2.5, 3, 4};
    results[0].iou = 0.1;
    results[0].ms = 12.34;
    result_levels_set(&results[0].levels[RESULT_ANY_50], 0);
    result_levels_set(&results[0].levels[RESULT_ANY_50], 1);
    result_levels_set(&results[0].levels[RESULT_ANY_50], 64);
    result_levels_set(&results[0].levels[RESULT_ANY_50], 254);
    write_all(&out, &photo);
    assert_int_equal(read_back(&again, (char *)out.data, &row), 2);
    assert_int_equal(row, 1);
    assert_string_equal(again.name, "a, \"b\" .jpg");
    assert_int_equal(again.item, 7);
    assert_int_equal(again.class_index, 3);
    assert_int_equal(again.rank, 2);
    assert_true(again.share == 1.0 / 3);
    assert_memory_equal(&found[0].box, &results[0].box, sizeof results[0].box);
    assert_true(found[0].has_box && found[0].iou == 0.1);
    assert_true(found[0].ms == 12.34 && isnan(found[0].energy));
    assert_memory_equal(found[0].levels, results[0].levels,
                        sizeof results[0].levels);
    assert_true(!found[1].has_box && isnan(found[1].ms));
    buf_release(&out);
}

static void a_photo_with_an_error_is_one_line(void **state)
{
    struct result_photo photo = {.item = 1, .name = "x.jpg"};
    struct result_photo again = {.results = NULL};
    struct buf out = {0};
    size_t row;

    (void)state;
    strcpy(photo.error, "it is \"broken\"");
    write_all(&out, &photo);
    assert_int_equal(read_back(&again, (char *)out.data, &row), 1);
    assert_int_equal(row, NUM_ROWS);
    assert_string_equal(again.error, "it is \"broken\"");
    buf_release(&out);
}

static void other_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "1,f,0,m,l,t,b,1,1,,,,,,0,,,,,,,,,,,", /* accepted */
        "1,x.jpg,0",
        "x,f,0,m,l,t,b,1,1,,,,,,0,,,,,,,,,,,",
        "1,f,3,m,l,t,b,1,1,,,,,,0,,,,,,,,,,,",
        "1,f,0,m,l,t,b,1,1,,,,,,0 ,,,,,,,,,,,",
        "1,f,0,m,l,t,b,1,1,,,,,,0,,,,,,,5-3,,,,",
        "1,f,0,m,l,t,b,1,1,,,,,,0,,,,,,,3-255,,,,",
        "1,f,0,m,l,t,b,1,1,,,,,,0,,,,,,,,,,,why",
        "1,f,2,,,,,,,,,,,,,,,,,,,,,,,",
    };
    struct result results[NUM_ROWS];
    struct result_photo photo = {.results = results};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[128];
        struct csv csv = {.at = line, .next_line = 1};
        struct error err = {0};
        bool has_record;
        size_t row;

        strcpy(line, lines[i]);
        csv.end = line + strlen(line);
        assert_true(csv_next(&csv, &has_record, &err));
        assert_int_equal(result_read(&photo, &row, &csv, NUM_ROWS, &err),
                         i == 0);
        assert_int_equal(err.kind, i == 0 ? ERROR_NONE : ERROR_INPUT);
    }
}

static bool write_once(void *arg, struct error *err)
{
    struct result results[NUM_ROWS] = {NOTHING, NOTHING};
    const struct result_photo photo = {.name = "x", .results = results};
    struct buf out = {0};
    bool ok = result_write_header(&out, err) &&
              result_write(&out, &photo, ROWS, NUM_ROWS, err);

    (void)arg;
    buf_release(&out);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(write_once, NULL);
}

/* ---- sums ---- */

static void add(struct tally *tally, size_t rank, double share, double iou,
                double check)
{
    const struct result_photo photo = {.rank = rank, .share = share};
    struct result result = NOTHING;

    result.iou = iou;
    result.has_box = iou > 0;
    result.check = check;
    if (!isnan(share))
        result_levels_fill(result.levels, iou);
    tally_add(tally, &photo, &result);
}

#define CLOSE(found, expected) assert_true(fabs((found) - (expected)) < 1e-12)

static void a_tally_has_the_shares_of_its_photos(void **state)
{
    struct tally tally = {0};
    size_t level;

    (void)state;
    add(&tally, 1, .05, .6, 1e-6);
    add(&tally, 5, .1, .5, 3e-6); /* .5 counts */
    add(&tally, 6, .3, .75, NAN);
    add(&tally, 0, .9, .4, NAN); /* the class is not known */
    add(&tally, 1, NAN, 0, NAN); /* no box is known */
    assert_int_equal(tally.num_photos, 5);
    assert_int_equal(tally.num_boxed, 4);
    CLOSE(tally_mean(&tally.top1), 2.0 / 4);
    CLOSE(tally_mean(&tally.top5), 3.0 / 4);
    CLOSE(tally_mean(&tally.loc_top1), 1.0 / 3);
    CLOSE(tally_mean(&tally.loc_top5), 2.0 / 3);
    CLOSE(tally_mean(&tally.gt_known), 3.0 / 4);
    CLOSE(tally_mean(&tally.iou), (.6 + .5 + .75 + .4) / 4);
    CLOSE(tally_mean(&tally.by_size[0]), 1);
    CLOSE(tally_mean(&tally.by_size[1]), 1);
    CLOSE(tally_mean(&tally.by_size[2]), 1);
    CLOSE(tally_mean(&tally.by_size[3]), 0);
    assert_true(isnan(tally_mean(&tally.energy)));
    assert_true(tally.check == 3e-6);
    CLOSE(tally_best(&tally, RESULT_ANY_30, &level), 1);
    assert_int_equal(level, 0);
    CLOSE(tally_best(&tally, RESULT_ANY_70, &level), 1.0 / 4);
    CLOSE(tally_v2(&tally), (1 + 3.0 / 4 + 1.0 / 4) / 3);
}

static void the_best_threshold_is_that_of_all_photos_together(void **state)
{
    const struct result_photo photo = {.share = .5};
    struct tally tally = {0};
    size_t level;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct result result = NOTHING;

        /* photos count at 10 to 30, 20 to 40, 30 to 50 */
        for (size_t k = 10 * i + 10; k <= 10 * i + 30; k++)
            result_levels_set(&result.levels[RESULT_LARGEST_50], k);
        tally_add(&tally, &photo, &result);
    }
    CLOSE(tally_best(&tally, RESULT_LARGEST_50, &level), 1);
    assert_int_equal(level, 30);
    CLOSE(tally_accuracy(&tally, RESULT_LARGEST_50, 25), 2.0 / 3);
    assert_true(isnan(tally_best(&(struct tally){0}, RESULT_ANY_30, &level)));
}

/* ---- maps ---- */

static void the_peak_is_the_centre_of_the_largest_cell(void **state)
{
    const float map[] = {0, 1, 3, 3}, flat[] = {0, -1}, odd[] = {1, NAN};
    double x, y;

    (void)state;
    assert_true(map_score_peak(&x, &y, map, 2, 2));
    assert_true(x == .25 && y == .75);
    assert_false(map_score_peak(&x, &y, flat, 1, 2));
    assert_false(map_score_peak(&x, &y, odd, 1, 2));
}

static void energy_is_the_share_of_positive_values_in_any_box(void **state)
{
    const float map[] = {1, 2, -5, 3, 4, 6};
    const struct iou_box boxes[] = {{0, 0, 2, 1}, {1, 0, 1.6, 2}};
    const float flat[] = {0, -1};

    (void)state;
    CLOSE(map_score_energy(map, 2, 3, boxes, 1), 3.0 / 16);
    CLOSE(map_score_energy(map, 2, 3, boxes, 2), 7.0 / 16);
    assert_true(isnan(map_score_energy(flat, 1, 2, boxes, 2)));
    assert_true(map_score_hits(0, 0, boxes, 2));
    assert_false(map_score_hits(2, 0, boxes, 2));
}

static void overlaps_are_shares_of_both_boxes(void **state)
{
    const struct iou_box a = {0, 0, 2, 2},
                         others[] = {{1, 0, 3, 2}, {5, 5, 6, 6}};

    (void)state;
    CLOSE(iou_of(&a, &a), 1);
    CLOSE(iou_best(&a, others, 2), 1.0 / 3);
    CLOSE(iou_best(&a, others + 1, 1), 0);
    CLOSE(iou_best(&a, others, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_as_it_was_written),
        cmocka_unit_test(a_photo_with_an_error_is_one_line),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_tally_has_the_shares_of_its_photos),
        cmocka_unit_test(the_best_threshold_is_that_of_all_photos_together),
        cmocka_unit_test(the_peak_is_the_centre_of_the_largest_cell),
        cmocka_unit_test(energy_is_the_share_of_positive_values_in_any_box),
        cmocka_unit_test(overlaps_are_shares_of_both_boxes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
