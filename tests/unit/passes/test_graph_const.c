/* What graph_infer computes from constants alone; the numbers are worked out
 * by hand. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "tests/sketch.h"

#include <cmocka.h>

static void infer(struct graph *graph)
{
    struct error err = {0};

    if (!graph_infer(graph, &err))
        fail_msg("%s", err.text);
}

static void expect_shape(const struct graph_value *value,
                         struct graph_shape shape)
{
    char got[GRAPH_SHAPE_TEXT], wanted[GRAPH_SHAPE_TEXT];

    assert_non_null(value->data);
    assert_string_equal(graph_shape_text(got, &value->shape),
                        graph_shape_text(wanted, &shape));
}

/* Makes `y` an output, infers, compares and releases. */
static void expect_ints(struct graph *graph, int y, struct graph_shape shape,
                        const int64_t *wanted)
{
    sketch_output(graph, y);
    infer(graph);
    expect_shape(&graph->values[y], shape);
    for (size_t i = 0; i < graph_shape_count(&shape); i++)
        assert_int_equal(graph_ints(&graph->values[y])[i], wanted[i]);
    assert_int_equal(graph->num_nodes, 0);
    graph_release(graph);
}

static void expect_floats(struct graph *graph, int y, struct graph_shape shape,
                          const float *wanted)
{
    sketch_output(graph, y);
    infer(graph);
    expect_shape(&graph->values[y], shape);
    for (size_t i = 0; i < graph_shape_count(&shape); i++)
        assert_true(fabsf(graph_floats(&graph->values[y])[i] - wanted[i]) <
                    1e-6f);
    assert_int_equal(graph->num_nodes, 0);
    graph_release(graph);
}

static int node(struct graph *g, enum graph_op op, int a, int b)
{
    return sketch_node(g, op, (int[]){a, b}, b == GRAPH_NONE ? 1 : 2);
}

static int scalar(struct graph *g, int64_t number)
{
    return sketch_ints(g, SCALAR, &number);
}

static int reshape(struct graph *g, int x, size_t num, const int64_t *target)
{
    int y = node(g, GRAPH_RESHAPE, x, sketch_ints(g, SHAPE(num), target));

    sketch_last(g)->reshape.rule = GRAPH_RESHAPE_TO;
    return y;
}

/* x[start:end:step] along one axis. */
static int slice(struct graph *g, int x, int64_t start, int64_t end,
                 int64_t axis, int64_t step)
{
    return sketch_node(g, GRAPH_SLICE,
                       (int[]){x, sketch_ints(g, SHAPE(1), &start),
                               sketch_ints(g, SHAPE(1), &end),
                               sketch_ints(g, SHAPE(1), &axis),
                               sketch_ints(g, SHAPE(1), &step)},
                       5);
}

/* torch.nn.functional.pad(x, (1, 2, 3, 4)): left, right, top, bottom; what the
 * exporter makes of it turns that into ONNX's order of begins and ends. */
static void the_borders_of_an_exported_pad_are_computed(void **state)
{
    const int64_t few[] = {1, 2, 3, 4};
    const int64_t pairs[] = {-1, 2}, flat[] = {-1};
    const size_t perm[GRAPH_MAX_RANK] = {1, 0};
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 8, 8));
    int list = sketch_ints(&g, SHAPE(4), few);
    int y = node(&g, GRAPH_SHAPE, list, GRAPH_NONE);
    const struct graph_node *pad;

    (void)state;
    sketch_last(&g)->dims.end = INT32_MAX;
    y = node(&g, GRAPH_GATHER, y, scalar(&g, 0));
    y = node(&g, GRAPH_SUB, scalar(&g, 8), y);
    y = node(&g, GRAPH_RESHAPE, y, GRAPH_NONE);
    sketch_last(&g)->reshape.rule = GRAPH_RESHAPE_UNSQUEEZE;
    sketch_last(&g)->reshape.num_raw_axes = 1;
    y = node(&g, GRAPH_FILL, y, GRAPH_NONE);
    g.values[y].type = GRAPH_INT;
    y = node(&g, GRAPH_CONCAT, list, y);
    y = reshape(&g, y, 2, pairs);
    y = slice(&g, y, -1, INT64_MIN, 0, -1);
    y = node(&g, GRAPH_TRANSPOSE, y, GRAPH_NONE);
    memcpy(sketch_last(&g)->perm, perm, sizeof perm);
    y = reshape(&g, y, 1, flat);
    y = node(&g, GRAPH_CAST, y, GRAPH_NONE);
    y = node(&g, GRAPH_PAD, x, y);
    sketch_output(&g, y);
    if (!graph_infer(&g, &err))
        fail_msg("%s", err.text);
    assert_int_equal(g.num_nodes, 1); /* all but the Pad itself is gone */
    pad = &g.nodes[0];
    assert_int_equal(pad->op, GRAPH_PAD);
    assert_int_equal(pad->num_inputs, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pad->pad.before[i], 0);
        assert_int_equal(pad->pad.after[i], 0);
    }
    assert_int_equal(pad->pad.before[2], 3);
    assert_int_equal(pad->pad.before[3], 1);
    assert_int_equal(pad->pad.after[2], 4);
    assert_int_equal(pad->pad.after[3], 2);
    assert_true(graph_shape_equal(&g.values[y].shape, &SHAPE(1, 3, 15, 11)));
    graph_release(&g);
}

static void the_shape_of_the_picture_is_a_constant(void **state)
{
    const int64_t all[] = {1, 3, 8, 6}, part[] = {8};
    struct graph g = {0}, h = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 8, 6));
    int y = node(&g, GRAPH_SHAPE, x, GRAPH_NONE);

    (void)state;
    sketch_last(&g)->dims.end = INT32_MAX;
    expect_ints(&g, y, SHAPE(4), all);
    x = sketch_input(&h, SHAPE(1, 3, 8, 6));
    y = node(&h, GRAPH_SHAPE, x, GRAPH_NONE);
    sketch_last(&h)->dims.start = -2;
    sketch_last(&h)->dims.end = -1;
    expect_ints(&h, y, SHAPE(1), part);
}

static void integers_are_added_and_divided_towards_zero(void **state)
{
    const struct {
        enum graph_op op;
        int64_t out[4];
    } rows[] = {
        {GRAPH_ADD, {9, -5, 5, -9}},
        {GRAPH_SUB, {5, -9, 9, -5}},
        {GRAPH_MUL, {14, -14, -14, 14}},
        {GRAPH_DIV, {3, -3, -3, 3}},
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct graph g = {0};
        int a = sketch_ints(&g, SHAPE(4), (int64_t[]){7, -7, 7, -7});
        int b = sketch_ints(&g, SHAPE(4), (int64_t[]){2, 2, -2, -2});

        expect_ints(&g, node(&g, rows[i].op, a, b), SHAPE(4), rows[i].out);
    }
}

static void integers_wrap_around_and_do_not_trap(void **state)
{
    const int64_t min[] = {INT64_MIN}, max[] = {INT64_MAX}, zero[] = {0};
    struct graph g = {0}, h = {0}, i = {0};
    int a = sketch_ints(&g, SHAPE(1), max);

    (void)state;
    expect_ints(&g, node(&g, GRAPH_ADD, a, scalar(&g, 1)), SHAPE(1), min);
    a = sketch_ints(&h, SHAPE(1), min);
    expect_ints(&h, node(&h, GRAPH_DIV, a, scalar(&h, -1)), SHAPE(1), min);
    a = sketch_ints(&i, SHAPE(1), min);
    expect_ints(&i, node(&i, GRAPH_MUL, a, scalar(&i, 2)), SHAPE(1), zero);
}

static void a_slope_of_integers_multiplies_what_is_negative(void **state)
{
    const int64_t out[] = {-12, 5, 0};
    struct graph g = {0};
    int a = sketch_ints(&g, SHAPE(3), (int64_t[]){-4, 5, 0});
    int slope = sketch_ints(&g, SHAPE(3), (int64_t[]){3, 0, 0});

    (void)state;
    expect_ints(&g, node(&g, GRAPH_PRELU, a, slope), SHAPE(3), out);
}

static void dividing_integers_by_zero_is_an_error_of_the_file(void **state)
{
    struct graph g = {0};
    struct error err = {0};

    (void)state;
    sketch_output(&g, node(&g, GRAPH_DIV, scalar(&g, 1), scalar(&g, 0)));
    assert_false(graph_infer(&g, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "node0"));
    graph_release(&g);
}

static void floats_broadcast(void **state)
{
    const float out[] = {11, 21, 12, 22, 13, 23};
    struct graph g = {0};
    int a = sketch_floats(&g, SHAPE(3, 1), (float[]){1, 2, 3});
    int b = sketch_floats(&g, SHAPE(2), (float[]){10, 20});

    (void)state;
    expect_floats(&g, node(&g, GRAPH_ADD, a, b), SHAPE(3, 2), out);
}

static void a_slice_may_go_backwards_and_skip(void **state)
{
    const int64_t x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const int64_t odd[] = {9, 7, 5, 3}, rows[] = {5, 6, 7, 8, 9, 0, 1, 2, 3, 4};
    struct graph g = {0}, h = {0};

    (void)state;
    expect_ints(&g, slice(&g, sketch_ints(&g, SHAPE(10), x), 20, 1, 0, -2),
                SHAPE(4), odd);
    expect_ints(&h, slice(&h, sketch_ints(&h, SHAPE(2, 5), x), -1, -9, -2, -1),
                SHAPE(2, 5), rows);
}

static void a_slice_of_nothing_is_nothing_and_concat_skips_it(void **state)
{
    const int64_t x[] = {4, 5, 6};
    struct graph g = {0};
    int list = sketch_ints(&g, SHAPE(3), x);
    int none = slice(&g, list, 2, 1, 0, 1);

    (void)state;
    expect_ints(&g, sketch_node(&g, GRAPH_CONCAT, (int[]){none, list, none}, 3),
                SHAPE(3), x);
}

static void concat_joins_along_its_axis(void **state)
{
    const int64_t out[] = {1, 2, 5, 3, 4, 6};
    struct graph g = {0};
    int a = sketch_ints(&g, SHAPE(2, 2), (int64_t[]){1, 2, 3, 4});
    int b = sketch_ints(&g, SHAPE(2, 1), (int64_t[]){5, 6});
    int y = node(&g, GRAPH_CONCAT, a, b);

    (void)state;
    sketch_last(&g)->axis = -1;
    expect_ints(&g, y, SHAPE(2, 3), out);
}

static void gather_takes_negative_indices(void **state)
{
    const int64_t out[] = {3, 1, 6, 4};
    struct graph g = {0};
    int x = sketch_ints(&g, SHAPE(2, 3), (int64_t[]){1, 2, 3, 4, 5, 6});
    int i = sketch_ints(&g, SHAPE(2), (int64_t[]){-1, 0});
    int y = node(&g, GRAPH_GATHER, x, i);

    (void)state;
    sketch_last(&g)->axis = 1;
    expect_ints(&g, y, SHAPE(2, 2), out);
}

static void gather_out_of_range_is_an_error_of_the_file(void **state)
{
    const int64_t indices[] = {3, -4, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct graph g = {0};
        struct error err = {0};
        int x = sketch_ints(&g, SHAPE(3), NULL);

        sketch_output(&g, node(&g, GRAPH_GATHER, x, scalar(&g, indices[i])));
        assert_false(graph_infer(&g, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        graph_release(&g);
    }
}

static void transpose_moves_every_element(void **state)
{
    /* out[k][i][j] = in[i][j][k], in counts up, (2, 1, 3). */
    const size_t perm[GRAPH_MAX_RANK] = {2, 0, 1};
    const int64_t out[] = {0, 3, 1, 4, 2, 5};
    struct graph g = {0};
    int x = sketch_ints(&g, SHAPE(2, 1, 3), (int64_t[]){0, 1, 2, 3, 4, 5});
    int y = node(&g, GRAPH_TRANSPOSE, x, GRAPH_NONE);

    (void)state;
    memcpy(sketch_last(&g)->perm, perm, sizeof perm);
    expect_ints(&g, y, SHAPE(3, 2, 1), out);
}

static void casts_cut_towards_zero(void **state)
{
    const int64_t ints[] = {1, -1, 0, 7};
    const float floats[] = {3, -4};
    struct graph g = {0}, h = {0};
    int x = sketch_floats(&g, SHAPE(4), (float[]){1.9f, -1.9f, 0.5f, 7});
    int y = node(&g, GRAPH_CAST, x, GRAPH_NONE);

    (void)state;
    g.values[y].type = GRAPH_INT;
    expect_ints(&g, y, SHAPE(4), ints);
    x = sketch_ints(&h, SHAPE(2), (int64_t[]){3, -4});
    y = node(&h, GRAPH_CAST, x, GRAPH_NONE);
    h.values[y].type = GRAPH_FLOAT;
    expect_floats(&h, y, SHAPE(2), floats);
}

static void casts_of_floats_too_large_for_integers_are_defined(void **state)
{
    struct graph g = {0};
    int x = sketch_floats(&g, SHAPE(3), (float[]){INFINITY, -INFINITY, 1e30f});
    int y = node(&g, GRAPH_CAST, x, GRAPH_NONE);

    (void)state;
    g.values[y].type = GRAPH_INT;
    sketch_output(&g, y);
    infer(&g);
    assert_true(graph_ints(&g.values[y])[0] > INT32_MAX);
    assert_true(graph_ints(&g.values[y])[1] < INT32_MIN);
    assert_true(graph_ints(&g.values[y])[2] > INT32_MAX);
    graph_release(&g);
}

static void fill_repeats_its_value(void **state)
{
    const float out[] = {-1.5f, -1.5f, -1.5f, -1.5f, -1.5f, -1.5f};
    const float one[] = {2};
    struct graph g = {0}, h = {0};
    int shape = sketch_ints(&g, SHAPE(2), (int64_t[]){2, 3});
    int y = node(&g, GRAPH_FILL, shape, GRAPH_NONE);

    (void)state;
    sketch_last(&g)->fill.value = -1.5;
    expect_floats(&g, y, SHAPE(2, 3), out);
    shape = sketch_ints(&h, SHAPE(0), NULL); /* of no dimensions: a scalar */
    y = node(&h, GRAPH_FILL, shape, GRAPH_NONE);
    sketch_last(&h)->fill.value = 2;
    expect_floats(&h, y, SCALAR, one);
}

static void a_mean_of_constants_is_a_constant(void **state)
{
    const float out[] = {2, 5};
    struct graph g = {0};
    int x = sketch_floats(&g, SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6});
    int y = node(&g, GRAPH_MEAN, x, GRAPH_NONE);

    (void)state;
    sketch_last(&g)->reduce.raw_axes[0] = 1;
    sketch_last(&g)->reduce.num_raw_axes = 1;
    expect_floats(&g, y, SHAPE(2), out);
}

static void constants_are_padded_and_clamped(void **state)
{
    const float padded[] = {9, 9, 9, 9, 1, 2, 9, 3, 4};
    const float clamped[] = {0, 0.5f, 1};
    struct graph g = {0}, h = {0};
    int x = sketch_floats(&g, SHAPE(2, 2), (float[]){1, 2, 3, 4});
    int pads = sketch_ints(&g, SHAPE(4), (int64_t[]){1, 1, 0, 0});
    int nine = sketch_floats(&g, SCALAR, (float[]){9});
    int y = sketch_node(&g, GRAPH_PAD, (int[]){x, pads, nine}, 3);

    (void)state;
    expect_floats(&g, y, SHAPE(3, 3), padded);
    x = sketch_floats(&h, SHAPE(3), (float[]){-1, 0.5f, 2});
    y = node(&h, GRAPH_CLAMP, x, GRAPH_NONE);
    sketch_last(&h)->min = 0;
    sketch_last(&h)->max = 1;
    expect_floats(&h, y, SHAPE(3), clamped);
}

static void softmax_of_constants_sums_to_one(void **state)
{
    /* e^0 : e^ln2 = 1 : 2, along axis 0 */
    const float out[] = {1 / 3.0f, 0.5f, 2 / 3.0f, 0.5f};
    struct graph g = {0};
    int x =
        sketch_floats(&g, SHAPE(2, 2), (float[]){0, 1000, 0.69314718f, 1000});
    int y = node(&g, GRAPH_SOFTMAX, x, GRAPH_NONE);

    (void)state;
    sketch_last(&g)->axis = 0;
    expect_floats(&g, y, SHAPE(2, 2), out);
}

static void expand_repeats_axes_of_one(void **state)
{
    const int64_t out[] = {1, 1, 1, 2, 2, 2};
    struct graph g = {0};
    int x = sketch_ints(&g, SHAPE(2, 1), (int64_t[]){1, 2});
    int shape = sketch_ints(&g, SHAPE(2), (int64_t[]){1, 3});

    (void)state;
    expect_ints(&g, node(&g, GRAPH_EXPAND, x, shape), SHAPE(2, 3), out);
}

/* Gemm: 0.5 x W' - 2 c, as a linear layer. */
static void the_factors_of_gemm_go_into_weights_and_bias(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 2));
    int w = sketch_floats(&g, SHAPE(2, 3), (float[]){1, 2, 3, 4, 5, 6});
    int c = sketch_floats(&g, SHAPE(1, 3), (float[]){1, 2, 3});
    int y = sketch_node(&g, GRAPH_MATMUL, (int[]){x, w, c}, 3);
    const float weights[] = {0.5f, 2, 1, 2.5f, 1.5f, 3}; /* (3, 2) */
    const struct graph_node *linear;

    (void)state;
    sketch_last(&g)->gemm.alpha = 0.5f;
    sketch_last(&g)->gemm.beta = -2;
    sketch_output(&g, y);
    infer(&g);
    linear = &g.nodes[0];
    assert_int_equal(linear->op, GRAPH_LINEAR);
    assert_true(
        graph_shape_equal(&graph_input(&g, linear, 1)->shape, &SHAPE(3, 2)));
    for (int i = 0; i < 6; i++)
        assert_true(graph_floats(graph_input(&g, linear, 1))[i] == weights[i]);
    for (int i = 0; i < 3; i++)
        assert_true(graph_floats(graph_input(&g, linear, 2))[i] ==
                    -2.0f * (float)(i + 1));
    graph_release(&g);
}

static void what_depends_on_the_picture_is_left_alone(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 4));
    int a = sketch_floats(&g, SHAPE(4), (float[]){1, 2, 3, 4});
    int sum = node(&g, GRAPH_ADD, a, a);
    int y = node(&g, GRAPH_MUL, x, sum);

    (void)state;
    sketch_output(&g, y);
    infer(&g);
    assert_int_equal(g.num_nodes, 1);
    assert_null(g.values[y].data);
    assert_true(graph_floats(&g.values[sum])[3] == 8.0f);
    graph_release(&g);
}

static void what_only_constants_took_is_given_up(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 4));
    int a = sketch_floats(&g, SHAPE(4), (float[]){1, 2, 3, 4});
    int sum = node(&g, GRAPH_ADD, a, a);
    int square = node(&g, GRAPH_MUL, sum, sum);

    (void)state;
    sketch_output(&g, node(&g, GRAPH_MUL, x, square));
    infer(&g);
    assert_null(g.values[a].data);
    assert_null(g.values[sum].data);
    assert_true(graph_floats(&g.values[square])[3] == 64.0f);
    graph_release(&g);
}

/* The picture's node comes first, so that it is not the last to take it. */
static void what_a_picture_needs_stays_until_it_runs(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 4));
    int a = sketch_floats(&g, SHAPE(4), (float[]){1, 2, 3, 4});
    int sum = node(&g, GRAPH_ADD, a, a);
    int product = node(&g, GRAPH_MUL, x, sum);
    int square = node(&g, GRAPH_MUL, sum, sum);

    (void)state;
    sketch_output(&g, node(&g, GRAPH_ADD, product, square));
    infer(&g);
    assert_int_equal(g.num_nodes, 2);
    assert_true(graph_floats(&g.values[sum])[3] == 8.0f);
    assert_true(graph_floats(&g.values[square])[3] == 64.0f);
    graph_release(&g);
}

/* Forty nodes, each of 2^20 numbers: many times as many as the file has, and
 * more at once than are allowed if nothing were given up. */
static void weights_may_be_computed_in_many_steps(void **state)
{
    struct graph g = {0};
    int w = sketch_input(&g, SHAPE(1, 1)), x = w;
    struct sketch_random random = {3};

    (void)state;
    w = sketch_noise(&g, SHAPE(1 << 20), &random, -1, 1);
    for (int i = 0; i < 40; i++) {
        w = node(&g, GRAPH_UNARY, w, GRAPH_NONE);
        sketch_last(&g)->unary.function = GRAPH_NEGATE;
    }
    sketch_output(&g, node(&g, GRAPH_MUL, x, w));
    infer(&g);
    assert_int_equal(g.num_nodes, 1);
    graph_release(&g);
}

/* All are needed at the end: 65 times 2^20 numbers are, by then. */
static void constants_that_are_held_at_once_are_bounded(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 1)), parts[65];
    struct sketch_random random = {3};
    int w = sketch_noise(&g, SHAPE(1 << 20), &random, -1, 1);

    (void)state;
    for (int i = 0; i < 65; i++)
        parts[i] = node(&g, GRAPH_ADD, w, w);
    w = sketch_node(&g, GRAPH_CONCAT, parts, 65);
    sketch_output(&g, node(&g, GRAPH_MUL, x, w));
    assert_false(graph_infer(&g, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "elements; only"));
    graph_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_borders_of_an_exported_pad_are_computed),
        cmocka_unit_test(the_shape_of_the_picture_is_a_constant),
        cmocka_unit_test(integers_are_added_and_divided_towards_zero),
        cmocka_unit_test(integers_wrap_around_and_do_not_trap),
        cmocka_unit_test(a_slope_of_integers_multiplies_what_is_negative),
        cmocka_unit_test(dividing_integers_by_zero_is_an_error_of_the_file),
        cmocka_unit_test(floats_broadcast),
        cmocka_unit_test(a_slice_may_go_backwards_and_skip),
        cmocka_unit_test(a_slice_of_nothing_is_nothing_and_concat_skips_it),
        cmocka_unit_test(concat_joins_along_its_axis),
        cmocka_unit_test(gather_takes_negative_indices),
        cmocka_unit_test(gather_out_of_range_is_an_error_of_the_file),
        cmocka_unit_test(transpose_moves_every_element),
        cmocka_unit_test(casts_cut_towards_zero),
        cmocka_unit_test(casts_of_floats_too_large_for_integers_are_defined),
        cmocka_unit_test(fill_repeats_its_value),
        cmocka_unit_test(a_mean_of_constants_is_a_constant),
        cmocka_unit_test(constants_are_padded_and_clamped),
        cmocka_unit_test(softmax_of_constants_sums_to_one),
        cmocka_unit_test(expand_repeats_axes_of_one),
        cmocka_unit_test(the_factors_of_gemm_go_into_weights_and_bias),
        cmocka_unit_test(what_depends_on_the_picture_is_left_alone),
        cmocka_unit_test(what_only_constants_took_is_given_up),
        cmocka_unit_test(what_a_picture_needs_stays_until_it_runs),
        cmocka_unit_test(weights_may_be_computed_in_many_steps),
        cmocka_unit_test(constants_that_are_held_at_once_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
