/* The points of Gauss and Legendre, against NumPy's and against integrals. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/explain/gauss.h"

#include <cmocka.h>

static void points_are_those_of_numpy(void **state)
{
    /* (leggauss(n)[0] + 1) / 2 and leggauss(n)[1] / 2 */
    static const struct {
        size_t n, i;
        double at, weight;
    } known[] = {
        {1, 0, 0.5, 1},
        {2, 0, 0.21132486540518713, 0.5},
        {2, 1, 0.7886751345948129, 0.5},
        {3, 0, 0.1127016653792583, 0.27777777777777785},
        {3, 1, 0.5, 0.4444444444444444},
        {32, 0, 0.001368069075259215, 0.003509305004735253},
        {32, 1, 0.007194244227365809, 0.008137197365452872},
        {32, 16, 0.5241538328438692, 0.04827004425736383},
        {32, 31, 0.9986319309247408, 0.003509305004735253},
        {255, 1, 0.00011668934399972075, 0.00013229693559614302},
        {255, 127, 0.5, 0.006147919056879093},
        {256, 0, 2.1974990503881298e-05, 5.6394508910538164e-05},
        {256, 128, 0.5030619561875947, 0.006123835820144885},
        {256, 255, 0.9999780250094961, 5.6394508910538164e-05},
    };

    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        struct gauss_point point = gauss_point(known[k].i, known[k].n);

        assert_true(fabs(point.at - known[k].at) < 1e-14);
        assert_true(fabs(point.weight - known[k].weight) < 1e-14);
    }
}

/* Fills in the n points, which ascend within (0, 1). */
static void fill_points(struct gauss_point *points, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        points[i] = gauss_point(i, n);
        assert_true(points[i].at > (i > 0 ? points[i - 1].at : 0));
        assert_true(points[i].at < 1);
    }
}

/* n points suffice for the powers below 2 n. */
static void powers_have_their_integrals(void **state)
{
    struct gauss_point points[256];

    (void)state;
    for (size_t n = 1; n <= 256; n += n < 12 ? 1 : 61) {
        fill_points(points, n);
        for (size_t power = 0; power < 2 * n; power++) {
            double sum = 0;

            for (size_t i = 0; i < n; i++)
                sum += points[i].weight * pow(points[i].at, (double)power);
            assert_true(fabs(sum - 1 / (double)(power + 1)) < 1e-13);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_those_of_numpy),
        cmocka_unit_test(powers_have_their_integrals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
