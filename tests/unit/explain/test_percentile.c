/* Percentiles of absolute values, against sorting. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/percentile.h"
#include "tests/sketch.h"

#include <cmocka.h>

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static float by_sorting(const float *values, size_t count, double share)
{
    float *sizes = malloc(count * sizeof *sizes), found;
    size_t rank = 1;

    assert_non_null(sizes);
    for (size_t i = 0; i < count; i++)
        sizes[i] = fabsf(values[i]);
    qsort(sizes, count, sizeof *sizes, compare);
    while ((double)rank < share * (double)count)
        rank++;
    found = sizes[rank - 1];
    free(sizes);
    return found;
}

static void check(const float *values, size_t count)
{
    static const double shares[] = {1e-9, 0.25, 0.5, 0.995, 1};

    for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++)
        assert_true(percentile_of_sizes(values, count, shares[s]) ==
                    by_sorting(values, count, shares[s]));
}

static void percentiles_are_those_of_sorted_sizes(void **state)
{
    enum { MOST = 3000 };
    struct sketch_random random = {5};
    float *values = malloc(MOST * sizeof *values);

    (void)state;
    assert_non_null(values);
    for (size_t count = 1; count <= MOST; count += 1 + count / 3) {
        sketch_fill(&random, values, count, -3, 2);
        check(values, count);
        for (size_t i = 0; i < count; i++) /* many that are equal */
            values[i] = roundf(values[i]);
        check(values, count);
        for (size_t i = 0; i < count; i++) /* of all magnitudes */
            values[i] =
                ldexpf(i % 2 ? 1 : -1, (int)sketch_below(&random, 250) - 130);
        check(values, count);
    }
    free(values);
}

static void zeros_and_nothing_have_the_percentile_0(void **state)
{
    const float values[] = {0, -0.0f, 0};

    (void)state;
    assert_true(percentile_of_sizes(values, 0, 0.5) == 0);
    assert_true(percentile_of_sizes(values, 3, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_sorted_sizes),
        cmocka_unit_test(zeros_and_nothing_have_the_percentile_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
