/* The rules for boxes, and several boxes: against NumPy, SciPy and scikit-image
 * in tests/data/boxes/rules, and by hand. */

#include <glob.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/box.h"

#include "tests/unit/alloc_sweep.h"

static const struct model_box calibration = {
    .is_given = true, .threshold = 0.5f, .scale = 1};

static enum box_rule rule_named(const char *name)
{
    static const char *const names[] = {
#define X(rule, name, kind) [rule] = #name,
        BOX_RULES(X)
#undef X
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return (enum box_rule)i;
    fail_msg("there is no rule \"%s\"", name);
    return BOX_PAPER;
}

static struct box_options options_of(enum box_rule rule, uint32_t most)
{
    struct box_options options = BOX_OPTIONS_DEFAULT;

    options.rule = rule;
    options.most = most;
    options.calibrated = &calibration;
    return options;
}

static struct box_found find(const float *map, size_t height, size_t width,
                             const struct box_options *options)
{
    struct box_scratch scratch = {0};
    struct box_found found;
    struct error err = {0};

    if (!box_find(&found, &scratch, map, height, width, options, &err))
        fail_msg("%s", err.text);
    box_scratch_release(&scratch);
    return found;
}

static void check_box(const struct box *box, uint32_t x, uint32_t y,
                      uint32_t width, uint32_t height)
{
    assert_int_equal(box->x, x);
    assert_int_equal(box->y, y);
    assert_int_equal(box->width, width);
    assert_int_equal(box->height, height);
}

/* ---- against other libraries ---- */

static void read_box(FILE *file, uint32_t box[4])
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(fscanf(file, "%u", &box[i]), 1);
}

static float *read_map(FILE *file, size_t count)
{
    float *map = calloc(count, sizeof *map);

    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%f", &map[i]), 1);
    return map;
}

static void check_file(const char *path)
{
    FILE *file = fopen(path, "r");
    uint32_t most, height, width, count, first[4], boxes[BOX_MAX][4];
    float percentile, threshold, shares[BOX_MAX];
    struct box_options options;
    struct box_found found;
    char rule[32];
    float *map;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%31s %f %u %u %u %f %u", rule, &percentile,
                            &most, &height, &width, &threshold, &count),
                     7);
    assert_true(count <= BOX_MAX);
    read_box(file, first);
    for (uint32_t i = 0; i < count; i++) {
        read_box(file, boxes[i]);
        assert_int_equal(fscanf(file, "%f", &shares[i]), 1);
    }
    map = read_map(file, (size_t)height * width);
    fclose(file);
    options = options_of(rule_named(rule), most);
    options.percentile = percentile;
    found = find(map, height, width, &options);
    assert_int_equal(found.count, count);
    check_box(&found.box, first[0], first[1], first[2], first[3]);
    assert_true(fabsf(found.box.threshold - threshold) < 1e-6f);
    for (uint32_t i = 0; i < count; i++) {
        check_box(&found.list[i], boxes[i][0], boxes[i][1], boxes[i][2],
                  boxes[i][3]);
        assert_true(fabsf(found.list[i].share - shares[i]) < 1e-6f);
    }
    free(map);
}

static void boxes_agree_with_scipy_and_scikit_image(void **state)
{
    glob_t files;

    (void)state;
    assert_int_equal(glob("tests/data/boxes/rules/*.txt", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 10);
    for (size_t i = 0; i < files.gl_pathc; i++)
        check_file(files.gl_pathv[i]);
    globfree(&files);
}

/* ---- several boxes ---- */

static void the_largest_component_need_not_have_the_most_evidence(void **state)
{
    const float map[2 * 6] = {1, 1, 1, 0, 9, 0, /**/ 1, 1, 1, 0, 0, 0};
    struct box_options options = options_of(BOX_PAPER, 2);
    struct box_found found;

    (void)state;
    options.threshold = 0.1f;
    found = find(map, 2, 6, &options);
    check_box(&found.box, 0, 0, 3, 2);
    assert_int_equal(found.count, 2);
    check_box(&found.list[0], 4, 0, 1, 1);
    assert_true(found.list[0].share == 0.6f); /* 9 of 15 */
    check_box(&found.list[1], 0, 0, 3, 2);
    assert_true(found.list[1].share == 0.4f);
    assert_true(found.box.share == 0.4f);
}

static void what_is_below_the_threshold_is_in_no_share(void **state)
{
    const float map[6] = {8, -9, 2, 0, 6, NAN};
    struct box_options options = options_of(BOX_PAPER, BOX_MAX);
    struct box_found found;

    (void)state;
    options.threshold = 0.5f;
    found = find(map, 1, 6, &options);
    assert_int_equal(found.count, 2);
    assert_true(found.list[0].share == 0.5f); /* 8 of 16 */
    assert_true(found.list[1].share == 0.375f);
}

static void equal_evidence_is_listed_in_reading_order(void **state)
{
    /* the second is complete before the first */
    const float map[3 * 3] = {2, 0, 4, /**/ 2, 0, 0, /**/ 0, 0, 0};
    struct box_options options = options_of(BOX_PAPER, 2);
    struct box_found found;

    (void)state;
    found = find(map, 3, 3, &options);
    check_box(&found.list[0], 0, 0, 1, 2);
    check_box(&found.list[1], 2, 0, 1, 1);
}

static void no_more_boxes_are_listed_than_asked_for(void **state)
{
    float map[64];

    (void)state;
    for (int i = 0; i < 64; i++)
        map[i] = i % 2 ? (float)(i + 100) : 0;
    for (uint32_t most = 0; most < 40; most++) {
        const struct box_options options = options_of(BOX_PAPER, most);
        struct box_found found = find(map, 1, 64, &options);
        size_t count = most < 1 ? 1 : most > BOX_MAX ? BOX_MAX : most;

        assert_int_equal(found.count, count);
        for (uint32_t i = 0; i < count && most > 1; i++)
            check_box(&found.list[i], 63 - 2 * i, 0, 1, 1);
    }
}

static void specks_are_not_listed(void **state)
{
    const struct box_options options = {
        .rule = BOX_PAPER, .threshold = 0, .most = 3};
    struct box_scratch scratch = {0};
    float map[64] = {0};
    struct box_found found;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < 20; i++)
        map[i] = 50; /* 1000 */
    map[30] = 1.01F;
    map[40] = 0.99F;
    assert_true(box_find(&found, &scratch, map, 1, 64, &options, &err));
    assert_int_equal(found.count, 2);
    check_box(&found.list[1], 30, 0, 1, 1);
    map[30] = 0; /* alone, the largest one is listed whatever its share is */
    assert_true(box_find(&found, &scratch, map, 1, 64, &options, &err));
    assert_int_equal(found.count, 1);
    box_scratch_release(&scratch);
}

static void one_box_alone_is_that_of_the_largest_component(void **state)
{
    const float map[6] = {1, 1, 1, 0, 4, 0};
    const struct box_options options = options_of(BOX_PAPER, 1);
    struct box_found found;

    (void)state;
    found = find(map, 1, 6, &options);
    assert_int_equal(found.count, 1);
    check_box(&found.box, 0, 0, 3, 1);
    check_box(&found.list[0], 0, 0, 3, 1);
}

/* ---- every rule ---- */

static const enum box_rule all_rules[] = {
#define X(rule, ...) rule,
    BOX_RULES(X)
#undef X
};

enum { NUM_RULES = sizeof all_rules / sizeof all_rules[0] };

static void by_no_rule_there_is_a_box_without_positive_values(void **state)
{
    const float maps[3][4] = {{0, -1, NAN, -2}, {0}, {1, INFINITY, 0, 2}};

    (void)state;
    for (size_t r = 0; r < NUM_RULES; r++)
        for (int i = 0; i < 3; i++) {
            const struct box_options options = options_of(all_rules[r], 4);
            struct box_found found = find(maps[i], 2, 2, &options);

            assert_int_equal(found.count, 0);
            check_box(&found.box, 0, 0, 0, 0);
        }
}

/* That of the rule object has a scale of its own. */
static void by_other_rules_a_scaled_map_has_the_same_boxes(void **state)
{
    static float map[30 * 40], scaled[30 * 40];

    (void)state;
    for (int i = 0; i < 30 * 40; i++) {
        map[i] = sinf((float)i / 7) * cosf((float)(i / 40) / 3) * 8;
        scaled[i] = map[i] * 0x1p-30f;
    }
    for (size_t r = 0; r < NUM_RULES; r++) {
        const struct box_options options = options_of(all_rules[r], 3);
        struct box_found a = find(map, 30, 40, &options);
        struct box_found b = find(scaled, 30, 40, &options);

        if (all_rules[r] == BOX_OBJECT)
            continue;
        assert_true(a.count > 0);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void otsu_takes_a_constant_map_whole(void **state)
{
    const float map[6] = {3, 3, 3, 3, 3, 3};
    const struct box_options options = options_of(BOX_OTSU, 1);
    struct box_found found;

    (void)state;
    found = find(map, 2, 3, &options);
    check_box(&found.box, 0, 0, 3, 2);
    assert_true(found.box.threshold == 0);
}

static void a_percentile_leaves_so_many_cells(void **state)
{
    enum { COUNT = 64 };
    float map[COUNT];
    struct box_options options = options_of(BOX_PERCENTILE, 1);

    (void)state;
    for (int i = 0; i < COUNT; i++)
        map[i] = (float)(COUNT - i);
    for (uint32_t below = 1; below < COUNT; below++) {
        struct box_found found;

        options.percentile = (float)below / COUNT;
        found = find(map, 1, COUNT, &options);
        check_box(&found.box, 0, 0, COUNT - below, 1);
    }
    options.percentile = 0; /* above the least */
    assert_int_equal(find(map, 1, COUNT, &options).box.width, COUNT - 1);
    options.percentile = 1;
    assert_int_equal(find(map, 1, COUNT, &options).count, 0);
}

/* ---- authors ---- */

static void the_authors_leave_the_last_five_columns_and_rows(void **state)
{
    static float map[20 * 30];
    const struct box_options options = options_of(BOX_AUTHORS, 16);
    struct box_found found;

    (void)state;
    for (int i = 0; i < 20 * 30; i++)
        map[i] = 7;
    found = find(map, 20, 30, &options);
    assert_true(found.count >= 1);
    check_box(&found.box, 0, 0, 25, 15);
    assert_true(found.box.share == 375.f / 600);
    assert_int_equal(find(map, 5, 5, &options).count, 0);
    assert_int_equal(find(map, 1, 1, &options).count, 0);
}

/* Many small components: more than are kept. */
static void the_authors_boxes_of_noise_are_within_bounds(void **state)
{
    enum { SIDE = 101 };
    static float map[SIDE * SIDE];
    const struct box_options options = options_of(BOX_AUTHORS, 16);
    struct box_found found;

    (void)state;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            map[y * SIDE + x] = x % 2 == 0 && y % 2 == 0 ? 1 : 0;
    found = find(map, SIDE, SIDE, &options);
    assert_int_equal(found.count, 16);
    for (size_t i = 0; i < found.count; i++) {
        assert_int_equal(found.list[i].width, 1);
        assert_int_equal(found.list[i].height, 1);
    }
}

static bool find_by_authors(void *arg, struct error *err)
{
    const struct box_options options = options_of(BOX_AUTHORS, 3);
    struct box_scratch scratch = {0};
    struct box_found found;
    float map[12 * 12];
    bool ok;

    (void)arg;
    for (int i = 0; i < 12 * 12; i++)
        map[i] = (float)(i % 12);
    ok = box_find(&found, &scratch, map, 12, 12, &options, err);
    box_scratch_release(&scratch);
    return ok && found.count > 0;
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    alloc_sweep(find_by_authors, NULL);
}

/* ---- calibrated ---- */

static struct box adjusted(struct box box, float scale, float shift_x,
                           float shift_y)
{
    const struct model_box by = {
        .scale = scale, .shift_x = shift_x, .shift_y = shift_y};
    const struct box_options options = {.rule = BOX_CALIBRATED,
                                        .calibrated = &by};
    const struct box_place place = {
        .width = 100, .height = 80, .cell_width = 16, .cell_height = 8};

    box_adjust(&box, &options, &place);
    return box;
}

static void a_calibrated_box_is_moved_in_cells_and_scaled(void **state)
{
    const struct box box = {20, 10, 40, 20, 0, 0};
    struct box at;

    (void)state;
    at = adjusted(box, 1, 0, 0);
    check_box(&at, 20, 10, 40, 20);
    at = adjusted(box, 1, 0.5f, -0.25f);
    check_box(&at, 28, 8, 40, 20);
    at = adjusted(box, 0.5f, 0, 0); /* about 40, 20 */
    check_box(&at, 30, 15, 20, 10);
    at = adjusted(box, 1.5f, 1, 1); /* about 56, 28: 26 to 86, 13 to 43 */
    check_box(&at, 26, 13, 60, 30);
    at = adjusted(box, 0.1f, 0, 0);
    check_box(&at, 38, 19, 4, 2);
}

static void a_calibrated_box_keeps_within_the_image(void **state)
{
    const struct box box = {20, 10, 40, 20, 0, 0};
    const struct box corner = {98, 79, 2, 1, 0, 0};
    struct box at;

    (void)state;
    at = adjusted(box, 10, 0, 0);
    check_box(&at, 0, 0, 100, 80);
    at = adjusted(corner, 1, 2, 2); /* beyond the corner */
    check_box(&at, 99, 79, 1, 1);
    at = adjusted((struct box){0, 0, 1, 1, 0, 0}, 0.1f, -2, -2);
    check_box(&at, 0, 0, 1, 1);
}

static void other_rules_adjust_nothing(void **state)
{
    const struct model_box by = {.scale = 3, .shift_x = 1};
    const struct box_options options = {.rule = BOX_OTSU, .calibrated = &by};
    const struct box_place place = {100, 80, 16, 8, 0, 0, 100, 80};
    struct box box = {20, 10, 40, 20, 0, 0};

    (void)state;
    box_adjust(&box, &options, &place);
    check_box(&box, 20, 10, 40, 20);
}

/* ---- object ---- */

/* A hill of 8 x 8 cells of 0.7, with 6 x 4 of 0.8 in it and 2 x 2 of 0.9 in
 * those, and a smaller one of 0.8. */
static void fill_hills(float map[20 * 30])
{
    memset(map, 0, 20 * 30 * sizeof *map);
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 30; x++) {
            float *at = &map[y * 30 + x];

            if (x >= 2 && x < 10 && y >= 4 && y < 12)
                *at = 0.7f;
            if (x >= 4 && x < 10 && y >= 6 && y < 10)
                *at = 0.8f;
            if (x >= 6 && x < 8 && y >= 8 && y < 10)
                *at = 0.9f;
            if (x >= 20 && x < 23 && y >= 15 && y < 18)
                *at = 0.8f;
        }
}

/* Columns 2 to 10, 4 to 10 and 6 to 8 are 4 to 9.33 in the mean, rows 4 to 12,
 * 6 to 10 and 8 to 10 are 6 to 10.67. */
static void an_objects_box_is_the_mean_of_three(void **state)
{
    const struct box_options options = options_of(BOX_OBJECT, 3);
    const struct box_place place = {100, 80, 2, 2, 0, 0, 100, 80};
    struct box_found found;
    float map[20 * 30];

    (void)state;
    fill_hills(map);
    found = find(map, 20, 30, &options);
    check_box(&found.box, 4, 6, 5, 5);
    assert_true(fabsf(found.box.threshold * 0.9f - 0.76f) < 1e-6f);
    assert_int_equal(found.count, 2);
    check_box(&found.list[0], 4, 6, 5, 5);
    check_box(&found.list[1], 20, 15, 3, 3);
    found.box = (struct box){.x = 60, .y = 10, .width = 40, .height = 40};
    box_adjust(&found.box, &options, &place); /* 59 to 101, 9 to 51 */
    check_box(&found.box, 59, 9, 41, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_agree_with_scipy_and_scikit_image),
        cmocka_unit_test(the_largest_component_need_not_have_the_most_evidence),
        cmocka_unit_test(what_is_below_the_threshold_is_in_no_share),
        cmocka_unit_test(equal_evidence_is_listed_in_reading_order),
        cmocka_unit_test(no_more_boxes_are_listed_than_asked_for),
        cmocka_unit_test(specks_are_not_listed),
        cmocka_unit_test(one_box_alone_is_that_of_the_largest_component),
        cmocka_unit_test(by_no_rule_there_is_a_box_without_positive_values),
        cmocka_unit_test(by_other_rules_a_scaled_map_has_the_same_boxes),
        cmocka_unit_test(an_objects_box_is_the_mean_of_three),
        cmocka_unit_test(otsu_takes_a_constant_map_whole),
        cmocka_unit_test(a_percentile_leaves_so_many_cells),
        cmocka_unit_test(the_authors_leave_the_last_five_columns_and_rows),
        cmocka_unit_test(the_authors_boxes_of_noise_are_within_bounds),
        cmocka_unit_test(a_failed_allocation_is_reported),
        cmocka_unit_test(a_calibrated_box_is_moved_in_cells_and_scaled),
        cmocka_unit_test(a_calibrated_box_keeps_within_the_image),
        cmocka_unit_test(other_rules_adjust_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
