/* Deletion and insertion, against NumPy (tools/reference/pixel_curves.py). */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/evaluate/pixel_curve.h"

#include <cmocka.h>

enum { MAX_VALUES = 1024 };

/* A network of one logit, and an image with a map. */
struct example {
    struct pixel_curve_size size;
    size_t steps, num_pixels, num_values;
    float image[MAX_VALUES], hidden[MAX_VALUES], map[MAX_VALUES];
    float weights[MAX_VALUES], bias, blurred[MAX_VALUES], input[MAX_VALUES];
    double deletion, insertion;
    size_t num_calls;
};

static void read_floats(FILE *file, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%f", &values[i]), 1);
}

static bool read_example(FILE *file, struct example *example)
{
    struct pixel_curve_size *size = &example->size;
    float hidden[3];

    if (fscanf(file, "%zu %zu %zu %zu", &size->height, &size->width,
               &size->channels, &example->steps) != 4)
        return false;
    example->num_pixels = size->height * size->width;
    example->num_values = example->num_pixels * size->channels;
    assert_in_range(example->num_values, 1, MAX_VALUES);
    read_floats(file, example->image, example->num_values);
    read_floats(file, hidden, size->channels);
    for (size_t i = 0; i < example->num_values; i++)
        example->hidden[i] = hidden[i % size->channels];
    read_floats(file, example->map, example->num_pixels);
    read_floats(file, example->weights, example->num_values);
    read_floats(file, &example->bias, 1);
    read_floats(file, example->blurred, example->num_values);
    assert_int_equal(
        fscanf(file, "%lf %lf", &example->deletion, &example->insertion), 2);
    example->num_calls = 0;
    return true;
}

static double score_of(const struct example *example, const float *image)
{
    double logit = (double)example->bias;

    for (size_t i = 0; i < example->num_values; i++)
        logit += (double)example->weights[i] * (double)image[i];
    return 1 / (1 + exp(-logit));
}

static bool score(void *user, double *found, struct error *err)
{
    struct example *example = user;

    (void)err;
    *found = score_of(example, example->input);
    example->num_calls++;
    return true;
}

static double area_between(struct example *example, const float *from,
                           const float *to)
{
    uint32_t order[MAX_VALUES];
    const struct pixel_curve curve = {
        .size = example->size,
        .from = from,
        .to = to,
        .order = order,
        .steps = example->steps,
        .first = score_of(example, from),
        .last = score_of(example, to),
        .input = example->input,
        .score = score,
        .user = example,
    };
    struct error err = {0};
    double area;

    pixel_curve_order(order, example->map, example->num_pixels);
    assert_true(pixel_curve_area(&area, &curve, &err));
    return area;
}

static void check_example(struct example *example)
{
    float blurred[MAX_VALUES], scratch[MAX_VALUES];

    pixel_curve_blur(blurred, scratch, example->image, &example->size);
    for (size_t i = 0; i < example->num_values; i++)
        assert_true(fabsf(blurred[i] - example->blurred[i]) < 1e-5f);
    assert_true(fabs(area_between(example, example->image, example->hidden) -
                     example->deletion) < 1e-5);
    assert_true(fabs(area_between(example, blurred, example->image) -
                     example->insertion) < 1e-5);
    assert_int_equal(example->num_calls, 2 * (example->steps - 1));
}

static void areas_and_blurred_images_are_those_of_numpy(void **state)
{
    static struct example example;
    FILE *file = fopen("tests/data/evaluate/pixel-curves.txt", "r");
    size_t num = 0;

    (void)state;
    assert_non_null(file);
    for (; read_example(file, &example); num++)
        check_example(&example);
    fclose(file);
    assert_int_equal(num, 4);
}

static void the_largest_come_first_then_the_first_and_nan_last(void **state)
{
    const float map[] = {1, NAN, 3, 1, -1, 3, NAN};
    const uint32_t expected[] = {2, 5, 0, 3, 4, 1, 6};
    uint32_t order[7];

    (void)state;
    pixel_curve_order(order, map, 7);
    assert_memory_equal(order, expected, sizeof order);
}

static bool refuse(void *user, double *found, struct error *err)
{
    (void)user;
    *found = 0;
    err->kind = ERROR_INTERNAL;
    return false;
}

static void a_failure_of_the_network_ends_the_curve(void **state)
{
    const float image[4] = {0};
    const uint32_t order[4] = {0, 1, 2, 3};
    float input[4];
    const struct pixel_curve curve = {
        .size = {2, 2, 1},
        .from = image,
        .to = image,
        .order = order,
        .steps = 2,
        .input = input,
        .score = refuse,
    };
    struct error err = {0};
    double area;

    (void)state;
    assert_false(pixel_curve_area(&area, &curve, &err));
    assert_int_equal(err.kind, ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas_and_blurred_images_are_those_of_numpy),
        cmocka_unit_test(the_largest_come_first_then_the_first_and_nan_last),
        cmocka_unit_test(a_failure_of_the_network_ends_the_curve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
