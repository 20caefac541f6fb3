#include "tests/inferred_again.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void expect_inferred_again(struct graph *graph, const char *what,
                           const char *when)
{
    size_t num_nodes = graph->num_nodes, num_values = graph->num_values;
    struct graph_node *nodes = malloc(num_nodes * sizeof *nodes);
    struct graph_value *values = malloc(num_values * sizeof *values);
    struct error err = {0};

    assert_non_null(nodes);
    assert_non_null(values);
    memcpy(nodes, graph->nodes, num_nodes * sizeof *nodes);
    memcpy(values, graph->values, num_values * sizeof *values);
    if (!graph_infer(graph, &err))
        fail_msg("%s, %s: %s", what, when, err.text);
    assert_int_equal(graph->num_nodes, num_nodes);
    assert_int_equal(graph->num_values, num_values);
    for (size_t n = 0; n < num_nodes; n++)
        if (memcmp(&nodes[n], &graph->nodes[n], sizeof *nodes) != 0)
            fail_msg("%s, %s: node %zu, %s, is another", what, when, n,
                     nodes[n].name);
    for (size_t v = 0; v < num_values; v++)
        if (memcmp(&values[v], &graph->values[v], sizeof *values) != 0)
            fail_msg("%s, %s: value %zu, %s, is another", what, when, v,
                     values[v].name);
    free(nodes);
    free(values);
}
