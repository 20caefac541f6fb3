/* What holds of the methods that look at pixels whatever the network is: on
 * several threads, of several classes, with the checks that come with the maps,
 * at the ends of parameters' ranges, and where there is nothing to see. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/percentile.h"
#include "tests/explained.h"

#include <cmocka.h>

#define LINEAR "outputs/convolution-and-softmax" /* no activation at all */
#define SMALL "outputs/softmax"
#define RESNET "networks/resnet18-dynamo18"
#define SILU "networks/efficientnet-b0-dynamo18"

static const char *const METHODS[] = {
    "saliency",       "gradient-input", "guided", "deconvnet",
    "guided-gradcam", "smoothgrad",     "rise",   "integrated-gradients",
    "occlusion",      "scorecam",
};

enum { NUM_METHODS = sizeof METHODS / sizeof METHODS[0] };

static void ask(struct explained *explained, const char *method)
{
    struct error err = {0};

    if (!explained_ask(explained, method, &err))
        fail_msg("%s: %s", method, err.text);
}

static size_t size_of_map(const struct explained *explained)
{
    return explained->maps.map[0].width * explained->maps.map[0].height;
}

/* A copy of one map. */
static float *copy_map(const struct explained *explained, size_t map)
{
    size_t size = size_of_map(explained) * sizeof(float);
    float *copy = malloc(size);

    assert_non_null(copy);
    memcpy(copy, explained->maps.map[map].values, size);
    return copy;
}

static double sum_of(const struct explained *explained)
{
    double sum = 0;

    for (size_t i = 0; i < size_of_map(explained); i++)
        sum += (double)explained->maps.map[0].values[i];
    return sum;
}

static const struct explain_check *only_check(const struct explained *explained,
                                              const char *name)
{
    const struct explain_map *map = &explained->maps.map[0];

    assert_int_equal(map->num_checks, 1);
    assert_string_equal(map->checks[0].name, name);
    return &map->checks[0];
}

static void few_passes(struct explained *explained)
{
    explained->task.parameters.samples = 5;
    explained->task.parameters.steps = 5;
    explained->task.parameters.masks = 7;
}

/* ---- threads, classes and seeds ---- */

static void maps_are_the_same_with_any_number_of_threads(void **state)
{
    static const enum target_kind kinds[] = {TARGET_LOGIT, TARGET_LOG_SCORE};
    struct explained one, some;

    (void)state;
    explained_open(&one, RESNET, 1);
    explained_open(&some, RESNET, 3);
    few_passes(&one);
    few_passes(&some);
    for (size_t m = 0; m < NUM_METHODS; m++)
        for (size_t k = 0; k < 2; k++) {
            explained_target(&one, kinds[k], 2, 0);
            explained_target(&some, kinds[k], 2, 0);
            ask(&one, METHODS[m]);
            ask(&some, METHODS[m]);
            if (memcmp(one.maps.map[0].values, some.maps.map[0].values,
                       size_of_map(&one) * sizeof(float)) != 0)
                fail_msg("%s is another with 3 threads", METHODS[m]);
        }
    explained_release(&one);
    explained_release(&some);
}

static void several_classes_have_the_maps_that_each_has_alone(void **state)
{
    struct explained explained;

    (void)state;
    explained_open(&explained, SMALL, 1);
    few_passes(&explained);
    for (size_t m = 0; m < NUM_METHODS; m++) {
        float *together[2];

        explained_target(&explained, TARGET_LOG_SCORE, 0, 0);
        explained_add_target(&explained, TARGET_LOG_SCORE, 2, 0);
        ask(&explained, METHODS[m]);
        together[0] = copy_map(&explained, 0);
        together[1] = copy_map(&explained, 1);
        for (size_t i = 0; i < 2; i++) {
            explained_target(&explained, TARGET_LOG_SCORE, 2 * i, 0);
            ask(&explained, METHODS[m]);
            assert_memory_equal(together[i], explained.maps.map[0].values,
                                size_of_map(&explained) * sizeof(float));
            free(together[i]);
        }
    }
    explained_release(&explained);
}

static void only_the_seed_makes_random_maps_differ(void **state)
{
    static const char *const random[] = {"smoothgrad", "rise"};
    struct explained explained;

    (void)state;
    explained_open(&explained, SMALL, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    few_passes(&explained);
    for (size_t m = 0; m < 2; m++) {
        size_t size;
        float *first;

        explained.task.parameters.seed = 1;
        ask(&explained, random[m]);
        size = size_of_map(&explained) * sizeof(float);
        first = copy_map(&explained, 0);
        explained.task.parameters.seed = UINT32_MAX;
        ask(&explained, random[m]);
        assert_int_not_equal(memcmp(first, explained.maps.map[0].values, size),
                             0);
        explained.task.parameters.seed = 1;
        ask(&explained, random[m]);
        assert_memory_equal(first, explained.maps.map[0].values, size);
        free(first);
    }
    explained_release(&explained);
}

/* ---- checks ---- */

static void integrated_gradients_are_complete_where_points_suffice(void **state)
{
    static const float baseline[3] = {0.25f, -0.5f, 0.125f};
    struct explained explained;
    double gaps[2], change = 0;

    (void)state;
    explained_open(&explained, SMALL, 1);
    memcpy(explained.task.baseline, baseline, sizeof baseline);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    for (size_t i = 0; i < 2; i++) {
        const struct explain_check *check;

        explained.task.parameters.steps = i ? 256 : 2;
        ask(&explained, "integrated-gradients");
        check = only_check(&explained, "completeness");
        assert_true(fabs(check->found - sum_of(&explained)) < 1e-6);
        gaps[i] = fabs(check->found - check->expected);
        change = check->expected;
    }
    /* Each ReLU on the way is a jump of the gradient between two points. */
    assert_true(gaps[1] < 0.01 * fabs(change) && gaps[1] < gaps[0] / 10);
    explained_release(&explained);
}

/* One point suffices, and so does the gradient at the image. */
static void sums_are_changes_of_the_target_in_linear_networks(void **state)
{
    static const float baseline[3] = {0.25f, -0.5f, 0.125f};
    const struct explain_check *check;
    struct explained explained;
    double expected;

    (void)state;
    explained_open(&explained, LINEAR, 1);
    memcpy(explained.task.baseline, baseline, sizeof baseline);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    explained.task.parameters.steps = 1;
    ask(&explained, "integrated-gradients");
    check = only_check(&explained, "completeness");
    expected = check->expected;
    assert_true(fabs(expected) > 1e-3);
    assert_true(fabs(check->found - expected) < 1e-6);
    ask(&explained, "gradient-input");
    assert_true(fabs(sum_of(&explained) - expected) < 1e-6);
    explained_release(&explained);
}

/* Each class has a square of its own, and a pass for it. */
static void occlusion_hides_its_best_square_once_more(void **state)
{
    struct explained explained;

    (void)state;
    explained_open(&explained, RESNET, 2);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    explained_add_target(&explained, TARGET_LOGIT, 0, 0);
    ask(&explained, "occlusion");
    for (size_t i = 0; i < 2; i++) {
        const struct explain_map *map = &explained.maps.map[i];
        const struct explain_check *check = &map->checks[0];
        double logit = (double)explained.logits[1 - i];

        assert_int_equal(map->num_checks, 1);
        assert_string_equal(check->name, "hidden");
        assert_true(fabs(check->found - check->expected) < 1e-5);
        /* A mean of falls is no more than the largest one. */
        assert_true(logit - check->found >= (double)map->max - 1e-5);
    }
    assert_true(fabs(explained.maps.map[0].checks[0].found -
                     explained.maps.map[1].checks[0].found) > 1e-3);
    explained_release(&explained);
}

/* ---- passes ---- */

/* explained_ask compares with what there were. */
static void changed_images_take_two_passes_for_a_log_score(void **state)
{
    struct explained explained;

    (void)state;
    explained_open(&explained, SMALL, 1);
    few_passes(&explained);
    explained_target(&explained, TARGET_LOGIT, 0, 0);
    explained_add_target(&explained, TARGET_LOGIT, 1, 0);
    ask(&explained, "smoothgrad");
    assert_int_equal(explained.num_passes, 2 * 5);
    ask(&explained, "integrated-gradients");
    assert_int_equal(explained.num_passes, 2 * 5 + 1);
    ask(&explained, "rise");
    assert_int_equal(explained.num_passes, 7);
    explained_target(&explained, TARGET_LOG_SCORE, 0, 0);
    ask(&explained, "smoothgrad");
    assert_int_equal(explained.num_passes, 2 * 5);
    ask(&explained, "saliency");
    assert_int_equal(explained.num_passes, 1);
    explained_release(&explained);
}

/* ---- networks without ReLUs, and with others ---- */

static void rules_for_relus_change_nothing_where_there_are_none(void **state)
{
    static const char *const rules[] = {"guided", "deconvnet", "smoothgrad"};
    static const enum target_kind kinds[] = {TARGET_LOGIT, TARGET_LOG_SCORE};
    struct explained explained;

    (void)state;
    explained_open(&explained, LINEAR, 2);
    for (size_t k = 0; k < 2; k++) {
        float *plain;

        explained_target(&explained, kinds[k], 1, 0);
        ask(&explained, "saliency");
        plain = copy_map(&explained, 0);
        for (size_t m = 0; m < 3; m++) {
            bool is_same = m < 2 || kinds[k] == TARGET_LOGIT;

            ask(&explained, rules[m]);
            for (size_t i = 0; is_same && i < size_of_map(&explained); i++)
                assert_true(fabsf(plain[i] - explained.maps.map[0].values[i]) <
                            1e-6f);
        }
        free(plain);
    }
    explained_release(&explained);
}

static void other_activations_are_refused_by_name(void **state)
{
    static const char *const rules[] = {"guided", "deconvnet",
                                        "guided-gradcam"};
    struct explained explained;

    (void)state;
    explained_open(&explained, SILU, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    for (size_t m = 0; m < 3; m++) {
        struct error err = {0};
        char begin[64];

        assert_false(explained_ask(&explained, rules[m], &err));
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        snprintf(begin, sizeof begin, "%s: node \"", rules[m]);
        assert_memory_equal(err.text, begin, strlen(begin));
        assert_non_null(strstr(err.text, "ReLU and Clip(0, c)"));
    }
    explained_release(&explained);
}

/* ---- where there is nothing to see, and ends of ranges ---- */

static void channels_that_are_flat_take_no_pass_and_have_no_weight(void **state)
{
    struct explained explained;
    float *black;

    (void)state;
    explained_open(&explained, SMALL, 1);
    black = calloc(explained.height * explained.width * explained.channels,
                   sizeof *black);
    assert_non_null(black);
    explained_image(&explained, black);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    ask(&explained, "scorecam");
    assert_int_equal(explained.num_passes, 0);
    assert_true(explained.maps.map[0].min == 0);
    assert_true(explained.maps.map[0].max == 0);
    free(black);
    explained_release(&explained);
}

/* How often Score-CAM would run a network whose layer has so many channels. */
static size_t passes_with(const struct explained *explained, size_t channels)
{
    struct explain_task task = explained->task;
    struct layer layer = *task.layer;

    layer.channels = channels;
    task.layer = &layer;
    return explain_passes(explain_method_named("scorecam"), &task);
}

static void score_cam_takes_no_more_channels_than_asked_for(void **state)
{
    struct explained explained;
    uint32_t *most;
    float *all;
    size_t size;

    (void)state;
    explained_open(&explained, RESNET, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    most = &explained.task.parameters.channels;
    assert_int_equal(passes_with(&explained, 2048), *most);
    assert_int_equal(passes_with(&explained, *most - 1), *most - 1);
    ask(&explained, "scorecam");
    size = size_of_map(&explained) * sizeof *all;
    all = copy_map(&explained, 0);
    *most = 0;
    assert_int_equal(passes_with(&explained, 2048), 2048);
    ask(&explained, "scorecam");
    assert_memory_equal(explained.maps.map[0].values, all, size);
    *most = 3;
    ask(&explained, "scorecam");
    assert_int_equal(explained.num_passes, 3);
    assert_memory_not_equal(explained.maps.map[0].values, all, size);
    free(all);
    explained_release(&explained);
}

static void masks_that_are_all_the_same_say_nothing(void **state)
{
    static const float keeps[] = {0, 1};
    struct explained explained;

    (void)state;
    explained_open(&explained, SMALL, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    explained.task.parameters.masks = 9;
    explained.task.parameters.cells = EXPLAIN_MAX_MASK_CELLS;
    for (size_t i = 0; i < 2; i++) {
        explained.task.parameters.keep = keeps[i];
        ask(&explained, "rise");
        for (size_t p = 0; p < size_of_map(&explained); p++)
            assert_true(fabsf(explained.maps.map[0].values[p]) < 1e-6f);
    }
    explained.task.parameters.keep = 0.5f;
    ask(&explained, "rise");
    assert_true(explained.maps.map[0].max > explained.maps.map[0].min);
    explained_release(&explained);
}

static void a_square_as_large_as_the_image_is_hidden_once(void **state)
{
    struct explained explained;
    const struct explain_map *map = &explained.maps.map[0];
    double fall;

    (void)state;
    explained_open(&explained, SMALL, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    explained.task.parameters.window = 4096;
    ask(&explained, "occlusion");
    assert_int_equal(explained.num_passes, 2);
    fall = (double)map->max;
    assert_true(map->min == map->max);
    /* The check is a pass of its own, of the image without the square. */
    assert_true(fabs((double)explained.logits[1] - fall -
                     only_check(&explained, "hidden")->found) < 1e-6);
    ask(&explained, "integrated-gradients");
    assert_true(fabs(map->checks[0].expected - fall) < 1e-6);
    explained_release(&explained);
}

static void without_noise_smoothgrad_is_the_saliency(void **state)
{
    struct explained explained;
    float *plain;

    (void)state;
    explained_open(&explained, SMALL, 1);
    explained_target(&explained, TARGET_LOG_SCORE, 1, 0);
    explained.task.parameters.noise = 0;
    explained.task.parameters.samples = 4;
    ask(&explained, "saliency");
    plain = copy_map(&explained, 0);
    ask(&explained, "smoothgrad");
    for (size_t i = 0; i < size_of_map(&explained); i++)
        assert_true(fabsf(plain[i] - explained.maps.map[0].values[i]) < 1e-6f);
    free(plain);
    explained_release(&explained);
}

static void pixels_are_drawn_with_the_percentile(void **state)
{
    struct explained explained;

    (void)state;
    explained_open(&explained, RESNET, 1);
    explained_target(&explained, TARGET_LOGIT, 1, 0);
    few_passes(&explained);
    for (size_t m = 0; m < NUM_METHODS; m++) {
        const struct explain_map *map = &explained.maps.map[0];
        size_t count;

        ask(&explained, METHODS[m]);
        count = size_of_map(&explained);
        if (count == explained.height * explained.width)
            assert_true(map->scale ==
                        percentile_of_sizes(map->values, count, 0.995));
        else
            assert_true(map->scale == map->max);
    }
    explained_release(&explained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_the_same_with_any_number_of_threads),
        cmocka_unit_test(several_classes_have_the_maps_that_each_has_alone),
        cmocka_unit_test(only_the_seed_makes_random_maps_differ),
        cmocka_unit_test(
            integrated_gradients_are_complete_where_points_suffice),
        cmocka_unit_test(sums_are_changes_of_the_target_in_linear_networks),
        cmocka_unit_test(occlusion_hides_its_best_square_once_more),
        cmocka_unit_test(changed_images_take_two_passes_for_a_log_score),
        cmocka_unit_test(rules_for_relus_change_nothing_where_there_are_none),
        cmocka_unit_test(other_activations_are_refused_by_name),
        cmocka_unit_test(
            channels_that_are_flat_take_no_pass_and_have_no_weight),
        cmocka_unit_test(score_cam_takes_no_more_channels_than_asked_for),
        cmocka_unit_test(masks_that_are_all_the_same_say_nothing),
        cmocka_unit_test(a_square_as_large_as_the_image_is_hidden_once),
        cmocka_unit_test(without_noise_smoothgrad_is_the_saliency),
        cmocka_unit_test(pixels_are_drawn_with_the_percentile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
