/* Nodes that are added one by one, and inference that runs again. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/passes/graph_build.h"
#include "tests/inferred_again.h"
#include "tests/network.h"
#include "tests/sketch.h"

#include <cmocka.h>

static const struct graph_shape *shape_of(const struct graph *graph, int value)
{
    return &graph->values[value].shape;
}

static void a_node_gets_a_shape_and_makes_a_new_value(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 6, 5));
    int w = sketch_floats(&g, SHAPE(3, 1, 1), NULL);
    struct graph_node sum = graph_build_node(GRAPH_ADD, "n", "test");
    int y = graph_build(&g, &sum, (int[]){x, w}, 2, &err);

    (void)state;
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_shape_equal(shape_of(&g, y), &SHAPE(1, 3, 6, 5)));
    assert_string_equal(g.values[y].name, "");
    assert_ptr_equal(graph_producer(&g, y), &g.nodes[0]);
    assert_string_equal(g.nodes[0].name, "n");
    assert_false(graph_is_clamped(&g.nodes[0]));
    graph_release(&g);
}

static void what_is_made_of_constants_is_one(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int a = sketch_floats(&g, SHAPE(2), (float[]){1, 2});
    struct graph_node sum = graph_build_node(GRAPH_ADD, "n", "test");
    int y;

    (void)state;
    g.budget = g.constants_left = 100;
    y = graph_build(&g, &sum, (int[]){a, a}, 2, &err);
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_floats(&g.values[y])[1] == 4.0f);
    graph_release(&g);
}

static void operands_that_do_not_fit_are_refused(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 6, 5));
    int w = sketch_floats(&g, SHAPE(4, 1, 1), NULL);
    struct graph_node sum = graph_build_node(GRAPH_ADD, "n", "test");

    (void)state;
    assert_int_equal(graph_build(&g, &sum, (int[]){x, w}, 2, &err), GRAPH_NONE);
    assert_int_equal(err.kind, ERROR_INPUT);
    graph_release(&g);
}

static void a_reshape_that_changes_nothing_is_left_out(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 6, 5));
    struct graph_node node = graph_build_node(GRAPH_RESHAPE, "n", "test");
    int y;

    (void)state;
    assert_int_equal(
        graph_build_reshape(&g, &node, x, &SHAPE(1, 3, 6, 5), &err), x);
    y = graph_build_reshape(&g, &node, x, &SHAPE(3, 30), &err);
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_shape_equal(shape_of(&g, y), &SHAPE(3, 30)));
    assert_int_equal(graph_build_reshape(&g, &node, x, &SHAPE(3, 31), &err),
                     GRAPH_NONE);
    graph_release(&g);
}

static void a_transpose_reorders_the_axes(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 6, 5));
    struct graph_node node = graph_build_node(GRAPH_TRANSPOSE, "n", "test");
    int y = graph_build_transpose(&g, &node, x, (size_t[]){0, 2, 3, 1}, &err);

    (void)state;
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_shape_equal(shape_of(&g, y), &SHAPE(1, 6, 5, 3)));
    graph_release(&g);
}

/* A convolution as graph_layout leaves it. */
static void a_convolution_may_be_nhwc(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 6, 5, 3));
    int w = sketch_floats(&g, SHAPE(8, 3, 3, 3), NULL);
    int depthwise = sketch_floats(&g, SHAPE(1, 3, 3, 3), NULL);
    struct graph_node conv = graph_build_node(GRAPH_CONV, "n", "test");
    int y;

    (void)state;
    conv.nhwc = true;
    conv.conv.groups = 1;
    for (int i = 0; i < 2; i++)
        conv.conv.window.stride[i] = conv.conv.window.dilation[i] = 1;
    y = graph_build(&g, &conv, (int[]){x, w}, 2, &err);
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_shape_equal(shape_of(&g, y), &SHAPE(1, 4, 3, 8)));
    conv.conv.groups = 3;
    conv.conv.depthwise = true;
    y = graph_build(&g, &conv, (int[]){x, depthwise}, 2, &err);
    assert_int_not_equal(y, GRAPH_NONE);
    assert_true(graph_shape_equal(shape_of(&g, y), &SHAPE(1, 4, 3, 3)));
    graph_release(&g);
}

/* ---- inferring again ---- */

static void random_networks_stay_the_same_inferred_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};
        struct error err = {0};
        char name[32];

        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        network_make(&graph, NETWORK_ANY, seed);
        assert_true(graph_infer(&graph, &err));
        expect_inferred_again(&graph, name, "inferred");
        assert_true(graph_fold(&graph, &err));
        expect_inferred_again(&graph, name, "folded");
        assert_true(graph_layout(&graph, &err));
        expect_inferred_again(&graph, name, "laid out");
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_gets_a_shape_and_makes_a_new_value),
        cmocka_unit_test(what_is_made_of_constants_is_one),
        cmocka_unit_test(operands_that_do_not_fit_are_refused),
        cmocka_unit_test(a_reshape_that_changes_nothing_is_left_out),
        cmocka_unit_test(a_transpose_reorders_the_axes),
        cmocka_unit_test(a_convolution_may_be_nhwc),
        cmocka_unit_test(random_networks_stay_the_same_inferred_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
