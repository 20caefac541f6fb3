#include "engine/explain/gauss.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* The value of the Legendre polynomial of degree n at x, and its slope. */
static double legendre(double *slope, size_t n, double x)
{
    double before = 1, value = x;

    for (size_t k = 2; k <= n; k++) {
        double next =
            ((double)(2 * k - 1) * x * value - (double)(k - 1) * before) /
            (double)k;

        before = value;
        value = next;
    }
    *slope = (double)n * (before - x * value) / (1 - x * x);
    return value;
}

struct gauss_point gauss_point(size_t i, size_t n)
{
    /* Newton's method from near the root, which is enough of it. */
    enum { ROUNDS = 8 };
    double x = 0 - cos(PI * ((double)i + 0.75) / ((double)n + 0.5)), slope;

    for (int round = 0; round < ROUNDS; round++) {
        double value = legendre(&slope, n, x);

        x -= value / slope;
    }
    legendre(&slope, n, x);
    return (struct gauss_point){.at = (1 + x) / 2,
                                .weight = 1 / ((1 - x * x) * slope * slope)};
}
