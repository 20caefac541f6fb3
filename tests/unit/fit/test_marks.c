/* Marks in photos: descriptions worked out by hand, scores against plain loops,
 * and photos with and without a mark. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fit/marks.h"

#include "tests/sketch.h"
#include "tests/unit/alloc_sweep.h"

enum {
    SIDE = MARKS_SIDE,
    LONG = 160,
    OWN = 24,
    OTHERS = 40,
    MAX_PIXELS = 3 * LONG * LONG,
};

/* ---- descriptions ---- */

static const int8_t *value_at(const int8_t *values, size_t corner, size_t y,
                              size_t x)
{
    return values + corner * MARKS_CORNER_VALUES +
           (y * MARKS_ALONG + x) * MARKS_CHANNELS;
}

static void a_ramp_has_one_gradient_everywhere_but_at_edges(void **state)
{
    uint8_t *ramp = malloc(3 * SIDE * SIDE);
    int8_t *values = malloc(MARKS_VALUES);
    const int8_t *at;

    (void)state;
    /* Red rises by 2 a column: a gradient of 2 / (2 + 8). */
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        ramp[3 * i] = (uint8_t)(2 * (i % SIDE));
        ramp[3 * i + 1] = ramp[3 * i + 2] = 9;
    }
    assert_true(marks_describe(values, ramp, SIDE, SIDE, NULL));
    for (size_t corner = 0; corner < MARKS_NUM_CORNERS; corner++) {
        /* Steps go inward, so that on the right the ramp falls. */
        const int red = corner % 2 == 0 ? 15 : -15;
        const float mean = 0.2f * 62 / 64;

        at = value_at(values, corner, 20, 30);
        assert_int_equal(at[0], red);
        for (size_t c = 1; c < 6; c++)
            assert_int_equal(at[c], 0);
        assert_int_equal(at[6], lroundf(126 * (0.2f - mean)));
        assert_int_equal(at[7], 0);
        at = value_at(values, corner, 20, 0);
        assert_int_equal(at[0], 0);
        assert_int_equal(at[6], lroundf(-126 * mean));
    }
    free(ramp);
    free(values);
}

/* The description of a photo, turned by a quarter or not, with a dark frame of
 * `depth` pixels. */
static void describe_frame(int8_t *values, uint32_t width, uint32_t height,
                           uint32_t depth)
{
    uint8_t *pixels = malloc(MAX_PIXELS);

    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            memset(pixels + 3 * (y * width + x),
                   y < depth || x < depth || y + depth >= height ||
                           x + depth >= width
                       ? 20
                       : 220,
                   3);
    assert_true(marks_describe(values, pixels, width, height, NULL));
    free(pixels);
}

static void a_frame_looks_the_same_along_each_edge(void **state)
{
    int8_t *values = malloc(MARKS_VALUES);
    const int8_t *edges = values + 4 * MARKS_CORNER_VALUES;

    (void)state;
    describe_frame(values, SIDE, LONG, 6);
    /* The edge of the frame, brighter inward, is in rows 5 and 6, halfway. */
    for (size_t edge = 0; edge < 4; edge++)
        for (size_t y = 0; y < MARKS_DEPTH; y++) {
            const int8_t *at =
                edges + edge * MARKS_EDGE_VALUES +
                (y * MARKS_ALONG + MARKS_ALONG / 2) * MARKS_CHANNELS;

            assert_int_equal(at[3], y == 5 || y == 6 ? 69 : 0);
            assert_int_equal(at[0], 0);
        }
    free(values);
}

/* ---- scores ---- */

/* Photos as descriptions; the own ones are in groups of two. */
struct set {
    int8_t *memory; /* owned */
    const int8_t *own[OWN], *others[OTHERS];
    uint32_t groups[OWN];
    struct marks_photos photos;
};

static void begin(struct set *set)
{
    set->memory = malloc((size_t)(OWN + OTHERS) * MARKS_VALUES);
    assert_non_null(set->memory);
    for (size_t i = 0; i < OWN; i++) {
        set->own[i] = set->memory + i * MARKS_VALUES;
        set->groups[i] = (uint32_t)(i / 2);
    }
    for (size_t i = 0; i < OTHERS; i++)
        set->others[i] = set->memory + (OWN + i) * MARKS_VALUES;
    set->photos =
        (struct marks_photos){set->own, set->groups, OWN, set->others, OTHERS};
}

/* Noise, and in the top right corner of some own photos a common pattern. */
static void fill_with_noise(struct set *set)
{
    struct sketch_random random = {5}, pattern = {6};
    const size_t from = MARKS_TOP_RIGHT * MARKS_CORNER_VALUES;

    for (size_t i = 0; i < (size_t)(OWN + OTHERS) * MARKS_VALUES; i++)
        set->memory[i] = (int8_t)sketch_between(&random, -100, 100);
    for (size_t k = 0; k < MARKS_CORNER_VALUES; k += 3) {
        const int8_t value = (int8_t)sketch_between(&pattern, -100, 100);

        for (size_t i = 0; i < OWN; i += 2)
            set->memory[i * MARKS_VALUES + from + k] = value;
    }
}

/* The score of a photo by the definition, in doubles; own photos of `group`,
 * and the photo itself, are left out of the template. */
static double plain_score(const struct set *set, const int8_t *photo,
                          uint32_t group, size_t from, size_t count)
{
    double product = 0, of_template = 0, of_photo = 0;

    for (size_t k = from; k < from + count; k++) {
        double own = 0, others = 0, squares = 0, num = 0, rest = 0;
        double differs, noise;

        for (size_t i = 0; i < OWN; i++) {
            squares += set->own[i][k] * set->own[i][k];
            own += set->groups[i] != group ? set->own[i][k] : 0;
            num += set->groups[i] != group;
        }
        for (size_t i = 0; i < OTHERS; i++) {
            squares += set->others[i][k] * set->others[i][k];
            others += set->others[i] != photo ? set->others[i][k] : 0;
            rest += set->others[i] != photo;
        }
        differs = own / num - others / rest;
        noise = 2 * sqrt(squares / (OWN + OTHERS) / num);
        differs = copysign(fmax(0, fabs(differs) - noise), differs);
        product += differs * photo[k];
        of_template += differs * differs;
        of_photo += photo[k] * photo[k];
    }
    return product / sqrt(of_template * of_photo);
}

static void scores_are_those_of_plain_loops(void **state)
{
    struct set set;
    struct marks_found found;
    float scores[OWN];

    (void)state;
    begin(&set);
    fill_with_noise(&set);
    for (enum marks_place place = 0; place < MARKS_NUM_PLACES; place++) {
        const size_t corners = place < 4 ? place : 4;
        const size_t from = corners * MARKS_CORNER_VALUES +
                            (place - corners) * MARKS_EDGE_VALUES;
        const size_t count =
            place < 4 ? MARKS_CORNER_VALUES : MARKS_EDGE_VALUES;
        size_t num_reached = 0, num_above = 0;

        if (place != MARKS_TOP_RIGHT && place != MARKS_RIGHT)
            continue; /* plain loops take long */
        assert_true(marks_score(&found, scores, &set.photos, place, NULL));
        for (size_t i = 0; i < OWN; i++) {
            const double expected =
                plain_score(&set, set.own[i], set.groups[i], from, count);

            assert_float_equal(scores[i], expected, 1e-4);
            num_reached += (double)scores[i] >= found.quarter;
        }
        assert_int_equal(num_reached, OWN / 4);
        for (size_t i = 0; i < OTHERS; i++)
            num_above += plain_score(&set, set.others[i], UINT32_MAX, from,
                                     count) > found.usual + 1e-4;
        assert_int_equal(num_above, OTHERS / 50);
    }
    free(set.memory);
}

static void photos_with_a_common_pattern_score_above_all_others(void **state)
{
    struct set set;
    struct marks_found found;
    float scores[OWN];

    (void)state;
    begin(&set);
    fill_with_noise(&set);
    assert_true(
        marks_score(&found, scores, &set.photos, MARKS_TOP_RIGHT, NULL));
    assert_true(found.quarter > found.usual + 0.2);
    for (size_t i = 0; i < OWN; i++)
        assert_int_equal((double)scores[i] > found.usual + 0.1, i % 2 == 0);
    assert_true(
        marks_score(&found, scores, &set.photos, MARKS_BOTTOM_RIGHT, NULL));
    assert_true(found.quarter < found.usual + 0.03);
    free(set.memory);
}

static void copies_of_a_photo_are_no_mark(void **state)
{
    struct set set;
    struct marks_found found;
    float scores[OWN];

    (void)state;
    begin(&set);
    fill_with_noise(&set);
    /* The pattern in one photo of each group is now in one group only. */
    for (size_t i = 0; i < OWN; i += 2)
        set.groups[i] = 99;
    assert_true(
        marks_score(&found, scores, &set.photos, MARKS_TOP_RIGHT, NULL));
    assert_true(found.quarter < found.usual + 0.03);
    for (size_t i = 0; i < OWN; i++)
        set.groups[i] = 99; /* nothing is left for a template */
    assert_true(
        marks_score(&found, scores, &set.photos, MARKS_TOP_RIGHT, NULL));
    for (size_t i = 0; i < OWN; i++)
        assert_true(scores[i] == 0);
    free(set.memory);
}

static void grey_photos_have_no_scores(void **state)
{
    struct set set;
    struct marks_found found;
    float scores[OWN];

    (void)state;
    begin(&set);
    memset(set.memory, 0, (size_t)(OWN + OTHERS) * MARKS_VALUES);
    assert_true(marks_score(&found, scores, &set.photos, MARKS_LEFT, NULL));
    assert_true(found.quarter == 0 && found.usual == 0);
    free(set.memory);
}

static bool attempt(void *user, struct error *err)
{
    static const uint8_t pixels[3 * SIDE * SIDE];
    struct set *set = user;
    struct marks_found found;
    float scores[OWN];

    return marks_describe(set->memory, pixels, SIDE, SIDE, err) &&
           marks_score(&found, scores, &set->photos, MARKS_TOP, err);
}

static void a_failed_allocation_is_reported(void **state)
{
    struct set set;

    (void)state;
    begin(&set);
    fill_with_noise(&set);
    alloc_sweep(attempt, &set);
    free(set.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ramp_has_one_gradient_everywhere_but_at_edges),
        cmocka_unit_test(a_frame_looks_the_same_along_each_edge),
        cmocka_unit_test(scores_are_those_of_plain_loops),
        cmocka_unit_test(photos_with_a_common_pattern_score_above_all_others),
        cmocka_unit_test(copies_of_a_photo_are_no_mark),
        cmocka_unit_test(grey_photos_have_no_scores),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
