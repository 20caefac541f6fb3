/* The first singular vector, against Jacobi's method in double precision. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/singular.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum { MOST = 40 };

/* Sets rows p and q orthogonal to each other; returns how far they were from
 * it. */
static double rotate(double *p, double *q, size_t count)
{
    double pp = 0, qq = 0, pq = 0, tau, t, c;

    for (size_t i = 0; i < count; i++) {
        pp += p[i] * p[i];
        qq += q[i] * q[i];
        pq += p[i] * q[i];
    }
    if (fabs(pq) <= 1e-16 * sqrt(pp * qq))
        return 0;
    tau = (qq - pp) / (2 * pq);
    t = (tau < 0 ? -1 : 1) / (fabs(tau) + sqrt(1 + tau * tau));
    c = 1 / sqrt(1 + t * t);
    for (size_t i = 0; i < count; i++) {
        double old = p[i];

        p[i] = c * old - c * t * q[i];
        q[i] = c * t * old + c * q[i];
    }
    return fabs(pq) / sqrt(pp * qq);
}

/* The longest of the columns, made orthogonal in pairs, is the first singular
 * value times the left vector: the map, but for its sign. Returns the second
 * singular value as a fraction of the first. */
static double define_map(double *map, const float *matrix, size_t rows,
                         size_t columns)
{
    double *turned = calloc(rows * columns, sizeof *turned);
    double first = 0, second = 0, inner = 0;
    size_t at = 0;

    assert_non_null(turned);
    for (size_t i = 0; i < rows * columns; i++)
        turned[i % columns * rows + i / columns] = (double)matrix[i];
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0;

        for (size_t p = 0; p < columns; p++)
            for (size_t q = p + 1; q < columns; q++)
                off = fmax(off,
                           rotate(turned + p * rows, turned + q * rows, rows));
        if (off < 1e-14)
            break;
    }
    for (size_t c = 0; c < columns; c++) {
        double length = 0;

        for (size_t r = 0; r < rows; r++)
            length += turned[c * rows + r] * turned[c * rows + r];
        length = sqrt(length);
        second = fmax(second, fmin(first, length));
        at = length > first ? c : at;
        first = fmax(first, length);
    }
    for (size_t i = 0; i < rows * columns; i++)
        inner += (double)matrix[i] * turned[at * rows + i / columns];
    for (size_t r = 0; r < rows; r++)
        map[r] = (inner < 0 ? -1 : 1) * turned[at * rows + r];
    free(turned);
    return first > 0 ? second / first : 0;
}

static double length_of(const float *map, size_t count)
{
    double squares = 0;

    for (size_t i = 0; i < count; i++)
        squares += (double)map[i] * (double)map[i];
    return sqrt(squares);
}

/* A perturbation of the matrix by rounding turns the vector the more, the
 * nearer the second singular value is. */
static void check(const float *matrix, size_t rows, size_t columns)
{
    double expected[MOST], length = 0, ratio, value;
    float map[MOST];
    struct error err = {0};

    ratio = define_map(expected, matrix, rows, columns);
    assert_true(singular_map(map, &value, matrix, rows, columns, &err));
    for (size_t r = 0; r < rows; r++)
        length += expected[r] * expected[r];
    length = sqrt(length);
    assert_true(fabs(length_of(map, rows) - length) <= 2e-6 * length);
    assert_true(fabs(value - length) <= 2e-6 * length);
    for (size_t r = 0; ratio < 0.9999 && r < rows; r++)
        if (fabs((double)map[r] - expected[r]) > 1e-6 * length / (1 - ratio))
            fail_msg("%zu x %zu, %g: %g is not %g", rows, columns, ratio,
                     (double)map[r], expected[r]);
}

static void maps_are_those_of_jacobi(void **state)
{
    static const float least[] = {0, -0.2f, -1};
    struct sketch_random random = {11};
    float matrix[MOST * MOST];

    (void)state;
    for (int round = 0; round < 600; round++) {
        size_t rows = 1 + sketch_below(&random, MOST);
        size_t columns = 1 + sketch_below(&random, MOST);
        float scale = ldexpf(1, (int)sketch_below(&random, 120) - 90);

        sketch_fill(&random, matrix, rows * columns, least[round % 3], 1);
        for (size_t i = 0; i < rows * columns; i++)
            matrix[i] *= scale;
        check(matrix, rows, columns);
    }
}

/* Diagonal, so that the vectors are those of the axes: ever nearer. */
static void near_singular_values_are_told_apart(void **state)
{
    float matrix[9 * 9], map[9];
    struct error err = {0};
    double value;

    (void)state;
    for (float gap = 0.5f; gap > 1e-4f; gap /= 2) {
        memset(matrix, 0, sizeof matrix);
        for (size_t i = 0; i < 9; i++)
            matrix[10 * i] = i == 4 ? 1 : 1 - gap;
        assert_true(singular_map(map, &value, matrix, 9, 9, &err));
        for (size_t i = 0; i < 9; i++)
            assert_true(fabsf(map[i] - (i == 4 ? 1 : 0)) < 1e-6f);
    }
}

static void equal_singular_values_have_a_map_too(void **state)
{
    float matrix[5 * 5] = {0}, map[5];
    struct error err = {0};
    double value;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        matrix[6 * i] = 3;
    assert_true(singular_map(map, &value, matrix, 5, 5, &err));
    assert_true(fabs(value - 3) < 1e-6);
    assert_true(fabs(length_of(map, 5) - 3) < 1e-5);
}

static void zeros_have_zeros(void **state)
{
    float matrix[12] = {0}, map[3] = {1, 1, 1};
    struct error err = {0};
    double value;

    (void)state;
    assert_true(singular_map(map, &value, matrix, 3, 4, &err));
    assert_true(map[0] == 0 && map[1] == 0 && map[2] == 0 && value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_those_of_jacobi),
        cmocka_unit_test(near_singular_values_are_told_apart),
        cmocka_unit_test(equal_singular_values_have_a_map_too),
        cmocka_unit_test(zeros_have_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
