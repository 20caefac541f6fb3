/* Depthwise convolutions against the reference interpreter: every window and
 * step, channels and widths that the vectors and tiles do not divide, borders
 * that differ, by any vectors and any number of threads. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/network.h"
#include "engine/run/depthwise.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

struct convolution {
    size_t channels, height, width;
    size_t kernel, stride;
    size_t top, left, bottom, right; /* border */
    bool bias, clamp;
};

/* One laid out graph of that node; returns the node. */
static const struct graph_node *make(struct graph *graph,
                                     const struct convolution *layer)
{
    struct sketch_random random = {layer->channels + layer->width * 100 + 1};
    struct error err = {0};
    int x = sketch_input(
        graph, SHAPE(1, layer->channels, layer->height, layer->width));
    int weights = sketch_noise(
        graph, SHAPE(layer->channels, 1, layer->kernel, layer->kernel), &random,
        -1, 1);
    int bias = layer->bias
                   ? sketch_noise(graph, SHAPE(layer->channels), &random, -1, 1)
                   : GRAPH_NONE;
    struct graph_window *window;

    sketch_output(graph, sketch_conv(graph, x, weights, bias, layer->kernel,
                                     layer->stride, 0, layer->channels));
    window = &sketch_last(graph)->conv.window;
    window->pad_before[0] = layer->top;
    window->pad_before[1] = layer->left;
    window->pad_after[0] = layer->bottom;
    window->pad_after[1] = layer->right;
    if (layer->clamp) {
        sketch_last(graph)->min = -0.5f;
        sketch_last(graph)->max = 0.75f;
    }
    if (!network_prepare(graph, NETWORK_LAYOUT, &err))
        fail_msg("%s", err.text);
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (graph->nodes[n].op == GRAPH_CONV)
            return &graph->nodes[n];
    fail_msg("no convolution is left");
    return NULL;
}

static void run(float *out, const struct graph *graph,
                const struct graph_node *node, const float *in, bool is_narrow,
                struct team *team)
{
    struct team_member member;

    team_member_init(&member, team);
    depthwise_run(
        &(struct depthwise){
            .graph = graph,
            .node = node,
            .in = in,
            .out = out,
            .is_narrow = is_narrow,
        },
        &member);
    team_rest(&member);
}

static void compare(const struct convolution *layer, struct team *team)
{
    struct graph graph = {0};
    const struct graph_node *node = make(&graph, layer);
    struct sketch_random random = {7};
    struct reference ref = {0};
    struct error err = {0};
    size_t num_in = layer->channels * layer->height * layer->width;
    size_t num_out = graph_shape_count(&graph_output(&graph, node, 0)->shape);
    float *in = malloc(num_in * sizeof *in);
    float *out[3];
    const double *expected;

    if (!depthwise_supports(&graph, node)) {
        free(in);
        graph_release(&graph);
        skip(); /* no such processor */
    }
    assert_non_null(in);
    sketch_fill(&random, in, num_in, -1, 1);
    if (!reference_run(&ref, &graph, in, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < num_in; i++) /* the graph may turn its input first */
        in[i] = (float)ref.values[node->inputs[0]][i];
    expected = ref.values[node->outputs[0]];
    for (int i = 0; i < 3; i++) {
        out[i] = malloc(num_out * sizeof *out[i]);
        assert_non_null(out[i]);
        memset(out[i], 0xff, num_out * sizeof *out[i]); /* not numbers */
        run(out[i], &graph, node, in, i == 1, i == 2 ? team : NULL);
    }
    for (size_t i = 0; i < num_out; i++)
        if (!(fabs((double)out[0][i] - expected[i]) < 1e-5))
            fail_msg("%zu channels, window %zu, step %zu, %zu x %zu: output "
                     "%zu is %g, not %g",
                     layer->channels, layer->kernel, layer->stride,
                     layer->width, layer->height, i, (double)out[0][i],
                     expected[i]);
    assert_memory_equal(out[1], out[0], num_out * sizeof *out[0]);
    assert_memory_equal(out[2], out[0], num_out * sizeof *out[0]);
    for (int i = 0; i < 3; i++)
        free(out[i]);
    free(in);
    reference_release(&ref);
    graph_release(&graph);
}

static void every_window_and_width_is_as_the_reference_has_it(void **state)
{
    static const size_t channels[] = {16, 17, 24, 63, 64, 100, 136};
    struct error err = {0};
    struct team *team = team_new(3, &err);

    (void)state;
    assert_non_null(team);
    for (size_t kernel = 3; kernel <= 7; kernel += 2)
        for (size_t stride = 1; stride <= 2; stride++)
            for (size_t width = 1; width <= 16; width++)
                compare(
                    &(struct convolution){
                        .channels = channels[width % 7],
                        .height = 17 - width,
                        .width = width,
                        .kernel = kernel,
                        .stride = stride,
                        .top = kernel / 2,
                        .left = kernel / 2,
                        .bottom = kernel / 2,
                        .right = kernel / 2,
                        .bias = width % 2,
                        .clamp = width % 3 == 0,
                    },
                    team);
    team_free(team);
}

static void borders_may_be_none_or_differ(void **state)
{
    const struct convolution layers[] = {
        {.channels = 32, .height = 9, .width = 30, .kernel = 3, .stride = 1},
        {.channels = 20,
         .height = 8,
         .width = 30,
         .kernel = 3,
         .stride = 2,
         .bottom = 1,
         .right = 1},
        {.channels = 48,
         .height = 30,
         .width = 29,
         .kernel = 5,
         .stride = 2,
         .top = 1,
         .left = 2,
         .bottom = 2,
         .right = 1,
         .bias = true},
        {.channels = 16,
         .height = 5,
         .width = 40,
         .kernel = 5,
         .stride = 1,
         .top = 4,
         .left = 4},
        {.channels = 16,
         .height = 7,
         .width = 21,
         .kernel = 7,
         .stride = 1,
         .bottom = 9,
         .right = 6,
         .clamp = true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        compare(&layers[i], NULL);
}

static void what_is_no_number_stays_so(void **state)
{
    const struct convolution layer = {.channels = 16,
                                      .height = 3,
                                      .width = 9,
                                      .kernel = 3,
                                      .stride = 1,
                                      .clamp = true};
    struct graph graph = {0};
    const struct graph_node *node = make(&graph, &layer);
    float in[3 * 9 * 16] = {0}, out[7 * 16];

    (void)state;
    if (!depthwise_supports(&graph, node)) {
        graph_release(&graph);
        skip();
    }
    in[4 * 16 + 3] = NAN; /* column 4: in the windows of outputs 2 to 4 */
    for (int narrow = 0; narrow < 2; narrow++) {
        run(out, &graph, node, in, narrow, NULL);
        for (size_t i = 0; i < 7 * 16; i++)
            assert_int_equal(!!isnan(out[i]),
                             i % 16 == 3 && i / 16 >= 2 && i / 16 <= 4);
    }
    graph_release(&graph);
}

static void other_convolutions_are_left_to_xnnpack(void **state)
{
    const struct convolution layers[] = {
        {.channels = 8, .height = 9, .width = 9, .kernel = 3, .stride = 1},
        {.channels = 32, .height = 9, .width = 9, .kernel = 1, .stride = 1},
        {.channels = 32, .height = 9, .width = 9, .kernel = 4, .stride = 1},
        {.channels = 32, .height = 9, .width = 9, .kernel = 3, .stride = 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        struct graph graph = {0};

        assert_false(depthwise_supports(&graph, make(&graph, &layers[i])));
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_and_width_is_as_the_reference_has_it),
        cmocka_unit_test(borders_may_be_none_or_differ),
        cmocka_unit_test(what_is_no_number_stays_so),
        cmocka_unit_test(other_convolutions_are_left_to_xnnpack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
