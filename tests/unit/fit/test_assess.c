/* The figures of a fit, against values worked out by hand; and the photos of
 * which samples are. */

#include <math.h>
#include <stdlib.h>

#include "engine/fit/assess.h"
#include "engine/fit/sample.h"

#include "tests/unit/alloc_sweep.h"

enum { CLASSES = 3, PHOTOS = 8 };

/* Each photo's class, and its probabilities. */
static const uint32_t classes[PHOTOS] = {0, 0, 0, 1, 1, 1, 2, 2};
static const float probabilities[PHOTOS][CLASSES] = {
    {.91f, .05f, .04f}, {.81f, .14f, .05f}, {.05f, .91f, .04f},
    {.1f, .85f, .05f},  {.3f, .61f, .09f},  {.55f, .4f, .05f},
    {.2f, .18f, .62f},  {.05f, .02f, .93f},
};

/* A fit of these, the last photo of val/ if it is asked for. */
static void make(struct fit *fit, struct fit_photo *photos, size_t validation)
{
    for (size_t i = 0; i < PHOTOS; i++) {
        const float *shares = probabilities[i];
        uint32_t best = 0;

        for (uint32_t k = 1; k < CLASSES; k++)
            best = shares[k] > shares[best] ? k : best;
        photos[i] = (struct fit_photo){
            .class = classes[i],
            .fold = i + validation >= PHOTOS ? FIT_VALIDATION : 0,
            .is_measured = true,
            .predicted = best,
            .certainty = shares[best],
            .probabilities = shares,
        };
    }
    *fit = (struct fit){.photos = photos,
                        .num_photos = PHOTOS,
                        .num_classes = CLASSES,
                        .num_validation = validation};
}

static void wilsons_bounds_are_those_of_the_tables(void **state)
{
    struct assess_interval bounds = assess_wilson(8, 10);

    (void)state;
    assert_float_equal(bounds.low, 0.4901625, 1e-6);
    assert_float_equal(bounds.high, 0.9433178, 1e-6);
    bounds = assess_wilson(0, 10);
    assert_float_equal(bounds.low, 0, 1e-12);
    assert_float_equal(bounds.high, 0.2775328, 1e-6);
    bounds = assess_wilson(10, 10);
    assert_float_equal(bounds.low, 0.7224672, 1e-6);
    assert_float_equal(bounds.high, 1, 1e-12);
    bounds = assess_wilson(0, 0);
    assert_true(bounds.low == 0 && bounds.high == 1);
}

static void figures_are_those_counted_by_hand(void **state)
{
    static const uint32_t confusion[CLASSES * CLASSES] = {2, 1, 0, 1, 2,
                                                          0, 0, 0, 2};
    struct fit_photo photos[PHOTOS];
    struct fit fit;
    struct assess assess = {0};

    (void)state;
    make(&fit, photos, 0);
    assert_true(assess_fit(&assess, &fit, NULL));
    assert_int_equal(assess.num_photos, 8);
    assert_int_equal(assess.num_correct, 6);
    assert_float_equal(assess.accuracy, 0.75, 1e-12);
    assert_memory_equal(assess.confusion, confusion, sizeof confusion);
    assert_float_equal(assess.classes[0].recall, 2.0 / 3, 1e-12);
    assert_float_equal(assess.classes[0].precision, 2.0 / 3, 1e-12);
    assert_float_equal(assess.classes[2].f1, 1, 1e-12);
    assert_float_equal(assess.macro_f1, (2.0 / 3 + 2.0 / 3 + 1) / 3, 1e-12);
    assert_int_equal(assess.bins[5].num_photos, 1);
    assert_int_equal(assess.bins[6].num_photos, 2);
    assert_float_equal(assess.bins[6].certainty, 0.615, 1e-6);
    assert_true(isnan(assess.bins[0].certainty));
    /* Bins: .55 (0 of 1 right), .61 and .62 (2 of 2), .81 and .85 (2 of 2),
     * and .91, .91 and .93 (2 of 3). */
    assert_float_equal(assess.ece, (.55 + .77 + .34 + .75) / 8, 1e-6);
    assess_release(&assess);
}

static void lists_have_the_photos_worth_a_look_first(void **state)
{
    struct fit_photo photos[PHOTOS];
    struct fit fit;
    struct assess assess = {0};

    (void)state;
    make(&fit, photos, 0);
    assert_true(assess_fit(&assess, &fit, NULL));
    /* Photo 2 is taken for class 1 with .91; photos of it have .62 on average.
     * Photo 5 is taken for class 0 with .55, below that class's .59. */
    assert_int_equal(assess.mislabelled.found, 1);
    assert_int_equal(assess.mislabelled.photos[0], 2);
    assert_int_equal(assess.least_certain.count, PHOTOS);
    assert_int_equal(assess.least_certain.photos[0], 5);
    assert_int_equal(assess.least_certain.photos[1], 4);
    assert_int_equal(assess.most_certain.count, 6); /* the right ones */
    assert_int_equal(assess.most_certain.photos[0], 7);
    assert_int_equal(assess.most_certain.photos[1], 0);
    assess_release(&assess);
}

static void photos_of_val_alone_count_where_there_are_any(void **state)
{
    struct fit_photo photos[PHOTOS];
    struct fit fit;
    struct assess assess = {0};

    (void)state;
    make(&fit, photos, 3);
    photos[6].is_measured = false; /* a copy of a photo of train/ */
    assert_true(assess_fit(&assess, &fit, NULL));
    assert_int_equal(assess.num_photos, 2);
    assert_int_equal(assess.num_correct, 1);
    assert_true(isnan(assess.classes[0].recall));
    assert_float_equal(assess.macro_f1, (0 + 1.0) / 2, 1e-12);
    assert_int_equal(assess.least_certain.count, PHOTOS - 1);
    assess_release(&assess);
}

static bool assess_once(void *user, struct error *err)
{
    struct fit_photo photos[PHOTOS];
    struct fit fit;
    struct assess assess = {0};
    struct sample sample = {0};
    bool ok;

    (void)user;
    make(&fit, photos, 0);
    ok = assess_fit(&assess, &fit, err) && sample_take(&sample, &fit, err);
    assess_release(&assess);
    sample_release(&sample);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(assess_once, NULL);
}

static void a_sample_is_spread_over_all_photos_of_a_class(void **state)
{
    enum { MANY = 1000 };
    struct fit_photo *photos = calloc(MANY + 3, sizeof *photos);
    struct fit fit = {
        .photos = photos, .num_photos = MANY + 3, .num_classes = 2};
    struct sample sample = {0};

    (void)state;
    for (size_t i = 0; i < MANY + 3; i++) {
        photos[i].class = i % 300 == 1 && i > 1; /* 301, 601, 901 */
        photos[i].is_measured = i != 601;
    }
    assert_true(sample_take(&sample, &fit, NULL));
    assert_int_equal(sample.firsts[0], 0);
    assert_int_equal(sample.firsts[1], SAMPLE_MAX_OF_CLASS);
    assert_int_equal(sample.firsts[2], SAMPLE_MAX_OF_CLASS + 2);
    for (size_t i = 1; i < SAMPLE_MAX_OF_CLASS; i++)
        assert_in_range(sample.photos[i] - sample.photos[i - 1], 5, 6);
    assert_int_equal(sample.photos[SAMPLE_MAX_OF_CLASS], 301);
    assert_int_equal(sample.photos[SAMPLE_MAX_OF_CLASS + 1], 901);
    sample_release(&sample);
    free(photos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilsons_bounds_are_those_of_the_tables),
        cmocka_unit_test(figures_are_those_counted_by_hand),
        cmocka_unit_test(lists_have_the_photos_worth_a_look_first),
        cmocka_unit_test(photos_of_val_alone_count_where_there_are_any),
        cmocka_unit_test(a_sample_is_spread_over_all_photos_of_a_class),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
