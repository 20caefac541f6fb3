/* Files that are written: what is in them beside the numbers, which are held to
 * the graph's wherever gradients are tested (tests/slopes.c); and operations
 * that have no gradient. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnx/onnx.h"
#include "engine/onnx/onnx_summary.h"
#include "engine/onnx/onnx_write.h"
#include "engine/passes/gradient.h"
#include "tests/network.h"
#include "tests/rewritten.h"
#include "tests/sketch.h"
#include "tests/unit/alloc_sweep.h"

#include <cmocka.h>

/* ---- numbers ---- */

/* The graph after graph_infer, and with noise as its input. */
static void check(struct graph *graph, const char *name)
{
    struct sketch_random random = {11};
    struct error err = {0};
    size_t count;
    float *noise;
    double *input;

    sketch_output(graph, sketch_last(graph)->outputs[0]);
    if (!graph_infer(graph, &err))
        fail_msg("%s: %s", name, err.text);
    count = graph_shape_count(&graph->values[graph->inputs[0]].shape);
    noise = calloc(count, sizeof *noise);
    input = calloc(count, sizeof *input);
    assert_non_null(noise);
    assert_non_null(input);
    sketch_fill(&random, noise, count, -2, 2);
    for (size_t i = 0; i < count; i++)
        input[i] = (double)noise[i];
    if (!expect_rewritten(graph, (const double *const[]){input}, name))
        fail_msg("%s: it cannot be written", name);
    free(noise);
    free(input);
    graph_release(graph);
}

static void truths_come_back(void **state)
{
    static const enum graph_op ops[] = {GRAPH_EQUAL,      GRAPH_LESS,
                                        GRAPH_LESS_EQUAL, GRAPH_AND,
                                        GRAPH_OR,         GRAPH_XOR};

    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct graph graph = {0};
        int x = sketch_input(&graph, SHAPE(1, 3, 4, 5)), a, b;

        a = sketch_node(&graph, GRAPH_UNARY, &x, 1);
        sketch_last(&graph)->unary.function = GRAPH_ROUND;
        b = sketch_node(&graph, GRAPH_UNARY, &x, 1);
        sketch_last(&graph)->unary.function = GRAPH_CEIL;
        sketch_node(&graph, ops[i], (int[]){a, b}, 2);
        check(&graph, graph_op_name(ops[i]));
    }
}

static void functions_in_steps_come_back(void **state)
{
    static const enum graph_function functions[] = {
        GRAPH_NEGATE, GRAPH_SIGN,   GRAPH_NOT,    GRAPH_FLOOR,
        GRAPH_CEIL,   GRAPH_IS_NAN, GRAPH_IS_INF, GRAPH_ROUND};

    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct graph graph = {0};
        int x = sketch_input(&graph, SHAPE(1, 3, 4, 5));

        x = sketch_node(&graph, GRAPH_CLAMP, &x, 1);
        sketch_last(&graph)->min = 0;
        if (functions[i] == GRAPH_IS_INF) { /* 0 becomes infinite */
            x = sketch_node(&graph, GRAPH_UNARY, &x, 1);
            sketch_last(&graph)->unary.function = GRAPH_RECIPROCAL;
        }
        sketch_node(&graph, GRAPH_UNARY, &x, 1);
        sketch_last(&graph)->unary.function = functions[i];
        sketch_last(&graph)->unary.beta = 1;
        check(&graph, "a function");
    }
}

static void quantized_numbers_come_back(void **state)
{
    static const float scales[] = {0.25f, 0.5f, 0.125f};
    static const int64_t zeros[] = {3, 128, 5};

    (void)state;
    for (int way = 0; way < 4; way++) {
        struct graph graph = {0};
        int x = sketch_input(&graph, SHAPE(1, 3, 4, 5)), operands[3];
        struct graph_shape shape = way % 2 ? SHAPE(3) : SCALAR;

        operands[0] = x;
        operands[1] = sketch_floats(&graph, shape, scales);
        operands[2] = sketch_ints(&graph, shape, zeros);
        operands[0] =
            sketch_node(&graph, GRAPH_QUANTIZE, operands, way < 2 ? 2 : 3);
        sketch_last(&graph)->quant.axis = 1;
        sketch_last(&graph)->quant.high = 255;
        sketch_node(&graph, GRAPH_DEQUANTIZE, operands, way < 2 ? 2 : 3);
        sketch_last(&graph)->quant.axis = 1;
        check(&graph, "quantized");
    }
}

static void decisions_and_sums_come_back(void **state)
{
    struct graph graph = {0};
    struct sketch_random random = {5};
    int x = sketch_input(&graph, SHAPE(2, 3, 4)), y;

    (void)state;
    sketch_node(&graph, GRAPH_HARDMAX, &x, 1);
    sketch_last(&graph)->axis = 1;
    sketch_last(&graph)->to_matrix = true;
    check(&graph, "hardmax");

    x = sketch_input(&graph, SHAPE(2, 3, 4));
    y = sketch_noise(&graph, SHAPE(2, 4, 5), &random, -1, 1);
    sketch_node(&graph, GRAPH_EINSUM, (int[]){x, y}, 2);
    sketch_last(&graph)->einsum.equation = "bij,bjk->bki";
    check(&graph, "einsum");

    x = sketch_input(&graph, SHAPE(1, 6, 3, 4));
    sketch_node(&graph, GRAPH_NORM,
                (int[]){x, sketch_noise(&graph, SHAPE(2), &random, 1, 2),
                        sketch_noise(&graph, SHAPE(2), &random, -1, 1)},
                3);
    sketch_last(&graph)->norm.rule = GRAPH_NORM_GROUP;
    sketch_last(&graph)->norm.groups = 2;
    sketch_last(&graph)->norm.epsilon = 1e-5f;
    check(&graph, "groups with scales of their own");
}

/* Of -1, 0 and 1, with a border and without one, and windows that reach beyond
 * the end. */
static void of_equal_elements_the_first_is_the_largest(void **state)
{
    (void)state;
    for (size_t way = 0; way < 8; way++) {
        struct graph graph = {0};
        struct sketch_random random = {way + 1};
        struct gradient_options gradient = {.num_wanted = 1};
        struct error err = {0};
        float noise[2][100];
        double inputs[2][100];
        int x = sketch_input(&graph, SHAPE(1, 1, 8, 8)), steps;

        steps = sketch_node(&graph, GRAPH_UNARY, &x, 1);
        sketch_last(&graph)->unary.function = GRAPH_ROUND;
        gradient.wanted = &steps;
        gradient.source = sketch_node(&graph, GRAPH_MAX_POOL, &steps, 1);
        sketch_last(&graph)->pool.ceil = way % 2;
        for (int i = 0; i < 2; i++) {
            struct graph_window *window = &sketch_last(&graph)->pool.window;

            window->kernel[i] = 3;
            window->stride[i] = 1 + way / 4;
            window->dilation[i] = 1 + way / 2 % 2;
            window->pad_before[i] = window->pad_after[i] = way % 3;
        }
        sketch_output(&graph, gradient.source);
        assert_true(graph_infer(&graph, &err));
        assert_true(gradient_append(&graph, &gradient, &err));
        for (int i = 0; i < 2; i++) {
            sketch_fill(&random, noise[i], 100, -1.4f, 1.4f);
            for (size_t k = 0; k < 100; k++)
                inputs[i][k] = (double)noise[i][k];
        }
        assert_true(graph_value_count(&graph, graph.inputs[1]) <= 100);
        assert_true(expect_rewritten(
            &graph, (const double *const[]){inputs[0], inputs[1]}, "ties"));
        graph_release(&graph);
    }
}

/* Those without a row are of constants and shapes: graph_infer removes them. */
static void every_operation_is_written(void **state)
{
    static const enum graph_op without[] = {GRAPH_RANGE, GRAPH_NONZERO,
                                            GRAPH_SHAPE, GRAPH_FILL,
                                            GRAPH_EYE,   GRAPH_ONE_HOT};

    (void)state;
    for (int op = 0; op < GRAPH_NUM_OPS; op++) {
        struct graph graph = {0};
        struct buf file = {0};
        struct error err = {0};
        const char *name = "y";
        int x = sketch_input(&graph, SHAPE(1, 2)), y = 0;
        bool has_row = true;

        for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
            has_row &= without[i] != (enum graph_op)op;
        if (!has_row) {
            y = sketch_node(&graph, (enum graph_op)op, &x, 1);
            graph.values[y].shape = SHAPE(1, 2);
            graph.values[y].has_shape = true;
            sketch_output(&graph, y);
            assert_false(onnx_write(&file, &graph,
                                    &(struct onnx_write_options){&name, NULL},
                                    &err));
            assert_int_equal(err.kind, ERROR_UNSUPPORTED);
            assert_non_null(strstr(err.text, "node \"node0\" ("));
            assert_null(file.data);
        } else if (!onnx_write_supports((enum graph_op)op)) {
            fail_msg("%s has no row in onnx_write.c",
                     graph_op_name((enum graph_op)op));
        }
        graph_release(&graph);
    }
}

/* ---- names ---- */

static void write_named(struct buf *file, const struct graph *graph,
                        const char *const *names)
{
    const struct onnx_write_options options = {names, "what it is"};
    struct error err = {0};

    if (!onnx_write(file, graph, &options, &err))
        fail_msg("%s", err.text);
}

/* An input, the same value twice, a constant; and names that are like those
 * that are made up. */
static void outputs_are_called_what_they_are_asked_to_be(void **state)
{
    static const char *const names[] = {"in", "value_0", "b", "c"};
    const float number = 3;
    struct graph graph = {0};
    struct onnx_summary summary = {0};
    struct onnx_binding binding = {.shape = SHAPE(1, 2)};
    struct graph back = {0};
    struct buf file = {0};
    struct error err = {0};
    int x = sketch_input(&graph, SHAPE(1, 2)), y;

    (void)state;
    y = sketch_node(&graph, GRAPH_CLAMP, &x, 1);
    sketch_last(&graph)->min = -1;
    sketch_last(&graph)->max = 1;
    y = sketch_node(&graph, GRAPH_IDENTITY, &y, 1);
    sketch_output(&graph, x);
    sketch_output(&graph, y);
    sketch_output(&graph, y);
    sketch_output(&graph, sketch_floats(&graph, SCALAR, &number));
    assert_true(graph_infer(&graph, &err));
    write_named(&file, &graph, names);
    assert_true(onnx_summary_read(&summary, file.data, file.len, &err));
    assert_string_equal(summary.producer, "wherefore");
    assert_int_equal(summary.opset, 17);
    assert_int_equal(summary.num_inputs, 1);
    assert_string_equal(summary.inputs[0].name, "input");
    assert_int_equal(summary.num_outputs, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(summary.outputs[i].name, names[i]);
    assert_string_equal(summary.outputs[1].shape, "1 x 2");
    assert_true(
        onnx_read_tensors(&back, file.data, file.len, &binding, 1, NULL, &err));
    onnx_summary_release(&summary);
    graph_release(&back);
    graph_release(&graph);
    buf_release(&file);
}

/* ---- limits ---- */

/* Its zeros are never looked at. */
static void two_gigabytes_are_too_many(void **state)
{
    static const char *const name = "y";
    const struct onnx_write_options options = {&name, NULL};
    struct graph graph = {0};
    struct buf file = {0};
    struct error err = {0};
    int x = sketch_input(&graph, SHAPE(1, 2)), big;

    (void)state;
    big = graph_add_constant(&graph, "", GRAPH_FLOAT,
                             &SHAPE((size_t)1 << 14, (size_t)1 << 12), &err);
    assert_true(big >= 0);
    for (int i = 0; i < 8; i++) { /* 256 MB each */
        int copy = graph_share_constant(&graph, "", &graph.values[big], &err);

        assert_true(copy >= 0);
        x = sketch_node(&graph, GRAPH_ADD, (int[]){x, copy}, 2);
        graph.values[x].shape = graph.values[big].shape;
        graph.values[x].has_shape = true;
    }
    sketch_output(&graph, x);
    assert_false(onnx_write(&file, &graph, &options, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "at most 2147483647"));
    assert_null(file.data);
    graph_release(&graph);
}

static bool write_again(void *arg, struct error *err)
{
    static const char *const names[] = {"logits", "features", "gradient"};
    const struct onnx_write_options options = {names, "doc"};
    struct graph *graph = arg;
    struct buf file = {0};
    bool ok = onnx_write(&file, graph, &options, err);

    assert_true(ok || !file.data);
    buf_release(&file);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct graph graph = {0};
        struct gradient_options gradient = {.num_wanted = 1};
        struct error err = {0};
        int input;

        network_make(&graph, NETWORK_ANY, seed);
        assert_true(graph_infer(&graph, &err));
        input = graph.inputs[0];
        gradient.source = graph.outputs[graph.num_outputs - 1];
        gradient.wanted = &input;
        assert_true(gradient_append(&graph, &gradient, &err));
        graph.values[graph.inputs[1]].name = "seed";
        alloc_sweep(write_again, &graph);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truths_come_back),
        cmocka_unit_test(functions_in_steps_come_back),
        cmocka_unit_test(quantized_numbers_come_back),
        cmocka_unit_test(decisions_and_sums_come_back),
        cmocka_unit_test(of_equal_elements_the_first_is_the_largest),
        cmocka_unit_test(every_operation_is_written),
        cmocka_unit_test(outputs_are_called_what_they_are_asked_to_be),
        cmocka_unit_test(two_gigabytes_are_too_many),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
