/* NCHW to NHWC: the same results, the picture and pictures coming out with
 * the channels last. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/network.h"
#include "tests/network.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

/* The reference computes in double precision, in another order; an average may
 * become a convolution, whose weights are floats. */
#define TOLERANCE 1e-7

/* Where element `i` of a value of the given shape, as the file means it,
 * stands after the pass: pictures (rank 4) are NHWC. */
static size_t place_of(const struct graph_shape *meant, size_t i)
{
    return meant->rank == 4 ? reference_nhwc_index(meant, i) : i;
}

static void expect_same(const struct graph_shape *meant, const double *before,
                        const struct graph_shape *stored, const double *after,
                        uint64_t seed)
{
    size_t count = graph_shape_count(meant);
    double *sorted = calloc(count, sizeof *sorted);
    struct graph_shape wanted = *meant;
    double distance;

    assert_non_null(sorted);
    if (meant->rank == 4)
        wanted =
            SHAPE(meant->dim[0], meant->dim[2], meant->dim[3], meant->dim[1]);
    assert_true(graph_shape_equal(stored, &wanted));
    for (size_t i = 0; i < count; i++)
        sorted[place_of(meant, i)] = before[i];
    distance = reference_distance(sorted, after, count);
    free(sorted);
    if (!(distance <= TOLERANCE))
        fail_msg("seed %llu: off by %g", (unsigned long long)seed, distance);
}

/* Lays an inferred graph out and expects every output to be what it was. */
static void lay_out(struct graph *graph, uint64_t seed, bool nhwc_input)
{
    struct error err = {0};
    struct reference before = {0}, after = {0};
    struct graph_shape shape = graph->values[graph->inputs[0]].shape;
    size_t count = graph_shape_count(&shape);
    float *input = calloc(count, sizeof *input);
    float *turned = calloc(count, sizeof *turned);
    struct sketch_random random = {seed + 1};
    struct graph_shape meant[8];
    int outputs[8];

    assert_non_null(input);
    assert_non_null(turned);
    sketch_fill(&random, input, count, -1, 1);
    for (size_t i = 0; i < count; i++)
        turned[nhwc_input ? i : place_of(&shape, i)] = input[i];
    assert_true(graph->num_outputs <= 8);
    for (size_t i = 0; i < graph->num_outputs; i++) {
        outputs[i] = graph->outputs[i];
        meant[i] = graph->values[outputs[i]].shape;
    }
    if (!reference_run(&before, graph, input, &err) ||
        !graph_layout(graph, &err) ||
        !reference_run(&after, graph, turned, &err))
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
    for (size_t i = 0; i < graph->num_outputs; i++)
        expect_same(&meant[i], before.values[outputs[i]],
                    &graph->values[graph->outputs[i]].shape,
                    after.values[graph->outputs[i]], seed);
    reference_release(&before);
    reference_release(&after);
    free(input);
    free(turned);
}

static void infer(struct graph *graph, uint64_t seed)
{
    struct error err = {0};

    if (!graph_infer(graph, &err))
        fail_msg("seed %llu: infer: %s", (unsigned long long)seed, err.text);
}

/* What graph.h promises of every node. */
static void check_promises(const struct graph *graph, uint64_t seed)
{
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];

        if (node->op == GRAPH_CONV && !node->nhwc)
            fail_msg("seed %llu: a convolution is not NHWC",
                     (unsigned long long)seed);
        if (node->op == GRAPH_MEAN && !node->reduce.keep_dims)
            fail_msg("seed %llu: a mean drops its axes",
                     (unsigned long long)seed);
    }
}

static void random_networks_compute_the_same_laid_out(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct graph graph = {0};
        struct error err = {0};

        network_make(&graph, seed % 4 ? NETWORK_ANY : NETWORK_PLAIN, seed);
        if (!network_prepare(&graph, NETWORK_FOLD, &err))
            fail_msg("%s", err.text);
        lay_out(&graph, seed, false);
        check_promises(&graph, seed);
        graph_release(&graph);
    }
}

static void networks_that_were_not_folded_compute_the_same_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct graph graph = {0};

        network_make(&graph, NETWORK_ANY, seed);
        infer(&graph, seed);
        lay_out(&graph, seed, false);
        check_promises(&graph, seed);
        graph_release(&graph);
    }
}

static void a_plain_network_needs_no_transpose(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct graph graph = {0};
        struct error err = {0};

        network_make(&graph, NETWORK_PLAIN, seed);
        assert_true(network_prepare(&graph, NETWORK_FOLD, &err));
        lay_out(&graph, seed, false);
        assert_int_equal(sketch_count(&graph, GRAPH_TRANSPOSE), 0);
        graph_release(&graph);
    }
}

static void transpose(struct graph *graph, int *x, size_t a, size_t b, size_t c,
                      size_t d)
{
    const size_t perm[GRAPH_MAX_RANK] = {a, b, c, d};

    *x = sketch_node(graph, GRAPH_TRANSPOSE, x, 1);
    memcpy(sketch_last(graph)->perm, perm, sizeof perm);
}

/* As tf2onnx and keras write it: NHWC outside, transposes around each layer. */
static void transposes_around_convolutions_are_gone(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {1};
    int x = sketch_input(&g, SHAPE(1, 6, 5, 3));
    int w = sketch_noise(&g, SHAPE(4, 3, 3, 3), &random, -1, 1);
    int v = sketch_noise(&g, SHAPE(4, 1, 3, 3), &random, -1, 1);
    int bias = sketch_noise(&g, SHAPE(4), &random, -1, 1);

    (void)state;
    transpose(&g, &x, 0, 3, 1, 2);
    x = sketch_conv(&g, x, w, GRAPH_NONE, 3, 1, 1, 1);
    transpose(&g, &x, 0, 2, 3, 1);
    x = sketch_node(&g, GRAPH_ADD, (int[]){x, bias}, 2);
    x = sketch_node(&g, GRAPH_CLAMP, &x, 1);
    transpose(&g, &x, 0, 3, 1, 2);
    x = sketch_conv(&g, x, v, GRAPH_NONE, 3, 2, 1, 4);
    sketch_output(&g, x);
    infer(&g, 1);
    lay_out(&g, 1, true);
    assert_int_equal(sketch_count(&g, GRAPH_TRANSPOSE), 0);
    assert_int_equal(g.num_nodes, 4);
    assert_true(
        graph_shape_equal(&g.values[g.inputs[0]].shape, &SHAPE(1, 6, 5, 3)));
    graph_release(&g);
}

static void filters_are_reordered_for_the_kernels(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {1};
    int x = sketch_input(&g, SHAPE(1, 3, 6, 5));
    int w = sketch_noise(&g, SHAPE(4, 3, 1, 2), &random, -1, 1);
    int v = sketch_noise(&g, SHAPE(8, 1, 2, 1), &random, -1, 1);
    int y = sketch_conv(&g, x, w, GRAPH_NONE, 0, 1, 0, 1);

    (void)state;
    y = sketch_conv(&g, y, v, GRAPH_NONE, 0, 1, 0, 4);
    sketch_output(&g, y);
    infer(&g, 1);
    lay_out(&g, 1, false);
    assert_int_equal(g.num_nodes, 2);
    assert_true(graph_shape_equal(&graph_input(&g, &g.nodes[0], 1)->shape,
                                  &SHAPE(4, 1, 2, 3)));
    assert_false(g.nodes[0].conv.depthwise);
    assert_true(graph_shape_equal(&graph_input(&g, &g.nodes[1], 1)->shape,
                                  &SHAPE(1, 2, 1, 8)));
    assert_true(g.nodes[1].conv.depthwise);
    graph_release(&g);
}

static void flattening_a_picture_reads_it_plane_by_plane(void **state)
{
    struct graph g = {0};
    struct sketch_random random = {1};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 4));
    int w = sketch_noise(&g, SHAPE(2, 3, 1, 1), &random, -1, 1);
    int y = sketch_conv(&g, x, w, GRAPH_NONE, 1, 1, 0, 1);

    (void)state;
    y = sketch_node(&g, GRAPH_RESHAPE, &y, 1);
    sketch_last(&g)->reshape.rule = GRAPH_RESHAPE_FLATTEN;
    sketch_last(&g)->reshape.axis = 1;
    sketch_output(&g, y);
    infer(&g, 1);
    lay_out(&g, 1, false);
    assert_int_equal(sketch_count(&g, GRAPH_TRANSPOSE), 1);
    graph_release(&g);
}

static void a_mean_that_drops_its_axes_keeps_them_and_is_reshaped(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
    int y = sketch_node(&g, GRAPH_MEAN, &x, 1);

    (void)state;
    sketch_last(&g)->reduce.raw_axes[0] = 2;
    sketch_last(&g)->reduce.raw_axes[1] = 3;
    sketch_last(&g)->reduce.num_raw_axes = 2;
    sketch_output(&g, y);
    infer(&g, 1);
    lay_out(&g, 1, false);
    assert_int_equal(sketch_count(&g, GRAPH_TRANSPOSE), 0);
    check_promises(&g, 1);
    graph_release(&g);
}

static void the_largest_of_all_pixels_is_a_pool(void **state)
{
    (void)state;
    for (int keep_dims = 0; keep_dims < 2; keep_dims++) {
        struct graph g = {0};
        int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
        int y = sketch_node(&g, GRAPH_REDUCE, &x, 1);

        sketch_last(&g)->reduce.function = GRAPH_REDUCE_MAX;
        sketch_last(&g)->reduce.keep_dims = keep_dims;
        sketch_last(&g)->reduce.raw_axes[0] = 2;
        sketch_last(&g)->reduce.raw_axes[1] = 3;
        sketch_last(&g)->reduce.num_raw_axes = 2;
        sketch_output(&g, y);
        infer(&g, 1);
        lay_out(&g, 1, false);
        assert_int_equal(sketch_count(&g, GRAPH_MAX_POOL), 1);
        assert_int_equal(sketch_count(&g, GRAPH_REDUCE), 0);
        check_promises(&g, 1);
        graph_release(&g);
    }
}

/* Every window of up to 7 taps, border and step whose size the blocks divide:
 * up to 3 channels become such a convolution for a step of 2, 1 for one of 3
 * or 4, and more stay as they are. */
static void a_transposed_convolution_to_few_channels_makes_blocks(void **state)
{
    size_t num_blocks = 0;

    (void)state;
    for (size_t i = 0; i < 7 * 3 * 4 * 3; i++) {
        size_t kernel = 1 + i % 7, stride = 2 + i / 7 % 3, pad = i / 21 % 4;
        size_t channels = 1 + 2 * (i / 84), side = 5;
        size_t out = stride * (side - 1) + kernel;
        struct graph graph = {0};
        struct sketch_random random = {i + 1};
        int x, weights;

        if (2 * pad >= out || out - 2 * pad < 2)
            continue;
        x = sketch_input(&graph, SHAPE(1, 3, side, side));
        weights = sketch_noise(&graph, SHAPE(3, channels, kernel, kernel),
                               &random, -1, 1);
        sketch_output(&graph, sketch_conv(&graph, x, weights, GRAPH_NONE,
                                          kernel, stride, pad, 1));
        sketch_last(&graph)->op = GRAPH_DECONV;
        sketch_last(&graph)->min = -0.5f;
        for (int axis = 0; axis < 2; axis++) /* so that blocks are whole */
            sketch_last(&graph)->conv.extra[axis] =
                (stride - (out - 2 * pad) % stride) % stride;
        infer(&graph, i);
        lay_out(&graph, i, false);
        num_blocks += sketch_count(&graph, GRAPH_DEPTH_TO_SPACE);
        assert_int_equal(sketch_count(&graph, GRAPH_DECONV) +
                             sketch_count(&graph, GRAPH_DEPTH_TO_SPACE),
                         1);
        if (stride * stride * channels > 16)
            assert_int_equal(sketch_count(&graph, GRAPH_DEPTH_TO_SPACE), 0);
        graph_release(&graph);
    }
    assert_true(num_blocks > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_compute_the_same_laid_out),
        cmocka_unit_test(networks_that_were_not_folded_compute_the_same_too),
        cmocka_unit_test(a_plain_network_needs_no_transpose),
        cmocka_unit_test(transposes_around_convolutions_are_gone),
        cmocka_unit_test(filters_are_reordered_for_the_kernels),
        cmocka_unit_test(flattening_a_picture_reads_it_plane_by_plane),
        cmocka_unit_test(a_mean_that_drops_its_axes_keeps_them_and_is_reshaped),
        cmocka_unit_test(the_largest_of_all_pixels_is_a_pool),
        cmocka_unit_test(a_transposed_convolution_to_few_channels_makes_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
