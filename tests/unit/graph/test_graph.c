/* The graph's helpers: shapes, values, nodes and prune. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "tests/sketch.h"

#include <cmocka.h>

static void every_operator_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(graph_op_name(GRAPH_ADD), "add");
    assert_string_equal(graph_op_name(GRAPH_IDENTITY), "identity");
    for (int op = 0; op < GRAPH_NUM_OPS; op++) {
        assert_true(strlen(graph_op_name((enum graph_op)op)) > 1);
        assert_string_not_equal(graph_op_name((enum graph_op)op), "unknown");
    }
}

static void a_shape_counts_the_product_of_its_dimensions(void **state)
{
    (void)state;
    assert_int_equal(graph_shape_count(&SCALAR), 1);
    assert_int_equal(graph_shape_count(&SHAPE(7)), 7);
    assert_int_equal(graph_shape_count(&SHAPE(1, 3, 224, 224)), 150528);
    assert_int_equal(graph_shape_count(&SHAPE(2, 0, 5)), 0);
}

static void shapes_are_equal_when_rank_and_dimensions_are(void **state)
{
    (void)state;
    assert_true(graph_shape_equal(&SCALAR, &SCALAR));
    assert_true(graph_shape_equal(&SHAPE(1, 2), &SHAPE(1, 2)));
    assert_false(graph_shape_equal(&SHAPE(1, 2), &SHAPE(2, 1)));
    assert_false(graph_shape_equal(&SHAPE(1), &SHAPE(1, 1)));
    assert_false(graph_shape_equal(&SCALAR, &SHAPE(1)));
}

static void a_shape_with_too_many_elements_is_over_the_limit(void **state)
{
    const struct graph_shape fits[] = {SCALAR, SHAPE(GRAPH_MAX_ELEMENTS),
                                       SHAPE(1 << 10, 1 << 10, 1 << 8),
                                       SHAPE(0, 5), SHAPE(1, 1, 1, 1, 1, 1)};
    const struct graph_shape exceeds[] = {
        SHAPE(GRAPH_MAX_ELEMENTS + 1),
        SHAPE(1 << 10, 1 << 10, (1 << 8) + 1),
        SHAPE(SIZE_MAX, SIZE_MAX),
        SHAPE((size_t)1 << 32, (size_t)1 << 32),
        SHAPE(0, SIZE_MAX, SIZE_MAX),
        SHAPE(1 << 8, 1 << 8, 1 << 8, 1 << 8, 1 << 8, 1 << 8)};

    (void)state;
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        struct error err = {0};

        assert_true(graph_shape_check(&fits[i], &err));
    }
    for (size_t i = 0; i < sizeof exceeds / sizeof exceeds[0]; i++) {
        struct error err = {0};

        assert_false(graph_shape_check(&exceeds[i], &err));
        assert_int_equal(err.kind, ERROR_LIMIT);
    }
}

static void a_shape_as_text_is_for_people(void **state)
{
    char text[GRAPH_SHAPE_TEXT];
    struct graph_shape widest =
        SHAPE(SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX);

    (void)state;
    assert_string_equal(graph_shape_text(text, &SCALAR), "scalar");
    assert_string_equal(graph_shape_text(text, &SHAPE(1000)), "1000");
    assert_string_equal(graph_shape_text(text, &SHAPE(1, 3, 224, 224)),
                        "1 x 3 x 224 x 224");
    assert_int_equal(strlen(graph_shape_text(text, &widest)), 6 * 20 + 5 * 3);
}

static void a_value_is_born_without_shape_producer_and_data(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    char name[] = "conv1";
    int first = graph_add_value(&graph, name, GRAPH_FLOAT, &err);
    int second = graph_add_value(&graph, "", GRAPH_INT, &err);

    (void)state;
    name[0] = 'X'; /* the graph has its own copy */
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
    assert_string_equal(graph.values[first].name, "conv1");
    assert_int_equal(graph.values[second].type, GRAPH_INT);
    assert_false(graph.values[first].has_shape);
    assert_null(graph.values[first].data);
    assert_int_equal(graph.values[first].producer, GRAPH_NONE);
    graph_release(&graph);
}

static void values_have_a_limit(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int last = 0;

    (void)state;
    for (int i = 0; i <= GRAPH_MAX_VALUES && last != GRAPH_NONE; i++)
        last = graph_add_value(&graph, "v", GRAPH_FLOAT, &err);
    assert_int_equal(last, GRAPH_NONE);
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_int_equal(graph.num_values, GRAPH_MAX_VALUES);
    graph_release(&graph);
}

static void a_constant_starts_as_zeros_of_its_type(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int floats =
        graph_add_constant(&graph, "w", GRAPH_FLOAT, &SHAPE(2, 3), &err);
    int ints = graph_add_constant(&graph, "i", GRAPH_INT, &SHAPE(4), &err);
    int empty = graph_add_constant(&graph, "e", GRAPH_INT, &SHAPE(0), &err);

    (void)state;
    for (int i = 0; i < 6; i++)
        assert_true(graph_floats(&graph.values[floats])[i] == 0.0f);
    for (int i = 0; i < 4; i++)
        assert_int_equal(graph_ints(&graph.values[ints])[i], 0);
    assert_non_null(graph.values[empty].data); /* which is what makes it one */
    graph_release(&graph);
}

static void a_constant_over_the_limit_is_refused(void **state)
{
    struct graph graph = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(graph_add_constant(&graph, "w", GRAPH_FLOAT,
                                        &SHAPE(1 << 20, 1 << 20), &err),
                     GRAPH_NONE);
    assert_int_equal(err.kind, ERROR_LIMIT);
    graph_release(&graph);
}

static void a_node_starts_with_operands_left_out_and_no_clamp(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    struct graph_node *node =
        graph_add_node(&graph, GRAPH_CONV, "n", "Conv", 3, 1, &err);

    (void)state;
    assert_non_null(node);
    assert_int_equal(node->op, GRAPH_CONV);
    assert_string_equal(node->name, "n");
    assert_string_equal(node->onnx_op, "Conv");
    for (uint32_t i = 0; i < 3; i++)
        assert_null(graph_input(&graph, node, i));
    assert_null(graph_output(&graph, node, 0));
    assert_null(graph_input(&graph, node, 3)); /* beyond the list as well */
    assert_true(isinf(node->min) && node->min < 0);
    assert_true(isinf(node->max) && node->max > 0);
    assert_false(node->nhwc);
    graph_release(&graph);
}

/* input -> a -> b -> output, and a dead branch c with a constant of its own. */
struct chain {
    struct graph graph;
    int x, a, b, c, used, unused;
};

static void make_chain(struct chain *chain)
{
    struct graph *g = &chain->graph;

    *chain = (struct chain){0};
    chain->x = sketch_input(g, SHAPE(1, 4));
    chain->used = sketch_floats(g, SHAPE(4), (float[]){1, 2, 3, 4});
    chain->unused = sketch_floats(g, SHAPE(4), (float[]){5, 6, 7, 8});
    chain->a = sketch_node(g, GRAPH_ADD, (int[]){chain->x, chain->used}, 2);
    chain->c = sketch_node(g, GRAPH_MUL, (int[]){chain->a, chain->unused}, 2);
    chain->b = sketch_node(g, GRAPH_ADD, (int[]){chain->a, chain->a}, 2);
    sketch_output(g, chain->b);
}

static void pruning_drops_what_no_output_needs(void **state)
{
    struct chain chain;
    struct graph *g = &chain.graph;

    (void)state;
    make_chain(&chain);
    graph_prune(g);
    assert_int_equal(g->num_nodes, 2);
    assert_int_equal(g->nodes[0].outputs[0], chain.a);
    assert_int_equal(g->nodes[1].outputs[0], chain.b);
    assert_int_equal(g->values[chain.a].producer, 0);
    assert_int_equal(g->values[chain.b].producer, 1);
    assert_int_equal(g->values[chain.c].producer, GRAPH_NONE);
    assert_int_equal(g->values[chain.x].producer, GRAPH_NONE);
    assert_null(g->values[chain.unused].data);
    assert_true(graph_floats(&g->values[chain.used])[3] == 4.0f);
    graph_prune(g); /* and again changes nothing */
    assert_int_equal(g->num_nodes, 2);
    graph_release(g);
}

static void a_constant_that_is_an_output_survives_pruning(void **state)
{
    struct chain chain;

    (void)state;
    make_chain(&chain);
    sketch_output(&chain.graph, chain.unused);
    graph_prune(&chain.graph);
    assert_int_equal(chain.graph.num_nodes, 2);
    assert_true(graph_floats(&chain.graph.values[chain.unused])[0] == 5.0f);
    graph_release(&chain.graph);
}

static void a_node_with_one_needed_output_of_two_stays(void **state)
{
    struct graph graph = {0};
    struct error err = {0};
    int x = sketch_input(&graph, SHAPE(1, 4));
    int y = graph_add_value(&graph, "y", GRAPH_FLOAT, &err);
    int mask = graph_add_value(&graph, "mask", GRAPH_FLOAT, &err);
    struct graph_node *node =
        graph_add_node(&graph, GRAPH_IDENTITY, "drop", "Dropout", 1, 2, &err);

    (void)state;
    assert_non_null(node);
    node->inputs[0] = x;
    node->outputs[0] = y;
    node->outputs[1] = mask;
    sketch_output(&graph, y);
    graph_prune(&graph);
    assert_int_equal(graph.num_nodes, 1);
    assert_int_equal(graph.values[y].producer, 0);
    graph_release(&graph);
}

static void graphs_share_the_elements_of_a_constant(void **state)
{
    struct chain chain;
    struct graph other = {0};
    struct error err = {0};
    const struct graph_value *w;
    int shared;

    (void)state;
    make_chain(&chain);
    w = &chain.graph.values[chain.used];
    shared = graph_share_constant(&other, "w", w, &err);
    assert_int_not_equal(shared, GRAPH_NONE);
    assert_ptr_equal(other.values[shared].data, w->data);
    assert_true(graph_shape_equal(&other.values[shared].shape, &w->shape));
    graph_release(&chain.graph); /* the other one keeps them */
    assert_true(graph_floats(&other.values[shared])[3] == 4.0f);
    graph_drop_constant(&other.values[shared]);
    assert_null(other.values[shared].data);
    graph_release(&other);
}

static void a_graph_shares_a_constant_with_itself(void **state)
{
    struct chain chain;
    struct graph *g = &chain.graph;
    struct error err = {0};
    int shared;

    (void)state;
    make_chain(&chain);
    shared = graph_share_constant(g, "w", &g->values[chain.unused], &err);
    sketch_output(g, shared);
    graph_prune(g); /* drops the first holder */
    assert_null(g->values[chain.unused].data);
    assert_true(graph_floats(&g->values[shared])[0] == 5.0f);
    graph_release(g);
}

static void a_value_is_found_by_each_of_its_names(void **state)
{
    struct chain chain;
    struct graph *g = &chain.graph;

    (void)state;
    make_chain(&chain);
    assert_int_equal(graph_find(g, g->values[chain.a].name), chain.a);
    assert_int_equal(graph_find(g, "input"), chain.x);
    assert_int_equal(graph_find(g, ""), GRAPH_NONE);
    assert_int_equal(graph_find(g, "nothing"), GRAPH_NONE);
    graph_take_names(g, chain.x, chain.a);
    assert_string_equal(g->values[chain.x].name, "input");
    assert_string_equal(g->values[chain.a].name, "");
    assert_string_equal(g->values[chain.x].names->next->text, "value3");
    assert_int_equal(graph_find(g, "value3"), chain.x);
    graph_take_names(g, chain.a, chain.x); /* and back, both */
    assert_int_equal(graph_find(g, "input"), chain.a);
    assert_int_equal(graph_find(g, "value3"), chain.a);
    graph_forget_names(g, chain.a);
    assert_int_equal(graph_find(g, "value3"), GRAPH_NONE);
    graph_release(g);
}

static void a_pruned_reshape_leaves_its_names_to_what_it_reshaped(void **state)
{
    struct chain chain;
    struct graph *g = &chain.graph;
    int r, s;

    (void)state;
    make_chain(&chain);
    r = sketch_node(g, GRAPH_RESHAPE, &chain.a, 1);
    s = sketch_node(g, GRAPH_RESHAPE, &r, 1);
    graph_prune(g);
    assert_int_equal(graph_find(g, "value6"), chain.a);
    assert_int_equal(graph_find(g, "value7"), chain.a);
    assert_string_equal(g->values[s].name, "");
    assert_int_equal(graph_find(g, "value4"), GRAPH_NONE); /* is not made */
    graph_release(g);
}

static void a_released_graph_is_empty(void **state)
{
    struct chain chain;

    (void)state;
    make_chain(&chain);
    graph_release(&chain.graph);
    assert_null(chain.graph.values);
    assert_int_equal(chain.graph.num_nodes, 0);
    graph_release(&chain.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_has_a_name),
        cmocka_unit_test(a_shape_counts_the_product_of_its_dimensions),
        cmocka_unit_test(shapes_are_equal_when_rank_and_dimensions_are),
        cmocka_unit_test(a_shape_with_too_many_elements_is_over_the_limit),
        cmocka_unit_test(a_shape_as_text_is_for_people),
        cmocka_unit_test(a_value_is_born_without_shape_producer_and_data),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(a_constant_starts_as_zeros_of_its_type),
        cmocka_unit_test(a_constant_over_the_limit_is_refused),
        cmocka_unit_test(a_node_starts_with_operands_left_out_and_no_clamp),
        cmocka_unit_test(pruning_drops_what_no_output_needs),
        cmocka_unit_test(a_constant_that_is_an_output_survives_pruning),
        cmocka_unit_test(a_node_with_one_needed_output_of_two_stays),
        cmocka_unit_test(graphs_share_the_elements_of_a_constant),
        cmocka_unit_test(a_graph_shares_a_constant_with_itself),
        cmocka_unit_test(a_value_is_found_by_each_of_its_names),
        cmocka_unit_test(a_pruned_reshape_leaves_its_names_to_what_it_reshaped),
        cmocka_unit_test(a_released_graph_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
