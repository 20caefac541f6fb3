#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "graph.h"
#include "onnx.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* That the results stay the same is for test_onnx and test_plan, which run
 * all of tests/cases/operators; here it is that one node remains of several. */

#define OPERATORS "tests/cases/operators"

static void open_case(struct graph *graph, const char *name)
{
    struct buf buf = {0};
    struct error err = {0};
    char path[256];

    snprintf(path, sizeof path, OPERATORS "/%s/model.onnx", name);
    if (!buf_append_file(&buf, path, 1 << 20, &err) ||
        !onnx_read(graph, buf.data, buf.len,
                   &(struct onnx_input){.width = 8, .height = 8}, &err) ||
        !graph_infer(graph, &err) || !graph_fold(graph, &err))
        fail_msg("%s: %s", name, err.text);
    buf_release(&buf);
}

static size_t count_functions(const struct graph *graph,
                              enum graph_function function)
{
    size_t count = 0;

    for (size_t n = 0; n < graph->num_nodes; n++)
        count += graph->nodes[n].op == GRAPH_UNARY &&
                 graph->nodes[n].unary.function == function;
    return count;
}

static void gelu_is_one_node_however_it_is_grouped(void **state)
{
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"gelu-spelt-out", 1},          {"gelu-as-dynamo-has-it", 1},
        {"gelu-of-the-halved-gate", 1}, {"no-gelu-but-of-another", 0},
        {"no-gelu-but-of-2", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct graph graph = {0};

        open_case(&graph, rows[i].name);
        if (count_functions(&graph, GRAPH_GELU) != rows[i].count ||
            count_functions(&graph, GRAPH_ERF) != 1 - rows[i].count)
            fail_msg("%s", rows[i].name);
        graph_release(&graph);
    }
}

static void hard_swish_is_one_node_however_it_is_written(void **state)
{
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"hard-swish-of-relu6", 1},
        {"hard-swish-of-a-divided-gate", 1},
        {"hard-swish-of-hard-sigmoid", 1},
        {"hard-swish-of-a-convolution", 1},
        {"no-hard-swish-but-divided-by-3", 0},
        {"no-hard-swish-but-of-a-fifth", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct graph graph = {0};

        open_case(&graph, rows[i].name);
        if (count_functions(&graph, GRAPH_HARD_SWISH) != rows[i].count)
            fail_msg("%s", rows[i].name);
        graph_release(&graph);
    }
}

static void normalization_is_one_node_where_its_axes_are_one_set(void **state)
{
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"normalization-spelt-out", 1},
        {"layer-norm-spelt-out", 1},
        {"layer-norm-of-channels-first", 1},
        {"no-normalization-but-of-other-axes", 0},
        {"no-normalization-but-of-the-mean", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct graph graph = {0};

        open_case(&graph, rows[i].name);
        if (sketch_count(&graph, GRAPH_NORM) != rows[i].count ||
            (rows[i].count == 1 && sketch_count(&graph, GRAPH_MEAN) != 0))
            fail_msg("%s", rows[i].name);
        graph_release(&graph);
    }
}

static void torch_s_response_norm_is_one_node_where_it_is_centred(void **state)
{
    (void)state;
    for (size_t centred = 0; centred < 2; centred++) {
        struct graph graph = {0};

        open_case(&graph,
                  centred ? "lrn-as-torch-has-it" : "no-lrn-but-lopsided");
        assert_int_equal(sketch_count(&graph, GRAPH_LRN), centred);
        assert_int_equal(sketch_count(&graph, GRAPH_AVERAGE_POOL), 1 - centred);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_is_one_node_however_it_is_grouped),
        cmocka_unit_test(hard_swish_is_one_node_however_it_is_written),
        cmocka_unit_test(normalization_is_one_node_where_its_axes_are_one_set),
        cmocka_unit_test(torch_s_response_norm_is_one_node_where_it_is_centred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
