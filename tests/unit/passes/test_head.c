/* What a class activation map can be read from. Whatever the form of the head,
 * the map of a class must average to the class's logit less its bias. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/cam.h"
#include "engine/graph/graph.h"
#include "engine/passes/head.h"
#include "tests/array.h"
#include "tests/network_file.h"
#include "tests/reference.h"
#include "tests/sketch.h"

#include <cmocka.h>

#define FORMS "tests/data/forms"

enum { CHANNELS = 5, HEIGHT = 4, WIDTH = 3, CLASSES = 7 };

/* A network under construction: the value at its end. */
struct body {
    struct graph graph;
    struct sketch_random random;
    int x;
};

/* A picture, a convolution, a clamp: the feature map. */
static void start(struct body *body)
{
    *body = (struct body){.random = {42}};
    body->x = sketch_input(&body->graph, SHAPE(1, 3, HEIGHT, WIDTH));
    body->x = sketch_conv(&body->graph, body->x,
                          sketch_noise(&body->graph, SHAPE(CHANNELS, 3, 1, 1),
                                       &body->random, -1, 1),
                          GRAPH_NONE, 1, 1, 0, 1);
    body->x = sketch_node(&body->graph, GRAPH_CLAMP, &body->x, 1);
    sketch_last(&body->graph)->min = 0;
}

static void add_mean(struct body *body, bool keep_dims, int64_t a, int64_t b)
{
    struct graph_node *node;

    body->x = sketch_node(&body->graph, GRAPH_MEAN, &body->x, 1);
    node = sketch_last(&body->graph);
    node->reduce.keep_dims = keep_dims;
    node->reduce.raw_axes[0] = a;
    node->reduce.raw_axes[1] = b;
    node->reduce.num_raw_axes = 2;
}

static void add_flatten(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_RESHAPE, &body->x, 1);
    sketch_last(&body->graph)->reshape.rule = GRAPH_RESHAPE_FLATTEN;
    sketch_last(&body->graph)->reshape.axis = 1;
}

static void add_reshape(struct body *body, size_t num, const int64_t *target)
{
    int list = sketch_ints(&body->graph, SHAPE(num), target);

    body->x =
        sketch_node(&body->graph, GRAPH_RESHAPE, (int[]){body->x, list}, 2);
    sketch_last(&body->graph)->reshape.rule = GRAPH_RESHAPE_TO;
}

static void add_squeeze(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_RESHAPE, &body->x, 1);
    sketch_last(&body->graph)->reshape.rule = GRAPH_RESHAPE_SQUEEZE;
    sketch_last(&body->graph)->reshape.raw_axes[0] = 3;
    sketch_last(&body->graph)->reshape.raw_axes[1] = 2;
    sketch_last(&body->graph)->reshape.num_raw_axes = 2;
}

static void add_layer(struct body *body, size_t in, size_t out)
{
    int w = sketch_noise(&body->graph, SHAPE(out, in), &body->random, -1, 1);
    int b = sketch_noise(&body->graph, SHAPE(out), &body->random, -1, 1);

    body->x =
        sketch_node(&body->graph, GRAPH_MATMUL, (int[]){body->x, w, b}, 3);
    sketch_last(&body->graph)->gemm.alpha = 1;
    sketch_last(&body->graph)->gemm.beta = 1;
    sketch_last(&body->graph)->gemm.transpose_b = true;
}

static void add_gemm(struct body *body, size_t in)
{
    add_layer(body, in, CLASSES);
}

static void add_matmul(struct body *body)
{
    int w = sketch_noise(&body->graph, SHAPE(CHANNELS, CLASSES), &body->random,
                         -1, 1);

    body->x = sketch_node(&body->graph, GRAPH_MATMUL, (int[]){body->x, w}, 2);
    sketch_last(&body->graph)->gemm.alpha = 1;
    sketch_last(&body->graph)->gemm.beta = 1;
}

static void add_bias(struct body *body)
{
    int b = sketch_noise(&body->graph, SHAPE(CLASSES), &body->random, -1, 1);

    body->x = sketch_node(&body->graph, GRAPH_ADD, (int[]){body->x, b}, 2);
}

static void add_conv(struct body *body)
{
    int w = sketch_noise(&body->graph, SHAPE(CLASSES, CHANNELS, 1, 1),
                         &body->random, -1, 1);
    int b = sketch_noise(&body->graph, SHAPE(CLASSES), &body->random, -1, 1);

    body->x = sketch_conv(&body->graph, body->x, w, b, 1, 1, 0, 1);
}

static void add_clamp(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_CLAMP, &body->x, 1);
    sketch_last(&body->graph)->min = 0;
}

static void add_max_pool(struct body *body, size_t height, size_t width)
{
    struct graph_node *node;

    body->x = sketch_node(&body->graph, GRAPH_MAX_POOL, &body->x, 1);
    node = sketch_last(&body->graph);
    node->pool.window = (struct graph_window){
        .kernel = {height, width}, .stride = {1, 1}, .dilation = {1, 1}};
    node->pool.p = 1;
}

static void add_softmax(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_SOFTMAX, &body->x, 1);
    sketch_last(&body->graph)->axis = 1;
}

/* Rounds to integers of 8 bits and back, by scales that may differ. */
static void add_rounding(struct body *body, float scale, float back)
{
    int s = sketch_floats(&body->graph, SCALAR, &scale);
    int zero = sketch_ints(&body->graph, SCALAR, (int64_t[]){-3});
    int b = sketch_floats(&body->graph, SCALAR, &back);

    body->x =
        sketch_node(&body->graph, GRAPH_QUANTIZE, (int[]){body->x, s, zero}, 3);
    sketch_last(&body->graph)->quant.low = -128;
    sketch_last(&body->graph)->quant.high = 127;
    body->x = sketch_node(&body->graph, GRAPH_DEQUANTIZE,
                          (int[]){body->x, b, zero}, 3);
}

static void add_identity(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_IDENTITY, &body->x, 1);
}

static void prepare(struct body *body)
{
    struct error err = {0};

    sketch_output(&body->graph, body->x);
    if (!network_prepare(&body->graph, NETWORK_LAYOUT, &err))
        fail_msg("%s", err.text);
}

/* Class k's share of channel c. */
static double weight_of(const struct graph *graph, const struct head *head,
                        size_t k, size_t c)
{
    size_t channels = graph->values[head->features].shape.dim[3];
    double scale = 1;

    if (head->weights == GRAPH_NONE)
        return k == c;
    if (head->norm_scale != GRAPH_NONE)
        scale = (double)graph_floats(&graph->values[head->norm_scale])[c];
    return scale * (double)graph_floats(
                       &graph->values[head->weights])[k * channels + c];
}

/* What pooling makes of channel c. */
static double pooled(const struct head *head, const double *features, size_t c,
                     size_t channels)
{
    double sum = 0, max = -INFINITY;

    for (size_t i = 0; i < HEIGHT * WIDTH; i++) {
        double value = features[i * channels + c];

        sum += value;
        max = value > max ? value : max;
    }
    return head->is_max ? max : sum / (HEIGHT * WIDTH);
}

/* What a picture's features are normalized by. */
static struct cam_scale scale_of(const struct head *head,
                                 const double *features, size_t channels)
{
    struct cam_scale scale = {.deviation = 1};
    double square = 0;

    if (!head->is_normalized)
        return scale;
    for (size_t c = 0; c < channels && !head->about_zero; c++)
        scale.mean += pooled(head, features, c, channels) / (double)channels;
    for (size_t c = 0; c < channels; c++) {
        double apart = pooled(head, features, c, channels) - scale.mean;

        square += apart * apart / (double)channels;
    }
    scale.deviation = sqrt(square + head->epsilon);
    return scale;
}

/* The map of a class is its weighted sum of channels. */
static void expect_map(const struct graph *graph, const struct head *head,
                       const double *features, size_t k, size_t channels)
{
    float copy[HEIGHT * WIDTH * (CHANNELS + CLASSES)];
    float map[HEIGHT * WIDTH];
    struct cam_scale scale = scale_of(head, features, channels), computed;

    assert_true(channels <= CHANNELS + CLASSES);
    for (size_t i = 0; i < HEIGHT * WIDTH * channels; i++)
        copy[i] = (float)features[i];
    cam_scale(&computed, head, graph, copy);
    cam_map(map, head, graph, copy, &computed, k);
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) {
        double sum = 0;

        for (size_t c = 0; c < channels; c++)
            sum += weight_of(graph, head, k, c) *
                   (features[i * channels + c] - scale.mean) / scale.deviation;
        assert_true(fabs((double)map[i] - sum) < 1e-5);
    }
}

/* The logits are what the header says, with the weights and the features that
 * the head names, and so are the maps; all as the reference computes. */
static void expect_maps(const struct graph *graph, const struct head *head)
{
    struct reference ref = {0};
    struct error err = {0};
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t channels = head->weights == GRAPH_NONE ? CLASSES : CHANNELS;
    float input[3 * HEIGHT * WIDTH];
    struct sketch_random random = {5};

    assert_int_equal(head->num_classes, CLASSES);
    assert_true(graph_shape_equal(shape, &SHAPE(1, HEIGHT, WIDTH, channels)));
    sketch_fill(&random, input, 3 * HEIGHT * WIDTH, -1, 1);
    if (!reference_run(&ref, graph, input, &err))
        fail_msg("%s", err.text);
    for (size_t k = 0; k < CLASSES; k++) {
        const double *features = ref.values[head->features];
        struct cam_scale scale = scale_of(head, features, channels);
        double logit = cam_bias(head, graph, k);

        for (size_t c = 0; c < channels; c++)
            logit += weight_of(graph, head, k, c) *
                     (pooled(head, features, c, channels) - scale.mean) /
                     scale.deviation;
        assert_true(fabs(logit - ref.values[head->logits][k]) < 1e-5);
        expect_map(graph, head, features, k, channels);
    }
    reference_release(&ref);
}

static void expect_named(struct body *body, const char *name)
{
    struct head head = {0};
    struct error err = {0};

    prepare(body);
    if (!head_find(&head, &body->graph, &err))
        fail_msg("%s", err.text);
    if (head.refusal)
        fail_msg("refused: %s", head.refusal);
    assert_string_equal(head.name, name);
    expect_maps(&body->graph, &head);
    graph_release(&body->graph);
}

static void expect_head(struct body *body)
{
    expect_named(body, "gap-linear");
}

static void expect_refusal(struct body *body, const char *why)
{
    struct head head = {0};
    struct error err = {0};

    prepare(body);
    if (!head_find(&head, &body->graph, &err))
        fail_msg("%s", err.text);
    assert_non_null(head.refusal);
    if (!strstr(head.refusal, why))
        fail_msg("refused: %s", head.refusal);
    assert_int_equal(head.features, GRAPH_NONE);
    assert_int_equal(head.weights, GRAPH_NONE);
    assert_int_equal(head.bias, GRAPH_NONE);
    assert_int_equal(head.num_classes, CLASSES);
    graph_release(&body->graph);
}

static void pooling_flatten_and_gemm_make_a_head(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_head(&body);
}

static void mean_without_axes_matmul_and_add_make_a_head(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, -1, -2);
    add_matmul(&body);
    add_bias(&body);
    expect_head(&body);
}

static void a_head_needs_no_bias(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 3, 2);
    add_matmul(&body);
    expect_head(&body);
}

static void reshape_and_squeeze_are_looked_through(void **state)
{
    const int64_t target[] = {-1, CHANNELS}, back[] = {1, CLASSES, 1, 1};
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_reshape(&body, 2, target);
    add_gemm(&body, CHANNELS);
    add_reshape(&body, 4, back);
    add_squeeze(&body);
    expect_head(&body);
}

/* What rounds behind the map is no more than the scales below. */
static void expect_rounded_head(struct body *body)
{
    struct head head = {0};
    struct error err = {0};

    prepare(body);
    if (!head_find(&head, &body->graph, &err))
        fail_msg("%s", err.text);
    if (head.refusal)
        fail_msg("refused: %s", head.refusal);
    assert_string_equal(head.name, "gap-linear");
    assert_int_not_equal(head.weights, GRAPH_NONE);
    assert_int_not_equal(head.bias, GRAPH_NONE);
    assert_true(head.logits == body->graph.outputs[0]);
    graph_release(&body->graph);
}

static void what_a_quantized_network_rounds_is_looked_through(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_rounding(&body, 0.01f, 0.01f);
    add_mean(&body, true, 2, 3);
    add_rounding(&body, 0.01f, 0.01f);
    add_flatten(&body);
    add_rounding(&body, 0.01f, 0.01f);
    add_gemm(&body, CHANNELS);
    add_rounding(&body, 0.02f, 0.02f);
    expect_rounded_head(&body);
}

static void a_bias_that_is_added_to_a_rounded_product_is_the_heads(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    add_matmul(&body);
    add_rounding(&body, 0.02f, 0.02f);
    add_bias(&body);
    add_rounding(&body, 0.02f, 0.02f);
    expect_rounded_head(&body);
}

static void integers_that_are_read_by_another_scale_are_not(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_rounding(&body, 0.01f, 0.02f);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "something other than global");
}

static void dropout_and_identity_are_looked_through(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_identity(&body);
    add_mean(&body, true, 2, 3);
    add_identity(&body);
    add_flatten(&body);
    add_identity(&body);
    add_gemm(&body, CHANNELS);
    add_identity(&body);
    expect_head(&body);
}

static void a_softmax_after_the_logits_is_left_out(void **state)
{
    struct body body;
    struct head head = {0};
    struct error err = {0};

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    add_softmax(&body);
    prepare(&body);
    assert_true(head_find(&head, &body.graph, &err));
    assert_null(head.refusal);
    assert_int_not_equal(head.logits, body.graph.outputs[0]);
    expect_maps(&body.graph, &head);
    graph_release(&body.graph);
}

static void a_convolution_of_one_pixel_is_a_linear_layer(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_conv(&body);
    add_flatten(&body);
    expect_head(&body);
    start(&body);
    add_mean(&body, true, 2, 3);
    add_conv(&body);
    expect_head(&body); /* (1, classes, 1, 1) is one row as well */
}

static void a_normalised_last_layer_is_a_linear_layer(void **state)
{
    struct body body;
    int operands[5];

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_conv(&body);
    operands[0] = body.x;
    for (int i = 1; i < 5; i++)
        operands[i] =
            sketch_noise(&body.graph, SHAPE(CLASSES), &body.random, 0.5f, 1);
    body.x = sketch_node(&body.graph, GRAPH_BATCH_NORM, operands, 5);
    add_flatten(&body);
    expect_head(&body);
}

static void without_a_linear_layer_there_is_no_map(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_conv(&body);
    body.x = sketch_node(&body.graph, GRAPH_CLAMP, &body.x, 1);
    sketch_last(&body.graph)->max = 1;
    add_mean(&body, true, 2, 3);
    body.x = sketch_node(&body.graph, GRAPH_MUL, (int[]){body.x, body.x}, 2);
    add_flatten(&body);
    expect_refusal(&body, "linear layer");
}

static void without_pooling_there_is_no_map(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_flatten(&body);
    add_gemm(&body, CHANNELS * HEIGHT * WIDTH);
    expect_refusal(&body, "pooling");
}

static void global_maximum_pooling_makes_a_head(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_max_pool(&body, HEIGHT, WIDTH);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_named(&body, "gmp-linear");
    start(&body);
    add_mean(&body, false, 2, 3);
    sketch_last(&body.graph)->op = GRAPH_REDUCE;
    sketch_last(&body.graph)->reduce.function = GRAPH_REDUCE_MAX;
    add_gemm(&body, CHANNELS);
    expect_named(&body, "gmp-linear");
}

static void a_pool_of_fixed_size_counts_where_it_covers_the_map(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_max_pool(&body, HEIGHT, WIDTH);
    sketch_last(&body.graph)->op = GRAPH_AVERAGE_POOL;
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_head(&body);
    start(&body);
    add_max_pool(&body, HEIGHT - 1, WIDTH);
    add_flatten(&body);
    add_gemm(&body, 2 * CHANNELS);
    expect_refusal(&body, "no global average or maximum pooling");
    start(&body);
    add_max_pool(&body, HEIGHT - 1, WIDTH);
    sketch_last(&body.graph)->op = GRAPH_AVERAGE_POOL;
    add_flatten(&body);
    add_gemm(&body, 2 * CHANNELS);
    expect_refusal(&body, "no global average or maximum pooling");
}

/* As NIN and SqueezeNet have it, the latter with a clamp. */
static void a_convolution_to_classes_before_the_pool_is_the_map(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_conv(&body);
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_softmax(&body);
    expect_named(&body, "conv-gap");
    start(&body);
    add_conv(&body);
    add_clamp(&body);
    add_mean(&body, false, 2, 3);
    expect_named(&body, "conv-gap");
    start(&body);
    add_conv(&body);
    add_clamp(&body);
    add_max_pool(&body, HEIGHT, WIDTH);
    add_flatten(&body);
    expect_named(&body, "conv-gmp");
}

/* Keras' tensors are NHWC throughout. */
static void pooling_over_the_axes_of_keras_makes_a_head(void **state)
{
    struct body body;
    const size_t perm[] = {0, 2, 3, 1};

    (void)state;
    start(&body);
    body.x = sketch_node(&body.graph, GRAPH_TRANSPOSE, &body.x, 1);
    memcpy(sketch_last(&body.graph)->perm, perm, sizeof perm);
    sketch_last(&body.graph)->num_perm = 4;
    add_mean(&body, false, 1, 2);
    add_matmul(&body);
    add_bias(&body);
    add_softmax(&body);
    expect_head(&body);
}

static void a_logarithm_of_softmax_is_left_out_too(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    add_gemm(&body, CHANNELS);
    add_softmax(&body);
    sketch_last(&body.graph)->op = GRAPH_LOG_SOFTMAX;
    expect_head(&body);
}

static void linear_layers_in_a_row_are_one(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    add_identity(&body);
    add_gemm(&body, CLASSES);
    add_gemm(&body, CLASSES);
    expect_head(&body);
}

static void convolutions_of_one_pixel_in_a_row_are_one(void **state)
{
    struct body body;
    int scale;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    scale =
        sketch_noise(&body.graph, SHAPE(CHANNELS, 1, 1), &body.random, 1, 2);
    body.x = sketch_node(&body.graph, GRAPH_MUL, (int[]){scale, body.x}, 2);
    add_conv(&body);
    add_flatten(&body);
    add_gemm(&body, CLASSES);
    expect_head(&body);
}

static void numbers_for_each_channel_after_the_pool_are_folded(void **state)
{
    const enum graph_op ops[] = {GRAPH_MUL, GRAPH_DIV, GRAPH_ADD, GRAPH_SUB,
                                 GRAPH_MUL, GRAPH_ADD, GRAPH_SUB};

    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct body body;
        int c;

        start(&body);
        add_mean(&body, false, 2, 3);
        c = i % 2 ? sketch_noise(&body.graph, SHAPE(1), &body.random, 1, 2)
                  : sketch_noise(&body.graph, SHAPE(CHANNELS), &body.random, 1,
                                 2);
        body.x =
            sketch_node(&body.graph, ops[i],
                        i < 4 ? (int[]){body.x, c} : (int[]){c, body.x}, 2);
        add_gemm(&body, CHANNELS);
        expect_head(&body);
    }
}

static void batch_norm_between_pool_and_linear_layer_is_folded(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct body body;
        int operands[5];

        start(&body);
        add_mean(&body, true, 2, 3);
        if (!keep)
            add_flatten(&body);
        operands[0] = body.x;
        for (int i = 1; i < 5; i++)
            operands[i] = sketch_noise(&body.graph, SHAPE(CHANNELS),
                                       &body.random, 0.5f, 1);
        body.x = sketch_node(&body.graph, GRAPH_BATCH_NORM, operands, 5);
        if (keep)
            add_conv(&body);
        else
            add_gemm(&body, CHANNELS);
        expect_head(&body);
    }
}

static void
a_normalization_between_pool_and_linear_layer_is_the_map_s(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) { /* with scale and bias; about zero */
        struct body body;
        int operands[3];

        start(&body);
        add_mean(&body, form > 1, 2, 3);
        if (form > 1)
            add_flatten(&body);
        operands[0] = body.x;
        operands[1] =
            sketch_noise(&body.graph, SHAPE(CHANNELS), &body.random, -1, 1);
        operands[2] =
            sketch_noise(&body.graph, SHAPE(CHANNELS), &body.random, -1, 1);
        body.x =
            sketch_node(&body.graph, GRAPH_NORM, operands, form % 2 ? 3 : 1);
        sketch_last(&body.graph)->norm.rule = GRAPH_NORM_LAYER;
        sketch_last(&body.graph)->norm.raw_axes[0] = -1;
        sketch_last(&body.graph)->norm.epsilon = 0.01f;
        sketch_last(&body.graph)->norm.about_zero = form == 3;
        add_gemm(&body, CHANNELS);
        expect_named(&body, "gap-norm-linear");
    }
}

/* The layer cannot take the scale and bias then; rounded finely enough, the map
 * adds up to the logit all the same. */
static void
a_normalization_that_is_rounded_keeps_its_scale_and_bias(void **state)
{
    const float fine = 1e-7f;
    struct body body;
    int operands[3];

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    operands[0] = body.x;
    for (int i = 1; i < 3; i++)
        operands[i] =
            sketch_noise(&body.graph, SHAPE(CHANNELS), &body.random, -1, 1);
    body.x = sketch_node(&body.graph, GRAPH_NORM, operands, 3);
    sketch_last(&body.graph)->norm.rule = GRAPH_NORM_LAYER;
    sketch_last(&body.graph)->norm.raw_axes[0] = -1;
    sketch_last(&body.graph)->norm.epsilon = 0.01f;
    add_rounding(&body, fine, fine);
    body.graph.nodes[body.graph.num_nodes - 2].quant.low = -1e9f;
    body.graph.nodes[body.graph.num_nodes - 2].quant.high = 1e9f;
    add_gemm(&body, CHANNELS);
    expect_named(&body, "gap-norm-linear");
}

static void two_linear_layers_that_are_averaged_are_one(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) { /* a stack; a sum */
        struct body body;
        int pooled_features, both[2];

        start(&body);
        add_mean(&body, false, 2, 3);
        pooled_features = body.x;
        for (int k = 0; k < 2; k++) {
            const int64_t apart[] = {1, 1, CLASSES};

            body.x = pooled_features;
            add_gemm(&body, CHANNELS);
            if (form == 0)
                add_reshape(&body, 3, apart);
            both[k] = body.x;
        }
        body.x = sketch_node(&body.graph, form == 0 ? GRAPH_CONCAT : GRAPH_ADD,
                             both, 2);
        if (form == 0) {
            body.x = sketch_node(&body.graph, GRAPH_MEAN, &body.x, 1);
            sketch_last(&body.graph)->reduce.raw_axes[0] = 0;
            sketch_last(&body.graph)->reduce.num_raw_axes = 1;
        }
        expect_head(&body);
    }
}

static void some_classes_of_a_linear_layer_are_one(void **state)
{
    (void)state;
    for (int form = 0; form < 3;
         form++) { /* without the first; chosen; by the last axis */
        int64_t chosen[CLASSES];
        struct body body;
        struct graph_node *node;

        for (int64_t i = 0; i < CLASSES; i++)
            chosen[i] = i % 2 == 0 ? CLASSES - i : -1 - i;
        start(&body);
        add_mean(&body, false, 2, 3);
        add_layer(&body, CHANNELS, CLASSES + 1);
        if (form == 0) {
            body.x = sketch_node(&body.graph, GRAPH_SLICE, &body.x, 1);
            node = sketch_last(&body.graph);
            node->slice.num_given = 1;
            node->slice.raw_axes[0] = node->slice.start[0] = 1;
            node->slice.step[0] = 1;
            node->slice.end[0] = INT64_MAX;
        } else {
            int list = sketch_ints(&body.graph, SHAPE(CLASSES), chosen);

            body.x = sketch_node(&body.graph, GRAPH_GATHER,
                                 (int[]){body.x, list}, 2);
            sketch_last(&body.graph)->axis = form == 1 ? 1 : -1;
        }
        expect_head(&body);
    }
}

static void linear_layers_one_after_the_other_are_one(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) { /* as they are; reshaped */
        const int64_t pixel[] = {1, -1, 1, 1};
        struct body body;
        int pooled_features, parts[2];

        start(&body);
        add_mean(&body, false, 2, 3);
        pooled_features = body.x;
        for (size_t k = 0; k < 2; k++) {
            body.x = pooled_features;
            add_layer(&body, CHANNELS, k == 0 ? 1 : CLASSES - 1);
            if (form == 1)
                add_reshape(&body, 4, pixel);
            parts[k] = body.x;
        }
        body.x = sketch_node(&body.graph, GRAPH_CONCAT, parts, 2);
        sketch_last(&body.graph)->axis = 1;
        expect_head(&body);
    }
}

static void layers_on_different_features_are_named(void **state)
{
    struct body body;
    int features, both[2];

    (void)state;
    start(&body);
    features = body.x;
    for (int k = 0; k < 2; k++) {
        body.x = features;
        if (k == 0)
            add_mean(&body, false, 2, 3);
        else
            add_max_pool(&body, HEIGHT, WIDTH);
        if (k == 1)
            add_flatten(&body);
        add_gemm(&body, CHANNELS);
        both[k] = body.x;
    }
    body.x = sketch_node(&body.graph, GRAPH_ADD, both, 2);
    expect_refusal(&body, "a sum over several layers");
}

/* Adds two poolings of the feature map, or two layers after them, in a row. */
static void add_row_of_two(struct body *body, bool of_classes)
{
    int features = body->x, both[2];

    for (int k = 0; k < 2; k++) {
        body->x = features;
        if (k == 0)
            add_mean(body, true, 2, 3);
        else
            add_max_pool(body, HEIGHT, WIDTH);
        add_flatten(body);
        if (of_classes)
            add_layer(body, CHANNELS, k == 0 ? 1 : CLASSES - 1);
        both[k] = body->x;
    }
    body->x = sketch_node(&body->graph, GRAPH_CONCAT, both, 2);
    sketch_last(&body->graph)->axis = 1;
}

static void several_poolings_or_layers_in_a_row_are_named(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_row_of_two(&body, false);
    add_gemm(&body, (size_t)2 * CHANNELS);
    expect_refusal(&body, "the results of several poolings are concatenated");
    start(&body);
    add_row_of_two(&body, true);
    expect_refusal(&body, "the classes are concatenated from several layers");
}

static void a_convolution_in_place_of_pooling_is_named(void **state)
{
    struct body body;
    int w;

    (void)state;
    start(&body);
    w = sketch_noise(&body.graph, SHAPE(CHANNELS, CHANNELS, HEIGHT, WIDTH),
                     &body.random, -1, 1);
    body.x = sketch_conv(&body.graph, body.x, w, GRAPH_NONE, HEIGHT, 1, 0, 1);
    sketch_last(&body.graph)->conv.window.kernel[1] = WIDTH;
    add_clamp(&body);
    add_mean(&body, true, 2, 3); /* of one cell */
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "a 4 x 3 convolution reduces the last feature "
                          "map to a single cell");
}

/* What is averaged is all places of each channel but one. */
static void a_mean_of_all_places_but_one_is_no_pooling(void **state)
{
    float numbers[HEIGHT * WIDTH];
    struct body body;
    int w;

    (void)state;
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        numbers[i] = i == 7 ? 0 : 1.0f / (HEIGHT * WIDTH - 1);
    for (int whole = 0; whole < 2; whole++) {
        const int64_t rows[] = {CHANNELS, HEIGHT * WIDTH};
        const int64_t row[] = {1, CHANNELS};

        if (whole)
            for (int i = 0; i < HEIGHT * WIDTH; i++)
                numbers[i] = 1.0f / (HEIGHT * WIDTH);
        start(&body);
        add_reshape(&body, 2, rows);
        w = sketch_floats(&body.graph, SHAPE(HEIGHT * WIDTH, 1), numbers);
        body.x = sketch_node(&body.graph, GRAPH_MATMUL, (int[]){body.x, w}, 2);
        sketch_last(&body.graph)->gemm.alpha = 1;
        sketch_last(&body.graph)->gemm.beta = 1;
        add_reshape(&body, 2, row);
        add_gemm(&body, CHANNELS);
        if (whole)
            expect_head(&body);
        else
            expect_refusal(&body, "no global average or maximum pooling");
    }
}

static void a_difference_from_the_mean_alone_is_refused(void **state)
{
    struct body body;
    int mean;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    mean = sketch_node(&body.graph, GRAPH_MEAN, &body.x, 1);
    sketch_last(&body.graph)->reduce.keep_dims = true;
    sketch_last(&body.graph)->reduce.raw_axes[0] = 1;
    sketch_last(&body.graph)->reduce.num_raw_axes = 1;
    body.x = sketch_node(&body.graph, GRAPH_SUB, (int[]){body.x, mean}, 2);
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "differ for each image");
}

static void a_map_of_one_cell_is_refused(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_max_pool(&body, HEIGHT, WIDTH);
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "single cell");
}

static void the_first_output_that_classifies_is_taken(void **state)
{
    struct body body;
    struct head head = {0};
    struct error err = {0};
    int map, scores;

    (void)state;
    start(&body);
    map = body.x;
    add_mean(&body, true, 2, 3);
    add_flatten(&body);
    add_gemm(&body, CHANNELS);
    scores = body.x;
    add_gemm(&body, CLASSES);
    sketch_output(&body.graph, map);
    sketch_output(&body.graph, scores);
    prepare(&body);
    assert_true(head_find(&head, &body.graph, &err));
    assert_null(head.refusal);
    assert_int_equal(head.logits, body.graph.outputs[1]);
    assert_int_not_equal(head.logits, body.graph.outputs[2]);
    expect_maps(&body.graph, &head);
    graph_release(&body.graph);
}

static void after_two_linear_layers_there_is_no_map(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    add_gemm(&body, CHANNELS);
    body.x = sketch_node(&body.graph, GRAPH_CLAMP, &body.x, 1);
    sketch_last(&body.graph)->min = 0;
    add_gemm(&body, CLASSES);
    expect_refusal(&body, "another linear layer and an activation");
}

static void a_mean_over_channels_is_no_global_pooling(void **state)
{
    const int64_t target[] = {1, -1};
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 1, 3);
    add_reshape(&body, 2, target);
    add_gemm(&body, HEIGHT);
    expect_refusal(&body, "pooling");
}

static void a_mean_over_rows_alone_is_no_global_pooling(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 2);
    sketch_last(&body.graph)->reduce.num_raw_axes = 1;
    add_flatten(&body);
    add_gemm(&body, CHANNELS * WIDTH);
    expect_refusal(&body, "pooling");
}

static void numbers_in_another_order_are_no_feature_map(void **state)
{
    const int64_t target[] = {1, HEIGHT, WIDTH, CHANNELS};
    struct body body;

    (void)state;
    start(&body);
    add_reshape(&body, 4, target); /* (H, W, C) by its looks, planes in truth */
    add_mean(&body, false, 1, 2);
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "they were reordered");
}

static void a_convolution_of_its_own_padding_is_no_linear_layer(void **state)
{
    struct body body;
    int w;

    (void)state;
    start(&body);
    add_mean(&body, true, 2, 3);
    w = sketch_noise(&body.graph, SHAPE(CLASSES, CHANNELS, 1, 1), &body.random,
                     -1, 1);
    body.x = sketch_conv(&body.graph, body.x, w, GRAPH_NONE, 1, 2, 0, 1);
    sketch_last(&body.graph)->conv.window.pad_before[0] = 1;
    sketch_last(&body.graph)->conv.window.pad_before[1] = 1;
    expect_refusal(&body, "linear layer");
}

static void a_clamp_after_the_logits_breaks_the_sum(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    add_gemm(&body, CHANNELS);
    body.x = sketch_node(&body.graph, GRAPH_CLAMP, &body.x, 1);
    sketch_last(&body.graph)->min = 0;
    expect_refusal(&body, "clamped");
}

static void a_sigmoid_of_each_is_left_out_as_a_softmax_is(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    add_gemm(&body, CHANNELS);
    body.x = sketch_node(&body.graph, GRAPH_UNARY, &body.x, 1);
    sketch_last(&body.graph)->unary.function = GRAPH_SIGMOID;
    expect_head(&body);
}

static void something_between_pooling_and_linear_breaks_the_sum(void **state)
{
    struct body body;

    (void)state;
    start(&body);
    add_mean(&body, false, 2, 3);
    body.x = sketch_node(&body.graph, GRAPH_CLAMP, &body.x, 1);
    sketch_last(&body.graph)->max = 0.1f;
    add_gemm(&body, CHANNELS);
    expect_refusal(&body, "pooling");
}

static void an_output_of_more_than_one_row_is_unsupported(void **state)
{
    struct body body;
    struct head head = {0};
    struct error err = {0};

    (void)state;
    start(&body);
    prepare(&body);
    assert_false(head_find(&head, &body.graph, &err));
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "row"));
    graph_release(&body.graph);
}

/* ---- exported networks ---- */

/* The maps of all classes, by cam_weigh, against PyTorch's. */
static void expect_pytorchs_maps(const struct graph *graph,
                                 const struct head *head,
                                 const struct reference *ref,
                                 const struct array *maps, const char *name)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t height = shape->dim[1], width = shape->dim[2];
    size_t channels = shape->dim[3], count = height * width * channels;
    const float *weights = graph_floats(&graph->values[head->weights]);
    float *features = calloc(count, sizeof *features);
    float *map = calloc(height * width, sizeof *map);

    assert_non_null(features);
    assert_non_null(map);
    assert_true(graph_shape_equal(&maps->shape,
                                  &SHAPE(head->num_classes, height, width)));
    for (size_t i = 0; i < count; i++)
        features[i] = (float)ref->values[head->features][i];
    for (size_t k = 0; k < head->num_classes; k++) {
        cam_weigh(map, features, weights + k * channels, height, width,
                  channels);
        for (size_t i = 0; i < height * width; i++)
            if (!(fabsf(map[i] - maps->data[k * height * width + i]) < 1e-4f))
                fail_msg("%s: class %zu, cell %zu", name, k, i);
    }
    free(features);
    free(map);
}

static void every_form_of_export_has_the_head_and_pytorchs_maps(void **state)
{
    struct array input = {0}, maps = {0};
    FILE *list = fopen(FORMS "/forms.txt", "r");
    char name[128], path[512];
    float *turned;
    size_t count;
    int num = 0;

    (void)state;
    assert_non_null(list);
    array_open(&input, FORMS "/input.npy");
    array_open(&maps, FORMS "/maps.npy");
    count = graph_shape_count(&input.shape);
    turned = calloc(count, sizeof *turned);
    assert_non_null(turned);
    for (size_t i = 0; i < count; i++)
        turned[reference_nhwc_index(&input.shape, i)] = input.data[i];
    for (; fscanf(list, "%127s %*s", name) == 1; num++) {
        const struct network_options options = {
            .input = {.height = input.shape.dim[2],
                      .width = input.shape.dim[3]},
        };
        struct network network = {0};
        struct error err = {0};
        struct reference ref = {0};

        snprintf(path, sizeof path, FORMS "/%s.onnx", name);
        if (!network_file_read(&network, path, &options, &err) ||
            !reference_run(&ref, &network.graph, turned, &err))
            fail_msg("%s: %s", name, err.text);
        if (network.head.refusal)
            fail_msg("%s: %s", name, network.head.refusal);
        expect_pytorchs_maps(&network.graph, &network.head, &ref, &maps, name);
        reference_release(&ref);
        network_release(&network);
    }
    assert_true(num >= 10);
    fclose(list);
    free(turned);
    array_release(&input);
    array_release(&maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooling_flatten_and_gemm_make_a_head),
        cmocka_unit_test(mean_without_axes_matmul_and_add_make_a_head),
        cmocka_unit_test(a_head_needs_no_bias),
        cmocka_unit_test(reshape_and_squeeze_are_looked_through),
        cmocka_unit_test(what_a_quantized_network_rounds_is_looked_through),
        cmocka_unit_test(
            a_bias_that_is_added_to_a_rounded_product_is_the_heads),
        cmocka_unit_test(integers_that_are_read_by_another_scale_are_not),
        cmocka_unit_test(dropout_and_identity_are_looked_through),
        cmocka_unit_test(a_softmax_after_the_logits_is_left_out),
        cmocka_unit_test(a_convolution_of_one_pixel_is_a_linear_layer),
        cmocka_unit_test(a_normalised_last_layer_is_a_linear_layer),
        cmocka_unit_test(without_a_linear_layer_there_is_no_map),
        cmocka_unit_test(without_pooling_there_is_no_map),
        cmocka_unit_test(global_maximum_pooling_makes_a_head),
        cmocka_unit_test(a_pool_of_fixed_size_counts_where_it_covers_the_map),
        cmocka_unit_test(a_convolution_to_classes_before_the_pool_is_the_map),
        cmocka_unit_test(pooling_over_the_axes_of_keras_makes_a_head),
        cmocka_unit_test(a_logarithm_of_softmax_is_left_out_too),
        cmocka_unit_test(linear_layers_in_a_row_are_one),
        cmocka_unit_test(convolutions_of_one_pixel_in_a_row_are_one),
        cmocka_unit_test(numbers_for_each_channel_after_the_pool_are_folded),
        cmocka_unit_test(batch_norm_between_pool_and_linear_layer_is_folded),
        cmocka_unit_test(a_difference_from_the_mean_alone_is_refused),
        cmocka_unit_test(
            a_normalization_between_pool_and_linear_layer_is_the_map_s),
        cmocka_unit_test(
            a_normalization_that_is_rounded_keeps_its_scale_and_bias),
        cmocka_unit_test(two_linear_layers_that_are_averaged_are_one),
        cmocka_unit_test(some_classes_of_a_linear_layer_are_one),
        cmocka_unit_test(linear_layers_one_after_the_other_are_one),
        cmocka_unit_test(layers_on_different_features_are_named),
        cmocka_unit_test(several_poolings_or_layers_in_a_row_are_named),
        cmocka_unit_test(a_convolution_in_place_of_pooling_is_named),
        cmocka_unit_test(a_mean_of_all_places_but_one_is_no_pooling),
        cmocka_unit_test(a_map_of_one_cell_is_refused),
        cmocka_unit_test(the_first_output_that_classifies_is_taken),
        cmocka_unit_test(after_two_linear_layers_there_is_no_map),
        cmocka_unit_test(a_mean_over_channels_is_no_global_pooling),
        cmocka_unit_test(a_mean_over_rows_alone_is_no_global_pooling),
        cmocka_unit_test(numbers_in_another_order_are_no_feature_map),
        cmocka_unit_test(a_convolution_of_its_own_padding_is_no_linear_layer),
        cmocka_unit_test(a_clamp_after_the_logits_breaks_the_sum),
        cmocka_unit_test(a_sigmoid_of_each_is_left_out_as_a_softmax_is),
        cmocka_unit_test(something_between_pooling_and_linear_breaks_the_sum),
        cmocka_unit_test(an_output_of_more_than_one_row_is_unsupported),
        cmocka_unit_test(every_form_of_export_has_the_head_and_pytorchs_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
