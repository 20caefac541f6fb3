#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/network_file.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* That the results stay the same is for test_onnx and test_plan, which run
 * all of tests/cases/operators; here it is that one node remains of several. */

#define OPERATORS "tests/cases/operators"

static void open_case(struct network *network, const char *name)
{
    const struct network_options options = {
        .input = {.width = 8, .height = 8},
        .keep_outputs = true,
        .last = NETWORK_FOLD,
    };
    struct error err = {0};
    char path[256];

    snprintf(path, sizeof path, OPERATORS "/%s/model.onnx", name);
    if (!network_file_read(network, path, &options, &err))
        fail_msg("%s: %s", name, err.text);
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
        struct network network = {0};

        open_case(&network, rows[i].name);
        if (count_functions(&network.graph, GRAPH_GELU) != rows[i].count ||
            count_functions(&network.graph, GRAPH_ERF) != 1 - rows[i].count)
            fail_msg("%s", rows[i].name);
        network_release(&network);
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
        struct network network = {0};

        open_case(&network, rows[i].name);
        if (count_functions(&network.graph, GRAPH_HARD_SWISH) != rows[i].count)
            fail_msg("%s", rows[i].name);
        network_release(&network);
    }
}

/* x or `other`, times the sigmoid of x. */
static size_t count_silus(bool of_other)
{
    struct graph graph = {0};
    struct error err = {0};
    int x = sketch_input(&graph, SHAPE(1, 3, 8, 8));
    int other = sketch_node(&graph, GRAPH_CLAMP, &x, 1), gate;
    size_t count;

    sketch_last(&graph)->min = 0;
    gate = sketch_node(&graph, GRAPH_UNARY, &x, 1);
    sketch_last(&graph)->unary.function = GRAPH_SIGMOID;
    sketch_output(&graph, sketch_node(&graph, GRAPH_MUL,
                                      (int[]){gate, of_other ? other : x}, 2));
    if (!network_prepare(&graph, NETWORK_FOLD, &err))
        fail_msg("%s", err.text);
    count = count_functions(&graph, GRAPH_SILU);
    assert_int_equal(count_functions(&graph, GRAPH_SIGMOID), 1 - count);
    graph_release(&graph);
    return count;
}

static void silu_is_one_node(void **state)
{
    (void)state;
    assert_int_equal(count_silus(false), 1);
    assert_int_equal(count_silus(true), 0);
}

static void normalization_is_one_node_where_its_axes_are_one_set(void **state)
{
    static const struct {
        const char *name;
        size_t count, num_means; /* nodes left */
    } rows[] = {
        {"normalization-spelt-out", 1, 0},
        {"layer-norm-spelt-out", 1, 0},
        {"layer-norm-of-channels-first", 1, 0},
        {"layer-norm-by-the-inverse", 1, 0},
        {"layer-norm-by-one-divided", 1, 0},
        {"rms-norm-spelt-out", 1, 0},
        {"rms-norm-by-the-inverse", 1, 0},
        {"rms-norm-by-one-divided", 1, 0},
        {"no-rms-norm-but-of-another", 0, 0},
        {"length-of-1-as-torch-has-it", 1, 0},
        {"length-of-1-by-a-maximum", 1, 0},
        {"no-length-of-1-but-bounded", 0, 0},
        {"no-normalization-but-of-other-axes", 1, 1}, /* about zero */
        {"no-normalization-but-of-the-mean", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network network = {0};

        open_case(&network, rows[i].name);
        if (sketch_count(&network.graph, GRAPH_NORM) != rows[i].count ||
            (rows[i].count == 1 &&
             sketch_count(&network.graph, GRAPH_MEAN) != rows[i].num_means))
            fail_msg("%s", rows[i].name);
        network_release(&network);
    }
}

static void group_norm_is_one_node_that_keeps_the_picture(void **state)
{
    static const struct {
        const char *name;
        size_t num_reshapes;
    } rows[] = {
        {"group-norm-spelt-out", 0},
        {"group-norm-with-numbers-of-groups", 0},
        {"group-norm-by-its-mean", 0},
        {"group-norm-rounded", 0},
        {"group-norm-of-integers", 0},
        {"no-group-norm-but-with-a-number-each", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network network = {0};

        open_case(&network, rows[i].name);
        if (sketch_count(&network.graph, GRAPH_NORM) != 1 ||
            sketch_count(&network.graph, GRAPH_RESHAPE) !=
                rows[i].num_reshapes ||
            (rows[i].num_reshapes == 0 &&
             sketch_count(&network.graph, GRAPH_MUL) > 0))
            fail_msg("%s", rows[i].name);
        network_release(&network);
    }
}

static void what_changes_nothing_goes(void **state)
{
    static const struct {
        const char *name;
        enum graph_op op;
        size_t count;
    } rows[] = {
        {"gather-of-all", GRAPH_GATHER, 0},
        {"gather-of-all-from-the-end", GRAPH_GATHER, 0},
        {"gather-of-all-in-another-shape", GRAPH_GATHER, 0},
        {"gather-of-another-order", GRAPH_GATHER, 1},
        {"sum-with-zeros-and-product-with-ones", GRAPH_ADD, 0},
        {"sum-with-zeros-and-product-with-ones", GRAPH_MUL, 0},
        {"transpose-of-axes-of-length-1", GRAPH_TRANSPOSE, 0},
        {"where-all-is-true", GRAPH_WHERE, 0},
        {"where-all-is-false", GRAPH_WHERE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network network = {0};

        open_case(&network, rows[i].name);
        if (sketch_count(&network.graph, rows[i].op) != rows[i].count)
            fail_msg("%s", rows[i].name);
        network_release(&network);
    }
}

static void torch_s_response_norm_is_one_node_where_it_is_centred(void **state)
{
    (void)state;
    for (size_t centred = 0; centred < 2; centred++) {
        struct network network = {0};

        open_case(&network,
                  centred ? "lrn-as-torch-has-it" : "no-lrn-but-lopsided");
        assert_int_equal(sketch_count(&network.graph, GRAPH_LRN), centred);
        assert_int_equal(sketch_count(&network.graph, GRAPH_AVERAGE_POOL),
                         1 - centred);
        network_release(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_is_one_node_however_it_is_grouped),
        cmocka_unit_test(hard_swish_is_one_node_however_it_is_written),
        cmocka_unit_test(silu_is_one_node),
        cmocka_unit_test(normalization_is_one_node_where_its_axes_are_one_set),
        cmocka_unit_test(group_norm_is_one_node_that_keeps_the_picture),
        cmocka_unit_test(what_changes_nothing_goes),
        cmocka_unit_test(torch_s_response_norm_is_one_node_where_it_is_centred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
