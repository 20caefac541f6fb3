/* Scores, and the best of them. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/explain/scores.h"

#include <cmocka.h>

static void scores_are_the_softmax(void **state)
{
    const float logits[3] = {1, 2, 3};
    float scores[3];

    (void)state;
    scores_softmax(scores, logits, 3);
    assert_float_equal(scores[0], 0.09003057f, 1e-7);
    assert_float_equal(scores[1], 0.24472847f, 1e-7);
    assert_float_equal(scores[2], 0.66524096f, 1e-7);
}

static void huge_logits_do_not_overflow(void **state)
{
    float scores[3] = {3e38f, 3e38f, -3e38f};

    (void)state;
    scores_softmax(scores, scores, 3); /* in place */
    assert_float_equal(scores[0], 0.5f, 0);
    assert_float_equal(scores[1], 0.5f, 0);
    assert_float_equal(scores[2], 0, 0);
}

static void infinite_logits_share_the_whole_score(void **state)
{
    const float logits[4] = {INFINITY, 5, INFINITY, -INFINITY};
    const float lowest[2] = {-INFINITY, -INFINITY};
    float scores[4];

    (void)state;
    scores_softmax(scores, logits, 4);
    assert_float_equal(scores[0], 0.5f, 0);
    assert_float_equal(scores[1], 0, 0);
    assert_float_equal(scores[2], 0.5f, 0);
    assert_float_equal(scores[3], 0, 0);
    scores_softmax(scores, lowest, 2);
    assert_float_equal(scores[0], 0.5f, 0);
}

static void nan_scores_nothing_and_spoils_nothing(void **state)
{
    const float logits[3] = {NAN, 0, 0};
    const float none[2] = {NAN, NAN};
    float scores[3];

    (void)state;
    scores_softmax(scores, logits, 3);
    assert_true(scores[0] == 0 && scores[1] == 0.5f && scores[2] == 0.5f);
    scores_softmax(scores, none, 2);
    assert_true(scores[0] == 0 && scores[1] == 0);
}

static void ties_go_to_the_lower_index_and_nan_comes_last(void **state)
{
    const float values[6] = {NAN, 2, -INFINITY, 2, NAN, 3};
    size_t indices[6];

    (void)state;
    scores_best(indices, 6, values, 6);
    assert_int_equal(indices[0], 5);
    assert_int_equal(indices[1], 1);
    assert_int_equal(indices[2], 3);
    assert_int_equal(indices[3], 2);
    assert_int_equal(indices[4], 0);
    assert_int_equal(indices[5], 4);
}

static const float *sort_values; /* what by_rank compares */

static int by_rank(const void *left, const void *right)
{
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    float va = sort_values[a], vb = sort_values[b];

    if (va != vb)
        return va > vb ? -1 : 1;
    return a < b ? -1 : 1;
}

static void the_k_best_are_the_head_of_a_full_sort(void **state)
{
    enum { MOST = 60 };
    float values[MOST];
    size_t sorted[MOST], indices[MOST];
    uint32_t seed = 3;

    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t count = 1 + (size_t)round % MOST;

        for (size_t i = 0; i < count; i++) {
            seed = seed * 1664525 + 1013904223;
            values[i] = (float)(seed >> 16 & 31); /* with many ties */
            sorted[i] = i;
        }
        sort_values = values;
        qsort(sorted, count, sizeof *sorted, by_rank);
        for (size_t k = 0; k <= count; k++) {
            scores_best(indices, k, values, count);
            assert_memory_equal(indices, sorted, k * sizeof *indices);
        }
    }
}

static void a_sigmoid_keeps_its_digits_at_both_ends(void **state)
{
    /* By mpmath; doubles hold them, and a float of each is the nearest. */
    static const struct {
        float logit;
        double score;
    } cases[] = {
        {0, 0.5},
        {-0.43f, 0.39412629},
        {2, 0.88079708},
        {-20, 2.0611536e-9},
        {-80, 1.8048514e-35},
        {40, 1},
        {-1000, 0},
        {1000, 1},
        {-INFINITY, 0},
        {INFINITY, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float score = cases[i].logit;

        scores_sigmoid(&score, &score, 1); /* in place */
        assert_true(fabs((double)score - cases[i].score) <=
                    1e-6 * cases[i].score);
    }
}

static void a_sigmoid_of_what_is_no_number_is_0(void **state)
{
    float scores[2] = {NAN, 1};

    (void)state;
    scores_sigmoid(scores, scores, 2);
    assert_true(scores[0] <= 0 && scores[0] >= 0);
    assert_true(fabs((double)scores[1] - 0.73105858) < 1e-7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_softmax),
        cmocka_unit_test(a_sigmoid_keeps_its_digits_at_both_ends),
        cmocka_unit_test(a_sigmoid_of_what_is_no_number_is_0),
        cmocka_unit_test(huge_logits_do_not_overflow),
        cmocka_unit_test(infinite_logits_share_the_whole_score),
        cmocka_unit_test(nan_scores_nothing_and_spoils_nothing),
        cmocka_unit_test(ties_go_to_the_lower_index_and_nan_comes_last),
        cmocka_unit_test(the_k_best_are_the_head_of_a_full_sort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
