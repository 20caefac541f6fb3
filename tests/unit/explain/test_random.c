/* Random numbers, against those that tools/reference/methods.py makes by the
 * same definition with NumPy. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/explain/random.h"

#include <cmocka.h>

static void uniform_numbers_are_those_of_the_definition(void **state)
{
    (void)state;
    assert_true(fabs(random_uniform(0, 0) - 0.8833108082136426) < 1e-15);
    assert_true(fabs(random_uniform(0, 1) - 0.4315279970485) < 1e-13);
    assert_true(fabs(random_uniform(1, 2) - 0.9710027535868) < 1e-13);
}

static void normal_numbers_are_those_of_the_definition(void **state)
{
    float numbers[2];

    (void)state;
    random_normal(numbers, 0, 0, 2);
    assert_true(fabs((double)numbers[0] - -1.883908333352) < 1e-6);
    assert_true(fabs((double)numbers[1] - 0.8645068595575) < 1e-6);
}

static void normal_numbers_do_not_depend_on_where_one_begins(void **state)
{
    enum { COUNT = 41 };
    float all[COUNT], some[COUNT];

    (void)state;
    random_normal(all, 3, 100, COUNT);
    for (size_t first = 0; first < COUNT; first++)
        for (size_t count = 0; first + count <= COUNT; count++) {
            random_normal(some, 3, 100 + first, count);
            assert_memory_equal(some, all + first, count * sizeof *some);
        }
}

static void numbers_are_spread_as_they_should_be(void **state)
{
    enum { COUNT = 100000 };
    float *numbers = malloc(COUNT * sizeof *numbers);
    double uniform = 0, mean = 0, squares = 0, fourth = 0;

    (void)state;
    assert_non_null(numbers);
    random_normal(numbers, UINT32_MAX, 0, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        double number = (double)numbers[i], u = random_uniform(UINT32_MAX, i);

        assert_true(u >= 0 && u < 1);
        uniform += u / COUNT;
        mean += number / COUNT;
        squares += number * number / COUNT;
        fourth += pow(number, 4) / COUNT;
    }
    free(numbers);
    /* Four deviations of each of these means. */
    assert_true(fabs(uniform - 0.5) < 4 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(mean) < 4 * sqrt(1.0 / COUNT));
    assert_true(fabs(squares - 1) < 4 * sqrt(2.0 / COUNT));
    assert_true(fabs(fourth - 3) < 4 * sqrt(96.0 / COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_numbers_are_those_of_the_definition),
        cmocka_unit_test(normal_numbers_are_those_of_the_definition),
        cmocka_unit_test(normal_numbers_do_not_depend_on_where_one_begins),
        cmocka_unit_test(numbers_are_spread_as_they_should_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
