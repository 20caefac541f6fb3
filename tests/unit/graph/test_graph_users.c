/* Who uses a value, against looking at every node. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/graph/graph_users.h"
#include "tests/network.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* a = x + w, b = a + a, c = a * a; b is the output, c is used by nobody. */
struct diamond {
    struct graph graph;
    struct graph_users users;
    int x, w, a, b, c;
};

static void make(struct diamond *d)
{
    struct graph *g = &d->graph;

    *d = (struct diamond){0};
    d->x = sketch_input(g, SHAPE(1, 4));
    d->w = sketch_floats(g, SHAPE(4), (float[]){1, 2, 3, 4});
    d->a = sketch_node(g, GRAPH_ADD, (int[]){d->x, d->w}, 2);
    d->b = sketch_node(g, GRAPH_ADD, (int[]){d->a, d->a}, 2);
    d->c = sketch_node(g, GRAPH_MUL, (int[]){d->a, d->a}, 2);
    sketch_output(g, d->b);
    graph_users_find(&d->users, g);
}

static void release(struct diamond *d)
{
    graph_users_release(&d->users);
    graph_release(&d->graph);
}

static size_t count_slowly(const struct graph *graph, int value)
{
    size_t count = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].num_inputs; i++)
            count += graph->nodes[n].inputs[i] == value;
    for (size_t i = 0; i < graph->num_outputs; i++)
        count += graph->outputs[i] == value;
    return count;
}

static void uses_are_operands_and_outputs(void **state)
{
    struct diamond d;

    (void)state;
    make(&d);
    assert_int_equal(graph_users_count(&d.users, d.x), 1);
    assert_int_equal(graph_users_count(&d.users, d.a), 4);
    assert_int_equal(graph_users_count(&d.users, d.b), 1);
    assert_int_equal(graph_users_count(&d.users, d.c), 0);
    release(&d);
}

static void each_user_is_named_once(void **state)
{
    struct diamond d;
    const struct graph_node *node;
    int at = GRAPH_USERS_START;
    size_t count = 0;

    (void)state;
    make(&d);
    while ((node = graph_users_next(&d.users, d.a, &at))) {
        assert_true(node == &d.graph.nodes[1] || node == &d.graph.nodes[2]);
        count++;
    }
    assert_int_equal(count, 2);
    release(&d);
}

static void a_sole_user_is_one_with_one_operand(void **state)
{
    struct diamond d;

    (void)state;
    make(&d);
    assert_ptr_equal(graph_users_sole(&d.users, d.x), &d.graph.nodes[0]);
    assert_null(graph_users_sole(&d.users, d.a));
    assert_null(graph_users_sole(&d.users, d.b)); /* the output */
    assert_ptr_equal(graph_users_sole_producer(&d.users, d.b),
                     &d.graph.nodes[1]);
    assert_null(graph_users_sole_producer(&d.users, d.a));
    assert_null(graph_users_sole_producer(&d.users, d.x));
    assert_null(graph_users_sole_producer(&d.users, GRAPH_NONE));
    release(&d);
}

static void replacing_a_value_changes_every_use_and_output(void **state)
{
    struct diamond d;

    (void)state;
    make(&d);
    graph_users_replace(&d.users, d.a, d.x);
    assert_int_equal(graph_users_count(&d.users, d.a), 0);
    assert_int_equal(graph_users_count(&d.users, d.x), 5);
    graph_users_replace(&d.users, d.b, d.c);
    assert_int_equal(d.graph.outputs[0], d.c);
    assert_int_equal(graph_users_count(&d.users, d.b), 0);
    release(&d);
}

static void a_node_and_values_that_came_later_are_known_once_added(void **state)
{
    struct diamond d;
    int late = 0;

    (void)state;
    make(&d);
    for (int i = 0; i < 200; i++) {
        late = sketch_node(&d.graph, GRAPH_IDENTITY, &d.w, 1);
        graph_users_add(&d.users, sketch_last(&d.graph));
    }
    assert_int_equal(graph_users_count(&d.users, d.w), 201);
    assert_int_equal(graph_users_count(&d.users, late), 0);
    release(&d);
}

/* As after a failed allocation. */
static void without_an_index_the_answers_are_the_same(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct graph graph = {0};
        struct graph_users users = {0};
        struct graph_users none = {.graph = &graph};

        (void)state;
        network_make(&graph, NETWORK_ANY, seed);
        graph_users_find(&users, &graph);
        for (int v = 0; v < (int)graph.num_values; v++) {
            assert_int_equal(graph_users_count(&users, v),
                             count_slowly(&graph, v));
            assert_int_equal(graph_users_count(&none, v),
                             count_slowly(&graph, v));
            assert_ptr_equal(graph_users_sole(&users, v),
                             graph_users_sole(&none, v));
        }
        graph_users_release(&users);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_are_operands_and_outputs),
        cmocka_unit_test(each_user_is_named_once),
        cmocka_unit_test(a_sole_user_is_one_with_one_operand),
        cmocka_unit_test(replacing_a_value_changes_every_use_and_output),
        cmocka_unit_test(
            a_node_and_values_that_came_later_are_known_once_added),
        cmocka_unit_test(without_an_index_the_answers_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
