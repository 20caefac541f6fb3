/* Targets: their values by hand, and their seeds against differences. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/explain/target.h"

#include <cmocka.h>

enum { NUM = 5 };

static const float logits[NUM] = {1, 4, 3.5f, -2, 4.25f};

static struct target set(enum target_kind kind, size_t class_index,
                         size_t against, const struct head *head,
                         const float *of)
{
    struct target target;
    struct error err = {0};

    if (!target_set(&target, kind, class_index, against, head, of, &err))
        fail_msg("%s", err.text);
    return target;
}

static void values_are_what_their_formulas_say(void **state)
{
    const struct head head = {
        .num_logits = NUM, .num_classes = NUM, .scores = HEAD_SOFTMAX};
    const struct head sigmoid = {
        .num_logits = NUM, .num_classes = NUM, .scores = HEAD_SIGMOID};
    struct target target = set(TARGET_LOGIT, 2, 0, &head, logits);
    double sum = 0;

    (void)state;
    assert_true(target_value(&target, logits) == 3.5);
    target = set(TARGET_MARGIN, 2, 3, &head, logits);
    assert_true(target_value(&target, logits) == 5.5);
    target = set(TARGET_LOG_SCORE, 2, 0, &head, logits);
    for (size_t k = 0; k < NUM; k++)
        sum += exp((double)logits[k]);
    assert_float_equal(target_value(&target, logits), 3.5 - log(sum), 1e-12);
    target = set(TARGET_LOG_SCORE, 3, 0, &sigmoid, logits);
    assert_float_equal(target_value(&target, logits), log(1 / (1 + exp(2))),
                       1e-12);
}

/* Nearest to 3.5 are 4, 4.25 and 1. */
static void finer_compares_with_the_three_nearest(void **state)
{
    const struct head head = {
        .num_logits = NUM, .num_classes = NUM, .scores = HEAD_SOFTMAX};
    const struct head two = {.num_logits = 2, .num_classes = 2};
    static const float ties[NUM] = {1, 3, 2, 1, 3};
    struct target target = set(TARGET_FINER, 2, 0, &head, logits);

    (void)state;
    assert_int_equal(target.num_against, 3);
    assert_int_equal(target.against[0], 1);
    assert_int_equal(target.against[1], 4);
    assert_int_equal(target.against[2], 0);
    assert_float_equal(target_value(&target, logits), 3.5 - (4 + 4.25 + 1) / 3,
                       1e-12);
    target = set(TARGET_FINER, 2, 0, &head, ties);
    assert_int_equal(target.against[0], 0);
    assert_int_equal(target.against[1], 1);
    assert_int_equal(target.against[2], 3);
    target = set(TARGET_FINER, 0, 0, &two, logits);
    assert_int_equal(target.num_against, 1);
    assert_true(target_value(&target, logits) == -3);
}

static void what_compares_nothing_is_refused(void **state)
{
    const struct head one = {
        .num_logits = 1, .num_classes = 2, .is_pair = true};
    const struct head head = {.num_logits = NUM, .num_classes = NUM};
    struct target target;
    struct error err = {0};

    (void)state;
    assert_false(target_set(&target, TARGET_MARGIN, 0, 1, &one, logits, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_false(target_set(&target, TARGET_FINER, 0, 1, &one, logits, &err));
    assert_false(target_set(&target, TARGET_MARGIN, 2, 2, &head, logits, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
}

/* The derivative of the target at each of the network's logits. */
static void expect_slopes(const struct target *target)
{
    const struct head *head = target->head;
    const double step = 1e-3;
    float seed[NUM], own[NUM], low[NUM], high[NUM], classes[NUM];

    for (size_t k = 0; k < head->num_classes; k++)
        classes[k] = head_logit(head, logits, k);
    target_seed(seed, target, classes);
    for (size_t j = 0; j < head->num_logits; j++) {
        double slope;

        memcpy(own, logits, sizeof own);
        own[j] = (float)((double)logits[j] + step);
        for (size_t k = 0; k < head->num_classes; k++)
            high[k] = head_logit(head, own, k);
        own[j] = (float)((double)logits[j] - step);
        for (size_t k = 0; k < head->num_classes; k++)
            low[k] = head_logit(head, own, k);
        slope =
            (target_value(target, high) - target_value(target, low)) / 2 / step;
        assert_float_equal(seed[j], slope, 2e-3);
    }
}

static void seeds_are_slopes(void **state)
{
    const struct head heads[] = {
        {.num_logits = NUM, .num_classes = NUM, .scores = HEAD_SOFTMAX},
        {.num_logits = NUM, .num_classes = NUM, .scores = HEAD_SIGMOID},
        {.num_logits = NUM,
         .num_classes = NUM,
         .scores = HEAD_SOFTMAX,
         .is_negated = true},
        {.num_logits = 1,
         .num_classes = 2,
         .scores = HEAD_SIGMOID,
         .is_pair = true},
    };
    size_t num_checked = 0;

    (void)state;
    for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++)
        for (size_t k = 0; k < heads[h].num_classes; k++)
            for (enum target_kind kind = TARGET_LOGIT; kind <= TARGET_FINER;
                 kind++) {
                struct target target;
                struct error err = {0};

                if (!target_set(&target, kind, k, (k + 1) % NUM, &heads[h],
                                logits, &err))
                    continue;
                expect_slopes(&target);
                num_checked++;
            }
    assert_int_equal(num_checked, 3 * NUM * 4 + 2 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_their_formulas_say),
        cmocka_unit_test(finer_compares_with_the_three_nearest),
        cmocka_unit_test(what_compares_nothing_is_refused),
        cmocka_unit_test(seeds_are_slopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
