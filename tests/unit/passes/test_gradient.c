/* Backward graphs of random networks, and what is asked of them as wholes. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "engine/passes/gradient.h"
#include "tests/network.h"
#include "tests/reference.h"
#include "tests/sketch.h"
#include "tests/slopes.h"

#include <cmocka.h>

static void random_networks_have_the_slopes_that_differences_have(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};
        struct error err = {0};
        struct slopes slopes = {.min = -1,
                                .max = 1,
                                .seed = seed,
                                .num_directions = 2,
                                .tolerance = 1e-2};
        char name[32];
        int wanted[2];

        snprintf(name, sizeof name, "seed %d", (int)seed);
        network_make(&graph, seed % 4 ? NETWORK_ANY : NETWORK_PLAIN, seed);
        if (!graph_infer(&graph, &err) ||
            (seed % 3 && !graph_fold(&graph, &err)))
            fail_msg("%s: %s", name, err.text);
        wanted[0] = graph.inputs[0];
        wanted[1] = graph.outputs[0]; /* the features, sometimes */
        slopes.name = name;
        slopes.options = (struct gradient_options){
            .source = graph.outputs[graph.num_outputs - 1],
            .wanted = wanted,
            .num_wanted = 2};
        slopes_check(&graph, &slopes);
        graph_release(&graph);
    }
}

/* ---- rules for gates ---- */

enum { NUM = 6 };

/* x (1, 6), then a node that the caller sets, then a product by 2, -3, ... */
struct gated {
    struct graph graph;
    int x, y, source;
};

static void begin_gated(struct gated *gated, enum graph_op op)
{
    *gated = (struct gated){0};
    gated->x = sketch_input(&gated->graph, SHAPE(1, NUM));
    gated->y = sketch_node(&gated->graph, op, &gated->x, 1);
}

static void end_gated(struct gated *gated, int y)
{
    static const float factors[NUM] = {2, -3, 4, -5, 6, -7};
    struct error err = {0};

    gated->source = sketch_node(
        &gated->graph, GRAPH_MUL,
        (int[]){y, sketch_floats(&gated->graph, SHAPE(NUM), factors)}, 2);
    sketch_output(&gated->graph, gated->source);
    assert_true(graph_infer(&gated->graph, &err));
}

static bool append(struct gated *gated, enum gradient_rule rule,
                   struct error *err)
{
    const struct gradient_options options = {.source = gated->source,
                                             .wanted = &gated->x,
                                             .num_wanted = 1,
                                             .rule = rule};

    return gradient_append(&gated->graph, &options, err);
}

static void expect_gated(enum gradient_rule rule, const double wanted[NUM])
{
    static const double x[NUM] = {-1, -1, 3, 3, 8, 8};
    static const double ones[NUM] = {1, 1, 1, 1, 1, 1};
    struct gated gated;
    struct reference ref = {0};
    struct error err = {0};

    begin_gated(&gated, GRAPH_CLAMP);
    sketch_last(&gated.graph)->min = 0;
    sketch_last(&gated.graph)->max = 6;
    end_gated(&gated, gated.y);
    assert_true(append(&gated, rule, &err));
    assert_true(reference_run_on(&ref, &gated.graph,
                                 (const double *const[]){x, ones}, &err));
    for (size_t i = 0; i < NUM; i++)
        assert_true(ref.values[gated.graph.outputs[1]][i] == wanted[i]);
    reference_release(&ref);
    graph_release(&gated.graph);
}

static void gates_let_through_what_their_rule_says(void **state)
{
    (void)state;
    expect_gated(GRADIENT_PLAIN, (double[]){0, 0, 4, -5, 0, 0});
    expect_gated(GRADIENT_GUIDED, (double[]){0, 0, 4, 0, 0, 0});
    expect_gated(GRADIENT_DECONVNET, (double[]){2, 0, 4, 0, 6, 0});
    expect_gated(GRADIENT_REDIRECTED, (double[]){2, 0, 4, -5, 0, -7});
}

static void expect_refusal(struct gated *gated, enum gradient_rule rule,
                           const char *text)
{
    struct error err = {0};

    assert_false(append(gated, rule, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.text, text));
    graph_release(&gated->graph);
}

static void other_activations_are_refused_by_name(void **state)
{
    static const enum graph_function functions[] = {
        GRAPH_LEAKY_RELU, GRAPH_HARD_SWISH, GRAPH_GELU};

    (void)state;
    for (int rule = GRADIENT_GUIDED; rule <= GRADIENT_DECONVNET; rule++) {
        struct gated gated;

        for (size_t i = 0; i < 3; i++) {
            begin_gated(&gated, GRAPH_UNARY);
            sketch_last(&gated.graph)->unary.function = functions[i];
            end_gated(&gated, gated.y);
            expect_refusal(&gated, (enum gradient_rule)rule, "\"node0\"");
        }
        begin_gated(&gated, GRAPH_CLAMP);
        sketch_last(&gated.graph)->min = -1;
        sketch_last(&gated.graph)->max = 1;
        end_gated(&gated, gated.y);
        expect_refusal(&gated, (enum gradient_rule)rule, "\"node0\"");
        begin_gated(&gated, GRAPH_UNARY); /* SiLU */
        sketch_last(&gated.graph)->unary.function = GRAPH_SIGMOID;
        end_gated(&gated, sketch_node(&gated.graph, GRAPH_MUL,
                                      (int[]){gated.x, gated.y}, 2));
        expect_refusal(&gated, (enum gradient_rule)rule, "\"node0\"");
    }
}

/* Squeeze and excitation, with a sigmoid or a hard one. */
static void gates_of_channels_let_through_plain_gradients(void **state)
{
    (void)state;
    for (int rule = 0; rule <= GRADIENT_DECONVNET; rule++)
        for (int hard = 0; hard < 2; hard++) {
            struct gated gated;
            struct error err = {0};
            int gate;

            begin_gated(&gated, GRAPH_MEAN);
            sketch_last(&gated.graph)->reduce.keep_dims = true;
            gate = sketch_node(&gated.graph, hard ? GRAPH_CLAMP : GRAPH_UNARY,
                               &gated.y, 1);
            sketch_last(&gated.graph)->unary.function = GRAPH_SIGMOID;
            if (hard) {
                sketch_last(&gated.graph)->min = 0;
                sketch_last(&gated.graph)->max = 1;
            }
            end_gated(&gated, sketch_node(&gated.graph, GRAPH_MUL,
                                          (int[]){gated.x, gate}, 2));
            assert_true(append(&gated, (enum gradient_rule)rule, &err));
            assert_int_equal(sketch_count(&gated.graph, GRAPH_GATE), hard);
            for (size_t n = 0; n < gated.graph.num_nodes; n++)
                assert_false(gated.graph.nodes[n].op == GRAPH_GATE &&
                             graph_is_clamped(&gated.graph.nodes[n]));
            graph_release(&gated.graph);
        }
}

/* ---- what is made ---- */

static void what_has_no_gradient_is_refused_only_when_asked(void **state)
{
    struct gated gated;
    struct error err = {0};
    const float scale = 0.5f;

    (void)state;
    for (int inside = 0; inside < 2; inside++) {
        struct gradient_options options = {.num_wanted = 1};
        int rounded;

        begin_gated(&gated, GRAPH_CLAMP);
        rounded = sketch_node(
            &gated.graph, GRAPH_QUANTIZE,
            (int[]){gated.y, sketch_floats(&gated.graph, SCALAR, &scale)}, 2);
        sketch_last(&gated.graph)->quant.high = 255;
        end_gated(&gated, rounded);
        options.source = gated.source;
        options.wanted = inside ? &gated.x : &rounded;
        assert_int_equal(gradient_append(&gated.graph, &options, &err),
                         !inside);
        if (inside)
            assert_non_null(strstr(err.text, "\"node1\" (quantize)"));
        graph_release(&gated.graph);
    }
}

static void what_the_target_does_not_depend_on_is_refused(void **state)
{
    struct gated gated;

    (void)state;
    begin_gated(&gated, GRAPH_UNARY); /* steps */
    sketch_last(&gated.graph)->unary.function = GRAPH_SIGN;
    end_gated(&gated, gated.y);
    expect_refusal(&gated, GRADIENT_PLAIN, "\"input\"");
    begin_gated(&gated, GRAPH_CLAMP); /* behind it */
    end_gated(&gated, gated.y);
    gated.x = gated.source;
    gated.source = gated.y;
    expect_refusal(&gated, GRADIENT_PLAIN, "does not depend on");
}

/* Two convolutions and a head: behind the second one nothing is convolved. */
static void nothing_below_a_wanted_layer_is_made(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct graph graph = {0};
        struct sketch_random random = {3};
        struct error err = {0};
        struct gradient_options options = {.num_wanted = 1};
        int x = sketch_input(&graph, SHAPE(1, 3, 6, 6)), layer, wanted;

        layer = sketch_conv(
            &graph, x, sketch_noise(&graph, SHAPE(4, 3, 3, 3), &random, -1, 1),
            GRAPH_NONE, 3, 1, 1, 1);
        layer =
            sketch_conv(&graph, layer,
                        sketch_noise(&graph, SHAPE(4, 4, 3, 3), &random, -1, 1),
                        GRAPH_NONE, 3, 1, 1, 1);
        options.source = sketch_node(&graph, GRAPH_MEAN, &layer, 1);
        sketch_last(&graph)->reduce.of_pixels = true;
        sketch_output(&graph, options.source);
        assert_true(graph_infer(&graph, &err));
        wanted = whole ? x : layer;
        options.wanted = &wanted;
        assert_true(gradient_append(&graph, &options, &err));
        assert_int_equal(sketch_count(&graph, GRAPH_CONV), whole ? 4 : 2);
        assert_int_equal(graph.num_inputs, 2);
        assert_int_equal(graph.num_outputs, 2);
        graph_release(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_have_the_slopes_that_differences_have),
        cmocka_unit_test(gates_let_through_what_their_rule_says),
        cmocka_unit_test(other_activations_are_refused_by_name),
        cmocka_unit_test(gates_of_channels_let_through_plain_gradients),
        cmocka_unit_test(what_has_no_gradient_is_refused_only_when_asked),
        cmocka_unit_test(what_the_target_does_not_depend_on_is_refused),
        cmocka_unit_test(nothing_below_a_wanted_layer_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
