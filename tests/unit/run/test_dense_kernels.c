/* The kernels of all processors, as far as this one has their instructions (a
 * plan takes the fastest only), and Winograd's way for windows of 3 x 3,
 * against the reference interpreter: windows, steps, borders, channels and
 * sizes that vectors and tiles do not divide, what follows a layer, several
 * threads. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/run/dense_layout.h"
#include "engine/run/dense_winograd.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Floats against doubles: sums of up to some thousand products. */
#define TOLERANCE 1e-4

enum { NUM_KERNELS = 2 };

struct layer {
    enum graph_op op;
    size_t pictures, in, out, height, width; /* in, out: channels */
    size_t kernel, stride, pad, dilation;
    bool bias, clamps;
    bool adds, gates, shuts; /* what follows */
    float least;             /* input */
    float shift;             /* bias */
    size_t groups;           /* 0 is 1 */
};

/* A laid out layer and what it computes; all owned. */
struct fixture {
    struct graph graph;
    struct reference ref;
    const struct graph_node *node;
    float *in, *y, *out; /* y: another operand, of the output's shape */
    uint8_t *mask, *made;
    size_t num_out;
};

static const struct dense_kernel *kernel_of(size_t k)
{
    return k == 0 ? dense_tile_avx2() : dense_tile_avx512();
}

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

static void add_layer(struct graph *graph, const struct layer *layer,
                      struct sketch_random *random)
{
    bool back = layer->op == GRAPH_DECONV;
    size_t groups = layer->groups > 0 ? layer->groups : 1;
    int x = sketch_input(
        graph, SHAPE(layer->pictures, layer->in, layer->height, layer->width));
    int weights = sketch_noise(graph,
                               SHAPE(back ? layer->in : layer->out,
                                     (back ? layer->out : layer->in) / groups,
                                     layer->kernel, layer->kernel),
                               random, -1, 1);
    int bias = layer->bias ? sketch_noise(graph, SHAPE(layer->out), random,
                                          layer->shift - 1, layer->shift + 1)
                           : GRAPH_NONE;

    sketch_output(graph, sketch_conv(graph, x, weights, bias, layer->kernel,
                                     layer->stride, layer->pad, groups));
    sketch_last(graph)->op = layer->op;
    for (int i = 0; i < 2; i++)
        sketch_last(graph)->conv.window.dilation[i] = layer->dilation;
    if (layer->clamps) {
        sketch_last(graph)->min = -0.5f;
        sketch_last(graph)->max = 0.75f;
    }
}

static void set_up(struct fixture *fixture, const struct layer *layer)
{
    struct sketch_random random = {layer->in + layer->width * 100 + 1};
    struct graph *graph = &fixture->graph;
    struct error err = {0};
    float *picture;
    size_t num_in;

    *fixture = (struct fixture){0};
    add_layer(graph, layer, &random);
    if (!graph_infer(graph, &err) || !graph_layout(graph, &err))
        fail_msg("%s", err.text);
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == layer->op)
            fixture->node = &graph->nodes[n];
    assert_non_null(fixture->node);
    num_in = count_of(graph, fixture->node->inputs[0]);
    fixture->num_out = count_of(graph, fixture->node->outputs[0]);
    picture = malloc(num_in * sizeof *picture);
    fixture->in = malloc(num_in * sizeof *fixture->in);
    fixture->y = malloc(fixture->num_out * sizeof *fixture->y);
    fixture->out = malloc(fixture->num_out * sizeof *fixture->out);
    fixture->mask = calloc(1, fixture->num_out);
    fixture->made = calloc(1, fixture->num_out);
    assert_true(picture && fixture->in && fixture->y && fixture->out &&
                fixture->mask && fixture->made);
    sketch_fill(&random, picture, num_in, -1, 1);
    for (size_t i = 0; i < num_in; i++)
        picture[i] = fmaxf(picture[i], layer->least);
    sketch_fill(&random, fixture->y, fixture->num_out, -1, 2);
    if (!reference_run(&fixture->ref, graph, picture, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < num_in; i++) /* as laid out */
        fixture->in[i] =
            (float)fixture->ref.values[fixture->node->inputs[0]][i];
    free(picture);
}

static void tear_down(struct fixture *fixture)
{
    free(fixture->in);
    free(fixture->y);
    free(fixture->out);
    free(fixture->mask);
    free(fixture->made);
    reference_release(&fixture->ref);
    graph_release(&fixture->graph);
}

static const double *expected_of(const struct fixture *fixture)
{
    return fixture->ref.values[fixture->node->outputs[0]];
}

/* A mask in the place of y where there can be one. */
static struct dense_rest rest_of(struct fixture *fixture,
                                 const struct layer *layer)
{
    struct dense_rest rest = {
        .addend = layer->adds ? fixture->y : NULL,
        .clamps = layer->shuts,
        .max = 0.6f,
        .bounds = {0.1f, 0.7f},
    };

    if (layer->out % MASK_UNIT == 0 && layer->gates) {
        mask_make(fixture->mask, fixture->y, fixture->num_out,
                  (struct mask_bounds){0, 1.5f}, NULL);
        rest.mask = fixture->mask;
        rest.made = fixture->made;
    } else if (layer->gates) {
        rest.y = fixture->y;
        rest.high = 1.5f;
    }
    return rest;
}

static void expect(const struct fixture *fixture, const struct dense_rest *rest,
                   const char *what)
{
    const double *results = expected_of(fixture);

    for (size_t i = 0; i < fixture->num_out; i++) {
        double y = (double)fixture->y[i], r = results[i];
        double found = (double)fixture->out[i];

        if (rest->addend)
            r += y;
        if ((rest->y || rest->mask) && !(y > 0 && y < 1.5))
            r = 0;
        if (rest->clamps)
            r = fmin(fmax(r, (double)rest->min), (double)rest->max);
        if (!(fabs(found - r) <= TOLERANCE * (1 + fabs(r))))
            fail_msg("%s: output %zu is %.9g, not %.9g", what, i, found, r);
        if (rest->made)
            assert_int_equal(rest->made[i / MASK_UNIT] >> i % MASK_UNIT & 1,
                             found > (double)0.1f && found < (double)0.7f);
    }
}

static void run_dense(struct fixture *fixture,
                      const struct dense_kernel *kernel,
                      const struct dense_rest *rest, struct team_member *member)
{
    struct error err = {0};
    struct dense *dense =
        dense_new(&fixture->graph, fixture->node, kernel, &err);

    assert_non_null(dense);
    assert_int_equal(dense_scratch_len(dense), 0); /* too few pixels for it */
    dense_run(dense, fixture->out, fixture->in, rest, NULL, member);
    dense_free(dense);
}

static void run_winograd(struct fixture *fixture,
                         const struct dense_kernel *kernel,
                         const struct dense_rest *rest,
                         struct team_member *member)
{
    struct error err = {0};
    struct dense_winograd *winograd =
        dense_winograd_new(&fixture->graph, fixture->node, kernel, &err);
    float *scratch;

    assert_non_null(winograd);
    scratch = malloc(dense_winograd_scratch_len(winograd) * sizeof *scratch);
    assert_non_null(scratch);
    dense_winograd_run(winograd, fixture->out, fixture->in, rest, scratch,
                       member);
    free(scratch);
    dense_winograd_free(winograd);
}

/* A random layer, with enough pixels for a kernel in any case. */
static struct layer random_layer(enum graph_op op, struct sketch_random *random)
{
    static const size_t channels[] = {1,  3,  5,  8,  12, 16,
                                      17, 24, 32, 40, 48, 100};
    static const size_t kernels[] = {1, 1, 2, 3, 3, 5, 7};
    struct layer layer = {
        .op = op,
        .pictures = 1 + sketch_below(random, 2),
        .in = channels[sketch_below(random, 12)],
        .out = channels[sketch_below(random, 12)],
        .kernel = kernels[sketch_below(random, 7)],
        .stride = 1 + sketch_below(random, 3),
        .dilation = 1 + sketch_below(random, 2),
        .bias = sketch_below(random, 2),
        .clamps = sketch_below(random, 2),
        .adds = sketch_below(random, 2),
        .gates = sketch_below(random, 2),
        .shuts = sketch_below(random, 2),
        .least = -1,
    };
    size_t reach = (layer.kernel - 1) * layer.dilation;

    layer.pad = sketch_below(random, reach / 2 + 1);
    layer.height = 5 + reach + sketch_below(random, 5);
    layer.width = 1 + reach + sketch_below(random, 14);
    return layer;
}

/* The same by other threads, too. */
static void compare(const struct layer *layer, bool by_winograd)
{
    struct error err = {0};
    struct team *team = team_new(3, &err);
    struct team_member member;
    struct fixture fixture;
    struct dense_rest rest;

    assert_non_null(team);
    team_member_init(&member, team);
    set_up(&fixture, layer);
    rest = rest_of(&fixture, layer);
    for (size_t k = 0; k < NUM_KERNELS; k++) {
        const struct dense_kernel *kernel = kernel_of(k);
        size_t len = fixture.num_out * sizeof *fixture.out;
        float *alone;

        if (!kernel ||
            (by_winograd &&
             !dense_winograd_supports(&fixture.graph, fixture.node, kernel)))
            continue;
        (by_winograd ? run_winograd : run_dense)(&fixture, kernel, &rest, NULL);
        expect(&fixture, &rest, k == 0 ? "AVX2" : "AVX-512");
        alone = malloc(len);
        assert_non_null(alone);
        memcpy(alone, fixture.out, len);
        memset(fixture.out, 0, len);
        (by_winograd ? run_winograd : run_dense)(&fixture, kernel, &rest,
                                                 &member);
        team_rest(&member);
        assert_memory_equal(fixture.out, alone, len);
        free(alone);
    }
    tear_down(&fixture);
    team_free(team);
}

static void every_kernel_computes_what_the_reference_does(void **state)
{
    struct sketch_random random = {19};

    (void)state;
    for (int i = 0; i < 80; i++) {
        struct layer layer =
            random_layer(i % 2 ? GRAPH_DECONV : GRAPH_CONV, &random);

        compare(&layer, false);
    }
}

/* Tiles of any number of pixels, the last one alone, of enough panels that some
 * are taken together and some are left. */
static void
few_pixels_of_many_panels_are_as_the_reference_has_them(void **state)
{
    static const size_t outs[] = {96, 104, 200, 219};
    struct sketch_random random = {31};

    (void)state;
    for (size_t i = 0; i < 4 * 14; i++) {
        size_t kernel = i % 3 ? 1 : 3;
        struct layer layer = {
            .op = GRAPH_CONV,
            .pictures = 1,
            .in = 1 + sketch_below(&random, 20),
            .out = outs[i % 4],
            .height = 1,
            .width = 4 + i / 4,
            .kernel = kernel,
            .stride = 1,
            .pad = kernel / 2,
            .dilation = 1,
            .bias = sketch_below(&random, 2),
            .clamps = sketch_below(&random, 2),
            .adds = sketch_below(&random, 2),
            .gates = sketch_below(&random, 3) == 0,
            .shuts = sketch_below(&random, 2),
            .least = -1,
        };

        compare(&layer, false);
    }
}

/* Groups that are merged, and that are not; borders reach all of them. */
static void groups_are_as_the_reference_has_them(void **state)
{
    static const size_t widths[] = {2, 3, 4, 8, 12, 16, 17, 40};
    static const size_t groups[] = {2, 3, 4, 6, 8};
    struct sketch_random random = {29};

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct layer layer = random_layer(GRAPH_CONV, &random);

        layer.groups = groups[sketch_below(&random, 5)];
        layer.in = layer.groups * widths[sketch_below(&random, 8)];
        layer.out = layer.groups * widths[sketch_below(&random, 8)];
        layer.gates = dense_layout_supports(layer.groups, layer.out);
        compare(&layer, false);
    }
    for (int i = 0; i < 12; i++) {
        struct layer layer = random_layer(GRAPH_CONV, &random);

        layer.groups = 2 + sketch_below(&random, 2);
        layer.in = layer.groups * 16 * (1 + sketch_below(&random, 3));
        layer.out = layer.groups * 16 * (1 + sketch_below(&random, 3));
        layer.kernel = 3;
        layer.stride = layer.dilation = 1;
        layer.pad = sketch_below(&random, 2);
        compare(&layer, true);
    }
}

/* Pairs of groups of four channels, which need no zeros. */
static void narrow_groups_are_as_the_reference_has_them(void **state)
{
    struct sketch_random random = {37};

    (void)state;
    for (int i = 0; i < 30; i++) {
        struct layer layer = random_layer(GRAPH_CONV, &random);

        layer.groups = 2 + 2 * sketch_below(&random, 8);
        layer.in = layer.out = layer.groups * 4;
        compare(&layer, false);
    }
}

/* It is added to a sum that is exact to 1e-4, where floats are 2^-7 apart. */
static void a_large_bias_is_rounded_once(void **state)
{
    const struct layer layer = {.op = GRAPH_CONV,
                                .pictures = 1,
                                .in = 512,
                                .out = 40,
                                .height = 5,
                                .width = 5,
                                .kernel = 1,
                                .stride = 1,
                                .dilation = 1,
                                .bias = true,
                                .least = -1,
                                .shift = 100000};
    const struct dense_rest rest = {0};
    struct fixture fixture;

    (void)state;
    set_up(&fixture, &layer);
    for (size_t k = 0; k < NUM_KERNELS; k++) {
        if (!kernel_of(k))
            continue;
        run_dense(&fixture, kernel_of(k), &rest, NULL);
        for (size_t i = 0; i < fixture.num_out; i++)
            assert_true(fabs((double)fixture.out[i] -
                             expected_of(&fixture)[i]) <= 1.0 / 256 + 1e-4);
    }
    tear_down(&fixture);
}

static void winograd_computes_what_the_reference_does(void **state)
{
    static const size_t channels[] = {8, 16, 32, 48};
    struct sketch_random random = {23};

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct layer layer =
            random_layer(i % 2 ? GRAPH_DECONV : GRAPH_CONV, &random);

        layer.in = channels[sketch_below(&random, 4)];
        layer.out = channels[sketch_below(&random, 4)];
        layer.kernel = 3;
        layer.stride = layer.dilation = 1;
        layer.pad = sketch_below(&random, 3);
        layer.height = 5 + sketch_below(&random, 12);
        layer.width = 5 + sketch_below(&random, 40);
        compare(&layer, true);
    }
}

/* Of layers as networks have them: feature maps behind a ReLU, or gradients. */
static void winograd_is_as_exact_as_its_header_says(void **state)
{
    static const size_t sizes[][2] = {{64, 28}, {128, 14}, {512, 7}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct layer layer = {.op = i % 2 ? GRAPH_DECONV : GRAPH_CONV,
                              .pictures = 1,
                              .in = sizes[i / 2][0],
                              .out = 32,
                              .height = sizes[i / 2][1],
                              .width = sizes[i / 2][1],
                              .kernel = 3,
                              .stride = 1,
                              .pad = 1,
                              .dilation = 1,
                              .least = i % 2 ? -1 : 0};
        struct dense_rest rest = {0};
        struct fixture fixture;

        set_up(&fixture, &layer);
        for (size_t k = 0; k < NUM_KERNELS; k++) {
            double largest = 0, error = 0;

            if (!kernel_of(k))
                continue;
            run_winograd(&fixture, kernel_of(k), &rest, NULL);
            for (size_t o = 0; o < fixture.num_out; o++) {
                double expected = expected_of(&fixture)[o];

                largest = fmax(largest, fabs(expected));
                error = fmax(error, fabs((double)fixture.out[o] - expected));
            }
            if (!(error <= DENSE_WINOGRAD_ERROR * largest))
                fail_msg("%zu channels: %.3g of the largest", layer.in,
                         error / largest);
        }
        tear_down(&fixture);
    }
}

static void large_layers_run_by_winograd(void **state)
{
    const struct layer layer = {.op = GRAPH_CONV,
                                .pictures = 1,
                                .in = 32,
                                .out = 32,
                                .height = 23,
                                .width = 26,
                                .kernel = 3,
                                .stride = 1,
                                .pad = 1,
                                .dilation = 1,
                                .bias = true,
                                .least = -1};
    const struct dense_rest rest = {0};
    struct error err = {0};
    struct fixture fixture;

    (void)state;
    set_up(&fixture, &layer);
    for (size_t k = 0; k < NUM_KERNELS; k++) {
        struct dense *dense;
        float *scratch;

        if (!kernel_of(k))
            continue;
        dense = dense_new(&fixture.graph, fixture.node, kernel_of(k), &err);
        assert_non_null(dense);
        assert_true(dense_scratch_len(dense) > 0);
        scratch = malloc(dense_scratch_len(dense) * sizeof *scratch);
        assert_non_null(scratch);
        dense_run(dense, fixture.out, fixture.in, &rest, scratch, NULL);
        expect(&fixture, &rest, "a large layer");
        free(scratch);
        dense_free(dense);
    }
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_computes_what_the_reference_does),
        cmocka_unit_test(
            few_pixels_of_many_panels_are_as_the_reference_has_them),
        cmocka_unit_test(groups_are_as_the_reference_has_them),
        cmocka_unit_test(narrow_groups_are_as_the_reference_has_them),
        cmocka_unit_test(a_large_bias_is_rounded_once),
        cmocka_unit_test(winograd_computes_what_the_reference_does),
        cmocka_unit_test(winograd_is_as_exact_as_its_header_says),
        cmocka_unit_test(large_layers_run_by_winograd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
