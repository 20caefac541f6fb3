/* What the passes keep of whole networks, those of
 * tests/data/networks/networks.txt. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/graph/graph.h"
#include "engine/onnx/onnx.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* Reads a network and infers its shapes; false where it cannot be read. */
static bool open_network(struct graph *graph, const char *file)
{
    struct onnx_input size = {.folder = NETWORKS};
    struct error err = {0};
    struct buf buf = {0};
    char path[512];
    bool ok;

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    ok = buf_append_file(&buf, path, 1 << 26, &err) &&
         onnx_read(graph, buf.data, buf.len, &size, &err) &&
         graph_infer(graph, &err);
    buf_release(&buf);
    return ok;
}

/* Calls `check` for each network that can be read. */
static void for_each(void (*check)(struct graph *graph, const char *file))
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128];
    int num = 0;

    assert_non_null(list);
    while (fscanf(list, "%127s %*[^\n]", file) == 1) {
        struct graph graph = {0};

        if (open_network(&graph, file)) {
            check(&graph, file);
            num++;
        }
        graph_release(&graph);
    }
    fclose(list);
    assert_true(num >= 40);
}

/* ---- inference that runs twice ---- */

/* Infers once more, and expects each node and value to be what it was. */
static void expect_same(struct graph *graph, const char *file, const char *when)
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
        fail_msg("%s, %s: %s", file, when, err.text);
    assert_int_equal(graph->num_nodes, num_nodes);
    assert_int_equal(graph->num_values, num_values);
    for (size_t n = 0; n < num_nodes; n++)
        if (memcmp(&nodes[n], &graph->nodes[n], sizeof *nodes) != 0)
            fail_msg("%s, %s: node %zu, %s, is another", file, when, n,
                     nodes[n].name);
    for (size_t v = 0; v < num_values; v++)
        if (memcmp(&values[v], &graph->values[v], sizeof *values) != 0)
            fail_msg("%s, %s: value %zu, %s, is another", file, when, v,
                     values[v].name);
    free(nodes);
    free(values);
}

static void infer_again(struct graph *graph, const char *file)
{
    struct error err = {0};

    expect_same(graph, file, "inferred");
    assert_true(graph_fold(graph, &err));
    expect_same(graph, file, "folded");
    assert_true(graph_layout(graph, &err));
    expect_same(graph, file, "laid out");
}

static void inferring_again_changes_nothing_after_any_pass(void **state)
{
    (void)state;
    for_each(infer_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inferring_again_changes_nothing_after_any_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
