/* Graphs cut at a value: what is left, and what it computes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/passes/graph_build.h"
#include "engine/passes/graph_cut.h"

#include <cmocka.h>

/* x -> a = x + x; b = a * a; y = b + `last` */
static int build(struct graph *graph, int values[3], bool uses_input)
{
    const struct graph_node add = graph_build_node(GRAPH_ADD, "add", "Add");
    const struct graph_node mul = graph_build_node(GRAPH_MUL, "mul", "Mul");
    struct error err = {0};
    int x = graph_add_value(graph, "x", GRAPH_FLOAT, &err), y;

    graph->values[x].shape =
        (struct graph_shape){.rank = 4, .dim = {1, 2, 1, 3}};
    graph->values[x].has_shape = true;
    assert_true(graph_add_input(graph, x, &err));
    values[0] = x;
    values[1] = graph_build(graph, &add, (int[]){x, x}, 2, &err);
    values[2] =
        graph_build(graph, &mul, (int[]){values[1], values[1]}, 2, &err);
    y = graph_build(graph, &add, (int[]){values[2], uses_input ? x : values[1]},
                    2, &err);
    assert_true(y != GRAPH_NONE);
    assert_true(graph_set_outputs(graph, &y, 1, &err));
    return y;
}

static void what_only_the_value_needed_goes(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int values[3], y = build(&graph, values, false);

    (void)state;
    assert_true(graph_cut(&graph, values[1], &err));
    assert_int_equal(graph.num_inputs, 1);
    assert_int_equal(graph.inputs[0], values[1]);
    assert_int_equal(graph.values[values[1]].producer, GRAPH_NONE);
    assert_int_equal(graph.num_nodes, 2); /* the product and the last sum */
    assert_int_equal(graph.outputs[0], y);
    graph_release(&graph);
}

static void an_input_that_is_still_needed_stays(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int values[3];

    (void)state;
    build(&graph, values, true);
    assert_true(graph_cut(&graph, values[2], &err));
    assert_int_equal(graph.num_inputs, 2);
    assert_int_equal(graph.inputs[0], values[0]);
    assert_int_equal(graph.inputs[1], values[2]);
    assert_int_equal(graph.num_nodes, 1);
    graph_release(&graph);
}

/* (1, 2, 1, 3) looks like an image whose channels come last in the file. */
static void a_cut_input_has_its_channels_first(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    const struct graph_shape *shape;
    int values[3];

    (void)state;
    build(&graph, values, false);
    assert_true(graph_cut(&graph, values[1], &err));
    assert_true(graph_layout(&graph, &err));
    shape = &graph.values[graph.inputs[0]].shape;
    assert_int_equal(shape->dim[1], 1);
    assert_int_equal(shape->dim[2], 3);
    assert_int_equal(shape->dim[3], 2);
    graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_the_value_needed_goes),
        cmocka_unit_test(an_input_that_is_still_needed_stays),
        cmocka_unit_test(a_cut_input_has_its_channels_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
