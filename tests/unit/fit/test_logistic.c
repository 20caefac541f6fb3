/* Logistic regressions: against scikit-learn's in tests/data/fit, which
 * tools/reference/logistic.py makes, and the solver on functions with known
 * minima. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fit/lbfgs.h"
#include "engine/fit/logistic.h"

#include "tests/unit/alloc_sweep.h"

/* Floats have 24 bits, and what is found is where their sums end. */
#define CLOSE 1e-4

/* One case of the file. */
struct sample {
    size_t num_rows, size, num_classes;
    double c;
    float *values, *weights;
    uint32_t *classes;
    double *coefficients, *intercepts, *probabilities;
};

static double *read_numbers(FILE *file, size_t count)
{
    double *numbers = malloc(count * sizeof *numbers);

    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%lf", &numbers[i]), 1);
    return numbers;
}

static float *to_floats(double *numbers, size_t count)
{
    float *floats = malloc(count * sizeof *floats);

    assert_non_null(floats);
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)numbers[i];
    free(numbers);
    return floats;
}

static bool read_sample(struct sample *sample, FILE *file)
{
    double *classes;

    if (fscanf(file, "%zu %zu %zu %lf", &sample->num_rows, &sample->size,
               &sample->num_classes, &sample->c) != 4)
        return false;
    sample->values =
        to_floats(read_numbers(file, sample->num_rows * sample->size),
                  sample->num_rows * sample->size);
    classes = read_numbers(file, sample->num_rows);
    sample->classes = malloc(sample->num_rows * sizeof *sample->classes);
    assert_non_null(sample->classes);
    for (size_t i = 0; i < sample->num_rows; i++)
        sample->classes[i] = (uint32_t)classes[i];
    free(classes);
    sample->weights =
        to_floats(read_numbers(file, sample->num_rows), sample->num_rows);
    sample->coefficients =
        read_numbers(file, sample->num_classes * sample->size);
    sample->intercepts = read_numbers(file, sample->num_classes);
    sample->probabilities =
        read_numbers(file, sample->num_rows * sample->num_classes);
    return true;
}

static void free_sample(struct sample *sample)
{
    free(sample->values);
    free(sample->weights);
    free(sample->classes);
    free(sample->coefficients);
    free(sample->intercepts);
    free(sample->probabilities);
}

static struct logistic_task task_of(const struct sample *sample,
                                    const struct logistic_rows *rows)
{
    return (struct logistic_task){
        .rows = rows,
        .classes = sample->classes,
        .weights = sample->weights,
        .num_classes = sample->num_classes,
        .c = sample->c,
        .tolerance = 2e-7,
        .max_steps = 2000,
    };
}

/* The intercepts may all differ by one number, which changes nothing. */
static void check_head(const struct sample *sample, const float *weights,
                       const float *bias)
{
    double most = 1, offset = 0;

    for (size_t i = 0; i < sample->num_classes * sample->size; i++)
        most = fmax(most, fabs(sample->coefficients[i]));
    for (size_t i = 0; i < sample->num_classes * sample->size; i++)
        assert_true(fabs((double)weights[i] - sample->coefficients[i]) <=
                    CLOSE * most);
    for (size_t k = 0; k < sample->num_classes; k++)
        offset += ((double)bias[k] - sample->intercepts[k]) /
                  (double)sample->num_classes;
    for (size_t k = 0; k < sample->num_classes; k++)
        assert_true(fabs((double)bias[k] - offset - sample->intercepts[k]) <=
                    CLOSE * fmax(1, fabs(sample->intercepts[k])));
}

static void check_probabilities(const struct sample *sample,
                                const float *logits)
{
    const size_t count = sample->num_classes;

    for (size_t i = 0; i < sample->num_rows; i++) {
        double sum = 0;

        for (size_t k = 0; k < count; k++)
            sum += exp((double)logits[i * count + k]);
        for (size_t k = 0; k < count; k++)
            assert_true(fabs(exp((double)logits[i * count + k]) / sum -
                             sample->probabilities[i * count + k]) <= CLOSE);
    }
}

static void check_sample(const struct sample *sample)
{
    const size_t count = sample->num_classes * sample->size;
    struct logistic_rows rows = {0};
    struct logistic_result result;
    struct error err = {0};
    struct logistic_task task;
    float *weights = malloc(count * sizeof *weights);
    float *bias = malloc(sample->num_classes * sizeof *bias);
    float *logits =
        malloc(sample->num_rows * sample->num_classes * sizeof *logits);
    uint32_t *which = malloc(sample->num_rows * sizeof *which);
    double *solution;

    assert_true(weights && bias && logits && which);
    assert_true(logistic_rows_make(&rows, sample->values, sample->num_rows,
                                   sample->size, &err));
    task = task_of(sample, &rows);
    solution = calloc(logistic_size(&task), sizeof *solution);
    assert_non_null(solution);
    assert_true(logistic_fit(solution, &result, &task, &err));
    for (size_t i = 0; i < sample->num_rows; i++)
        which[i] = (uint32_t)i;
    assert_true(logistic_logits(logits, solution, &task, which,
                                sample->num_rows, &err));
    logistic_head(weights, bias, solution, &task);
    check_head(sample, weights, bias);
    check_probabilities(sample, logits);
    logistic_rows_release(&rows);
    free(weights);
    free(bias);
    free(logits);
    free(which);
    free(solution);
}

static void fits_are_those_of_scikit_learn(void **state)
{
    FILE *file = fopen("tests/data/fit/logistic.txt", "r");
    struct sample sample;
    size_t count = 0;

    (void)state;
    assert_non_null(file);
    for (; read_sample(&sample, file); count++) {
        check_sample(&sample);
        free_sample(&sample);
    }
    assert_int_equal(count, 5);
    fclose(file);
}

/* ---- rows that are left out ---- */

enum { ROWS = 10, COLUMNS = 3 };

static const float values[ROWS * COLUMNS] = {
    1, 0, 2, 0, 1, 1, 2, 2, 0, 1, 3, 1, 0, 0, 3,
    2, 1, 1, 3, 0, 1, 1, 1, 4, 0, 2, 2, 1, 2, 1,
};
static const uint32_t classes[ROWS] = {0, 1, 0, 1, 1, 0, 0, 1, 1, 0};

static void fit_rows(double *solution, const float *numbers, size_t count,
                     const float *weights)
{
    struct logistic_rows rows = {0};
    struct logistic_result result;
    struct error err = {0};
    const struct logistic_task task = {.rows = &rows,
                                       .classes = classes,
                                       .weights = weights,
                                       .num_classes = 2,
                                       .c = 1,
                                       .tolerance = 1e-8,
                                       .max_steps = 500};

    assert_true(logistic_rows_make(&rows, numbers, count, COLUMNS, &err));
    memset(solution, 0, logistic_size(&task) * sizeof *solution);
    assert_true(logistic_fit(solution, &result, &task, &err));
    logistic_rows_release(&rows);
}

static void a_row_without_weight_changes_nothing(void **state)
{
    static const float all[ROWS] = {1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
    double with[2 * (COLUMNS + 1)], without[2 * (COLUMNS + 1)];

    (void)state;
    fit_rows(with, values, ROWS, all);
    fit_rows(without, values, ROWS - 3, all);
    for (size_t k = 0; k < 2; k++)
        for (size_t d = 0; d < COLUMNS; d++)
            assert_true(fabs(with[k * (COLUMNS + 1) + d] -
                             without[k * (COLUMNS + 1) + d]) < CLOSE);
}

static void a_row_of_weight_two_is_two_rows(void **state)
{
    static const float weights[ROWS] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const float ones[ROWS + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static uint32_t twice_classes[ROWS + 1];
    float twice[(ROWS + 1) * COLUMNS];
    double one[2 * (COLUMNS + 1)], two[2 * (COLUMNS + 1)];
    struct logistic_rows rows = {0};
    struct logistic_result result;
    struct error err = {0};
    const struct logistic_task task = {.rows = &rows,
                                       .classes = twice_classes,
                                       .weights = ones,
                                       .num_classes = 2,
                                       .c = 1,
                                       .tolerance = 1e-8,
                                       .max_steps = 500};

    (void)state;
    memcpy(twice, values, sizeof values);
    memcpy(twice + ROWS * COLUMNS, values, COLUMNS * sizeof *values);
    memcpy(twice_classes, classes, sizeof classes);
    twice_classes[ROWS] = classes[0];
    fit_rows(one, values, ROWS, weights);
    assert_true(logistic_rows_make(&rows, twice, ROWS + 1, COLUMNS, &err));
    memset(two, 0, sizeof two);
    assert_true(logistic_fit(two, &result, &task, &err));
    logistic_rows_release(&rows);
    for (size_t k = 0; k < 2; k++)
        for (size_t d = 0; d < COLUMNS; d++)
            assert_true(fabs(one[k * (COLUMNS + 1) + d] -
                             two[k * (COLUMNS + 1) + d]) < CLOSE);
}

/* ---- the solver ---- */

enum { SIZE = 6 };

/* Sum of (i + 1)^4 (x_i - i)^2: its minimum is 0, at 0, 1, 2, … */
static double bowl(void *user, double *gradient, const double *x)
{
    double sum = 0;

    (void)user;
    for (size_t i = 0; i < SIZE; i++) {
        const double off = x[i] - (double)i;
        const double steepness = pow((double)i + 1, 4);

        sum += steepness * off * off;
        gradient[i] = 2 * steepness * off;
    }
    return sum;
}

/* Sum of log(cosh(x_i - 3)) + x_i^2 / 20, convex and not a parabola. */
static double valley(void *user, double *gradient, const double *x)
{
    double sum = 0;

    (void)user;
    for (size_t i = 0; i < SIZE; i++) {
        sum += log(cosh(x[i] - 3)) + x[i] * x[i] / 20;
        gradient[i] = tanh(x[i] - 3) + x[i] / 10;
    }
    return sum;
}

static struct lbfgs_options options_of(lbfgs_function *function)
{
    static const double ones[SIZE] = {1, 1, 1, 1, 1, 1};

    return (struct lbfgs_options){.function = function,
                                  .diagonal = ones,
                                  .tolerance = 1e-10,
                                  .max_steps = 300};
}

static void the_minimum_of_a_parabola_is_found(void **state)
{
    const struct lbfgs_options options = options_of(bowl);
    double x[SIZE] = {9, -9, 9, -9, 9, -9};
    struct lbfgs_result result;
    struct error err = {0};

    (void)state;
    assert_true(lbfgs_minimize(x, &result, SIZE, &options, &err));
    for (size_t i = 0; i < SIZE; i++)
        assert_true(fabs(x[i] - (double)i) < 1e-6);
    assert_true(result.num_calls < 100);
}

static void the_gradient_at_a_minimum_is_zero(void **state)
{
    const struct lbfgs_options options = options_of(valley);
    double x[SIZE] = {-50, 0, 3, 20, 1, 100}, gradient[SIZE];
    struct lbfgs_result result;
    struct error err = {0};

    (void)state;
    assert_true(lbfgs_minimize(x, &result, SIZE, &options, &err));
    valley(NULL, gradient, x);
    for (size_t i = 0; i < SIZE; i++)
        assert_true(fabs(gradient[i]) < 1e-8);
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static void a_cancelled_search_ends(void **state)
{
    struct lbfgs_options options = options_of(bowl);
    const struct cancel cancel = {.is_cancelled = at_once};
    double x[SIZE] = {9, 9, 9, 9, 9, 9};
    struct lbfgs_result result;
    struct error err = {0};

    (void)state;
    options.cancel = &cancel;
    assert_false(lbfgs_minimize(x, &result, SIZE, &options, &err));
    assert_int_equal(err.kind, ERROR_BUSY);
}

static bool fit_once(void *user, struct error *err)
{
    static const float ones[ROWS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double solution[2 * (COLUMNS + 1)] = {0};
    struct logistic_rows rows = {0};
    struct logistic_result result;
    const struct logistic_task task = {.rows = &rows,
                                       .classes = classes,
                                       .weights = ones,
                                       .num_classes = 2,
                                       .c = 1,
                                       .tolerance = 1e-3,
                                       .max_steps = 5};
    float logits[2];
    const uint32_t row = 0;
    bool ok;

    (void)user;
    ok = logistic_rows_make(&rows, values, ROWS, COLUMNS, err) &&
         logistic_fit(solution, &result, &task, err) &&
         logistic_logits(logits, solution, &task, &row, 1, err);
    logistic_rows_release(&rows);
    return ok;
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(fit_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_are_those_of_scikit_learn),
        cmocka_unit_test(a_row_without_weight_changes_nothing),
        cmocka_unit_test(a_row_of_weight_two_is_two_rows),
        cmocka_unit_test(the_minimum_of_a_parabola_is_found),
        cmocka_unit_test(the_gradient_at_a_minimum_is_zero),
        cmocka_unit_test(a_cancelled_search_ends),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
