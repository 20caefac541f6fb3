/* Paintings: their gradient by differences, photos, noise; and Adam, by its
 * definition in double precision. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ascend/adam.h"
#include "engine/ascend/nature.h"
#include "engine/ascend/painting.h"
#include "engine/explain/random.h"

#include "tests/unit/alloc_sweep.h"

/* 22 columns become 24. */
enum { HEIGHT = 20, WIDTH = 22, CANVAS_WIDTH = 24, MOST = 3 * 20 * 24 };

static struct painting *open_painting(enum painting_method method)
{
    struct error err = {0};
    struct painting *painting = painting_new(method, HEIGHT, WIDTH, NULL, &err);

    assert_non_null(painting);
    return painting;
}

static size_t canvas_count(const struct painting *painting)
{
    struct painting_shape shape = painting_shape(painting);

    return 3 * shape.height * shape.width;
}

/* sum(weights canvas), after the numbers were moved along a direction. */
static double sum_at(struct painting *painting, const float *weights,
                     const float *numbers, const float *direction, double step)
{
    double sum = 0;

    for (size_t i = 0; i < painting_count(painting); i++)
        painting_numbers(painting)[i] =
            (float)((double)numbers[i] + step * (double)direction[i]);
    painting_draw(painting);
    for (size_t i = 0; i < canvas_count(painting); i++)
        sum += (double)weights[i] * (double)painting_canvas(painting)[i];
    return sum;
}

static void check_gradient(enum painting_method method)
{
    static float weights[MOST], numbers[2 * MOST], direction[2 * MOST];
    struct painting *painting = open_painting(method);
    size_t count = painting_count(painting);
    double slope = 0, up, down;
    const double step = 1e-2;

    painting_begin(painting, 3);
    memcpy(numbers, painting_numbers(painting), count * sizeof *numbers);
    random_normal(weights, 4, 0, canvas_count(painting));
    random_normal(direction, 5, 0, count);
    painting_draw(painting);
    painting_back(painting, weights);
    for (size_t i = 0; i < count; i++)
        slope += (double)painting_gradient(painting)[i] * (double)direction[i];
    up = sum_at(painting, weights, numbers, direction, step);
    down = sum_at(painting, weights, numbers, direction, -step);
    /* Of the difference, the third order of the step is left. */
    assert_true(fabs((up - down) / (2 * step) - slope) <= 2e-3 * fabs(slope));
    painting_free(painting);
}

static void gradients_are_those_by_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAINTING_NUM_METHODS; i++)
        check_gradient((enum painting_method)i);
}

static void a_photo_begins_as_itself(void **state)
{
    static float photo[MOST];

    (void)state;
    for (size_t m = 0; m < PAINTING_NUM_METHODS; m++) {
        struct painting *painting = open_painting((enum painting_method)m);

        for (size_t i = 0; i < canvas_count(painting); i++)
            photo[i] = 0.02f + 0.96f * (float)random_uniform(6, i);
        painting_begin_photo(painting, photo);
        painting_draw(painting);
        for (size_t i = 0; i < canvas_count(painting); i++)
            assert_float_equal(painting_canvas(painting)[i], photo[i], 1e-5f);
        painting_free(painting);
    }
}

static void a_seed_makes_the_same_noise_and_another_another(void **state)
{
    static float first[MOST];

    (void)state;
    for (size_t m = 0; m < PAINTING_NUM_METHODS; m++) {
        struct painting *painting = open_painting((enum painting_method)m);
        size_t len = canvas_count(painting) * sizeof(float);

        painting_begin(painting, 1);
        painting_draw(painting);
        memcpy(first, painting_canvas(painting), len);
        painting_begin(painting, 1);
        painting_draw(painting);
        assert_memory_equal(first, painting_canvas(painting), len);
        painting_begin(painting, 2);
        painting_draw(painting);
        assert_memory_not_equal(first, painting_canvas(painting), len);
        painting_free(painting);
    }
}

static void
the_canvas_has_a_good_size_and_the_picture_is_its_middle(void **state)
{
    struct painting *fourier = open_painting(PAINTING_FOURIER);
    struct painting *pixels = open_painting(PAINTING_PIXELS);
    struct painting_shape shape = painting_shape(fourier);

    (void)state;
    assert_int_equal(shape.height, HEIGHT);
    assert_int_equal(shape.width, CANVAS_WIDTH);
    assert_int_equal(shape.top, 0);
    assert_int_equal(shape.left, 1);
    assert_int_equal(painting_shape(pixels).width, WIDTH);
    painting_free(fourier);
    painting_free(pixels);
}

static void maco_keeps_the_deviation_of_photos(void **state)
{
    struct error err = {0};
    struct painting *painting =
        painting_new(PAINTING_MACO, 128, 128, NULL, &err);
    const size_t plane = 128 * 128;
    double mean = 0, square = 0, wanted = 0;

    (void)state;
    assert_non_null(painting);
    painting_begin(painting, 0);
    painting_draw(painting);
    /* The logit of red is a sum of three uncorrelated numbers. */
    for (size_t i = 0; i < plane; i++) {
        double s = (double)painting_canvas(painting)[i];
        double logit = log(s / (1 - s));

        mean += logit / (double)plane;
        square += logit * logit / (double)plane;
    }
    for (size_t k = 0; k < 3; k++)
        wanted += (double)nature_colours[0][k] * (double)nature_colours[0][k];
    assert_float_equal(mean, 0, 1e-3);
    /* Windows of 128 pixels miss what is slower. */
    assert_float_equal(sqrt(square), sqrt(wanted), 0.35 * sqrt(wanted));
    painting_free(painting);
}

static void pixels_stay_between_0_and_1(void **state)
{
    struct painting *painting = open_painting(PAINTING_PIXELS);

    (void)state;
    painting_numbers(painting)[0] = -1;
    painting_numbers(painting)[1] = 2;
    painting_settle(painting);
    assert_float_equal(painting_numbers(painting)[0], 0, 0);
    assert_float_equal(painting_numbers(painting)[1], 1, 0);
    painting_free(painting);
}

static void adam_steps_as_defined(void **state)
{
    enum { COUNT = 37, STEPS = 5 };
    double numbers[COUNT] = {0}, m[COUNT] = {0}, v[COUNT] = {0};
    float stepped[COUNT] = {0}, gradient[COUNT];
    struct adam adam;

    (void)state;
    assert_true(adam_init(&adam, COUNT, NULL));
    for (int t = 1; t <= STEPS; t++) {
        random_normal(gradient, (uint64_t)t, 0, COUNT);
        gradient[0] = 0;
        adam_step(&adam, stepped, gradient, 0.05);
        for (size_t i = 0; i < COUNT; i++) {
            double g = (double)gradient[i];

            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            numbers[i] += 0.05 * (m[i] / (1 - pow(0.9, t))) /
                          (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-8);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_float_equal(stepped[i], numbers[i], 1e-5);
    assert_float_equal(stepped[0], 0, 0);
    adam_release(&adam);
}

static bool open_once(void *arg, struct error *err)
{
    struct painting *painting =
        painting_new(PAINTING_MACO, HEIGHT, WIDTH, NULL, err);
    struct adam adam = {0};
    bool ok = painting && adam_init(&adam, painting_count(painting), err);

    (void)arg;
    adam_release(&adam);
    painting_free(painting);
    return ok;
}

static void a_lack_of_memory_is_reported(void **state)
{
    (void)state;
    alloc_sweep(open_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_by_differences),
        cmocka_unit_test(a_photo_begins_as_itself),
        cmocka_unit_test(a_seed_makes_the_same_noise_and_another_another),
        cmocka_unit_test(
            the_canvas_has_a_good_size_and_the_picture_is_its_middle),
        cmocka_unit_test(maco_keeps_the_deviation_of_photos),
        cmocka_unit_test(pixels_stay_between_0_and_1),
        cmocka_unit_test(adam_steps_as_defined),
        cmocka_unit_test(a_lack_of_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
