/* Shape inference, operator by operator: the expected shapes are worked out by
 * hand from the ONNX operator specification. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/graph/graph.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Infers, expects `y` to have the shape, and releases the graph. */
static void expect_shape(struct graph *graph, int y,
                         const struct graph_shape *expected)
{
    struct error err = {0};
    char got[GRAPH_SHAPE_TEXT], wanted[GRAPH_SHAPE_TEXT];

    sketch_output(graph, y);
    if (!graph_infer(graph, &err))
        fail_msg("%s", err.text);
    assert_true(graph->values[y].has_shape);
    assert_string_equal(graph_shape_text(got, &graph->values[y].shape),
                        graph_shape_text(wanted, expected));
    graph_release(graph);
}

/* Infers, expects an error of that kind that names the last node and says
 * `why`, and releases the graph. */
static void expect_refusal(struct graph *graph, int y, enum error_kind kind,
                           const char *why)
{
    struct error err = {0};
    char name[64];

    sketch_output(graph, y);
    snprintf(name, sizeof name, "node \"%s\"", sketch_last(graph)->name);
    assert_false(graph_infer(graph, &err));
    if (err.kind != kind || !strstr(err.text, name) || !strstr(err.text, why))
        fail_msg("%s: %s", error_kind_name(err.kind), err.text);
    graph_release(graph);
}

/* ---- arithmetic ---- */

static void arithmetic_broadcasts_as_numpy_does(void **state)
{
    const struct {
        struct graph_shape a, b, out;
    } rows[] = {
        {SHAPE(1, 3, 4, 5), SHAPE(1, 3, 4, 5), SHAPE(1, 3, 4, 5)},
        {SHAPE(1, 3, 4, 5), SHAPE(5), SHAPE(1, 3, 4, 5)},
        {SHAPE(1, 3, 4, 5), SHAPE(3, 1, 1), SHAPE(1, 3, 4, 5)},
        {SHAPE(1, 3, 4, 5), SCALAR, SHAPE(1, 3, 4, 5)},
        {SHAPE(1, 3, 1, 1), SHAPE(2, 1, 4, 5), SHAPE(2, 3, 4, 5)},
        {SHAPE(4), SHAPE(2, 3, 1), SHAPE(2, 3, 4)},
        {SHAPE(1), SHAPE(1, 1, 1), SHAPE(1, 1, 1)},
    };
    const enum graph_op ops[] = {GRAPH_ADD, GRAPH_SUB, GRAPH_MUL, GRAPH_DIV};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};
        int x = sketch_input(&g, rows[i].a);
        int b = sketch_floats(&g, rows[i].b, NULL);

        expect_shape(&g, sketch_node(&g, ops[i % 4], (int[]){x, b}, 2),
                     &rows[i].out);
    }
}

static void arithmetic_refuses_shapes_that_do_not_fit(void **state)
{
    const struct {
        struct graph_shape a, b;
    } rows[] = {
        {SHAPE(1, 3, 4, 5), SHAPE(4)},
        {SHAPE(1, 3, 4, 5), SHAPE(2, 1, 1)},
        {SHAPE(2), SHAPE(3)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};
        int x = sketch_input(&g, rows[i].a);
        int b = sketch_floats(&g, rows[i].b, NULL);

        expect_refusal(&g, sketch_node(&g, GRAPH_ADD, (int[]){x, b}, 2),
                       ERROR_INPUT, "do not match");
    }
}

static void arithmetic_does_not_mix_integers_and_floats(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 4));
    int b = sketch_ints(&g, SHAPE(4), NULL);

    (void)state;
    expect_refusal(&g, sketch_node(&g, GRAPH_MUL, (int[]){x, b}, 2),
                   ERROR_INPUT, "integers");
}

/* ---- clamp ---- */

static void the_bounds_of_clip_become_the_nodes_own(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
    int six = sketch_floats(&g, SCALAR, (float[]){6});
    int y = sketch_node(&g, GRAPH_CLAMP, (int[]){x, GRAPH_NONE, six}, 3);

    (void)state;
    sketch_last(&g)->min = -1; /* stays, since the operand is left out */
    sketch_output(&g, y);
    assert_true(graph_infer(&g, &err));
    assert_int_equal(g.nodes[0].num_inputs, 1);
    assert_true(g.nodes[0].min == -1.0f && g.nodes[0].max == 6.0f);
    assert_true(graph_shape_equal(&g.values[y].shape, &SHAPE(1, 3, 4, 5)));
    graph_release(&g);
}

static void clip_refuses_bounds_it_cannot_know(void **state)
{
    struct graph g = {0}, h = {0};
    int x = sketch_input(&g, SHAPE(1));
    int two;

    (void)state;
    expect_refusal(&g, sketch_node(&g, GRAPH_CLAMP, (int[]){x, x}, 2),
                   ERROR_UNSUPPORTED, "lower bound");
    x = sketch_input(&h, SHAPE(1, 4));
    two = sketch_floats(&h, SHAPE(2), NULL);
    expect_refusal(&h, sketch_node(&h, GRAPH_CLAMP, (int[]){x, x, two}, 3),
                   ERROR_UNSUPPORTED, "lower bound");
}

/* ---- convolution ---- */

struct conv_row {
    struct graph_shape x, weights, out;
    size_t groups, stride, dilation;
    size_t before, after; /* the padding, for both axes */
};

static int add_conv(struct graph *g, const struct conv_row *row)
{
    int x = sketch_input(g, row->x);
    int weights = sketch_floats(g, row->weights, NULL);
    int y =
        sketch_conv(g, x, weights, GRAPH_NONE, 0, row->stride, 0, row->groups);
    struct graph_window *window = &sketch_last(g)->conv.window;

    for (int i = 0; i < 2; i++) {
        window->dilation[i] = row->dilation;
        window->pad_before[i] = row->before;
        window->pad_after[i] = row->after;
    }
    return y;
}

static void a_convolution_counts_the_places_of_its_window(void **state)
{
    const struct conv_row rows[] = {
        {SHAPE(1, 3, 8, 6), SHAPE(4, 3, 3, 3), SHAPE(1, 4, 6, 4), 1, 1, 1, 0,
         0},
        {SHAPE(1, 3, 8, 6), SHAPE(4, 3, 3, 3), SHAPE(1, 4, 8, 6), 1, 1, 1, 1,
         1},
        {SHAPE(1, 3, 8, 7), SHAPE(4, 3, 3, 3), SHAPE(1, 4, 4, 4), 1, 2, 1, 1,
         1},
        {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3), SHAPE(1, 4, 4, 4), 1, 2, 1, 0,
         1},
        {SHAPE(1, 3, 9, 9), SHAPE(4, 3, 3, 3), SHAPE(1, 4, 5, 5), 1, 1, 2, 0,
         0},
        {SHAPE(1, 6, 5, 5), SHAPE(6, 1, 5, 5), SHAPE(1, 6, 1, 1), 6, 1, 1, 0,
         0},
        {SHAPE(1, 6, 5, 5), SHAPE(9, 2, 1, 1), SHAPE(1, 9, 5, 5), 3, 1, 1, 0,
         0},
        {SHAPE(2, 3, 4, 4), SHAPE(1, 3, 1, 3), SHAPE(2, 1, 2, 1), 1, 2, 1, 0,
         0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_shape(&g, add_conv(&g, &rows[i]), &rows[i].out);
    }
}

static void a_convolution_refuses_weights_that_do_not_fit(void **state)
{
    const struct conv_row rows[] = {
        {.x = SHAPE(1, 3, 8, 8), .weights = SHAPE(4, 4, 3, 3), .groups = 1},
        {.x = SHAPE(1, 4, 8, 8), .weights = SHAPE(4, 4, 3, 3), .groups = 2},
        {.x = SHAPE(1, 4, 8, 8), .weights = SHAPE(3, 2, 3, 3), .groups = 2},
        {.x = SHAPE(1, 4, 8, 8), .weights = SHAPE(0, 4, 3, 3), .groups = 1},
        {.x = SHAPE(1, 4, 8, 8), .weights = SHAPE(4, 4, 0, 3), .groups = 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conv_row row = rows[i];
        struct graph g = {0};

        row.stride = row.dilation = 1;
        expect_refusal(&g, add_conv(&g, &row), ERROR_INPUT, "weights of");
    }
}

static void
a_convolution_of_other_than_two_spatial_axes_is_unsupported(void **state)
{
    const struct conv_row rows[] = {
        {.x = SHAPE(1, 3, 8), .weights = SHAPE(4, 3, 3)},
        {.x = SHAPE(1, 3, 8, 8, 8), .weights = SHAPE(4, 3, 3, 3, 3)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conv_row row = rows[i];
        struct graph g = {0};

        row.stride = row.dilation = row.groups = 1;
        expect_refusal(&g, add_conv(&g, &row), ERROR_UNSUPPORTED,
                       "2 spatial dimensions");
    }
}

static void a_window_larger_than_the_picture_is_refused(void **state)
{
    const struct conv_row rows[] = {
        {SHAPE(1, 3, 4, 4), SHAPE(4, 3, 5, 1), SCALAR, 1, 1, 1, 0, 0},
        {SHAPE(1, 3, 4, 4), SHAPE(4, 3, 1, 3), SCALAR, 1, 1, 2, 0, 0},
        {SHAPE(1, 3, 4, 4), SHAPE(4, 3, 2, 2), SCALAR, 1, 1, INT32_MAX, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_refusal(&g, add_conv(&g, &rows[i]), ERROR_INPUT, "window");
    }
}

static void a_convolution_of_absurd_borders_is_over_the_limit(void **state)
{
    const struct conv_row row = {
        SHAPE(1, 3, 4, 4), SHAPE(4, 3, 1, 1), SCALAR, 1, 1, 1,
        INT32_MAX,         INT32_MAX};
    struct graph g = {0};

    (void)state;
    expect_refusal(&g, add_conv(&g, &row), ERROR_LIMIT, "elements");
}

static void a_bias_of_another_length_is_refused(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 4));
    int weights = sketch_floats(&g, SHAPE(2, 3, 1, 1), NULL);
    int bias = sketch_floats(&g, SHAPE(3), NULL);

    (void)state;
    expect_refusal(&g, sketch_conv(&g, x, weights, bias, 1, 1, 0, 1),
                   ERROR_INPUT, "weights of");
}

static void weights_that_depend_on_the_picture_are_unsupported(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(3, 3, 4, 4));

    (void)state;
    expect_refusal(&g, sketch_conv(&g, x, x, GRAPH_NONE, 0, 1, 0, 1),
                   ERROR_UNSUPPORTED, "depend on the image");
}

/* SAME: output = ceil(input / stride); the odd pixel of padding goes to the
 * end (upper) or the beginning (lower). */
static void automatic_padding_is_resolved_to_borders(void **state)
{
    const struct {
        size_t input, kernel, stride, dilation, out, small, large;
    } rows[] = {
        {224, 3, 2, 1, 112, 0, 1}, {225, 3, 2, 1, 113, 1, 1},
        {112, 5, 1, 1, 112, 2, 2}, {7, 4, 1, 1, 7, 1, 2},
        {9, 3, 1, 2, 9, 2, 2},     {8, 1, 2, 1, 4, 0, 0},
        {5, 2, 3, 1, 2, 0, 0},     {14, 5, 2, 1, 7, 1, 2},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        size_t r = i / 2;
        bool upper = i % 2 == 0;
        struct graph g = {0};
        struct error err = {0};
        int x = sketch_input(&g, SHAPE(1, 1, rows[r].input, rows[r].input));
        int weights = sketch_floats(
            &g, SHAPE(1, 1, rows[r].kernel, rows[r].kernel), NULL);
        int y = sketch_conv(&g, x, weights, GRAPH_NONE, rows[r].kernel,
                            rows[r].stride, 9, 1);
        struct graph_window *window = &sketch_last(&g)->conv.window;

        window->dilation[0] = window->dilation[1] = rows[r].dilation;
        window->auto_pad = upper ? GRAPH_PAD_SAME_UPPER : GRAPH_PAD_SAME_LOWER;
        sketch_output(&g, y);
        assert_true(graph_infer(&g, &err));
        window = &g.nodes[0].conv.window;
        for (int axis = 0; axis < 2; axis++) {
            assert_int_equal(g.values[y].shape.dim[2 + axis], rows[r].out);
            assert_int_equal(window->pad_before[axis],
                             upper ? rows[r].small : rows[r].large);
            assert_int_equal(window->pad_after[axis],
                             upper ? rows[r].large : rows[r].small);
        }
        assert_int_equal(window->auto_pad, GRAPH_PAD_GIVEN);
        graph_release(&g);
    }
}

/* ---- BatchNorm ---- */

static int add_batch_norm(struct graph *g, struct graph_shape x,
                          struct graph_shape statistics)
{
    int in = sketch_input(g, x);
    int s = sketch_floats(g, statistics, NULL);
    int operands[5] = {in, s, s, s, s};

    return sketch_node(g, GRAPH_BATCH_NORM, operands, 5);
}

static void batch_norm_keeps_the_shape(void **state)
{
    struct graph g = {0};

    (void)state;
    expect_shape(&g, add_batch_norm(&g, SHAPE(1, 3, 4, 5), SHAPE(3)),
                 &SHAPE(1, 3, 4, 5));
}

static void batch_norm_refuses_statistics_of_other_channels(void **state)
{
    struct graph g = {0}, h = {0}, i = {0};

    (void)state;
    expect_refusal(&g, add_batch_norm(&g, SHAPE(1, 3, 4, 5), SHAPE(5)),
                   ERROR_INPUT, "channels");
    expect_refusal(&h, add_batch_norm(&h, SHAPE(1, 3, 4, 5), SHAPE(3, 1)),
                   ERROR_INPUT, "channels");
    expect_refusal(&i, add_batch_norm(&i, SHAPE(3), SHAPE(3)), ERROR_INPUT,
                   "channels");
}

/* ---- Pad ---- */

static void pad_adds_its_borders(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
    int pads = sketch_ints(&g, SHAPE(8), (int64_t[]){0, 0, 1, 2, 0, 1, 3, 4});

    (void)state;
    expect_shape(&g, sketch_node(&g, GRAPH_PAD, (int[]){x, pads}, 2),
                 &SHAPE(1, 4, 8, 11));
}

static void pad_takes_borders_of_some_axes_and_a_value(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
    int pads = sketch_ints(&g, SHAPE(4), (int64_t[]){1, 2, 3, 4});
    int value = sketch_floats(&g, SCALAR, (float[]){-7.5f});
    int axes = sketch_ints(&g, SHAPE(2), (int64_t[]){-1, 2});
    int y = sketch_node(&g, GRAPH_PAD, (int[]){x, pads, value, axes}, 4);

    (void)state;
    sketch_output(&g, y);
    assert_true(graph_infer(&g, &err));
    assert_true(graph_shape_equal(&g.values[y].shape, &SHAPE(1, 3, 10, 9)));
    assert_int_equal(g.nodes[0].pad.before[3], 1);
    assert_int_equal(g.nodes[0].pad.before[2], 2);
    assert_int_equal(g.nodes[0].pad.after[3], 3);
    assert_int_equal(g.nodes[0].pad.after[2], 4);
    assert_true(g.nodes[0].pad.value == -7.5f);
    assert_int_equal(g.nodes[0].num_inputs, 1);
    graph_release(&g);
}

static void pad_refuses_borders_that_do_not_fit(void **state)
{
    const struct {
        size_t num;
        int64_t pads[8];
        enum error_kind kind;
    } rows[] = {
        {6, {0}, ERROR_INPUT},
        {7, {0}, ERROR_INPUT},
        {0, {0}, ERROR_INPUT},
        {8, {0, 0, -5, 0}, ERROR_INPUT}, /* crops more than there is */
        {8, {0, 0, -3, 0, 0, 0, -2, 0}, ERROR_INPUT},
        {8, {0, 0, 0, 6, 0, 0, 0, -6}, ERROR_INPUT},
        {8, {0, 0, INT64_MAX, 0, 0, 0, INT64_MAX, 0}, ERROR_UNSUPPORTED},
        {8, {0, 0, INT32_MAX, 0, 0, 0, INT32_MAX, 0}, ERROR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};
        int x = sketch_input(&g, SHAPE(1, 3, 4, 5));
        int pads = sketch_ints(&g, SHAPE(rows[i].num), rows[i].pads);

        expect_refusal(&g, sketch_node(&g, GRAPH_PAD, (int[]){x, pads}, 2),
                       rows[i].kind, "");
    }
}

/* ---- Mean ---- */

struct mean_row {
    size_t num_axes;
    int64_t axes[4];
    bool keep_dims;
    struct graph_shape out;
};

/* The axes as an attribute, or as operand 1. */
static int add_mean(struct graph *g, const struct mean_row *row, bool operand)
{
    int x = sketch_input(g, SHAPE(2, 3, 4, 5));
    int axes = sketch_ints(g, SHAPE(row->num_axes), row->axes);
    int y = sketch_node(g, GRAPH_MEAN, (int[]){x, axes}, operand ? 2 : 1);
    struct graph_node *node = sketch_last(g);

    node->reduce.keep_dims = row->keep_dims;
    if (!operand) {
        memcpy(node->reduce.raw_axes, row->axes,
               row->num_axes * sizeof row->axes[0]);
        node->reduce.num_raw_axes = (uint32_t)row->num_axes;
    }
    return y;
}

static void mean_drops_or_keeps_its_axes(void **state)
{
    const struct mean_row rows[] = {
        {2, {2, 3}, true, SHAPE(2, 3, 1, 1)}, {2, {2, 3}, false, SHAPE(2, 3)},
        {2, {-1, -2}, false, SHAPE(2, 3)},    {1, {1}, false, SHAPE(2, 4, 5)},
        {1, {-4}, true, SHAPE(1, 3, 4, 5)},   {4, {3, 1, 0, 2}, false, SCALAR},
        {0, {0}, true, SHAPE(1, 1, 1, 1)},    {0, {0}, false, SCALAR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0}, h = {0};

        expect_shape(&g, add_mean(&g, &rows[i], false), &rows[i].out);
        expect_shape(&h, add_mean(&h, &rows[i], true), &rows[i].out);
    }
}

static void mean_refuses_axes_that_are_not_there_or_there_twice(void **state)
{
    const struct mean_row rows[] = {
        {1, {4}, true, SCALAR},         {1, {-5}, true, SCALAR},
        {1, {INT64_MIN}, true, SCALAR}, {2, {2, 2}, true, SCALAR},
        {2, {3, -1}, true, SCALAR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0}, h = {0};

        expect_refusal(&g, add_mean(&g, &rows[i], false), ERROR_INPUT, "axis");
        expect_refusal(&h, add_mean(&h, &rows[i], true), ERROR_INPUT, "axis");
    }
}

/* ---- Gemm and MatMul ---- */

static int add_gemm(struct graph *g, struct graph_shape a, struct graph_shape b,
                    bool transpose_b)
{
    int x = sketch_input(g, a);
    int weights = sketch_floats(g, b, NULL);
    int y = sketch_node(g, GRAPH_MATMUL, (int[]){x, weights}, 2);

    sketch_last(g)->gemm.alpha = sketch_last(g)->gemm.beta = 1;
    sketch_last(g)->gemm.transpose_b = transpose_b;
    return y;
}

static void a_product_has_the_rows_of_a_and_the_columns_of_b(void **state)
{
    struct graph g = {0}, h = {0}, i = {0};

    (void)state;
    expect_shape(&g, add_gemm(&g, SHAPE(1, 8), SHAPE(8, 5), false),
                 &SHAPE(1, 5));
    expect_shape(&h, add_gemm(&h, SHAPE(1, 8), SHAPE(5, 8), true),
                 &SHAPE(1, 5));
    expect_shape(&i, add_gemm(&i, SHAPE(2, 3, 4, 8), SHAPE(8, 5), false),
                 &SHAPE(2, 3, 4, 5));
}

static void a_product_refuses_what_does_not_fit(void **state)
{
    struct graph g = {0}, h = {0}, i = {0};
    int y;

    (void)state;
    expect_refusal(&g, add_gemm(&g, SHAPE(1, 8), SHAPE(7, 5), false),
                   ERROR_INPUT, "do not match");
    expect_refusal(&h, add_gemm(&h, SHAPE(1, 8), SHAPE(8, 5), true),
                   ERROR_INPUT, "do not match");
    y = add_gemm(&i, SHAPE(3, 4, 4), SHAPE(2, 4, 4), false);
    expect_refusal(&i, y, ERROR_INPUT, "do not match");
}

static void
a_product_of_stacks_and_vectors_has_the_shape_numpy_has(void **state)
{
    struct graph g = {0}, h = {0}, i = {0}, j = {0};

    (void)state;
    expect_shape(&g, add_gemm(&g, SHAPE(3, 1, 4, 5), SHAPE(2, 5, 6), false),
                 &SHAPE(3, 2, 4, 6));
    expect_shape(&h, add_gemm(&h, SHAPE(5), SHAPE(2, 5, 6), false),
                 &SHAPE(2, 6));
    expect_shape(&i, add_gemm(&i, SHAPE(2, 4, 5), SHAPE(5), false),
                 &SHAPE(2, 4));
    expect_shape(&j, add_gemm(&j, SHAPE(5), SHAPE(5), false), &SCALAR);
}

/* ---- Softmax ---- */

static void
softmax_keeps_the_shape_and_counts_its_axis_from_the_start(void **state)
{
    struct graph g = {0};
    struct error err = {0};
    int x = sketch_input(&g, SHAPE(2, 3, 4));
    int y = sketch_node(&g, GRAPH_SOFTMAX, &x, 1);

    (void)state;
    sketch_last(&g)->axis = -1;
    sketch_output(&g, y);
    assert_true(graph_infer(&g, &err));
    assert_int_equal(g.nodes[0].axis, 2);
    assert_true(graph_shape_equal(&g.values[y].shape, &SHAPE(2, 3, 4)));
    graph_release(&g);
}

static void an_old_softmax_is_over_one_axis_where_that_is_the_same(void **state)
{
    struct graph g = {0}, h = {0};
    int x = sketch_input(&g, SHAPE(1, 10, 1, 1));
    int y = sketch_node(&g, GRAPH_SOFTMAX, &x, 1);

    (void)state;
    sketch_last(&g)->axis = 1;
    sketch_last(&g)->to_matrix = true;
    sketch_output(&g, y);
    assert_true(graph_infer(&g, NULL));
    assert_true(graph_shape_equal(&g.values[y].shape, &SHAPE(1, 10, 1, 1)));
    assert_false(sketch_last(&g)->to_matrix);
    graph_release(&g);
    x = sketch_input(&h, SHAPE(1, 10, 2, 1));
    y = sketch_node(&h, GRAPH_SOFTMAX, &x, 1);
    sketch_last(&h)->axis = 1;
    sketch_last(&h)->to_matrix = true;
    sketch_output(&h, y);
    assert_true(graph_infer(&h, NULL));
    assert_true(sketch_last(&h)->to_matrix);
    graph_release(&h);
}

/* ---- Reshape and its kin ---- */

static int add_reshape(struct graph *g, size_t num, const int64_t *target,
                       bool allow_zero)
{
    int x = sketch_input(g, SHAPE(2, 3, 4));
    int shape = sketch_ints(g, SHAPE(num), target);
    int y = sketch_node(g, GRAPH_RESHAPE, (int[]){x, shape}, 2);

    sketch_last(g)->reshape.rule = GRAPH_RESHAPE_TO;
    sketch_last(g)->reshape.allow_zero = allow_zero;
    return y;
}

static void reshape_copies_zeros_and_solves_for_minus_one(void **state)
{
    const struct {
        size_t num;
        int64_t target[5];
        struct graph_shape out;
    } rows[] = {
        {1, {24}, SHAPE(24)},
        {2, {4, 6}, SHAPE(4, 6)},
        {2, {0, -1}, SHAPE(2, 12)},
        {2, {-1, 4}, SHAPE(6, 4)},
        {3, {0, 0, 0}, SHAPE(2, 3, 4)},
        {3, {3, -1, 0}, SHAPE(3, 2, 4)},
        {5, {2, 1, 3, -1, 1}, SHAPE(2, 1, 3, 4, 1)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_shape(&g, add_reshape(&g, rows[i].num, rows[i].target, false),
                     &rows[i].out);
    }
}

static void reshape_refuses_targets_that_do_not_fit(void **state)
{
    const struct {
        size_t num;
        int64_t target[6];
        bool allow_zero;
    } rows[] = {
        {1, {25}, false},
        {2, {5, -1}, false},
        {2, {-1, -1}, false},
        {2, {-2, 12}, false},
        {4, {2, 3, 4, 0}, false},
        {3, {0, 0, 0}, true},
        {1, {INT64_MAX}, false},
        {1, {INT64_MIN}, false},
        {0, {0}, false},
        {2, {(int64_t)1 << 32, -1}, false},
        {3, {(int64_t)1 << 32, (int64_t)1 << 32, 24}, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_refusal(
            &g,
            add_reshape(&g, rows[i].num, rows[i].target, rows[i].allow_zero),
            ERROR_INPUT, "target shape");
    }
}

static void a_reshape_to_more_than_six_axes_is_unsupported(void **state)
{
    const int64_t target[] = {2, 3, 4, 1, 1, 1, 1};
    struct graph g = {0};

    (void)state;
    expect_refusal(&g, add_reshape(&g, 7, target, false), ERROR_UNSUPPORTED,
                   "at most 6");
}

static void a_target_shape_that_is_not_constant_is_refused(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(4));
    int y = sketch_node(&g, GRAPH_RESHAPE, (int[]){x, x}, 2);

    (void)state;
    expect_refusal(&g, y, ERROR_UNSUPPORTED, "depends on the image");
}

static void flatten_multiplies_before_and_from_its_axis(void **state)
{
    const struct {
        int64_t axis;
        struct graph_shape out;
    } rows[] = {
        {0, SHAPE(1, 120)}, {1, SHAPE(2, 60)},  {3, SHAPE(24, 5)},
        {4, SHAPE(120, 1)}, {-1, SHAPE(24, 5)}, {-4, SHAPE(1, 120)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};
        int x = sketch_input(&g, SHAPE(2, 3, 4, 5));
        int y = sketch_node(&g, GRAPH_RESHAPE, &x, 1);

        sketch_last(&g)->reshape.rule = GRAPH_RESHAPE_FLATTEN;
        sketch_last(&g)->reshape.axis = rows[i].axis;
        expect_shape(&g, y, &rows[i].out);
    }
}

static void flatten_refuses_an_axis_that_is_not_there(void **state)
{
    const int64_t axes[] = {5, -5, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(axes); i++) {
        struct graph g = {0};
        int x = sketch_input(&g, SHAPE(2, 3, 4, 5));
        int y = sketch_node(&g, GRAPH_RESHAPE, &x, 1);

        sketch_last(&g)->reshape.rule = GRAPH_RESHAPE_FLATTEN;
        sketch_last(&g)->reshape.axis = axes[i];
        expect_refusal(&g, y, ERROR_INPUT, "axis");
    }
}

/* Squeeze or Unsqueeze, the axes as operand or as attribute. */
static int add_squeeze(struct graph *g, enum graph_reshape_rule rule,
                       struct graph_shape shape, size_t num_axes,
                       const int64_t *axes, bool operand)
{
    int x = sketch_input(g, shape);
    int list = sketch_ints(g, SHAPE(num_axes), axes);
    int y = sketch_node(g, GRAPH_RESHAPE, (int[]){x, list}, operand ? 2 : 1);
    struct graph_node *node = sketch_last(g);

    node->reshape.rule = rule;
    if (!operand) {
        node->reshape.num_raw_axes = (uint32_t)num_axes;
        memcpy(node->reshape.raw_axes, axes, num_axes * sizeof *axes);
    }
    return y;
}

static void squeeze_drops_axes_of_one(void **state)
{
    const struct {
        size_t num;
        int64_t axes[3];
        struct graph_shape out;
    } rows[] = {
        {1, {2}, SHAPE(1, 5, 1)},
        {2, {-1, -2}, SHAPE(1, 5)},
        {3, {0, 2, 3}, SHAPE(5)},
        {0, {0}, SHAPE(5)},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct graph g = {0};

        expect_shape(&g,
                     add_squeeze(&g, GRAPH_RESHAPE_SQUEEZE, SHAPE(1, 5, 1, 1),
                                 rows[i / 2].num, rows[i / 2].axes, i % 2),
                     &rows[i / 2].out);
    }
}

static void unsqueeze_counts_its_axes_in_the_output(void **state)
{
    const struct {
        size_t num;
        int64_t axes[3];
        struct graph_shape out;
    } rows[] = {
        {1, {0}, SHAPE(1, 4, 5)},
        {1, {-1}, SHAPE(4, 5, 1)},
        {2, {1, 3}, SHAPE(4, 1, 5, 1)},
        {2, {-1, 0}, SHAPE(1, 4, 5, 1)},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct graph g = {0};

        expect_shape(&g,
                     add_squeeze(&g, GRAPH_RESHAPE_UNSQUEEZE, SHAPE(4, 5),
                                 rows[i / 2].num, rows[i / 2].axes, i % 2),
                     &rows[i / 2].out);
    }
}

static void squeeze_and_unsqueeze_refuse_axes_that_do_not_fit(void **state)
{
    struct graph g = {0}, h = {0}, i = {0}, j = {0}, k = {0};
    const int64_t axes[] = {0, 1, 2, 3, 4};

    (void)state;
    expect_refusal(&g,
                   add_squeeze(&g, GRAPH_RESHAPE_SQUEEZE, SHAPE(1, 5), 1,
                               (int64_t[]){1}, true),
                   ERROR_INPUT, "cannot be removed");
    expect_refusal(&h,
                   add_squeeze(&h, GRAPH_RESHAPE_SQUEEZE, SHAPE(1, 5), 1,
                               (int64_t[]){2}, true),
                   ERROR_INPUT, "axis");
    expect_refusal(&i,
                   add_squeeze(&i, GRAPH_RESHAPE_UNSQUEEZE, SHAPE(1, 5), 1,
                               (int64_t[]){3}, true),
                   ERROR_INPUT, "axis");
    expect_refusal(&j,
                   add_squeeze(&j, GRAPH_RESHAPE_UNSQUEEZE, SHAPE(1, 5), 2,
                               (int64_t[]){0, -4}, true),
                   ERROR_INPUT, "twice");
    expect_refusal(
        &k,
        add_squeeze(&k, GRAPH_RESHAPE_UNSQUEEZE, SHAPE(1, 5), 5, axes, false),
        ERROR_UNSUPPORTED, "at most 6");
}

/* ---- Transpose, Concat, Slice, Gather ---- */

static int add_transpose(struct graph *g, const size_t *perm)
{
    int x = sketch_input(g, SHAPE(2, 3, 4, 5));
    int y = sketch_node(g, GRAPH_TRANSPOSE, &x, 1);

    memcpy(sketch_last(g)->perm, perm, 4 * sizeof *perm);
    return y;
}

static void transpose_reorders_and_reverses_by_default(void **state)
{
    struct graph g = {0}, h = {0};

    (void)state;
    expect_shape(&g, add_transpose(&g, (size_t[]){0, 2, 3, 1}),
                 &SHAPE(2, 4, 5, 3));
    expect_shape(&h, add_transpose(&h, (size_t[]){GRAPH_MAX_RANK, 0, 0, 0}),
                 &SHAPE(5, 4, 3, 2));
}

static void transpose_refuses_what_is_no_permutation(void **state)
{
    struct graph g = {0}, h = {0};

    (void)state;
    expect_refusal(&g, add_transpose(&g, (size_t[]){0, 1, 2, 2}), ERROR_INPUT,
                   "perm");
    expect_refusal(&h, add_transpose(&h, (size_t[]){0, 1, 2, 4}), ERROR_INPUT,
                   "perm");
}

static int add_concat(struct graph *g, struct graph_shape second, int64_t axis)
{
    int x = sketch_input(g, SHAPE(1, 3, 4));
    int b = sketch_floats(g, second, NULL);
    int y = sketch_node(g, GRAPH_CONCAT, (int[]){x, b, x}, 3);

    sketch_last(g)->axis = axis;
    return y;
}

static void concat_adds_up_along_its_axis(void **state)
{
    struct graph g = {0}, h = {0};

    (void)state;
    expect_shape(&g, add_concat(&g, SHAPE(1, 5, 4), 1), &SHAPE(1, 11, 4));
    expect_shape(&h, add_concat(&h, SHAPE(1, 3, 1), -1), &SHAPE(1, 3, 9));
}

static void concat_refuses_inputs_that_do_not_fit(void **state)
{
    struct graph g = {0}, h = {0}, i = {0};

    (void)state;
    expect_refusal(&g, add_concat(&g, SHAPE(1, 5, 3), 1), ERROR_INPUT,
                   "differ in");
    expect_refusal(&h, add_concat(&h, SHAPE(1, 3), 1), ERROR_INPUT,
                   "differ in");
    expect_refusal(&i, add_concat(&i, SHAPE(1, 3, 4), 3), ERROR_INPUT, "axis");
}

struct slice_row {
    int64_t start, end, axis, step;
    struct graph_shape out;
};

static int add_slice(struct graph *g, const struct slice_row *row)
{
    int x = sketch_input(g, SHAPE(2, 10));
    int start = sketch_ints(g, SHAPE(1), &row->start);
    int end = sketch_ints(g, SHAPE(1), &row->end);
    int axis = sketch_ints(g, SHAPE(1), &row->axis);
    int step = sketch_ints(g, SHAPE(1), &row->step);

    return sketch_node(g, GRAPH_SLICE, (int[]){x, start, end, axis, step}, 5);
}

/* As Python counts x[:, start:end:step]. */
static void slice_counts_as_numpy_does(void **state)
{
    const struct slice_row rows[] = {
        {0, 10, 1, 1, SHAPE(2, 10)},
        {2, 5, 1, 1, SHAPE(2, 3)},
        {0, INT64_MAX, 1, 1, SHAPE(2, 10)},
        {-3, INT64_MAX, -1, 1, SHAPE(2, 3)},
        {INT64_MIN, -8, 1, 1, SHAPE(2, 2)},
        {1, 10, 1, 3, SHAPE(2, 3)},
        {0, 10, 1, 4, SHAPE(2, 3)},
        {-1, INT64_MIN, 1, -1, SHAPE(2, 10)},
        {-1, -INT64_MAX, 1, -1, SHAPE(2, 10)},
        {100, -11, 1, -3, SHAPE(2, 4)},
        {8, 2, 1, -2, SHAPE(2, 3)},
        {1, 2, 0, 1, SHAPE(1, 10)},
        {0, 1, -2, INT32_MAX, SHAPE(1, 10)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_shape(&g, add_slice(&g, &rows[i]), &rows[i].out);
    }
}

static void
slice_refuses_steps_of_nothing_and_axes_that_are_not_there(void **state)
{
    const struct slice_row rows[] = {
        {0, 1, 1, 0, SCALAR},
        {0, 1, 2, 1, SCALAR},
        {0, 1, -3, 1, SCALAR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct graph g = {0};

        expect_refusal(&g, add_slice(&g, &rows[i]), ERROR_INPUT, "");
    }
}

static void a_slice_of_nothing_is_refused(void **state)
{
    const struct slice_row row = {5, 5, 1, 1, SCALAR};
    struct graph g = {0};

    (void)state;
    expect_refusal(&g, add_slice(&g, &row), ERROR_UNSUPPORTED, "empty");
}

static void slice_refuses_lists_of_different_length(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(2, 10));
    int one = sketch_ints(&g, SHAPE(1), NULL);
    int two = sketch_ints(&g, SHAPE(2), NULL);

    (void)state;
    expect_refusal(&g, sketch_node(&g, GRAPH_SLICE, (int[]){x, one, two}, 3),
                   ERROR_INPUT, "differ in length");
}

static int add_gather(struct graph *g, struct graph_shape indices,
                      const int64_t *values, int64_t axis)
{
    int x = sketch_input(g, SHAPE(2, 3, 4));
    int list = sketch_ints(g, indices, values);
    int y = sketch_node(g, GRAPH_GATHER, (int[]){x, list}, 2);

    sketch_last(g)->axis = axis;
    return y;
}

static void gather_puts_the_shape_of_the_indices_at_its_axis(void **state)
{
    const int64_t indices[6] = {0, 1, -1, 0, -2, 1};
    struct graph g = {0}, h = {0}, i = {0};

    (void)state;
    expect_shape(&g, add_gather(&g, SCALAR, indices, 1), &SHAPE(2, 4));
    expect_shape(&h, add_gather(&h, SHAPE(6), indices, -1), &SHAPE(2, 3, 6));
    expect_shape(&i, add_gather(&i, SHAPE(2, 3), indices, 0),
                 &SHAPE(2, 3, 3, 4));
}

static void gather_refuses_what_is_out_of_range(void **state)
{
    struct graph g = {0}, h = {0}, i = {0}, j = {0};

    (void)state;
    expect_refusal(&g, add_gather(&g, SCALAR, NULL, 3), ERROR_INPUT, "axis");
    expect_refusal(&h, add_gather(&h, SHAPE(1, 1, 1, 1, 1), NULL, 0),
                   ERROR_UNSUPPORTED, "6 dimensions");
    expect_refusal(&i, add_gather(&i, SHAPE(1), (int64_t[]){3}, 1), ERROR_INPUT,
                   "");
    expect_refusal(&j, add_gather(&j, SHAPE(1), (int64_t[]){-4}, 1),
                   ERROR_INPUT, "");
}

static void integers_computed_from_the_picture_are_unsupported(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(2, 3));
    int y = sketch_node(&g, GRAPH_CAST, &x, 1);

    (void)state;
    g.values[y].type = GRAPH_INT;
    expect_refusal(&g, y, ERROR_UNSUPPORTED, "integers");
}

static void shapes_go_through_a_chain_of_nodes(void **state)
{
    struct graph g = {0};
    int x = sketch_input(&g, SHAPE(1, 3, 33, 33));
    int weights = sketch_floats(&g, SHAPE(8, 3, 3, 3), NULL);
    int linear = sketch_floats(&g, SHAPE(5, 8), NULL);
    int y = sketch_conv(&g, x, weights, GRAPH_NONE, 3, 2, 1, 1);

    (void)state;
    y = sketch_node(&g, GRAPH_CLAMP, &y, 1);
    y = sketch_node(&g, GRAPH_MEAN, &y, 1);
    sketch_last(&g)->reduce.raw_axes[0] = 2;
    sketch_last(&g)->reduce.raw_axes[1] = 3;
    sketch_last(&g)->reduce.num_raw_axes = 2;
    y = sketch_node(&g, GRAPH_MATMUL, (int[]){y, linear}, 2);
    sketch_last(&g)->gemm.alpha = 1;
    sketch_last(&g)->gemm.transpose_b = true;
    expect_shape(&g, y, &SHAPE(1, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_broadcasts_as_numpy_does),
        cmocka_unit_test(arithmetic_refuses_shapes_that_do_not_fit),
        cmocka_unit_test(arithmetic_does_not_mix_integers_and_floats),
        cmocka_unit_test(the_bounds_of_clip_become_the_nodes_own),
        cmocka_unit_test(clip_refuses_bounds_it_cannot_know),
        cmocka_unit_test(a_convolution_counts_the_places_of_its_window),
        cmocka_unit_test(a_convolution_refuses_weights_that_do_not_fit),
        cmocka_unit_test(
            a_convolution_of_other_than_two_spatial_axes_is_unsupported),
        cmocka_unit_test(a_window_larger_than_the_picture_is_refused),
        cmocka_unit_test(a_convolution_of_absurd_borders_is_over_the_limit),
        cmocka_unit_test(a_bias_of_another_length_is_refused),
        cmocka_unit_test(weights_that_depend_on_the_picture_are_unsupported),
        cmocka_unit_test(automatic_padding_is_resolved_to_borders),
        cmocka_unit_test(batch_norm_keeps_the_shape),
        cmocka_unit_test(batch_norm_refuses_statistics_of_other_channels),
        cmocka_unit_test(pad_adds_its_borders),
        cmocka_unit_test(pad_takes_borders_of_some_axes_and_a_value),
        cmocka_unit_test(pad_refuses_borders_that_do_not_fit),
        cmocka_unit_test(mean_drops_or_keeps_its_axes),
        cmocka_unit_test(mean_refuses_axes_that_are_not_there_or_there_twice),
        cmocka_unit_test(a_product_has_the_rows_of_a_and_the_columns_of_b),
        cmocka_unit_test(a_product_refuses_what_does_not_fit),
        cmocka_unit_test(
            a_product_of_stacks_and_vectors_has_the_shape_numpy_has),
        cmocka_unit_test(
            softmax_keeps_the_shape_and_counts_its_axis_from_the_start),
        cmocka_unit_test(
            an_old_softmax_is_over_one_axis_where_that_is_the_same),
        cmocka_unit_test(reshape_copies_zeros_and_solves_for_minus_one),
        cmocka_unit_test(reshape_refuses_targets_that_do_not_fit),
        cmocka_unit_test(a_reshape_to_more_than_six_axes_is_unsupported),
        cmocka_unit_test(a_target_shape_that_is_not_constant_is_refused),
        cmocka_unit_test(flatten_multiplies_before_and_from_its_axis),
        cmocka_unit_test(flatten_refuses_an_axis_that_is_not_there),
        cmocka_unit_test(squeeze_drops_axes_of_one),
        cmocka_unit_test(unsqueeze_counts_its_axes_in_the_output),
        cmocka_unit_test(squeeze_and_unsqueeze_refuse_axes_that_do_not_fit),
        cmocka_unit_test(transpose_reorders_and_reverses_by_default),
        cmocka_unit_test(transpose_refuses_what_is_no_permutation),
        cmocka_unit_test(concat_adds_up_along_its_axis),
        cmocka_unit_test(concat_refuses_inputs_that_do_not_fit),
        cmocka_unit_test(slice_counts_as_numpy_does),
        cmocka_unit_test(
            slice_refuses_steps_of_nothing_and_axes_that_are_not_there),
        cmocka_unit_test(a_slice_of_nothing_is_refused),
        cmocka_unit_test(slice_refuses_lists_of_different_length),
        cmocka_unit_test(gather_puts_the_shape_of_the_indices_at_its_axis),
        cmocka_unit_test(gather_refuses_what_is_out_of_range),
        cmocka_unit_test(integers_computed_from_the_picture_are_unsupported),
        cmocka_unit_test(shapes_go_through_a_chain_of_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
