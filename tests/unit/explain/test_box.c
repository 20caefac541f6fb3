/* Boxes: against a flood fill here, and against scipy in tests/data/boxes. */

#include <glob.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/explain/box.h"

#include "tests/unit/alloc_sweep.h"

#define PAPER(share) (&(const struct box_options){.threshold = (share)})

/* ---- the oracle: fills one component after another ---- */

static float max_of(const float *map, size_t count)
{
    float max = 0;

    for (size_t i = 0; i < count; i++)
        if (map[i] > max)
            max = map[i];
    return max;
}

/* Empties the component at `start` out of `above` and returns its area. */
static size_t fill(struct box *box, char *above, size_t *stack, size_t height,
                   size_t width, size_t start)
{
    size_t left = width, right = 0, top = height, bottom = 0;
    size_t num = 1, area = 0;

    stack[0] = start;
    above[start] = 0;
    while (num > 0) {
        size_t at = stack[--num];
        size_t x = at % width, y = at / width;

        area++;
        left = x < left ? x : left;
        right = x > right ? x : right;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
        for (size_t ny = y ? y - 1 : 0; ny <= y + 1 && ny < height; ny++) {
            for (size_t nx = x ? x - 1 : 0; nx <= x + 1 && nx < width; nx++) {
                if (above[ny * width + nx]) {
                    above[ny * width + nx] = 0;
                    stack[num++] = ny * width + nx;
                }
            }
        }
    }
    *box = (struct box){(uint32_t)left,
                        (uint32_t)top,
                        (uint32_t)(right - left + 1),
                        (uint32_t)(bottom - top + 1),
                        0,
                        0};
    return area;
}

static bool slow_box(struct box *best, const float *map, size_t height,
                     size_t width, float threshold)
{
    size_t count = height * width, best_area = 0;
    float cut = threshold * max_of(map, count);
    char *above = calloc(count + 1, 1);
    size_t *stack = calloc(count + 1, sizeof *stack);

    *best = (struct box){0};
    for (size_t i = 0; i < count; i++)
        above[i] = map[i] > 0 && map[i] > cut;
    for (size_t i = 0; i < count; i++) {
        struct box box;
        size_t area = above[i] ? fill(&box, above, stack, height, width, i) : 0;

        if (area > best_area) {
            best_area = area;
            *best = box;
        }
    }
    free(above);
    free(stack);
    return best_area > 0;
}

/* ---- helpers ---- */

/* The box of the largest component alone. */
static bool find_box(struct box *box, bool *any, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width,
                     const struct box_options *options, struct error *err)
{
    struct box_found found;
    bool ok = box_find(&found, scratch, map, height, width, options, err);

    *any = found.count > 0;
    *box = found.box;
    return ok;
}

static void check_box(struct box box, uint32_t x, uint32_t y, uint32_t width,
                      uint32_t height)
{
    assert_int_equal(box.x, x);
    assert_int_equal(box.y, y);
    assert_int_equal(box.width, width);
    assert_int_equal(box.height, height);
}

/* A map drawn in characters: '.' is 0, '-' is -1, digits are themselves. */
static bool find_drawn(struct box *box, const char *drawing, size_t height,
                       size_t width, float threshold)
{
    struct box_scratch scratch = {0};
    struct error err = {0};
    float map[64];
    bool found;

    for (size_t i = 0; i < height * width; i++)
        map[i] = drawing[i] == '.'   ? 0
                 : drawing[i] == '-' ? -1
                                     : (float)(drawing[i] - '0');
    assert_true(find_box(box, &found, &scratch, map, height, width,
                         PAPER(threshold), &err));
    box_scratch_release(&scratch);
    return found;
}

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* ---- tests ---- */

static void the_box_holds_the_largest_component(void **state)
{
    struct box box;

    (void)state;
    assert_true(find_drawn(&box,
                           "9...."
                           "..99."
                           "..9..",
                           3, 5, 0.2f));
    check_box(box, 2, 1, 2, 2);
}

static void corners_connect(void **state)
{
    struct box box;

    (void)state;
    assert_true(find_drawn(&box,
                           "9..9"
                           ".9.9"
                           "..9.",
                           3, 4, 0.2f));
    check_box(box, 0, 0, 4, 3);
}

static void the_left_edge_does_not_touch_the_right_edge(void **state)
{
    struct box box;

    (void)state;
    assert_true(find_drawn(&box,
                           "...9"
                           "9..."
                           "9...",
                           3, 4, 0.2f));
    check_box(box, 0, 1, 1, 2);
}

static void of_equal_components_the_first_in_reading_order_wins(void **state)
{
    struct box box;

    (void)state;
    /* the first to be complete is not the first to begin */
    assert_true(find_drawn(&box,
                           "..9...."
                           "..9..9."
                           "......9",
                           3, 7, 0.2f));
    check_box(box, 2, 0, 1, 2);
    assert_true(find_drawn(&box,
                           "9....9"
                           "9...9.",
                           2, 6, 0.2f));
    check_box(box, 0, 0, 1, 2);
    assert_true(find_drawn(&box,
                           "9..9.9"
                           ".....9"
                           "9....."
                           "9.....",
                           4, 6, 0.2f));
    check_box(box, 5, 0, 1, 2);
}

static void a_value_at_the_cut_itself_does_not_stay(void **state)
{
    struct box box;

    (void)state;
    assert_true(find_drawn(&box, "4829", 1, 4, 0.5f)); /* the cut is 4.5 */
    check_box(box, 1, 0, 1, 1);
    assert_true(find_drawn(&box, "4448", 1, 4, 0.5f)); /* the cut is 4 */
    check_box(box, 3, 0, 1, 1);
}

static void without_positive_values_there_is_no_box(void **state)
{
    struct box box;

    (void)state;
    assert_false(find_drawn(&box, "-.-.", 2, 2, 0.2f));
    check_box(box, 0, 0, 0, 0);
    assert_false(find_drawn(&box, "", 0, 0, 0.2f));
    assert_false(find_drawn(&box, "", 0, 7, 0.2f));
}

static void negatives_stay_out_whatever_the_threshold(void **state)
{
    struct box box;

    (void)state;
    assert_true(find_drawn(&box, "-.1-", 1, 4, -5));
    check_box(box, 2, 0, 1, 1);
    assert_true(find_drawn(&box, "-.1-", 1, 4, NAN));
    check_box(box, 2, 0, 1, 1);
    assert_false(find_drawn(&box, "-.1-", 1, 4, 1));
    assert_false(find_drawn(&box, "-.1-", 1, 4, INFINITY));
}

static void nan_is_passed_over_and_infinity_has_no_box(void **state)
{
    struct box_scratch scratch = {0};
    struct error err = {0};
    const float with_nan[4] = {NAN, 1, NAN, NAN};
    const float infinite[4] = {0, INFINITY, 1, -INFINITY};
    struct box box;
    bool found;

    (void)state;
    assert_true(
        find_box(&box, &found, &scratch, with_nan, 2, 2, PAPER(0.2f), &err));
    assert_true(found);
    check_box(box, 1, 0, 1, 1);
    assert_true(
        find_box(&box, &found, &scratch, infinite, 2, 2, PAPER(0.2f), &err));
    assert_false(found);
    check_box(box, 0, 0, 0, 0);
    box_scratch_release(&scratch);
}

static void random_maps_give_the_boxes_of_a_flood_fill(void **state)
{
    enum { MAX_SIDE = 23, NUM_MAPS = 4000 };
    struct box_scratch scratch = {0};
    struct error err = {0};
    float map[MAX_SIDE * MAX_SIDE];
    uint32_t seed = 7;

    (void)state;
    for (int n = 0; n < NUM_MAPS; n++) {
        size_t height = 1 + random_next(&seed) % MAX_SIDE;
        size_t width = 1 + random_next(&seed) % MAX_SIDE;
        float threshold = (float)(random_next(&seed) % 10) / 10;
        uint32_t num_levels = 2 + random_next(&seed) % 9;
        struct box box, expected;
        bool found;

        for (size_t i = 0; i < height * width; i++)
            map[i] = (float)(random_next(&seed) % num_levels) - 1;
        assert_true(find_box(&box, &found, &scratch, map, height, width,
                             PAPER(threshold), &err));
        assert_int_equal(found,
                         slow_box(&expected, map, height, width, threshold));
        check_box(box, expected.x, expected.y, expected.width, expected.height);
    }
    box_scratch_release(&scratch);
}

/* A spiral one cell wide and a comb: shapes that merge late. */
static void long_thin_shapes_are_one_component(void **state)
{
    enum { SIDE = 201 };
    static float map[SIDE * SIDE];
    struct box_scratch scratch = {0};
    struct error err = {0};
    struct box box;
    bool found;

    (void)state;
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            size_t edge = x < y ? x : y;

            edge = SIDE - 1 - x < edge ? SIDE - 1 - x : edge;
            edge = SIDE - 1 - y < edge ? SIDE - 1 - y : edge;
            map[y * SIDE + x] = edge % 2 == 0; /* rings, joined below */
        }
        if (y < SIDE / 2)
            map[y * SIDE + SIDE / 2] = 1;
    }
    assert_true(
        find_box(&box, &found, &scratch, map, SIDE, SIDE, PAPER(0.2f), &err));
    check_box(box, 0, 0, SIDE, SIDE);
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            map[y * SIDE + x] = y > 0 && (x % 2 == 0 || y == SIDE - 1);
    assert_true(
        find_box(&box, &found, &scratch, map, SIDE, SIDE, PAPER(0.2f), &err));
    check_box(box, 0, 1, SIDE, SIDE - 1);
    box_scratch_release(&scratch);
}

static void check_file(const char *path)
{
    FILE *file = fopen(path, "r");
    struct box_scratch scratch = {0};
    struct error err = {0};
    unsigned expected[4], height, width;
    struct box box;
    float threshold;
    float *map;
    bool found;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u %u %f %u %u %u %u", &height, &width,
                            &threshold, &expected[0], &expected[1],
                            &expected[2], &expected[3]),
                     7);
    map = calloc((size_t)height * width, sizeof *map);
    for (size_t i = 0; i < (size_t)height * width; i++)
        assert_int_equal(fscanf(file, "%f", &map[i]), 1);
    fclose(file);
    assert_true(find_box(&box, &found, &scratch, map, height, width,
                         PAPER(threshold), &err));
    assert_int_equal(found, expected[2] > 0);
    check_box(box, expected[0], expected[1], expected[2], expected[3]);
    free(map);
    box_scratch_release(&scratch);
}

static void boxes_agree_with_scipy(void **state)
{
    glob_t files;

    (void)state;
    assert_int_equal(glob("tests/data/boxes/*.txt", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 8);
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_file(files.gl_pathv[i]);
    globfree(&files);
}

static void a_side_beyond_32_bits_is_refused(void **state)
{
    struct box_scratch scratch = {0};
    struct error err = {0};
    struct box box;
    bool found;

    (void)state;
    assert_false(find_box(&box, &found, &scratch, NULL, 0,
                          (size_t)UINT32_MAX + 1, PAPER(0.2f), &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_false(found);
}

static bool find_once(void *arg, struct error *err)
{
    const float map[6] = {1, 0, 1, 0, 1, 0};
    struct box_scratch scratch = {0};
    struct box box;
    bool found;
    bool ok = find_box(&box, &found, &scratch, map, 2, 3, PAPER(0.2f), err);

    (void)arg;
    box_scratch_release(&scratch);
    return ok && found;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(find_once, NULL);
}

static bool find_with_scratch(void *arg, struct error *err)
{
    const float map[6] = {1, 0, 1, 0, 1, 0};
    struct box box;
    bool found;

    return find_box(&box, &found, arg, map, 3, 2, PAPER(0.2f), err);
}

static void scratch_is_used_again(void **state)
{
    struct box_scratch scratch = {0};
    struct error err = {0};
    void *rows;

    (void)state;
    assert_true(find_with_scratch(&scratch, &err));
    rows = scratch.pieces.rows;
    assert_true(find_with_scratch(&scratch, &err));
    assert_ptr_equal(scratch.pieces.rows, rows);
    box_scratch_release(&scratch);
    box_scratch_release(&scratch);
    assert_null(scratch.pieces.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_box_holds_the_largest_component),
        cmocka_unit_test(corners_connect),
        cmocka_unit_test(the_left_edge_does_not_touch_the_right_edge),
        cmocka_unit_test(of_equal_components_the_first_in_reading_order_wins),
        cmocka_unit_test(a_value_at_the_cut_itself_does_not_stay),
        cmocka_unit_test(without_positive_values_there_is_no_box),
        cmocka_unit_test(negatives_stay_out_whatever_the_threshold),
        cmocka_unit_test(nan_is_passed_over_and_infinity_has_no_box),
        cmocka_unit_test(random_maps_give_the_boxes_of_a_flood_fill),
        cmocka_unit_test(long_thin_shapes_are_one_component),
        cmocka_unit_test(boxes_agree_with_scipy),
        cmocka_unit_test(a_side_beyond_32_bits_is_refused),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(scratch_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
