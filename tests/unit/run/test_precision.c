/* Networks computed with integers of 8 bits against the same with floats, and
 * what sessions share. Where neither the processor nor XNNPACK has integers,
 * that is what is tested. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/cam.h"
#include "engine/network/network.h"
#include "engine/run/dense_int8.h"
#include "engine/run/precision.h"
#include "engine/xnn/quantize.h"
#include "engine/xnn/xnnrun.h"
#include "tests/sketch.h"

#include <cmocka.h>

enum { CLASSES = 20, SIDE = 12 };

static bool has_int8(void)
{
    return dense_int8_has_kernel() || xnnrun_has_int8();
}

static int add_conv(struct graph *graph, struct sketch_random *random, int x,
                    size_t in, size_t out, size_t kernel)
{
    float reach = 2 / sqrtf((float)(in * kernel * kernel));
    int weights = sketch_noise(graph, SHAPE(out, in, kernel, kernel), random,
                               -reach, reach);
    int bias = sketch_noise(graph, SHAPE(out), random, -0.5f, 0.5f);
    int y = sketch_conv(graph, x, weights, bias, kernel, 1, kernel / 2, 1);

    y = sketch_node(graph, GRAPH_CLAMP, (int[]){y}, 1);
    sketch_last(graph)->min = 0;
    sketch_last(graph)->max = 6;
    return y;
}

/* The windows of a classifier's convolutions. */
enum windows {
    POINTWISE, /* 3 x 3, and two of 1 x 1 */
    WIDE,      /* two of 3 x 3 */
    TINY,      /* one of 1 x 1, of three channels */
};

/* A classifier, ready to be planned. */
static void make_small(struct network *net, enum windows windows)
{
    struct graph *graph = &net->graph;
    struct sketch_random random = {7};
    struct error err = {0};
    int x = sketch_input(graph, SHAPE(1, 3, SIDE, SIDE));

    if (windows == TINY) {
        x = add_conv(graph, &random, x, 3, 64, 1);
    } else {
        x = add_conv(graph, &random, x, 3, 48, 3);
        if (windows == POINTWISE)
            x = add_conv(graph, &random, x, 48, 96, 1);
        x = add_conv(graph, &random, x, windows == WIDE ? 48 : 96, 64,
                     windows == WIDE ? 3 : 1);
    }
    x = sketch_node(graph, GRAPH_MEAN, (int[]){x}, 1);
    sketch_last(graph)->reduce.raw_axes[0] = 2;
    sketch_last(graph)->reduce.raw_axes[1] = 3;
    sketch_last(graph)->reduce.num_raw_axes = 2;
    x = sketch_node(
        graph, GRAPH_MATMUL,
        (int[]){x, sketch_noise(graph, SHAPE(64, CLASSES), &random, -1, 1)}, 2);
    sketch_last(graph)->gemm.alpha = sketch_last(graph)->gemm.beta = 1;
    sketch_output(graph, x);
    assert_true(network_prepare(graph, NETWORK_LAYOUT, &err) &&
                head_find(&net->head, graph, &err) &&
                graph_set_outputs(graph,
                                  (int[]){net->head.logits, net->head.features},
                                  2, &err));
    graph_prune(graph);
    assert_null(net->head.refusal);
}

/* Logits and features of a picture. */
struct result {
    float logits[CLASSES];
    float features[SIDE * SIDE * 64];
};

static void run(struct result *result, const struct network *net,
                struct plan_session *session)
{
    struct sketch_random random = {3};
    struct error err = {0};

    sketch_fill(&random, plan_session_data(session, net->graph.inputs[0]),
                3 * SIDE * SIDE, -1, 1);
    assert_true(plan_session_run(session, &err));
    memcpy(result->logits, plan_session_data(session, net->head.logits),
           sizeof result->logits);
    memcpy(result->features, plan_session_data(session, net->head.features),
           sizeof result->features);
}

static void run_plan(struct result *result, const struct network *net,
                     const struct plan *plan)
{
    struct error err = {0};
    struct plan_session *session = plan_session_new(plan, NULL, &err);

    assert_non_null(session);
    run(result, net, session);
    plan_session_free(session);
}

/* Of a classifier whose layers, but for the last, all compute with integers. */
static void expect_near_floats(enum windows windows, size_t num_int8)
{
    struct network net = {0};
    struct error err = {0};
    static struct result floats, integers;
    struct plan *fp32, *int8;
    double apart = 0, size = 0;

    make_small(&net, windows);
    fp32 = plan_new(&net.graph, &err);
    int8 = plan_new_int8(&net.graph, net.head.weights, &err);
    assert_true(fp32 && int8);
    assert_int_equal(plan_num_int8(fp32), 0);
    assert_int_equal(plan_num_int8(int8), num_int8);
    run_plan(&floats, &net, fp32);
    run_plan(&integers, &net, int8);
    for (size_t i = 0; i < CLASSES; i++) {
        apart += fabs((double)floats.logits[i] - (double)integers.logits[i]);
        size += fabs((double)floats.logits[i]);
    }
    /* Steps of 1 in 255, and of 1 in 127, through two layers, averaged. */
    assert_true(apart > 0);
    assert_true(apart < 0.02 * size);
    plan_free(fp32);
    plan_free(int8);
    graph_release(&net.graph);
}

/* XNNPACK takes those of 1 x 1 alone. */
static void integers_are_near_floats(void **state)
{
    (void)state;
    if (!has_int8())
        skip();
    expect_near_floats(POINTWISE, dense_int8_has_kernel() ? 3 : 2);
}

static void our_own_kernels_take_any_window(void **state)
{
    (void)state;
    if (!dense_int8_has_kernel())
        skip();
    expect_near_floats(WIDE, 2);
}

static void with_integers_the_map_still_adds_up_to_the_logit(void **state)
{
    struct network net = {0};
    struct error err = {0};
    static struct result found;
    static float map[SIDE * SIDE];
    struct cam_scale scale;
    struct plan *plan;

    (void)state;
    if (!has_int8())
        skip();
    make_small(&net, POINTWISE);
    plan = precision_plan(&net.graph, &net.head, PRECISION_INT8, &err);
    assert_non_null(plan);
    run_plan(&found, &net, plan);
    cam_scale(&scale, &net.head, &net.graph, found.features);
    for (size_t k = 0; k < CLASSES; k++) {
        double mean = cam_bias(&net.head, &net.graph, k);

        cam_map(map, &net.head, &net.graph, found.features, &scale, k);
        for (size_t i = 0; i < SIDE * SIDE; i++)
            mean += (double)map[i] / (SIDE * SIDE);
        /* The last layer computes with floats: only their rounding. */
        assert_true(fabs(mean - (double)found.logits[k]) < 1e-4);
    }
    plan_free(plan);
    graph_release(&net.graph);
}

static void without_such_layers_integers_are_refused(void **state)
{
    struct network net = {0};
    struct error err = {0};
    struct plan *plan;

    (void)state;
    make_small(&net, TINY);
    assert_null(precision_plan(&net.graph, &net.head, PRECISION_INT8, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.text, !has_int8() ? "needs a processor with"
                                     : dense_int8_has_kernel()
                                         ? "of many channels"
                                         : "1 x 1"));
    err = (struct error){0};
    plan = precision_plan(&net.graph, &net.head, PRECISION_AUTO, &err);
    assert_non_null(plan);
    assert_int_equal(plan_num_int8(plan), 0);
    plan_free(plan);
    graph_release(&net.graph);
}

static void auto_plans_whatever_the_machine_is(void **state)
{
    struct network net = {0};
    struct error err = {0};
    static struct result found;
    struct plan *plan;

    (void)state;
    make_small(&net, POINTWISE);
    plan = precision_plan(&net.graph, &net.head, PRECISION_AUTO, &err);
    assert_non_null(plan);
    assert_true(plan_num_int8(plan) == 0 || has_int8());
    run_plan(&found, &net, plan);
    plan_free(plan);
    graph_release(&net.graph);
}

static void the_second_session_computes_the_same_on_shared_weights(void **state)
{
    static struct result first, second, again;

    (void)state;
    for (int int8 = 0; int8 <= (int)has_int8(); int8++) {
        struct network net = {0};
        struct error err = {0};
        struct plan *plan;
        struct plan_session *a, *b;

        make_small(&net, POINTWISE);
        plan = int8 ? plan_new_int8(&net.graph, net.head.weights, &err)
                    : plan_new(&net.graph, &err);
        assert_non_null(plan);
        a = plan_session_new(plan, NULL, &err);
        b = plan_session_new(plan, NULL, &err);
        assert_true(a && b);
        run(&first, &net, a);
        run(&second, &net, b);
        plan_session_free(a);
        run(&again, &net, b); /* what they share outlives the first one */
        assert_memory_equal(&first, &second, sizeof first);
        assert_memory_equal(&first, &again, sizeof first);
        plan_session_free(b);
        plan_free(plan);
        graph_release(&net.graph);
    }
}

/* The same constant is the weights of two convolutions that pack it
 * differently: of one group, and of two. */
static void one_constant_may_be_packed_in_two_ways(void **state)
{
    struct graph graph = {0};
    struct sketch_random random = {5};
    struct error err = {0};
    struct plan *plan;
    float results[2][8];
    int x = sketch_input(&graph, SHAPE(1, 8, 1, 1)), half, weights;

    (void)state;
    weights = sketch_noise(&graph, SHAPE(4, 4, 1, 1), &random, -1, 1);
    half = sketch_noise(&graph, SHAPE(4, 8, 1, 1), &random, -1, 1);
    half = sketch_conv(&graph, x, half, GRAPH_NONE, 1, 1, 0, 1);
    sketch_output(&graph,
                  sketch_conv(&graph, half, weights, GRAPH_NONE, 1, 1, 0, 1));
    sketch_output(&graph,
                  sketch_conv(&graph, x, weights, GRAPH_NONE, 1, 1, 0, 2));
    assert_true(network_prepare(&graph, NETWORK_LAYOUT, &err));
    plan = plan_new(&graph, &err);
    assert_non_null(plan);
    for (int i = 0; i < 2; i++) {
        struct plan_session *session = plan_session_new(plan, NULL, &err);
        struct sketch_random same = {9};

        assert_non_null(session);
        sketch_fill(&same, plan_session_data(session, graph.inputs[0]), 8, -1,
                    1);
        assert_true(plan_session_run(session, &err));
        for (size_t k = 0; k < 2; k++)
            memcpy(results[i] + 4 * k,
                   plan_session_data(session, graph.outputs[k]),
                   4 * sizeof(float));
        plan_session_free(session);
    }
    assert_memory_equal(results[0], results[1], sizeof results[0]);
    plan_free(plan);
    graph_release(&graph);
}

static void quantized_weights_are_within_half_a_step(void **state)
{
    enum { ROWS = 4, COLUMNS = 33 };
    struct sketch_random random = {11};
    float weights[ROWS][COLUMNS], scales[ROWS];
    int8_t quantized[ROWS][COLUMNS];

    (void)state;
    sketch_fill(&random, weights[0], ROWS * COLUMNS, -3, 2);
    for (size_t i = 0; i < COLUMNS; i++) {
        weights[1][i] *= 1e-20f;
        weights[2][i] = 0;
        weights[3][i] = i == 5 ? 1e-36f : 0;
    }
    quantize_rows(quantized[0], scales, weights[0], ROWS, COLUMNS,
                  QUANTIZE_MOST);
    for (size_t o = 0; o < ROWS; o++) {
        int most = 0;

        for (size_t i = 0; i < COLUMNS; i++) {
            double off = (double)weights[o][i] -
                         (double)scales[o] * (double)quantized[o][i];

            assert_true(fabs(off) <= 0.5001 * (double)scales[o]);
            most = abs(quantized[o][i]) > most ? abs(quantized[o][i]) : most;
        }
        assert_true(scales[o] > 0);
        assert_int_equal(most, o < 2 ? 127 : 0);
    }
}

static void what_is_no_number_is_quantized_to_something(void **state)
{
    float weights[] = {NAN, INFINITY, -INFINITY, 1, 0};
    int8_t quantized[5];
    float scale;

    (void)state;
    quantize_rows(quantized, &scale, weights, 1, 5, QUANTIZE_MOST);
    assert_true(isfinite(scale));
    assert_int_equal(quantized[1], 127);
    assert_int_equal(quantized[2], -127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_near_floats),
        cmocka_unit_test(our_own_kernels_take_any_window),
        cmocka_unit_test(with_integers_the_map_still_adds_up_to_the_logit),
        cmocka_unit_test(without_such_layers_integers_are_refused),
        cmocka_unit_test(auto_plans_whatever_the_machine_is),
        cmocka_unit_test(
            the_second_session_computes_the_same_on_shared_weights),
        cmocka_unit_test(one_constant_may_be_packed_in_two_ways),
        cmocka_unit_test(quantized_weights_are_within_half_a_step),
        cmocka_unit_test(what_is_no_number_is_quantized_to_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
