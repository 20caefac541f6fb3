/* Convolutions, transposed ones, linear layers and what our own kernels do
 * behind them, a sum and the gate of a gradient, against the reference
 * interpreter, as planned: many windows and steps, channels and sizes that
 * vectors and tiles do not divide, and several threads. On a processor without
 * such kernels the plan consists of other steps, and the same must come out. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/network.h"
#include "engine/run/dense.h"
#include "engine/run/plan.h"
#include "engine/run/transposed.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Floats against doubles: sums of up to some thousand products. */
#define TOLERANCE 1e-4

struct dense_case {
    enum graph_op op;
    size_t pictures, in, out, height, width; /* in, out: channels */
    bool depthwise;                          /* out is in */
    size_t kernel, stride, pad, dilation;
    bool bias, clamp;
    bool adds, gates, shuts; /* shuts: the gate lets nothing negative through */
    enum graph_function function; /* of the results */
    bool has_function;
};

static int add_layer(struct graph *graph, const struct dense_case *layer, int x,
                     struct sketch_random *random)
{
    size_t groups = layer->depthwise ? layer->in : 1;
    bool back = layer->op == GRAPH_DECONV;
    int weights = sketch_noise(graph,
                               SHAPE(back ? layer->in : layer->out,
                                     (back ? layer->out : layer->in) / groups,
                                     layer->kernel, layer->kernel),
                               random, -1, 1);
    int bias = layer->bias
                   ? sketch_noise(graph, SHAPE(layer->out), random, -1, 1)
                   : GRAPH_NONE;
    int y = sketch_conv(graph, x, weights, bias, layer->kernel, layer->stride,
                        layer->pad, groups);

    sketch_last(graph)->op = layer->op;
    for (int i = 0; i < 2; i++)
        sketch_last(graph)->conv.window.dilation[i] = layer->dilation;
    return y;
}

/* Two such layers of one input; the first one's output is the gate's y, and
 * what is added. */
static void make(struct graph *graph, const struct dense_case *layer)
{
    struct sketch_random random = {layer->in + layer->width * 100 + 1};
    struct error err = {0};
    int x = sketch_input(
        graph, SHAPE(layer->pictures, layer->in, layer->height, layer->width));
    int y = add_layer(graph, layer, x, &random), z;

    sketch_last(graph)->min = 0;
    sketch_last(graph)->max = 1.5f;
    z = add_layer(graph, layer, x, &random);
    if (layer->clamp) {
        sketch_last(graph)->min = -0.5f;
        sketch_last(graph)->max = 0.75f;
    }
    if (layer->has_function) {
        z = sketch_node(graph, GRAPH_UNARY, (int[]){z}, 1);
        sketch_last(graph)->unary.function = layer->function;
        sketch_last(graph)->unary.alpha = 0.2f;
    }
    if (layer->adds)
        z = sketch_node(graph, GRAPH_ADD, (int[]){z, y}, 2);
    if (layer->gates) {
        z = sketch_node(graph, GRAPH_GATE, (int[]){y, z}, 2);
        sketch_last(graph)->gate.low = 0;
        sketch_last(graph)->gate.high = 1.5f;
        if (layer->shuts)
            sketch_last(graph)->min = 0;
    }
    sketch_output(graph, z);
    /* Laid out without folding: it would make one layer of the two. */
    if (!graph_infer(graph, &err) || !graph_layout(graph, &err))
        fail_msg("%s", err.text);
}

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

/* The output by so many threads; owned by the caller. */
static float *run(const struct graph *graph, const float *in,
                  unsigned num_threads)
{
    struct error err = {0};
    struct plan *plan = plan_new(graph, &err);
    struct team *team = team_new(num_threads, &err);
    struct plan_session *session =
        plan && team ? plan_session_new(plan, team, &err) : NULL;
    size_t len = count_of(graph, graph->outputs[0]) * sizeof(float);
    float *out = malloc(len);

    assert_non_null(out);
    if (!session)
        fail_msg("%s", err.text);
    memcpy(plan_session_data(session, graph->inputs[0]), in,
           count_of(graph, graph->inputs[0]) * sizeof *in);
    for (int i = 0; i < 2; i++) /* the second one finds old numbers */
        if (!plan_session_run(session, &err))
            fail_msg("%s", err.text);
    memcpy(out, plan_session_data(session, graph->outputs[0]), len);
    plan_session_free(session);
    plan_free(plan);
    team_free(team);
    return out;
}

/* Where y is at the gate's bound but for rounding, either is right. */
static bool is_at_bound(const struct reference *ref, const struct graph *graph,
                        size_t i)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_GATE) {
            double y = ref->values[graph->nodes[n].inputs[0]][i];

            return fabs(y) < 1e-4 || fabs(y - 1.5) < 1e-4;
        }
    return false;
}

static void compare(const struct dense_case *layer)
{
    struct graph graph = {0};
    struct sketch_random random = {7};
    struct reference ref = {0};
    struct error err = {0};
    float *in, *alone, *together;
    size_t num_in, num_out;

    make(&graph, layer);
    num_in = count_of(&graph, graph.inputs[0]);
    num_out = count_of(&graph, graph.outputs[0]);
    in = malloc(num_in * sizeof *in);
    assert_non_null(in);
    sketch_fill(&random, in, num_in, -1, 1);
    if (!reference_run(&ref, &graph, in, &err))
        fail_msg("%s", err.text);
    alone = run(&graph, in, 1);
    together = run(&graph, in, 3);
    for (size_t i = 0; i < num_out; i++) {
        double expected = ref.values[graph.outputs[0]][i];

        if (!(fabs((double)alone[i] - expected) <=
              TOLERANCE * (1 + fabs(expected))) &&
            !is_at_bound(&ref, &graph, i))
            fail_msg("%s, %zu to %zu channels, window %zu, step %zu, border "
                     "%zu, %zu x %zu: output %zu is %.9g, not %.9g",
                     graph_op_name(layer->op), layer->in, layer->out,
                     layer->kernel, layer->stride, layer->pad, layer->width,
                     layer->height, i, (double)alone[i], expected);
    }
    assert_memory_equal(together, alone, num_out * sizeof *alone);
    free(in);
    free(alone);
    free(together);
    reference_release(&ref);
    graph_release(&graph);
}

/* A random layer of that kind. */
static struct dense_case random_layer(enum graph_op op,
                                      struct sketch_random *random)
{
    static const size_t channels[] = {1,  3,  5,  8,  12, 16,
                                      17, 24, 32, 40, 48, 100};
    static const size_t kernels[] = {1, 1, 2, 3, 3, 5, 7};
    struct dense_case layer = {
        .op = op,
        .pictures = 1 + sketch_below(random, 2),
        .in = channels[sketch_below(random, 12)],
        .out = channels[sketch_below(random, 12)],
        .kernel = kernels[sketch_below(random, 7)],
        .stride = 1 + sketch_below(random, 3),
        .dilation = 1 + sketch_below(random, 2),
        .bias = sketch_below(random, 2),
        .clamp = sketch_below(random, 2),
        .adds = sketch_below(random, 2),
        .gates = sketch_below(random, 3) > 0,
        .shuts = sketch_below(random, 2),
    };
    size_t reach = (layer.kernel - 1) * layer.dilation;

    layer.pad = sketch_below(random, reach / 2 + 1);
    layer.height = 1 + reach + sketch_below(random, 9);
    layer.width = 1 + reach + sketch_below(random, 14);
    return layer;
}

static void all_channels_are_as_the_reference_has_them(void **state)
{
    struct sketch_random random = {11};

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct dense_case layer =
            random_layer(i % 2 ? GRAPH_DECONV : GRAPH_CONV, &random);

        compare(&layer);
    }
}

/* By Winograd's way, where there is a kernel. */
static void large_layers_are_as_the_reference_has_them(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct dense_case layer = {.op = i ? GRAPH_DECONV : GRAPH_CONV,
                                   .pictures = 1,
                                   .in = 32,
                                   .out = 48,
                                   .height = 23,
                                   .width = 26,
                                   .kernel = 3,
                                   .stride = 1,
                                   .pad = 1,
                                   .dilation = 1,
                                   .bias = true,
                                   .adds = true,
                                   .gates = true};

        compare(&layer);
    }
}

/* A wide tile takes a copy of them. */
static void pixels_a_page_apart_are_as_the_reference_has_them(void **state)
{
    static const struct dense_case layers[] = {
        {.in = 1024, .out = 160, .height = 5, .width = 7, .kernel = 1},
        {.in = 512,
         .out = 520,
         .height = 9,
         .width = 12,
         .kernel = 1,
         .stride = 2},
        {.in = 2048, .out = 24, .height = 6, .width = 5, .kernel = 3, .pad = 1},
        {.in = 1024,
         .out = 40,
         .height = 4,
         .width = 5,
         .kernel = 2,
         .stride = 2},
        {.in = 1024, .out = 8, .height = 5, .width = 7, .kernel = 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        struct dense_case layer = layers[i];

        layer.op = i == 3 ? GRAPH_DECONV : GRAPH_CONV;
        layer.pictures = 1 + i % 2;
        layer.stride += layer.stride == 0;
        layer.dilation = 1;
        layer.bias = layer.adds = true;
        compare(&layer);
    }
}

static void each_channel_by_itself_is_as_the_reference_has_it(void **state)
{
    struct sketch_random random = {13};

    (void)state;
    for (int i = 0; i < 120; i++) {
        struct dense_case layer =
            random_layer(i % 2 ? GRAPH_DECONV : GRAPH_CONV, &random);

        layer.depthwise = true;
        layer.in = layer.in < 2 ? 2 : layer.in;
        layer.out = layer.in;
        if (i % 2 == 0) { /* as the depthwise kernel takes them */
            layer.pictures = 1;
            layer.kernel = 3 + 2 * (layer.kernel % 3);
            layer.stride = 1 + layer.stride % 2;
            layer.dilation = 1;
            layer.pad = layer.kernel / 2;
        }
        compare(&layer);
    }
}

/* By tiles, by Winograd's way and of each channel by itself. */
static void functions_of_results_are_as_the_reference_has_them(void **state)
{
    static const enum graph_function functions[] = {
        GRAPH_SILU, GRAPH_GELU, GRAPH_GELU_TANH, GRAPH_HARD_SWISH,
        GRAPH_LEAKY_RELU};
    struct sketch_random random = {17};

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        struct dense_case layer =
            random_layer(i % 8 == 5 ? GRAPH_DECONV : GRAPH_CONV, &random);

        layer.gates = false;
        layer.has_function = true;
        layer.function = functions[i % 5];
        if (i % 4 == 1) {
            layer.pictures = layer.stride = layer.dilation = 1;
            layer.in = layer.out = 32 + 8 * (i % 3);
            layer.kernel = 3;
            layer.pad = 1;
            layer.height = layer.width = 22 + i % 4;
        } else if (i % 4 == 3) {
            layer.pictures = layer.dilation = 1;
            layer.depthwise = true;
            layer.in = layer.out = 24 + 37 * (i % 3);
            layer.kernel = 3 + 2 * (i % 3);
            layer.stride = 1 + i % 2;
            layer.pad = layer.kernel / 2;
        }
        compare(&layer);
    }
}

static void linear_layers_are_as_the_reference_has_them(void **state)
{
    static const size_t sizes[] = {1, 2, 7, 8, 9, 16, 24, 33, 100};

    (void)state;
    for (size_t i = 0; i < 9 * 9; i++) {
        size_t rows = 1 + i % 8, ins = sizes[i % 9], outs = sizes[i / 9];
        struct sketch_random random = {i + 1};
        struct graph graph = {0};
        struct reference ref = {0};
        struct error err = {0};
        int x = sketch_input(&graph, SHAPE(rows, ins));
        int weights = sketch_noise(&graph, SHAPE(outs, ins), &random, -1, 1);
        int bias = sketch_noise(&graph, SHAPE(outs), &random, -1, 1);
        float in[8 * 100], *out;

        sketch_output(&graph,
                      sketch_node(&graph, GRAPH_LINEAR,
                                  (int[]){x, weights, bias}, i % 2 ? 3 : 2));
        sketch_last(&graph)->min = -1;
        sketch_fill(&random, in, rows * ins, -1, 1);
        if (!graph_infer(&graph, &err) || !graph_layout(&graph, &err) ||
            !reference_run(&ref, &graph, in, &err))
            fail_msg("%s", err.text);
        out = run(&graph, in, 1);
        for (size_t k = 0; k < rows * outs; k++)
            if (!(fabs((double)out[k] - ref.values[graph.outputs[0]][k]) <
                  TOLERANCE))
                fail_msg("%zu rows of %zu to %zu: %zu is %g, not %g", rows, ins,
                         outs, k, (double)out[k],
                         ref.values[graph.outputs[0]][k]);
        free(out);
        reference_release(&ref);
        graph_release(&graph);
    }
}

/* After the plan, and before sessions, as the owner of a graph would. */
static void constants_that_were_copied_may_be_dropped(void **state)
{
    const struct dense_case layer = {.op = GRAPH_CONV,
                                     .pictures = 1,
                                     .in = 8,
                                     .out = 20,
                                     .height = 4,
                                     .width = 5,
                                     .kernel = 3,
                                     .stride = 1,
                                     .pad = 1,
                                     .dilation = 1,
                                     .bias = true,
                                     .gates = true};
    struct graph graph = {0};
    struct error err = {0};
    struct plan *plan;
    struct plan_session *session;
    float in[8 * 4 * 5], *expected;
    size_t num_dropped = 0;

    (void)state;
    make(&graph, &layer);
    sketch_fill(&(struct sketch_random){3}, in, sizeof in / sizeof *in, -1, 1);
    expected = run(&graph, in, 1);
    plan = plan_new(&graph, &err);
    assert_non_null(plan);
    for (size_t v = 0; v < graph.num_values; v++)
        if (graph.values[v].data && plan_has_copy(plan, (int)v)) {
            graph_drop_constant(&graph.values[v]);
            num_dropped++;
        }
    if (plan_num_run_by(plan, PLAN_DENSE) > 0)
        assert_int_equal(num_dropped, 2);
    session = plan_session_new(plan, NULL, &err);
    assert_non_null(session);
    memcpy(plan_session_data(session, graph.inputs[0]), in, sizeof in);
    assert_true(plan_session_run(session, &err));
    assert_memory_equal(plan_session_data(session, graph.outputs[0]), expected,
                        20 * 4 * 5 * sizeof(float));
    plan_session_free(session);
    plan_free(plan);
    free(expected);
    graph_release(&graph);
}

/* Nothing must be read or computed twice by a mask that is too short or that
 * is shared by two gates of different bounds. */
static void two_gates_of_one_map_may_have_different_bounds(void **state)
{
    const struct dense_case layer = {.op = GRAPH_CONV,
                                     .pictures = 1,
                                     .in = 16,
                                     .out = 24,
                                     .height = 5,
                                     .width = 7,
                                     .kernel = 1,
                                     .stride = 1,
                                     .dilation = 1};
    struct sketch_random random = {5};
    struct graph graph = {0};
    struct reference ref = {0};
    struct error err = {0};
    float in[16 * 5 * 7], *out;
    int x = sketch_input(&graph, SHAPE(1, 16, 5, 7)), y, g[2];

    (void)state;
    y = add_layer(&graph, &layer, x, &random);
    for (int i = 0; i < 2; i++) {
        g[i] = add_layer(&graph, &layer, x, &random);
        g[i] = sketch_node(&graph, GRAPH_GATE, (int[]){y, g[i]}, 2);
        sketch_last(&graph)->gate.low = i == 0 ? 0 : -1;
        sketch_last(&graph)->gate.high = 1;
    }
    sketch_output(&graph, sketch_node(&graph, GRAPH_MUL, g, 2));
    sketch_fill(&random, in, sizeof in / sizeof *in, -1, 1);
    if (!graph_infer(&graph, &err) || !graph_layout(&graph, &err) ||
        !reference_run(&ref, &graph, in, &err))
        fail_msg("%s", err.text);
    out = run(&graph, in, 1);
    for (size_t i = 0; i < count_of(&graph, graph.outputs[0]); i++)
        assert_true(fabs((double)out[i] - ref.values[graph.outputs[0]][i]) <
                    1e-4);
    free(out);
    reference_release(&ref);
    graph_release(&graph);
}

static void what_follows_is_done_in_the_same_step(void **state)
{
    const struct dense_case layer = {.op = GRAPH_DECONV,
                                     .pictures = 1,
                                     .in = 16,
                                     .out = 16,
                                     .height = 6,
                                     .width = 6,
                                     .kernel = 3,
                                     .stride = 2,
                                     .dilation = 1,
                                     .adds = true,
                                     .gates = true};
    struct graph graph = {0};
    struct error err = {0};
    struct plan *plan;

    (void)state;
    make(&graph, &layer);
    plan = plan_new(&graph, &err);
    assert_non_null(plan);
    if (plan_num_run_by(plan, PLAN_DENSE) > 0) {
        const struct plan_step *last =
            &plan_steps(plan)[plan_num_steps(plan) - 1];

        assert_int_equal(last->runner, PLAN_DENSE);
        assert_int_equal(last->count, 3);
    }
    plan_free(plan);
    graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_channels_are_as_the_reference_has_them),
        cmocka_unit_test(large_layers_are_as_the_reference_has_them),
        cmocka_unit_test(pixels_a_page_apart_are_as_the_reference_has_them),
        cmocka_unit_test(each_channel_by_itself_is_as_the_reference_has_it),
        cmocka_unit_test(functions_of_results_are_as_the_reference_has_them),
        cmocka_unit_test(linear_layers_are_as_the_reference_has_them),
        cmocka_unit_test(constants_that_were_copied_may_be_dropped),
        cmocka_unit_test(two_gates_of_one_map_may_have_different_bounds),
        cmocka_unit_test(what_follows_is_done_in_the_same_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
