/* Layers with 8-bit integers, by the kernels of all processors, as far as this
 * one has their instructions, against sums of integers that are made one by
 * one: windows, steps, borders, channels and sizes that vectors and tiles do
 * not divide, what follows a layer, several threads. Where there is no kernel,
 * that is what is tested. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/run/dense_int8_internal.h"
#include "engine/xnn/quantize.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum { NUM_KERNELS = 3, HIGHEST = 255 };

struct layer {
    enum graph_op op;
    size_t pictures, in, out, height, width; /* in, out: channels */
    size_t kernel, stride[2], pad, dilation;
    bool bias, clamps;
    bool adds, gates, shuts; /* what follows */
    float least;             /* input */
    bool bounded;            /* it comes out of a clamp, to [least, 1.25] */
};

/* A laid out layer and what it computes; all owned. */
struct fixture {
    struct graph graph;
    const struct graph_node *node;
    float *in, *y, *out; /* y: another operand, of the output's shape */
    uint8_t *mask, *made;
    size_t num_in, num_out;
};

static const struct dense_int8_kernel *kernel_of(size_t k)
{
    return k == 0   ? dense_int8_avx2()
           : k == 1 ? dense_int8_vnni()
                    : dense_int8_amx();
}

static void add_conv(struct graph *graph, const struct layer *layer,
                     struct sketch_random *random)
{
    int x = sketch_input(
        graph, SHAPE(layer->pictures, layer->in, layer->height, layer->width));
    int weights = sketch_noise(
        graph, SHAPE(layer->out, layer->in, layer->kernel, layer->kernel),
        random, -1, 1);
    int bias = layer->bias
                   ? sketch_noise(graph, SHAPE(layer->out), random, -1, 1)
                   : GRAPH_NONE;

    if (layer->bounded) {
        x = sketch_node(graph, GRAPH_CLAMP, (int[]){x}, 1);
        sketch_last(graph)->min = layer->least;
        sketch_last(graph)->max = 1.25f;
    }
    sketch_output(graph, sketch_conv(graph, x, weights, bias, layer->kernel, 1,
                                     layer->pad, 1));
    for (int i = 0; i < 2; i++) {
        sketch_last(graph)->conv.window.stride[i] = layer->stride[i];
        sketch_last(graph)->conv.window.dilation[i] = layer->dilation;
    }
}

static void add_linear(struct graph *graph, const struct layer *layer,
                       struct sketch_random *random)
{
    int x = sketch_input(graph, SHAPE(layer->width, layer->in));
    int weights =
        sketch_noise(graph, SHAPE(layer->in, layer->out), random, -1, 1);

    sketch_output(graph,
                  sketch_node(graph, GRAPH_MATMUL, (int[]){x, weights}, 2));
    sketch_last(graph)->gemm.alpha = sketch_last(graph)->gemm.beta = 1;
}

static void set_up(struct fixture *fixture, const struct layer *layer)
{
    struct sketch_random random = {layer->in + layer->width * 100 + 1};
    struct graph *graph = &fixture->graph;
    struct error err = {0};

    *fixture = (struct fixture){0};
    (layer->op == GRAPH_CONV ? add_conv : add_linear)(graph, layer, &random);
    if (layer->clamps) {
        sketch_last(graph)->min = -0.5f;
        sketch_last(graph)->max = 0.75f;
    }
    if (!graph_infer(graph, &err) || !graph_layout(graph, &err))
        fail_msg("%s", err.text);
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == layer->op)
            fixture->node = &graph->nodes[n];
    assert_non_null(fixture->node);
    fixture->num_in = graph_value_count(graph, fixture->node->inputs[0]);
    fixture->num_out = graph_value_count(graph, fixture->node->outputs[0]);
    fixture->in = malloc(fixture->num_in * sizeof *fixture->in);
    fixture->y = malloc(fixture->num_out * sizeof *fixture->y);
    fixture->out = malloc(fixture->num_out * sizeof *fixture->out);
    fixture->mask = calloc(1, fixture->num_out);
    fixture->made = calloc(1, fixture->num_out);
    assert_true(fixture->in && fixture->y && fixture->out && fixture->mask &&
                fixture->made);
    sketch_fill(&random, fixture->in, fixture->num_in, -1, 1);
    for (size_t i = 0; i < fixture->num_in; i++)
        fixture->in[i] = fmaxf(fixture->in[i], layer->least);
    sketch_fill(&random, fixture->y, fixture->num_out, -1, 2);
}

static void tear_down(struct fixture *fixture)
{
    free(fixture->in);
    free(fixture->y);
    free(fixture->out);
    free(fixture->mask);
    free(fixture->made);
    graph_release(&fixture->graph);
}

/* ---- what is expected ---- */

/* The scale of numbers between these, and of `count` more. */
static struct dense_int8_scale scale_of(float min, float max, const float *in,
                                        size_t count)
{
    struct dense_int8_scale scale;

    for (size_t i = 0; i < count; i++) {
        min = fminf(min, in[i]);
        max = fmaxf(max, in[i]);
    }
    scale.scale = max * (1.0f / HIGHEST) - min * (1.0f / HIGHEST);
    scale.inverse = 1 / scale.scale;
    scale.zero = (int32_t)(-min * scale.inverse + 0.5f);
    return scale;
}

/* The input as integers, without their zero points, and each pixel's scale. */
struct integers {
    int16_t *values;                 /* (num_in) owned */
    struct dense_int8_scale *scales; /* (pixels) owned */
};

static void make_integers(struct integers *integers,
                          const struct fixture *fixture,
                          const struct dense_int8 *dense)
{
    size_t channels = dense->in_dim[3];
    size_t num = dense->in_dim[1] * dense->in_dim[2]; /* of a picture */
    size_t together = dense->by_pixels ? dense->together : num, count;
    const struct graph_node *clamp =
        dense->bounded
            ? graph_producer(&fixture->graph, fixture->node->inputs[0])
            : NULL;

    integers->values = malloc(fixture->num_in * sizeof *integers->values);
    integers->scales =
        malloc(fixture->num_in / channels * sizeof *integers->scales);
    assert_true(integers->values && integers->scales);
    for (size_t p = 0; p < fixture->num_in / channels; p += count) {
        const float *in = fixture->in + p * channels;
        struct dense_int8_scale scale;

        count = num - p % num < together ? num - p % num : together;
        scale = clamp ? scale_of(clamp->min, clamp->max, NULL, 0)
                      : scale_of(0, 0, in, count * channels);
        for (size_t i = 0; i < count * channels; i++) {
            long q = lrintf(fmaf(in[i], scale.inverse, (float)scale.zero));

            q = q < 0 ? 0 : q > HIGHEST ? HIGHEST : q;
            integers->values[p * channels + i] = (int16_t)(q - scale.zero);
        }
        for (size_t i = p; i < p + count; i++)
            integers->scales[i] = scale;
    }
}

/* The sum of a channel's products with the inputs that pixel (picture, y, x) of
 * the output takes. */
static int64_t sum_of(const struct integers *integers,
                      const struct dense_int8 *dense, const size_t at[3],
                      const int8_t *weights)
{
    const struct graph_window *window = &dense->window;
    const size_t *in = dense->in_dim;
    int64_t sum = 0;

    for (size_t ky = 0; ky < window->kernel[0]; ky++)
        for (size_t kx = 0; kx < window->kernel[1]; kx++) {
            size_t y = at[1] * window->stride[0] + ky * window->dilation[0] -
                       window->pad_before[0];
            size_t x = at[2] * window->stride[1] + kx * window->dilation[1] -
                       window->pad_before[1];
            const int8_t *row = weights + (ky * window->kernel[1] + kx) * in[3];

            if (y >= in[1] || x >= in[2])
                continue; /* in the border, or below 0 */
            for (size_t c = 0; c < in[3]; c++)
                sum +=
                    integers->values[((at[0] * in[1] + y) * in[2] + x) * in[3] +
                                     c] *
                    row[c];
        }
    return sum;
}

static double with_rest(const struct fixture *fixture,
                        const struct dense_rest *rest, size_t i, double r)
{
    double y = (double)fixture->y[i];

    r = fmin(fmax(r, (double)fixture->node->min), (double)fixture->node->max);
    if (rest->addend)
        r += y;
    if ((rest->y || rest->mask) && !(y > 0 && y < 1.5))
        r = 0;
    if (rest->clamps)
        r = fmin(fmax(r, (double)rest->min), (double)rest->max);
    return r;
}

/* Output i is r: within a tenth of what one integer more or less would make,
 * and the rounding of floats that are as large as `size` on the way. */
static void expect_output(const struct fixture *fixture,
                          const struct dense_rest *rest, size_t i, double r,
                          double unit, double size, const char *what)
{
    double found = (double)fixture->out[i];

    r = with_rest(fixture, rest, i, r);
    if (!(fabs(found - r) <= 0.1 * unit + 3e-7 * (size + 3)))
        fail_msg("%s: output %zu is %.9g, not %.9g", what, i, found, r);
    if (rest->made)
        assert_int_equal(rest->made[i / MASK_UNIT] >> i % MASK_UNIT & 1,
                         found > (double)0.1f && found < (double)0.7f);
}

/* All outputs of a channel, with a bias. */
static void expect_channel(const struct fixture *fixture,
                           const struct dense_int8 *dense,
                           const struct dense_rest *rest,
                           const struct integers *integers, size_t o,
                           float bias, const char *what)
{
    const float *weights =
        graph_floats(graph_input(&fixture->graph, fixture->node, 1));
    const size_t *out = dense->out_dim;
    size_t inner =
        dense->window.kernel[0] * dense->window.kernel[1] * dense->in_dim[3];
    size_t num = dense->in_dim[1] * dense->in_dim[2];
    int8_t *row = malloc(inner);
    double all = 0;
    float unit;

    assert_non_null(row);
    quantize_rows(row, &unit, weights + o * inner, 1, inner,
                  dense->kernel->most);
    for (size_t i = 0; i < inner; i++)
        all += row[i];
    for (size_t p = 0; p < out[0] * out[1] * out[2]; p++) {
        size_t at[] = {p / out[2] / out[1], p / out[2] % out[1], p % out[2]};
        const struct dense_int8_scale *scale =
            &integers->scales[dense->pointwise ? p : at[0] * num];
        double step = (double)unit * (double)scale->scale;
        double sum = step * (double)sum_of(integers, dense, at, row);

        expect_output(fixture, rest, p * out[3] + o, sum + (double)bias, step,
                      fabs(sum) + 2 * fabs(all * step * scale->zero), what);
    }
    free(row);
}

static void expect(const struct fixture *fixture,
                   const struct dense_int8 *dense,
                   const struct dense_rest *rest, const char *what)
{
    const struct graph_value *bias =
        graph_input(&fixture->graph, fixture->node, 2);
    struct integers integers;

    make_integers(&integers, fixture, dense);
    for (size_t o = 0; o < dense->out_dim[3]; o++)
        expect_channel(fixture, dense, rest, &integers, o,
                       bias ? graph_floats(bias)[o] : 0, what);
    free(integers.values);
    free(integers.scales);
}

/* ---- layers ---- */

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

/* A random layer, with enough pixels and channels for a kernel in any case. */
static struct layer random_layer(enum graph_op op, struct sketch_random *random)
{
    static const size_t inputs[] = {16, 17, 24, 32, 50, 64, 96, 130, 200, 300};
    static const size_t outputs[] = {1, 3, 8, 16, 17, 24, 32, 40, 70};
    static const size_t kernels[] = {1, 1, 2, 3, 3, 5};
    struct layer layer = {
        .op = op,
        .pictures = 1 + sketch_below(random, 2),
        .in = inputs[sketch_below(random, 10)],
        .out = outputs[sketch_below(random, 9)],
        .kernel = kernels[sketch_below(random, 6)],
        .stride = {1 + sketch_below(random, 3), 1 + sketch_below(random, 3)},
        .dilation = 1 + sketch_below(random, 2),
        .bias = sketch_below(random, 2),
        .clamps = sketch_below(random, 2),
        .adds = sketch_below(random, 2),
        .gates = sketch_below(random, 2),
        .shuts = sketch_below(random, 2),
        .least = sketch_below(random, 2) ? -1 : 0,
    };
    size_t reach = (layer.kernel - 1) * layer.dilation;

    if (sketch_below(random, 2))
        layer.stride[0] = layer.stride[1] = 1;
    if (op == GRAPH_CONV && layer.kernel > 2 && sketch_below(random, 4) == 0)
        layer.in = 3; /* as the first layer */
    layer.pad = sketch_below(random, reach / 2 + 1);
    layer.height = 10 + reach + sketch_below(random, 5);
    layer.width = 2 + reach + sketch_below(random, 20);
    return layer;
}

static void run_layer(const struct dense_int8 *dense, struct fixture *fixture,
                      const struct dense_rest *rest, struct team_member *member)
{
    float *scratch = aligned_alloc(
        64, (dense_int8_scratch_len(dense) * sizeof *scratch + 63) / 64 * 64);

    assert_non_null(scratch);
    memset(scratch, 0xff, dense_int8_scratch_len(dense) * sizeof *scratch);
    dense_int8_run(dense, fixture->out, fixture->in, rest, scratch, member);
    free(scratch);
}

/* The same by other threads, too. */
static void compare(const struct layer *layer, struct team_member *member)
{
    struct error err = {0};
    struct fixture fixture;
    struct dense_rest rest;

    set_up(&fixture, layer);
    rest = rest_of(&fixture, layer);
    assert_true(dense_int8_supports(&fixture.graph, fixture.node));
    for (size_t k = 0; k < NUM_KERNELS; k++) {
        const struct dense_int8_kernel *kernel = kernel_of(k);
        size_t len = fixture.num_out * sizeof *fixture.out;
        struct dense_int8 *dense;
        float *alone;

        if (!kernel)
            continue;
        dense = dense_int8_new(&fixture.graph, fixture.node, kernel, &err);
        assert_non_null(dense);
        assert_int_equal(dense->bounded, layer->bounded);
        run_layer(dense, &fixture, &rest, NULL);
        expect(&fixture, dense, &rest, kernel->name);
        alone = malloc(len);
        assert_non_null(alone);
        memcpy(alone, fixture.out, len);
        memset(fixture.out, 0, len);
        run_layer(dense, &fixture, &rest, member);
        team_rest(member);
        assert_memory_equal(fixture.out, alone, len);
        free(alone);
        dense_int8_free(dense);
    }
    tear_down(&fixture);
}

/* A large input that is clamped, by its bounds. */
static void compare_bounded(size_t kernel, float least,
                            struct team_member *member)
{
    struct layer layer = {.op = GRAPH_CONV,
                          .pictures = 2,
                          .in = 50,
                          .out = 9,
                          .height = 38,
                          .width = 40,
                          .kernel = kernel,
                          .stride = {1, 1},
                          .pad = kernel / 2,
                          .dilation = 1,
                          .bias = true,
                          .least = least,
                          .bounded = true};

    compare(&layer, member);
}

static void every_kernel_sums_integers_exactly(void **state)
{
    struct sketch_random random = {29};
    struct error err = {0};
    struct team *team = team_new(3, &err);
    struct team_member member;

    (void)state;
    assert_non_null(team);
    team_member_init(&member, team);
    for (int i = 0; dense_int8_has_kernel() && i < 40; i++) {
        struct layer layer =
            random_layer(i % 5 ? GRAPH_CONV : GRAPH_LINEAR, &random);

        compare(&layer, &member);
    }
    for (int i = 0; dense_int8_has_kernel() && i < 4; i++)
        compare_bounded(i % 2 ? 3 : 1, i < 2 ? 0 : -0.7f, &member);
    team_free(team);
    if (!dense_int8_has_kernel())
        skip();
}

/* Those with weights of 8 bits: integers are the same, and what is done with
 * them. */
static void kernels_of_8_bits_agree_to_the_last_bit(void **state)
{
    struct layer layer = {.op = GRAPH_CONV,
                          .pictures = 1,
                          .in = 70,
                          .out = 50,
                          .height = 9,
                          .width = 11,
                          .kernel = 3,
                          .stride = {1, 1},
                          .pad = 1,
                          .dilation = 1,
                          .bias = true,
                          .least = -1};
    struct dense_rest rest = {0};
    struct fixture fixture;
    float *first;

    (void)state;
    if (!dense_int8_vnni() || !dense_int8_amx())
        skip();
    set_up(&fixture, &layer);
    first = malloc(fixture.num_out * sizeof *first);
    assert_non_null(first);
    for (size_t k = 1; k < NUM_KERNELS; k++) {
        struct error err = {0};
        struct dense_int8 *dense =
            dense_int8_new(&fixture.graph, fixture.node, kernel_of(k), &err);

        assert_non_null(dense);
        run_layer(dense, &fixture, &rest, NULL);
        dense_int8_free(dense);
        if (k == 1)
            memcpy(first, fixture.out, fixture.num_out * sizeof *first);
    }
    assert_memory_equal(first, fixture.out, fixture.num_out * sizeof *first);
    free(first);
    tear_down(&fixture);
}

static void without_a_kernel_no_layer_is_supported(void **state)
{
    struct layer layer = {.op = GRAPH_LINEAR, .in = 64, .out = 32, .width = 20};
    struct fixture fixture;

    (void)state;
    set_up(&fixture, &layer);
    assert_int_equal(dense_int8_supports(&fixture.graph, fixture.node),
                     dense_int8_has_kernel());
    tear_down(&fixture);
}

#ifdef __x86_64__
/* ---- floats to integers ---- */

enum { LENGTH = 203 };

/* Those of each width. */
static void for_all_vectors(void (*check)(const struct dense_int8_vectors *))
{
    if (!dense_int8_has_kernel())
        skip();
    for (size_t k = 0; k < NUM_KERNELS; k++)
        if (kernel_of(k))
            check(kernel_of(k)->vectors);
}

static void check_steps(const struct dense_int8_vectors *vectors)
{
    static const float ranges[][2] = {{-1, 1}, {0, 6},   {-5, 0.1f},
                                      {2, 3},  {-3, -2}, {-1e-20f, 2e-20f}};
    struct sketch_random random = {31};

    for (size_t i = 0; i < 6 * LENGTH; i++) {
        float *in = malloc((i % LENGTH + 1) * sizeof *in); /* watched */
        uint8_t *out = malloc(i % LENGTH + 1);
        size_t count = i % LENGTH + 1;
        struct dense_int8_range range = {0};
        struct dense_int8_scale scale;

        assert_true(in && out);
        sketch_fill(&random, in, count, ranges[i / LENGTH][0],
                    ranges[i / LENGTH][1]);
        vectors->extend(&range, in, count);
        scale = dense_int8_scale_of(range);
        vectors->quantize(out, in, count, scale);
        assert_true(scale.scale > 0 && scale.zero >= 0 &&
                    scale.zero <= HIGHEST);
        for (size_t k = 0; k < count; k++) {
            double off = (double)in[k] -
                         (double)scale.scale * (double)(out[k] - scale.zero);

            /* Another half where the zero point was rounded, at the ends. */
            assert_true(fabs(off) <= 1.001 * (double)scale.scale);
            assert_true(fabs(off) <= 0.501 * (double)scale.scale ||
                        out[k] == 0 || out[k] == HIGHEST);
        }
        free(in);
        free(out);
    }
}

static void integers_are_within_half_a_step_of_floats(void **state)
{
    (void)state;
    for_all_vectors(check_steps);
}

static void check_zeros(const struct dense_int8_vectors *vectors)
{
    const float in[] = {0, -0.0f, 0, 0};
    struct dense_int8_scale scale;
    uint8_t out[4];

    for (int i = 0; i < 3; i++) {
        const float other[] = {i == 0 ? 0 : -0.37f, i == 2 ? 8.1f : 0};
        struct dense_int8_range range = {0};

        vectors->extend(&range, other, 2);
        scale = dense_int8_scale_of(range);
        vectors->quantize(out, in, 4, scale);
        for (int k = 0; k < 4; k++)
            assert_int_equal(out[k], scale.zero);
    }
}

static void zeros_are_exact_whatever_the_range(void **state)
{
    (void)state;
    for_all_vectors(check_zeros);
}

static void check_no_numbers(const struct dense_int8_vectors *vectors)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};

    for (size_t i = 0; i < 4 * LENGTH; i++) {
        float in[LENGTH] = {0.5f, -0.5f};
        struct dense_int8_range range = {0};
        struct dense_int8_scale scale;

        in[i % LENGTH] = bad[i / LENGTH];
        vectors->extend(&range, in, LENGTH);
        scale = dense_int8_scale_of(range);
        assert_true(isnan(scale.scale));
        assert_true(scale.zero >= 0 && scale.zero <= HIGHEST);
    }
}

static void what_is_no_number_makes_the_scale_none(void **state)
{
    (void)state;
    for_all_vectors(check_no_numbers);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_sums_integers_exactly),
        cmocka_unit_test(kernels_of_8_bits_agree_to_the_last_bit),
        cmocka_unit_test(without_a_kernel_no_layer_is_supported),
#ifdef __x86_64__
        cmocka_unit_test(integers_are_within_half_a_step_of_floats),
        cmocka_unit_test(zeros_are_exact_whatever_the_range),
        cmocka_unit_test(what_is_no_number_makes_the_scale_none),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
