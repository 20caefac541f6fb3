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

#include "buf.h"
#include "cam.h"
#include "graph.h"
#include "head.h"
#include "onnx.h"
#include "tests/array.h"
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
    node->reduce.given = true;
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

static void add_gemm(struct body *body, size_t in)
{
    int w =
        sketch_noise(&body->graph, SHAPE(CLASSES, in), &body->random, -1, 1);
    int b = sketch_noise(&body->graph, SHAPE(CLASSES), &body->random, -1, 1);

    body->x =
        sketch_node(&body->graph, GRAPH_MATMUL, (int[]){body->x, w, b}, 3);
    sketch_last(&body->graph)->gemm.alpha = 1;
    sketch_last(&body->graph)->gemm.beta = 1;
    sketch_last(&body->graph)->gemm.transpose_b = true;
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

static void add_softmax(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_SOFTMAX, &body->x, 1);
    sketch_last(&body->graph)->axis = 1;
}

static void add_identity(struct body *body)
{
    body->x = sketch_node(&body->graph, GRAPH_IDENTITY, &body->x, 1);
}

static void prepare(struct body *body)
{
    struct error err = {0};

    sketch_output(&body->graph, body->x);
    if (!graph_infer(&body->graph, &err) || !graph_fold(&body->graph, &err) ||
        !graph_layout(&body->graph, &err))
        fail_msg("%s", err.text);
}

/* mean(map) + bias = logit, for every class, as the reference computes. */
static void expect_maps(const struct graph *graph, const struct head *head)
{
    struct reference ref = {0};
    struct error err = {0};
    const struct graph_shape *shape = &graph->values[head->features].shape;
    const float *weights = graph_floats(&graph->values[head->weights]);
    float input[3 * HEIGHT * WIDTH];
    struct sketch_random random = {5};

    assert_int_equal(head->num_classes, CLASSES);
    assert_true(graph_shape_equal(shape, &SHAPE(1, HEIGHT, WIDTH, CHANNELS)));
    assert_int_equal(graph_shape_count(&graph->values[head->weights].shape),
                     CLASSES * CHANNELS);
    sketch_fill(&random, input, 3 * HEIGHT * WIDTH, -1, 1);
    if (!reference_run(&ref, graph, input, &err))
        fail_msg("%s", err.text);
    for (size_t k = 0; k < CLASSES; k++) {
        double sum = 0, bias = 0;

        for (size_t i = 0; i < HEIGHT * WIDTH; i++)
            for (size_t c = 0; c < CHANNELS; c++)
                sum += (double)weights[k * CHANNELS + c] *
                       ref.values[head->features][i * CHANNELS + c];
        if (head->bias != GRAPH_NONE)
            bias = (double)graph_floats(&graph->values[head->bias])[k];
        assert_true(fabs(sum / (HEIGHT * WIDTH) + bias -
                         ref.values[head->logits][k]) < 1e-5);
    }
    reference_release(&ref);
}

static void expect_head(struct body *body)
{
    struct head head = {0};
    struct error err = {0};

    prepare(body);
    if (!head_find(&head, &body->graph, &err))
        fail_msg("%s", err.text);
    if (head.refusal)
        fail_msg("refused: %s", head.refusal);
    assert_string_equal(head.name, "gap-linear");
    expect_maps(&body->graph, &head);
    graph_release(&body->graph);
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
    expect_refusal(&body, "pooling");
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

/* The maps of all classes, by cam_map, against PyTorch's. */
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
        cam_map(map, features, weights + k * channels, height, width, channels);
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
        struct onnx_input size = {.height = input.shape.dim[2],
                                  .width = input.shape.dim[3]};
        struct graph graph = {0};
        struct buf buf = {0};
        struct error err = {0};
        struct head head = {0};
        struct reference ref = {0};

        snprintf(path, sizeof path, FORMS "/%s.onnx", name);
        if (!buf_append_file(&buf, path, 1 << 26, &err) ||
            !onnx_read(&graph, buf.data, buf.len, &size, &err) ||
            !graph_infer(&graph, &err) || !graph_fold(&graph, &err) ||
            !graph_layout(&graph, &err) || !head_find(&head, &graph, &err) ||
            !reference_run(&ref, &graph, turned, &err))
            fail_msg("%s: %s", name, err.text);
        if (head.refusal)
            fail_msg("%s: %s", name, head.refusal);
        expect_pytorchs_maps(&graph, &head, &ref, &maps, name);
        reference_release(&ref);
        graph_release(&graph);
        buf_release(&buf);
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
        cmocka_unit_test(dropout_and_identity_are_looked_through),
        cmocka_unit_test(a_softmax_after_the_logits_is_left_out),
        cmocka_unit_test(a_convolution_of_one_pixel_is_a_linear_layer),
        cmocka_unit_test(a_normalised_last_layer_is_a_linear_layer),
        cmocka_unit_test(without_a_linear_layer_there_is_no_map),
        cmocka_unit_test(without_pooling_there_is_no_map),
        cmocka_unit_test(after_two_linear_layers_there_is_no_map),
        cmocka_unit_test(a_mean_over_channels_is_no_global_pooling),
        cmocka_unit_test(a_mean_over_rows_alone_is_no_global_pooling),
        cmocka_unit_test(a_clamp_after_the_logits_breaks_the_sum),
        cmocka_unit_test(something_between_pooling_and_linear_breaks_the_sum),
        cmocka_unit_test(an_output_of_more_than_one_row_is_unsupported),
        cmocka_unit_test(every_form_of_export_has_the_head_and_pytorchs_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
