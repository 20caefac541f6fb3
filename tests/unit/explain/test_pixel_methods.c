/* The methods that look at pixels, against their definitions, in double
 * precision and with gradients by differences, on a network that is small
 * enough for that: a convolution, a ReLU, a mean and a linear layer.
 * test_methods_pixels.c has other networks, against PyTorch. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/gauss.h"
#include "engine/explain/random.h"
#include "tests/explained.h"
#include "tests/network_file.h"
#include "tests/reference.h"

#include <cmocka.h>

#define SMALL "outputs/softmax"

enum { HEIGHT = 6, WIDTH = 8, COLOURS = 3, NUM_PIXELS = HEIGHT * WIDTH };
enum { COUNT = NUM_PIXELS * COLOURS, CLASS = 1, MOST_CLASSES = 8 };

static const float BASELINE[COLOURS] = {0.25f, -0.5f, 0.125f};

/* Of the largest element: floats add up some hundred numbers of its size. */
#define TOLERANCE 2e-5

/* ---- the definitions ---- */

/* The network by the interpreter, and the engine's answers beside it. */
struct small {
    struct explained explained;
    struct network network;
    enum target_kind kind;
};

static void open_small(struct small *small, enum target_kind kind)
{
    const struct network_options options = {.keep_outputs = true,
                                            .last = NETWORK_INFER};
    struct error err = {0};

    *small = (struct small){.kind = kind};
    explained_open(&small->explained, SMALL, 1);
    assert_int_equal(small->explained.height, HEIGHT);
    assert_int_equal(small->explained.width, WIDTH);
    assert_int_equal(small->explained.channels, COLOURS);
    memcpy(small->explained.task.baseline, BASELINE, sizeof BASELINE);
    explained_target(&small->explained, kind, CLASS, 0);
    if (!network_file_read(&small->network, "tests/data/" SMALL ".onnx",
                           &options, &err))
        fail_msg("%s", err.text);
}

static void close_small(struct small *small)
{
    explained_release(&small->explained);
    network_release(&small->network);
}

/* Copies a value of the network for an image, (height, width, colours). Returns
 * the number of elements. */
static size_t value_of(double *copy, const struct small *small,
                       const double *image, const char *name)
{
    const struct graph *graph = &small->network.graph;
    int value = graph_find(graph, name);
    double planes[COUNT];
    const double *inputs[] = {planes};
    struct reference ref = {0};
    struct error err = {0};
    size_t count;

    assert_true(value != GRAPH_NONE);
    for (size_t p = 0; p < NUM_PIXELS; p++)
        for (size_t c = 0; c < COLOURS; c++)
            planes[c * NUM_PIXELS + p] = image[p * COLOURS + c];
    if (!reference_run_on(&ref, graph, inputs, &err))
        fail_msg("%s", err.text);
    count = graph_shape_count(&graph->values[value].shape);
    memcpy(copy, ref.values[value], count * sizeof *copy);
    reference_release(&ref);
    return count;
}

static double target_of(const struct small *small, const double *image)
{
    double logits[MOST_CLASSES], sum = 0;
    size_t count = value_of(logits, small, image, "z");

    for (size_t k = 0; k < count; k++)
        sum += exp(logits[k]);
    return small->kind == TARGET_LOGIT ? logits[CLASS]
                                       : logits[CLASS] - log(sum);
}

static double original(const struct small *small, size_t i)
{
    return (double)small->explained.image[i];
}

static double hidden(size_t i)
{
    return (double)BASELINE[i % COLOURS];
}

/* By central differences; (height, width, colours) as all of these are. */
static void slope(double *gradient, const struct small *small, double *image,
                  double (*of)(const struct small *, const double *))
{
    const double step = 1e-6;

    for (size_t i = 0; i < COUNT; i++) {
        double at = image[i], up;

        image[i] = at + step;
        up = of(small, image);
        image[i] = at - step;
        gradient[i] = (up - of(small, image)) / (2 * step);
        image[i] = at;
    }
}

static void largest(double *map, const double *gradient)
{
    for (size_t p = 0; p < NUM_PIXELS; p++) {
        map[p] = 0;
        for (size_t c = 0; c < COLOURS; c++)
            map[p] = fmax(map[p], fabs(gradient[p * COLOURS + c]));
    }
}

static void times_distance(double *map, const struct small *small,
                           const double *gradient)
{
    for (size_t p = 0; p < NUM_PIXELS; p++) {
        map[p] = 0;
        for (size_t i = p * COLOURS; i < (p + 1) * COLOURS; i++)
            map[p] += (original(small, i) - hidden(i)) * gradient[i];
    }
}

static void copy_image(double *image, const struct small *small)
{
    for (size_t i = 0; i < COUNT; i++)
        image[i] = original(small, i);
}

static void define_saliency(double *map, const struct small *small)
{
    double image[COUNT], gradient[COUNT];

    copy_image(image, small);
    slope(gradient, small, image, target_of);
    largest(map, gradient);
}

static void define_gradient_input(double *map, const struct small *small)
{
    double image[COUNT], gradient[COUNT];

    copy_image(image, small);
    slope(gradient, small, image, target_of);
    times_distance(map, small, gradient);
}

static void define_smoothgrad(double *map, const struct small *small)
{
    const struct explain_parameters *p = &small->explained.task.parameters;
    double image[COUNT], gradient[COUNT], sum[COUNT] = {0};
    double min = INFINITY, max = -INFINITY;
    float noise[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        min = fmin(min, original(small, i));
        max = fmax(max, original(small, i));
    }
    for (size_t n = 0; n < p->samples; n++) {
        random_normal(noise, p->seed, n * COUNT, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            image[i] = original(small, i) +
                       (double)p->noise * (max - min) * (double)noise[i];
        slope(gradient, small, image, target_of);
        for (size_t i = 0; i < COUNT; i++)
            sum[i] += gradient[i] / p->samples;
    }
    largest(map, sum);
}

static void define_integrated(double *map, const struct small *small)
{
    size_t steps = small->explained.task.parameters.steps;
    double image[COUNT], gradient[COUNT], sum[COUNT] = {0};

    for (size_t n = 0; n < steps; n++) {
        struct gauss_point point = gauss_point(n, steps);

        for (size_t i = 0; i < COUNT; i++)
            image[i] = hidden(i) + point.at * (original(small, i) - hidden(i));
        slope(gradient, small, image, target_of);
        for (size_t i = 0; i < COUNT; i++)
            sum[i] += point.weight * gradient[i];
    }
    times_distance(map, small, sum);
}

/* With squares of 2 pixels, or of 1 down: a fifth of 8 is 1.6 and one of 6 is
 * 1.2. Half of 1 makes places twice as many as pixels. */
static void define_occlusion(double *map, const struct small *small)
{
    static const size_t tops[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
    const size_t num_tops = sizeof tops / sizeof tops[0];
    double image[COUNT], covered[NUM_PIXELS] = {0}, whole;

    copy_image(image, small);
    whole = target_of(small, image);
    memset(map, 0, NUM_PIXELS * sizeof *map);
    for (size_t i = 0; i < num_tops * (WIDTH - 1); i++) {
        size_t corner = tops[i / (WIDTH - 1)] * WIDTH + i % (WIDTH - 1);
        double fall;

        copy_image(image, small);
        for (size_t k = corner * COLOURS; k < (corner + 2) * COLOURS; k++)
            image[k] = hidden(k);
        fall = whole - target_of(small, image);
        for (size_t p = corner; p < corner + 2; p++) {
            map[p] += fall;
            covered[p]++;
        }
    }
    for (size_t p = 0; p < NUM_PIXELS; p++)
        map[p] /= covered[p];
}

/* One side of a stretched mask: pixel i of 8 cells of `cell` pixels is between
 * cells a and a + 1. */
static double between(size_t *a, size_t i, size_t cell)
{
    double at = ((double)i + 0.5) * 7 / (double)(8 * cell) - 0.5;

    at = at < 0 ? 0 : at > 6 ? 6 : at;
    *a = at < 5 ? (size_t)at : 5;
    return at - (double)*a;
}

/* Cells of 1 pixel down and 2 across: the next whole numbers of 6 / 7, 8 / 7.
 */
static void define_mask(double *mask, uint64_t seed, size_t m, double keep)
{
    size_t left = (size_t)(random_uniform(seed, 51 * m + 49) * 2), a, b;

    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++) {
            double down = between(&a, y, 1), across = between(&b, x + left, 2);
            double sum = 0;

            for (size_t k = 0; k < 4; k++) {
                size_t cell = (a + k / 2) * 7 + b + k % 2;

                if (random_uniform(seed, 51 * m + cell) < keep)
                    sum += (k / 2 ? down : 1 - down) *
                           (k % 2 ? across : 1 - across);
            }
            mask[y * WIDTH + x] = sum;
        }
}

static double behind(const struct small *small, const double *mask)
{
    double image[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        image[i] =
            hidden(i) + mask[i / COLOURS] * (original(small, i) - hidden(i));
    return target_of(small, image);
}

static void define_rise(double *map, const struct small *small)
{
    const struct explain_parameters *p = &small->explained.task.parameters;
    double keep = (double)p->keep, mean = 0, mask[NUM_PIXELS];

    memset(map, 0, NUM_PIXELS * sizeof *map);
    for (size_t m = 0; m < p->masks; m++) {
        define_mask(mask, p->seed, m, keep);
        mean += behind(small, mask) / p->masks;
    }
    for (size_t m = 0; m < p->masks; m++) {
        double weight;

        define_mask(mask, p->seed, m, keep);
        weight = (behind(small, mask) - mean) / (p->masks * keep);
        for (size_t i = 0; i < NUM_PIXELS; i++)
            map[i] += weight * mask[i];
    }
}

/* The layer has the image's size. */
static void define_scorecam(double *map, const struct small *small)
{
    double image[COUNT], features[MOST_CLASSES * NUM_PIXELS];
    double weights[MOST_CLASSES], mask[NUM_PIXELS], sum = 0;
    size_t count;

    copy_image(image, small);
    count = value_of(features, small, image, "v1") / NUM_PIXELS;
    assert_true(count <= MOST_CLASSES);
    for (size_t k = 0; k < count; k++) {
        const double *of = features + k * NUM_PIXELS;
        double low = of[0], high = of[0];

        for (size_t i = 0; i < NUM_PIXELS; i++) {
            low = fmin(low, of[i]);
            high = fmax(high, of[i]);
        }
        for (size_t i = 0; i < NUM_PIXELS; i++)
            mask[i] = (of[i] - low) / (high - low);
        weights[k] = exp(behind(small, mask));
        sum += weights[k];
    }
    for (size_t i = 0; i < NUM_PIXELS; i++) {
        map[i] = 0;
        for (size_t k = 0; k < count; k++)
            map[i] += weights[k] / sum * features[k * NUM_PIXELS + i];
        map[i] = fmax(map[i], 0);
    }
}

/* ---- the methods ---- */

static double distance_of(const double *expected, const float *map)
{
    double most = 0, size = 0;

    for (size_t i = 0; i < NUM_PIXELS; i++) {
        most = fmax(most, fabs(expected[i] - (double)map[i]));
        size = fmax(size, fabs(expected[i]));
    }
    assert_true(size > 1e-4);
    return most / size;
}

static void methods_are_what_they_are_by_definition(void **state)
{
    static const struct {
        const char *name;
        void (*define)(double *map, const struct small *small);
    } methods[] = {
        {"saliency", define_saliency},
        {"gradient-input", define_gradient_input},
        {"smoothgrad", define_smoothgrad},
        {"integrated-gradients", define_integrated},
        {"occlusion", define_occlusion},
        {"rise", define_rise},
        {"scorecam", define_scorecam},
    };
    static const enum target_kind kinds[] = {TARGET_LOGIT, TARGET_LOG_SCORE};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct small small;

        open_small(&small, kinds[k]);
        small.explained.task.parameters.samples = 5;
        small.explained.task.parameters.steps = 4;
        small.explained.task.parameters.masks = 30;
        small.explained.task.parameters.keep = 0.375f;
        small.explained.task.parameters.seed = 11;
        for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
            double expected[NUM_PIXELS], distance;
            struct error err = {0};

            methods[m].define(expected, &small);
            if (!explained_ask(&small.explained, methods[m].name, &err))
                fail_msg("%s: %s", methods[m].name, err.text);
            distance =
                distance_of(expected, small.explained.maps.map[0].values);
            print_message("%-20s %-10s off by %.1e\n", methods[m].name,
                          target_name(kinds[k]), distance);
            assert_true(distance < TOLERANCE);
        }
        close_small(&small);
    }
}

/* ---- the rules for ReLUs ---- */

/* What a rule lets through of the logit's gradient at the ReLU. */
struct relu {
    double gradient[MOST_CLASSES * NUM_PIXELS];
    size_t count;
};

/* A function of the image that changes with what is in front of the ReLU as the
 * rule says. */
static const struct relu *seen;

static double weighed(const struct small *small, const double *image)
{
    double before[MOST_CLASSES * NUM_PIXELS], sum = 0;

    value_of(before, small, image, "v0");
    for (size_t i = 0; i < seen->count; i++)
        sum += before[i] * seen->gradient[i];
    return sum;
}

/* Behind the ReLU, the gradient is a channel's weight over the number of cells.
 */
static void set_relu(struct relu *relu, const struct small *small,
                     bool is_guided)
{
    const struct head *head = &small->explained.network.head;
    const float *weights =
        graph_floats(&small->explained.network.graph.values[head->weights]);
    double image[COUNT], after[MOST_CLASSES * NUM_PIXELS];
    size_t num;

    copy_image(image, small);
    relu->count = value_of(after, small, image, "v1");
    num = relu->count / NUM_PIXELS;
    for (size_t i = 0; i < relu->count; i++) {
        double weight = (double)weights[CLASS * num + i / NUM_PIXELS];
        bool is_let = !is_guided || after[i] > 0;

        relu->gradient[i] = is_let ? fmax(weight, 0) / NUM_PIXELS : 0;
    }
}

static void guided_and_deconvnet_let_through_what_is_positive(void **state)
{
    struct small small;

    (void)state;
    open_small(&small, TARGET_LOGIT);
    for (int is_guided = 0; is_guided < 2; is_guided++) {
        const char *name = is_guided ? "guided" : "deconvnet";
        struct explain_map *map = &small.explained.maps.map[0];
        double image[COUNT], gradient[COUNT], expected[NUM_PIXELS];
        struct relu relu;
        struct error err = {0};

        set_relu(&relu, &small, is_guided);
        seen = &relu;
        copy_image(image, &small);
        slope(gradient, &small, image, weighed);
        largest(expected, gradient);
        if (!explained_ask(&small.explained, name, &err))
            fail_msg("%s: %s", name, err.text);
        assert_true(distance_of(expected, map->values) < TOLERANCE);
        assert_int_equal(map->num_colours, COLOURS);
        for (size_t i = 0; i < COUNT; i++)
            assert_true(fabs(gradient[i] - (double)map->colours[i]) < 1e-6);
    }
    close_small(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_what_they_are_by_definition),
        cmocka_unit_test(guided_and_deconvnet_let_through_what_is_positive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
