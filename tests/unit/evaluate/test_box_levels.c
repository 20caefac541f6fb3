/* MaxBoxAcc and MaxBoxAccV2: against OpenCV's contours and the arithmetic of
 * the benchmark that they come from (tools/reference/wsol.py), and by hand. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/box_levels.h"

#include "tests/unit/alloc_sweep.h"

enum { CURVES = 4, MAX_SIDE = 16, MAX_TRUTH = 4 };

static const struct level_map_region WHOLE = {0, 0, 1, 1};

/* A picture of the file, and at which levels it counts: by the largest contour
 * at .5, and by all at .3, .5 and .7. */
struct example {
    size_t height, width;
    float map[MAX_SIDE * MAX_SIDE];
    struct iou_box boxes[MAX_TRUTH];
    struct box_levels_truth truth;
    bool counts[CURVES][BOX_LEVELS];
};

static void read_ranges(FILE *file, bool counts[BOX_LEVELS])
{
    char line[4096], *at = line;
    unsigned from, to;
    int len;

    memset(counts, 0, BOX_LEVELS * sizeof *counts);
    assert_non_null(fgets(line, sizeof line, file));
    for (; sscanf(at, "%u-%u%n", &from, &to, &len) == 2; at += len)
        for (unsigned level = from; level <= to; level++)
            counts[level] = true;
}

static bool read_example(FILE *file, struct example *example)
{
    struct box_levels_truth *truth = &example->truth;
    char end;

    if (fscanf(file, "%zu %zu %lf %lf", &example->height, &example->width,
               &truth->height, &truth->width) != 4 ||
        example->height > MAX_SIDE)
        return false;
    for (size_t i = 0; i < example->height * example->width; i++)
        assert_int_equal(fscanf(file, "%f", &example->map[i]), 1);
    assert_int_equal(fscanf(file, "%zu", &truth->num_boxes), 1);
    assert_in_range(truth->num_boxes, 1, MAX_TRUTH);
    for (size_t i = 0; i < truth->num_boxes; i++) {
        struct iou_box *box = &example->boxes[i];

        assert_int_equal(fscanf(file, "%lf %lf %lf %lf", &box->x0, &box->y0,
                                &box->x1, &box->y1),
                         4);
    }
    truth->boxes = example->boxes;
    assert_int_equal(fscanf(file, "%c", &end), 1);
    for (size_t curve = 0; curve < CURVES; curve++)
        read_ranges(file, example->counts[curve]);
    return true;
}

static void find(struct box_levels *found, const struct example *example)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    struct level_map_scratch map_scratch = {0};
    struct box_levels_scratch scratch = {0};
    struct error err = {0};

    assert_true(level_map_make(levels, &map_scratch, example->map,
                               example->height, example->width, &WHOLE, &err));
    assert_true(
        box_levels_find(found, &scratch, levels, &example->truth, &err));
    level_map_release(&map_scratch);
    box_levels_release(&scratch);
}

static bool counts(const struct box_levels *found, size_t curve, size_t level)
{
    static const double overlaps[CURVES] = {.5, .3, .5, .7};
    const double *iou = curve == 0 ? found->largest : found->any;

    return iou[level] >= overlaps[curve];
}

/* The map's bytes may differ in the last place where it is rounded, and a level
 * at the end of a range with them. */
static void box_accuracies_are_those_of_the_published_arithmetic(void **state)
{
    static struct example example;
    unsigned sums[CURVES][BOX_LEVELS] = {{0}};
    struct box_levels found;
    size_t num = 0, num_off = 0;
    char line[4096], *at;
    long last;
    FILE *file = fopen("tests/data/evaluate/box-levels.txt", "r");

    (void)state;
    assert_non_null(file);
    for (last = ftell(file); read_example(file, &example); last = ftell(file)) {
        find(&found, &example);
        num++;
        for (size_t curve = 0; curve < CURVES; curve++)
            for (size_t level = 0; level < BOX_LEVELS; level++) {
                bool is_hit = counts(&found, curve, level);

                sums[curve][level] += is_hit;
                num_off += is_hit != example.counts[curve][level];
            }
    }
    assert_int_equal(num, 30);
    assert_in_range(num_off, 0, 12); /* of 30,600 */
    fseek(file, last, SEEK_SET);
    at = fgets(line, sizeof line, file);
    fclose(file);
    for (size_t curve = 0; curve < CURVES; curve++) {
        double expected = strtod(at, &at), best = 0;

        for (size_t level = 0; level < BOX_LEVELS; level++)
            best = fmax(best, 100.0 * sums[curve][level] / (double)num);
        assert_true(fabs(best - expected) < 0.1);
    }
}

/* ---- by hand ---- */

/* Fills columns x0 to x1 and rows y0 to y1, inclusive. */
static void fill(uint8_t *levels, size_t x0, size_t y0, size_t x1, size_t y1,
                 uint8_t value)
{
    for (size_t y = y0; y <= y1; y++)
        memset(levels + y * LEVEL_MAP_SIDE + x0, value, x1 - x0 + 1);
}

static void find_in(struct box_levels *found, const uint8_t *levels,
                    struct iou_box box)
{
    const struct box_levels_truth truth = {LEVEL_MAP_SIDE, LEVEL_MAP_SIDE, &box,
                                           1};
    struct box_levels_scratch scratch = {0};
    struct error err = {0};

    assert_true(box_levels_find(found, &scratch, levels, &truth, &err));
    box_levels_release(&scratch);
}

static void each_level_has_the_boxes_of_the_cells_above_it(void **state)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    struct box_levels found;

    (void)state;
    fill(levels, 10, 20, 59, 69, 100);
    fill(levels, 20, 30, 29, 39, 255);
    find_in(&found, levels, (struct iou_box){10, 20, 61, 71});
    /* a box has 51 x 51 cells for 50 x 50, and 11 x 11 for 10 x 10 */
    assert_true(found.any[0] == 1 && found.any[99] == 1);
    assert_true(fabs(found.any[100] - 121.0 / 2601) < 1e-12);
    assert_true(found.any[254] == found.any[100]);
    assert_memory_equal(found.any, found.largest, sizeof found.any);
}

static void all_boxes_count_or_that_of_the_largest_contour(void **state)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    struct box_levels found;

    (void)state;
    fill(levels, 100, 100, 199, 199, 255);
    fill(levels, 10, 10, 39, 39, 255);
    find_in(&found, levels, (struct iou_box){10, 10, 41, 41});
    assert_true(found.any[0] == 1);
    assert_true(found.largest[0] == 0);
}

static void a_hole_has_a_box_one_cell_around_it(void **state)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    struct box_levels found;

    (void)state;
    fill(levels, 50, 50, 149, 149, 255);
    fill(levels, 80, 90, 99, 119, 7);
    find_in(&found, levels, (struct iou_box){79, 89, 102, 122});
    assert_true(found.any[6] < .1); /* the cells of level 7 are above it */
    assert_true(found.any[7] == 1);
    assert_true(found.largest[7] < .1);
}

static void a_constant_map_has_the_box_of_one_cell(void **state)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    struct box_levels found;

    (void)state;
    find_in(&found, levels, (struct iou_box){0, 0, 2, 2});
    assert_true(found.any[0] == .25 && found.largest[254] == .25);
}

static bool find_once(void *arg, struct error *err)
{
    static uint8_t levels[LEVEL_MAP_CELLS];
    const struct iou_box box = {0, 0, 9, 9};
    const struct box_levels_truth truth = {20, 20, &box, 1};
    const float map[4] = {0, 1, 2, 3};
    struct level_map_scratch map_scratch = {0};
    struct box_levels_scratch scratch = {0};
    struct box_levels found;
    bool ok = level_map_make(levels, &map_scratch, map, 2, 2, &WHOLE, err) &&
              box_levels_find(&found, &scratch, levels, &truth, err);

    (void)arg;
    level_map_release(&map_scratch);
    box_levels_release(&scratch);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(find_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(box_accuracies_are_those_of_the_published_arithmetic),
        cmocka_unit_test(each_level_has_the_boxes_of_the_cells_above_it),
        cmocka_unit_test(all_boxes_count_or_that_of_the_largest_contour),
        cmocka_unit_test(a_hole_has_a_box_one_cell_around_it),
        cmocka_unit_test(a_constant_map_has_the_box_of_one_cell),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
