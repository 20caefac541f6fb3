/* Folding: the same results from fewer nodes. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "tests/network.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* Weights are rounded to float once more. */
#define TOLERANCE 1e-5

static float *noise_for(const struct graph *graph, uint64_t seed)
{
    size_t count = graph_shape_count(&graph->values[graph->inputs[0]].shape);
    float *input = calloc(count, sizeof *input);
    struct sketch_random random = {seed + 1};

    assert_non_null(input);
    sketch_fill(&random, input, count, -1, 1);
    return input;
}

/* Infers, folds, and expects every output to be what it was. */
static void fold(struct graph *graph, uint64_t seed)
{
    struct error err = {0};
    struct reference before = {0}, after = {0};
    float *input;
    int outputs[8];

    if (!graph_infer(graph, &err))
        fail_msg("seed %llu: infer: %s", (unsigned long long)seed, err.text);
    input = noise_for(graph, seed);
    assert_true(graph->num_outputs <= 8);
    memcpy(outputs, graph->outputs, graph->num_outputs * sizeof outputs[0]);
    if (!reference_run(&before, graph, input, &err) ||
        !graph_fold(graph, &err) || !reference_run(&after, graph, input, &err))
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
    for (size_t i = 0; i < graph->num_outputs; i++) {
        const struct graph_shape *shape =
            &graph->values[graph->outputs[i]].shape;
        double distance;

        assert_true(graph_shape_equal(&graph->values[outputs[i]].shape, shape));
        distance = reference_distance(before.values[outputs[i]],
                                      after.values[graph->outputs[i]],
                                      graph_shape_count(shape));
        if (!(distance <= TOLERANCE))
            fail_msg("seed %llu: output %zu is off by %g",
                     (unsigned long long)seed, i, distance);
    }
    reference_release(&before);
    reference_release(&after);
    free(input);
}

static void random_networks_compute_the_same_folded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};

        network_make(&graph, seed % 2 ? NETWORK_PLAIN : NETWORK_ANY, seed);
        fold(&graph, seed);
        assert_int_equal(sketch_count(&graph, GRAPH_BATCH_NORM), 0);
        assert_int_equal(sketch_count(&graph, GRAPH_IDENTITY), 0);
        graph_release(&graph);
    }
}

/* The picture, a 3 x 3 convolution to 4 channels with or without bias. */
static int add_conv(struct graph *graph, struct sketch_random *random,
                    bool bias)
{
    int x = sketch_input(graph, SHAPE(1, 3, 6, 5));
    int w = sketch_noise(graph, SHAPE(4, 3, 3, 3), random, -0.5f, 0.5f);
    int b = bias ? sketch_noise(graph, SHAPE(4), random, -1, 1) : GRAPH_NONE;

    return sketch_conv(graph, x, w, b, 3, 1, 1, 1);
}

static int add_batch_norm(struct graph *graph, struct sketch_random *random,
                          int x, size_t channels)
{
    int operands[5] = {x,
                       sketch_noise(graph, SHAPE(channels), random, 0.5f, 1.5f),
                       sketch_noise(graph, SHAPE(channels), random, -1, 1),
                       sketch_noise(graph, SHAPE(channels), random, -1, 1),
                       sketch_noise(graph, SHAPE(channels), random, 0.1f, 2)};
    int y = sketch_node(graph, GRAPH_BATCH_NORM, operands, 5);

    sketch_last(graph)->epsilon = 1e-3f;
    return y;
}

static int add_clamp(struct graph *graph, int x, float min, float max)
{
    int y = sketch_node(graph, GRAPH_CLAMP, &x, 1);

    sketch_last(graph)->min = min;
    sketch_last(graph)->max = max;
    return y;
}

static void convolution_batch_norm_and_clamp_become_one_node(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct graph g = {0};
        struct sketch_random random = {seed};
        int y = add_conv(&g, &random, seed == 1);

        y = add_batch_norm(&g, &random, y, 4);
        y = add_clamp(&g, y, 0, 6);
        sketch_output(&g, y);
        fold(&g, seed);
        assert_int_equal(g.num_nodes, 1);
        assert_int_equal(g.nodes[0].op, GRAPH_CONV);
        assert_true(g.nodes[0].min == 0.0f && g.nodes[0].max == 6.0f);
        graph_release(&g);
    }
}

static void
products_and_sums_with_constants_go_into_the_convolution(void **state)
{
    const struct graph_shape shapes[] = {SCALAR, SHAPE(1), SHAPE(4, 1, 1),
                                         SHAPE(1, 4, 1, 1)};
    const enum graph_op ops[] = {GRAPH_ADD, GRAPH_SUB, GRAPH_MUL, GRAPH_DIV};

    (void)state;
    for (uint64_t i = 0; i < 32; i++) {
        struct graph g = {0};
        struct sketch_random random = {i + 1};
        int y = add_conv(&g, &random, i & 1);
        int c = sketch_noise(&g, shapes[i / 8], &random, 0.5f, 2);
        enum graph_op op = ops[i / 2 % 4];
        bool turned = i % 3 == 0 && op != GRAPH_DIV;

        y = sketch_node(&g, op, turned ? (int[]){c, y} : (int[]){y, c}, 2);
        sketch_output(&g, y);
        fold(&g, i + 1);
        assert_int_equal(g.num_nodes, 1);
        assert_int_equal(g.nodes[0].op, GRAPH_CONV);
        graph_release(&g);
    }
}

static void
a_constant_for_each_column_stays_outside_the_convolution(void **state)
{
    /* Width 5, 4 channels: (4, 1) would be rows if there were 4. */
    const struct graph_shape shapes[] = {SHAPE(5), SHAPE(6, 1),
                                         SHAPE(1, 4, 6, 5)};

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        struct graph g = {0};
        struct sketch_random random = {i + 1};
        int y = add_conv(&g, &random, true);
        int c = sketch_noise(&g, shapes[i], &random, 0.5f, 2);

        sketch_output(&g, sketch_node(&g, GRAPH_MUL, (int[]){y, c}, 2));
        fold(&g, i + 1);
        assert_int_equal(g.num_nodes, 2);
        graph_release(&g);
    }
}

static void a_constant_that_widens_the_result_is_not_folded(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {5};
    int y = add_conv(&g, &random, true);
    int c = sketch_noise(&g, SHAPE(2, 4, 1, 1), &random, 0.5f, 2);

    (void)state;
    sketch_output(&g, sketch_node(&g, GRAPH_ADD, (int[]){y, c}, 2));
    fold(&g, 5);
    assert_int_equal(g.num_nodes, 2);
    graph_release(&g);
}

static void what_follows_a_clamp_is_not_moved_before_it(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {3};
    int y = add_conv(&g, &random, true);

    (void)state;
    y = add_clamp(&g, y, 0, 1);
    y = add_batch_norm(&g, &random, y, 4);
    sketch_output(&g, y);
    fold(&g, 3);
    assert_int_equal(g.num_nodes, 2);
    assert_int_equal(sketch_count(&g, GRAPH_CLAMP), 0);
    assert_true(g.nodes[0].max == 1.0f);
    graph_release(&g);
}

static void a_convolution_that_others_use_keeps_its_result(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {4};
    int y = add_conv(&g, &random, true);

    (void)state;
    sketch_output(&g, y);
    sketch_output(&g, add_batch_norm(&g, &random, y, 4));
    sketch_output(&g, add_clamp(&g, y, 0, 1));
    fold(&g, 4);
    assert_int_equal(g.num_nodes, 3);
    graph_release(&g);
}

static void weights_that_two_convolutions_share_stay_whole(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {6};
    int x = sketch_input(&g, SHAPE(1, 4, 3, 3));
    int w = sketch_noise(&g, SHAPE(4, 4, 1, 1), &random, -1, 1);
    int b = sketch_noise(&g, SHAPE(4), &random, -1, 1);
    int y = sketch_conv(&g, x, w, b, 1, 1, 0, 1);

    (void)state;
    y = add_batch_norm(&g, &random, y, 4);
    y = sketch_conv(&g, y, w, b, 1, 1, 0, 1);
    sketch_output(&g, y);
    fold(&g, 6);
    assert_int_equal(g.num_nodes, 2);
    graph_release(&g);
}

static void two_clamps_become_one(void **state)
{
    const struct {
        float min1, max1, min2, max2, min, max;
    } rows[] = {
        {0, INFINITY, -INFINITY, 6, 0, 6},
        {-1, 1, 0, 6, 0, 1},
        {0, 1, 2, 3, 2, 2},
        {2, 3, 0, 1, 1, 1},
        {-INFINITY, INFINITY, 0, 1, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct graph g = {0};
        int x = sketch_input(&g, SHAPE(1, 8));

        x = add_clamp(&g, x, rows[i].min1, rows[i].max1);
        x = add_clamp(&g, x, rows[i].min2, rows[i].max2);
        sketch_output(&g, x);
        fold(&g, i + 1);
        assert_int_equal(g.num_nodes, 1);
        assert_true(g.nodes[0].min == rows[i].min);
        assert_true(g.nodes[0].max == rows[i].max);
        graph_release(&g);
    }
}

/* Pad by `pads` and `value`, then a 3 x 3 convolution with padding 1. */
static int add_padded_conv(struct graph *g, const int64_t pads[8], float value,
                           size_t channels)
{
    struct sketch_random random = {9};
    int x = sketch_input(g, SHAPE(1, 3, 6, 5));
    int list = sketch_ints(g, SHAPE(8), pads);
    int fill = sketch_floats(g, SCALAR, &value);
    int y = sketch_node(g, GRAPH_PAD, (int[]){x, list, fill}, 3);
    int w = sketch_noise(g, SHAPE(2, channels, 3, 3), &random, -1, 1);

    return sketch_conv(g, y, w, GRAPH_NONE, 3, 2, 1, 1);
}

static void zeros_around_a_picture_become_the_convolutions_padding(void **state)
{
    const int64_t pads[8] = {0, 0, 0, 1, 0, 0, 2, 3};
    struct graph g = {0};
    const struct graph_window *window;

    (void)state;
    sketch_output(&g, add_padded_conv(&g, pads, 0, 3));
    fold(&g, 1);
    assert_int_equal(g.num_nodes, 1);
    window = &g.nodes[0].conv.window;
    assert_int_equal(window->pad_before[0], 1);
    assert_int_equal(window->pad_before[1], 2);
    assert_int_equal(window->pad_after[0], 3);
    assert_int_equal(window->pad_after[1], 4);
    graph_release(&g);
}

static void other_borders_than_zeros_around_a_picture_stay(void **state)
{
    const int64_t picture[8] = {0, 0, 0, 1, 0, 0, 2, 3};
    const int64_t channel[8] = {0, 0, 0, 1, 0, 1, 0, 0};
    const int64_t batch[8] = {1, 0, 0, 1, 0, 0, 0, 0};
    struct graph g = {0}, h = {0}, i = {0};

    (void)state;
    sketch_output(&g, add_padded_conv(&g, picture, 0.5f, 3));
    sketch_output(&h, add_padded_conv(&h, channel, 0, 4));
    sketch_output(&i, add_padded_conv(&i, batch, 0, 3));
    fold(&g, 1);
    fold(&h, 2);
    fold(&i, 3);
    assert_int_equal(g.num_nodes, 2);
    assert_int_equal(h.num_nodes, 2);
    assert_int_equal(i.num_nodes, 2);
    graph_release(&g);
    graph_release(&h);
    graph_release(&i);
}

static void a_linear_layer_takes_the_sum_after_it_as_its_bias(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {2};
    int x = sketch_input(&g, SHAPE(1, 8));
    int w = sketch_noise(&g, SHAPE(8, 5), &random, -1, 1);
    int b = sketch_noise(&g, SHAPE(5), &random, -1, 1);
    int y = sketch_node(&g, GRAPH_MATMUL, (int[]){x, w}, 2);

    (void)state;
    sketch_last(&g)->gemm.alpha = sketch_last(&g)->gemm.beta = 1;
    sketch_output(&g, sketch_node(&g, GRAPH_ADD, (int[]){b, y}, 2));
    fold(&g, 2);
    assert_int_equal(g.num_nodes, 1);
    assert_int_equal(g.nodes[0].op, GRAPH_LINEAR);
    graph_release(&g);
}

static void a_batch_norm_alone_becomes_a_convolution(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {2};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));

    (void)state;
    sketch_output(&g, add_batch_norm(&g, &random, x, 3));
    fold(&g, 2);
    assert_int_equal(g.num_nodes, 1);
    assert_int_equal(g.nodes[0].op, GRAPH_CONV);
    graph_release(&g);
}

static void identities_and_reshapes_to_the_same_shape_go(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
    int flat = sketch_ints(&g, SHAPE(1), (int64_t[]){-1});
    int full = sketch_ints(&g, SHAPE(4), (int64_t[]){1, 3, 4, 5});
    int y = sketch_node(&g, GRAPH_IDENTITY, &x, 1);

    (void)state;
    y = sketch_node(&g, GRAPH_RESHAPE, (int[]){y, flat}, 2);
    y = sketch_node(&g, GRAPH_IDENTITY, &y, 1);
    y = sketch_node(&g, GRAPH_RESHAPE, (int[]){y, full}, 2);
    y = add_clamp(&g, y, 0, 1);
    sketch_output(&g, y);
    fold(&g, 7);
    assert_int_equal(g.num_nodes, 1);
    assert_int_equal(g.nodes[0].op, GRAPH_CLAMP);
    graph_release(&g);
}

/* ---- linear layers in a row ---- */

/* One row of numbers under construction: (1, num), or (1, num, 1, 1). */
struct line {
    struct graph graph;
    struct sketch_random random;
    int x;
    size_t num;
    bool pixel;
};

static int line_noise(struct line *line, struct graph_shape shape)
{
    return sketch_noise(&line->graph, shape, &line->random, 0.5f, 1.5f);
}

static void line_layer(struct line *line, size_t num_out)
{
    struct graph *graph = &line->graph;
    int b = line_noise(line, SHAPE(num_out)), w;

    if (line->pixel) {
        w = line_noise(line, SHAPE(num_out, line->num, 1, 1));
        line->x = sketch_conv(graph, line->x, w, b, 1, 1, 0, 1);
    } else {
        w = line_noise(line, SHAPE(num_out, line->num));
        line->x = sketch_node(graph, GRAPH_MATMUL, (int[]){line->x, w, b}, 3);
        sketch_last(graph)->gemm.alpha = 1;
        sketch_last(graph)->gemm.beta = 1;
        sketch_last(graph)->gemm.transpose_b = true;
    }
    line->num = num_out;
}

static void line_binary(struct line *line, enum graph_op op, bool scalar,
                        bool first)
{
    struct graph_shape shape = {.rank = 1, .dim = {line->num}};
    int c;

    if (line->pixel)
        shape = SHAPE(line->num, 1, 1);
    if (scalar)
        shape = SHAPE(1);
    c = line_noise(line, shape);
    line->x = sketch_node(&line->graph, op,
                          first ? (int[]){c, line->x} : (int[]){line->x, c}, 2);
}

static void line_reshape(struct line *line)
{
    int64_t to[4] = {1, (int64_t)line->num, 1, 1};
    int shape;

    line->pixel = !line->pixel;
    shape = sketch_ints(&line->graph, SHAPE(line->pixel ? 4 : 2), to);
    line->x =
        sketch_node(&line->graph, GRAPH_RESHAPE, (int[]){line->x, shape}, 2);
}

static size_t line_finish(struct line *line, uint64_t seed)
{
    sketch_output(&line->graph, line->x);
    fold(&line->graph, seed);
    return sketch_count(&line->graph, GRAPH_LINEAR) +
           sketch_count(&line->graph, GRAPH_CONV);
}

static void linear_layers_in_a_row_become_one(void **state)
{
    struct line line = {.random = {3}, .num = 6};

    (void)state;
    line.x = sketch_input(&line.graph, SHAPE(1, 6));
    line_binary(&line, GRAPH_MUL, false, false);
    line_layer(&line, 4);
    line_reshape(&line);
    line_layer(&line, 9);
    line_binary(&line, GRAPH_SUB, true, true);
    line_reshape(&line);
    line_layer(&line, 5);
    assert_int_equal(line_finish(&line, 1), 1);
    assert_int_equal(line.graph.num_nodes, 1);
    graph_release(&line.graph);
}

static void a_clamp_between_linear_layers_keeps_them_apart(void **state)
{
    struct line line = {.random = {3}, .num = 6};

    (void)state;
    line.x = sketch_input(&line.graph, SHAPE(1, 6));
    line_layer(&line, 4);
    line.x = add_clamp(&line.graph, line.x, 0, INFINITY);
    line_layer(&line, 5);
    assert_int_equal(line_finish(&line, 1), 2);
    graph_release(&line.graph);
}

static void a_linear_layer_that_others_use_stays(void **state)
{
    struct line line = {.random = {3}, .num = 6};

    (void)state;
    line.x = sketch_input(&line.graph, SHAPE(1, 6));
    line_layer(&line, 4);
    sketch_output(&line.graph, line.x);
    line_layer(&line, 5);
    assert_int_equal(line_finish(&line, 1), 2);
    graph_release(&line.graph);
}

static void convolutions_of_many_pixels_stay_apart(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {4};
    int x = sketch_input(&g, SHAPE(1, 3, 2, 2));
    int w = sketch_noise(&g, SHAPE(8, 3, 1, 1), &random, -1, 1);
    int v = sketch_noise(&g, SHAPE(2, 8, 1, 1), &random, -1, 1);

    (void)state;
    x = sketch_conv(&g, x, w, GRAPH_NONE, 1, 1, 0, 1);
    x = sketch_conv(&g, x, v, GRAPH_NONE, 1, 1, 0, 1);
    sketch_output(&g, x);
    fold(&g, 9);
    assert_int_equal(sketch_count(&g, GRAPH_CONV), 2);
    graph_release(&g);
}

static void layers_whose_product_would_take_long_stay_apart(void **state)
{
    struct line line = {.random = {3}, .num = 1500};

    (void)state;
    line.x = sketch_input(&line.graph, SHAPE(1, 1500));
    line_layer(&line, 1500);
    line_layer(&line, 1500);
    assert_int_equal(line_finish(&line, 1), 2);
    graph_release(&line.graph);
}

static void random_rows_compute_the_same_folded(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct line line = {.random = {seed}, .num = 1 + seed % 5};
        struct sketch_random *random = &line.random;
        size_t steps = 2 + sketch_below(random, 6);

        line.x = sketch_input(&line.graph, SHAPE(1, line.num));
        for (size_t i = 0; i < steps; i++)
            switch (sketch_below(random, 5)) {
            case 0:
            case 1:
                line_layer(&line, 1 + sketch_below(random, 6));
                break;
            case 2:
                line_reshape(&line);
                break;
            case 3:
                line_binary(
                    &line,
                    (enum graph_op[]){GRAPH_ADD, GRAPH_SUB, GRAPH_MUL,
                                      GRAPH_DIV}[sketch_below(random, 4)],
                    sketch_below(random, 2) == 0, sketch_below(random, 2) == 0);
                break;
            default:
                if (sketch_below(random, 3) == 0)
                    line.x = add_clamp(&line.graph, line.x, -3, 3);
            }
        line_layer(&line, 3);
        line_finish(&line, seed);
        graph_release(&line.graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_compute_the_same_folded),
        cmocka_unit_test(convolution_batch_norm_and_clamp_become_one_node),
        cmocka_unit_test(
            products_and_sums_with_constants_go_into_the_convolution),
        cmocka_unit_test(
            a_constant_for_each_column_stays_outside_the_convolution),
        cmocka_unit_test(a_constant_that_widens_the_result_is_not_folded),
        cmocka_unit_test(what_follows_a_clamp_is_not_moved_before_it),
        cmocka_unit_test(a_convolution_that_others_use_keeps_its_result),
        cmocka_unit_test(weights_that_two_convolutions_share_stay_whole),
        cmocka_unit_test(two_clamps_become_one),
        cmocka_unit_test(
            zeros_around_a_picture_become_the_convolutions_padding),
        cmocka_unit_test(other_borders_than_zeros_around_a_picture_stay),
        cmocka_unit_test(a_linear_layer_takes_the_sum_after_it_as_its_bias),
        cmocka_unit_test(a_batch_norm_alone_becomes_a_convolution),
        cmocka_unit_test(identities_and_reshapes_to_the_same_shape_go),
        cmocka_unit_test(linear_layers_in_a_row_become_one),
        cmocka_unit_test(a_clamp_between_linear_layers_keeps_them_apart),
        cmocka_unit_test(a_linear_layer_that_others_use_stays),
        cmocka_unit_test(convolutions_of_many_pixels_stay_apart),
        cmocka_unit_test(layers_whose_product_would_take_long_stay_apart),
        cmocka_unit_test(random_rows_compute_the_same_folded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
