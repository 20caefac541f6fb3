/* Layers of a network that was quantized in its file: they compute with its own
 * integers, and give what the reference has in double precision; and integers
 * behind functions, whatever network it is. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/passes/graph_layout.h"
#include "engine/passes/graph_round.h"
#include "engine/passes/infer.h"
#include "engine/run/dense_int8_tile.h"
#include "engine/run/plan.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum weights { BY_CHANNEL, BY_TENSOR, TO_128, NOT_INTEGERS };

struct rounded_layer {
    enum weights weights;
    size_t in, out, height, width, kernel, stride;
    bool depthwise_behind, rounds_twice, adds, layer_behind;
    float step;   /* of the input */
    int64_t zero; /* of 8 bits without a sign */
};

static int rounded(struct graph *graph, int x, float step, int64_t zero)
{
    int inputs[] = {x, sketch_floats(graph, SCALAR, &step),
                    sketch_ints(graph, SCALAR, &zero)};

    inputs[0] = sketch_node(graph, GRAPH_QUANTIZE, inputs, 3);
    sketch_last(graph)->quant.high = 255;
    return sketch_node(graph, GRAPH_DEQUANTIZE, inputs, 3);
}

/* Integers times a scale, of which some are the largest there are. */
static int add_weights(struct graph *graph, const struct rounded_layer *layer,
                       struct sketch_random *random)
{
    const size_t inner = layer->in * layer->kernel * layer->kernel;
    const int most = layer->weights == TO_128 ? 128 : 127;
    float *weights = malloc(layer->out * inner * sizeof *weights);
    int value;

    assert_non_null(weights);
    for (size_t o = 0; o < layer->out; o++)
        for (size_t i = 0; i < inner; i++) {
            float *to = &weights[o * inner + i];
            const bool is_largest =
                i == 0 && (layer->weights != BY_TENSOR || o == 1);

            *to = layer->weights == NOT_INTEGERS
                      ? sketch_between(random, -1, 1)
                      : (float)sketch_below(random, 201) - 100;
            if (is_largest)
                *to = (float)-most;
            if (layer->weights != BY_TENSOR)
                *to *= 1e-3f * (float)(o + 1);
            else
                *to *= 7e-3f;
        }
    value = sketch_floats(
        graph, SHAPE(layer->out, layer->in, layer->kernel, layer->kernel),
        weights);
    free(weights);
    return value;
}

static void make(struct graph *graph, const struct rounded_layer *layer)
{
    struct sketch_random random = {layer->in + 1};
    struct error err = {0};
    int x =
        sketch_input(graph, SHAPE(1, layer->in, layer->height, layer->width));
    int bias = sketch_noise(graph, SHAPE(layer->out), &random, -1, 1);
    int y = rounded(graph, x, layer->step, layer->zero), z;

    y = sketch_conv(graph, y, add_weights(graph, layer, &random), bias,
                    layer->kernel, layer->stride, layer->kernel / 2, 1);
    sketch_last(graph)->min = 0;
    z = rounded(graph, y, 0.11f, 0);
    if (layer->depthwise_behind)
        z = sketch_conv(
            graph, z,
            sketch_noise(graph, SHAPE(layer->out, 1, 3, 3), &random, -1, 1),
            GRAPH_NONE, 3, 1, 1, layer->out);
    if (layer->rounds_twice)
        z = rounded(graph, z, 0.1937f, 60);
    if (layer->layer_behind) {
        struct rounded_layer next = *layer;

        next.in = layer->out;
        next.kernel = 1;
        z = sketch_conv(graph, z, add_weights(graph, &next, &random),
                        GRAPH_NONE, 1, 1, 0, 1);
    }
    if (layer->adds)
        z = sketch_node(graph, GRAPH_ADD, (int[]){z, y}, 2);
    sketch_output(graph, z);
    if (!graph_infer(graph, &err) || !graph_layout(graph, &err))
        fail_msg("%s", err.text);
    graph_round(graph);
}

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

static size_t count_steps(const struct plan *plan, enum plan_runner runner)
{
    size_t count = 0;

    for (size_t s = 0; s < plan_num_steps(plan); s++)
        count += plan_steps(plan)[s].runner == runner;
    return count;
}

static bool recovers(void)
{
    return dense_int8_vnni() || dense_int8_amx();
}

/* Values beside a bound between two steps may be rounded to either. */
static void compare(const struct rounded_layer *layer, size_t num_integers)
{
    struct graph graph = {0};
    struct sketch_random random = {7};
    struct reference ref = {0};
    struct error err = {0};
    struct plan *plan;
    size_t num_in, num_out, num_off = 0;
    double largest = 0;
    float *in;

    make(&graph, layer);
    num_in = count_of(&graph, graph.inputs[0]);
    num_out = count_of(&graph, graph.outputs[0]);
    in = malloc(num_in * sizeof *in);
    assert_non_null(in);
    sketch_fill(&random, in, num_in, -3, 5);
    if (!reference_run(&ref, &graph, in, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < num_out; i++)
        largest = fmax(largest, fabs(ref.values[graph.outputs[0]][i]));
    plan = plan_new(&graph, &err);
    assert_non_null(plan);
    assert_int_equal(count_steps(plan, PLAN_DENSE_INT8),
                     recovers() ? num_integers : 0);
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        struct team *team = team_new(threads, &err);
        struct plan_session *session = plan_session_new(plan, team, &err);
        const float *out;

        assert_true(team && session);
        memcpy(plan_session_data(session, graph.inputs[0]), in,
               num_in * sizeof *in);
        assert_true(plan_session_run(session, &err));
        out = plan_session_data(session, graph.outputs[0]);
        num_off = 0;
        for (size_t i = 0; i < num_out; i++) {
            double expected = ref.values[graph.outputs[0]][i];
            double off = fabs((double)out[i] - expected);

            num_off += off > 1e-5 * largest;
            if (!(off < 1e-2 * largest))
                fail_msg("output %zu is %.9g, not %.9g", i, (double)out[i],
                         expected);
        }
        if (num_off > num_out / 500)
            fail_msg("%zu of %zu are off", num_off, num_out);
        plan_session_free(session);
        team_free(team);
    }
    plan_free(plan);
    free(in);
    reference_release(&ref);
    graph_release(&graph);
}

static void layers_compute_with_their_own_integers(void **state)
{
    static const struct rounded_layer layers[] = {
        {BY_CHANNEL, 48, 40, 9, 11, 1, 1, .step = 0.03f, .zero = 100},
        {BY_TENSOR, 24, 64, 9, 11, 3, 1, .step = 0.02f, .zero = 128},
        {TO_128, 24, 33, 9, 11, 3, 2, .step = 0.02f, .zero = 0},
        {BY_CHANNEL, 32, 8, 9, 11, 1, 1, .step = 0.03f, .zero = 255},
    };

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        struct rounded_layer layer = layers[i];

        compare(&layer, 1);
        layer.adds = true;
        compare(&layer, 1);
        layer.depthwise_behind = true;
        layer.adds = false;
        layer.rounds_twice = true;
        compare(&layer, 1);
    }
}

/* The first one as expanded by bands of rows, which the second one rounds. */
static void layers_behind_layers_round_what_they_take(void **state)
{
    struct rounded_layer layer = {BY_CHANNEL,    16,         96, 80, 80, 1, 1,
                                  .step = 0.03f, .zero = 100};

    (void)state;
    layer.depthwise_behind = layer.rounds_twice = true;
    compare(&layer, 1);
    layer.layer_behind = true;
    compare(&layer, 2);
    layer.depthwise_behind = false;
    layer.height = layer.width = 9;
    compare(&layer, 2);
    layer.rounds_twice = false;
    compare(&layer, 2);
}

static void other_weights_stay_floats(void **state)
{
    const struct rounded_layer layer = {
        NOT_INTEGERS, 48, 40, 9, 11, 1, 1, .step = 0.03f, .zero = 100};

    (void)state;
    compare(&layer, 0);
}

/* Integers and the function of their results, in one step and in two. */
static void functions_of_integers_are_those_of_their_results(void **state)
{
    static const enum graph_function functions[] = {GRAPH_SILU, GRAPH_GELU,
                                                    GRAPH_LEAKY_RELU};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct graph graph = {0};
        struct sketch_random random = {i + 1};
        struct error err = {0};
        const size_t side = i < 3 ? 9 : 60; /* the latter by bands */
        int x = sketch_input(&graph, SHAPE(1, 32, side, side)), y, z;
        struct plan *plan;
        struct plan_session *session;
        const float *before, *after;
        size_t count;

        y = sketch_conv(
            &graph, x,
            sketch_noise(&graph, SHAPE(96, 32, 1, 1), &random, -1, 1),
            GRAPH_NONE, 1, 1, 0, 1);
        z = sketch_node(&graph, GRAPH_UNARY, &y, 1);
        sketch_last(&graph)->unary.function = functions[i % 3];
        sketch_last(&graph)->unary.alpha = 0.1f;
        sketch_output(&graph, z);
        y = sketch_conv(&graph, x, graph.nodes[0].inputs[1], GRAPH_NONE, 1, 1,
                        0, 1);
        sketch_output(&graph, y);
        assert_true(graph_infer(&graph, &err) && graph_layout(&graph, &err));
        plan = plan_new_int8(&graph, GRAPH_NONE, &err);
        if (!plan) {
            assert_int_equal(err.kind, ERROR_UNSUPPORTED);
            graph_release(&graph);
            skip();
        }
        session = plan_session_new(plan, NULL, &err);
        assert_non_null(session);
        count = count_of(&graph, graph.inputs[0]);
        sketch_fill(&random, plan_session_data(session, graph.inputs[0]), count,
                    -1, 1);
        assert_true(plan_session_run(session, &err));
        after = plan_session_data(session, graph.outputs[0]);
        before = plan_session_data(session, graph.outputs[1]);
        for (size_t k = 0; k < count_of(&graph, graph.outputs[0]); k++) {
            double r = (double)before[k], expected;

            expected = i % 3 == 0   ? r / (1 + exp(-r))
                       : i % 3 == 1 ? r * (1 + erf(r / sqrt(2))) / 2
                       : r < 0      ? 0.1 * r
                                    : r;
            assert_true(fabs((double)after[k] - expected) <=
                        1e-5 * (1 + fabs(expected)));
        }
        plan_session_free(session);
        plan_free(plan);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_compute_with_their_own_integers),
        cmocka_unit_test(layers_behind_layers_round_what_they_take),
        cmocka_unit_test(other_weights_stay_floats),
        cmocka_unit_test(functions_of_integers_are_those_of_their_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
