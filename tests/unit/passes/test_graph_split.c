/* Convolutions whose weights are too large for a cache, made several. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/graph/graph.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* The parts compute what the whole does, sum by sum. */
#define TOLERANCE 1e-12

/* A 1 x 1 convolution of `side` x `side` pixels, NHWC, whose result is
 * clamped. */
static void make(struct graph *graph, size_t side, size_t in, size_t out,
                 bool has_bias)
{
    struct sketch_random random = {7};
    int x = sketch_input(graph, SHAPE(1, side, side, in));
    int weights = sketch_noise(graph, SHAPE(out, 1, 1, in), &random, -1, 1);
    int bias =
        has_bias ? sketch_noise(graph, SHAPE(out), &random, -1, 1) : GRAPH_NONE;
    int y = sketch_conv(graph, x, weights, bias, 1, 1, 0, 1);
    struct graph_node *node = sketch_last(graph);
    struct graph_value *value = graph_output(graph, node, 0);

    node->nhwc = true;
    node->min = 0;
    value->shape = SHAPE(1, side, side, out);
    value->has_shape = true;
    sketch_output(graph, y);
}

static void expect_same(bool has_bias)
{
    struct graph whole = {0}, parts = {0};
    struct reference wanted = {0}, got = {0};
    struct error err = {0};
    size_t side = 8, in = 1100, out = 1000;
    float *input = calloc(side * side * in, sizeof *input);
    struct sketch_random random = {9};

    assert_non_null(input);
    sketch_fill(&random, input, side * side * in, -1, 1);
    make(&whole, side, in, out, has_bias);
    make(&parts, side, in, out, has_bias);
    assert_true(graph_split(&parts, &err));
    assert_int_equal(sketch_count(&parts, GRAPH_CONCAT), 1);
    assert_true(sketch_count(&parts, GRAPH_CONV) > 1);
    assert_true(reference_run(&wanted, &whole, input, &err));
    assert_true(reference_run(&got, &parts, input, &err));
    assert_true(reference_distance(wanted.values[whole.outputs[0]],
                                   got.values[parts.outputs[0]],
                                   side * side * out) <= TOLERANCE);
    reference_release(&wanted);
    reference_release(&got);
    graph_release(&whole);
    graph_release(&parts);
    free(input);
}

static void large_weights_are_split_and_compute_the_same(void **state)
{
    (void)state;
    expect_same(true);
    expect_same(false);
}

static void no_part_has_large_weights(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    size_t channels = 0;

    (void)state;
    make(&graph, 8, 1100, 1000, true);
    assert_true(graph_split(&graph, &err));
    for (size_t n = 0; n < graph.num_nodes; n++) {
        const struct graph_node *node = &graph.nodes[n];

        if (node->op != GRAPH_CONV)
            continue;
        channels += graph_input(&graph, node, 1)->shape.dim[0];
        assert_true(graph_shape_count(&graph_input(&graph, node, 1)->shape) <=
                    1 << 19);
        assert_true(node->min >= 0);
    }
    assert_int_equal(channels, 1000);
    graph_release(&graph);
}

static void small_weights_and_few_pixels_stay_whole(void **state)
{
    struct graph small = {0}, few = {0};
    struct error err = {0};

    (void)state;
    make(&small, 16, 1000, 1000, true);
    assert_true(graph_split(&small, &err));
    assert_int_equal(small.num_nodes, 1);
    make(&few, 7, 1100, 1000, true);
    assert_true(graph_split(&few, &err));
    assert_int_equal(few.num_nodes, 1);
    graph_release(&small);
    graph_release(&few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_weights_are_split_and_compute_the_same),
        cmocka_unit_test(no_part_has_large_weights),
        cmocka_unit_test(small_weights_and_few_pixels_stay_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
