/* The layers of networks, and the texts that name one. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network/layers.h"
#include "tests/network_file.h"
#include "tests/sketch.h"
#include "tests/unit/alloc_sweep.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

/* Reads a network of tests/data/networks with all passes. */
static bool open_network(struct network *network, const char *file)
{
    const struct network_options options = {.input = {.folder = NETWORKS}};
    struct error err = {0};
    char path[512];

    snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
    return network_file_read(network, path, &options, &err);
}

/* ---- all networks ---- */

static bool has_name(const struct graph_value *value, const char *name)
{
    for (const struct graph_name *n = value->names; n; n = n->next)
        if (strcmp(n->text, name) == 0)
            return true;
    return false;
}

/* Whether the head's features hold the elements of the layer. */
static bool is_features(const struct network *network, const char *name)
{
    const struct graph *graph = &network->graph;
    int features = network->head.features;

    return has_name(&graph->values[features], name) ||
           has_name(&graph->values[graph_behind_reshapes(graph, features)],
                    name);
}

static void check_layer(const struct network *network, size_t i,
                        const char *file)
{
    const struct layers *layers = &network->layers;
    const struct layer *layer = &layers->list[i];
    int found = graph_find(&network->graph, layer->name);
    struct error err = {0};
    size_t chosen = 0;

    if (!*layer->name || !*layer->op || layer->channels == 0 ||
        layer->height * layer->width < 2)
        fail_msg("%s: layer %zu is incomplete", file, i);
    if (!layers_choose(&chosen, layers, layer->name, &err) || chosen != i)
        fail_msg("%s: \"%s\" finds layer %zu, not %zu %s", file, layer->name,
                 chosen, i, err.text);
    if (found == GRAPH_NONE ||
        graph_value_count(&network->graph, found) !=
            layer->channels * layer->height * layer->width)
        fail_msg("%s: \"%s\" is lost", file, layer->name);
    if (!(layer->stride_x > 0) || !(layer->field_x >= 1))
        fail_msg("%s: \"%s\" has a field of %g and a stride of %g", file,
                 layer->name, layer->field_x, layer->stride_x);
}

static void
layers_of_all_networks_have_names_and_the_default_is_the_heads(void **state)
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128];
    int num = 0;

    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%127s %*[^\n]", file) == 1) {
        struct network network = {0};
        const struct layers *layers = &network.layers;

        if (open_network(&network, file)) {
            for (size_t i = 0; i < layers->count; i++)
                check_layer(&network, i, file);
            assert_true(layers->count > 1);
            assert_true(layers->chosen < layers->count);
            if (network.head.features != GRAPH_NONE &&
                !is_features(&network, layers->list[layers->chosen].name))
                fail_msg("%s: the default is \"%s\"", file,
                         layers->list[layers->chosen].name);
            num++;
        }
        network_release(&network);
    }
    fclose(list);
    assert_true(num >= 60);
}

/* ---- without a head ---- */

static void expect_default(const char *file, const char *name, double field,
                           double stride)
{
    struct network network = {0};
    const struct layer *layer;

    assert_true(open_network(&network, file));
    layer = &network.layers.list[network.layers.chosen];
    assert_int_equal(network.head.features, GRAPH_NONE);
    assert_string_equal(layer->name, name);
    assert_true(layer->field_x == field && layer->field_y == field);
    assert_true(layer->stride_x == stride && layer->stride_y == stride);
    network_release(&network);
}

/* Araujo, Norris and Sim (Distill, 2019) list a field of 212 and a stride of 32
 * for VGG-16. */
static void a_network_without_a_head_has_its_last_map_as_default(void **state)
{
    (void)state;
    expect_default("vgg16-legacy13", "/features/features.30/MaxPool_output_0",
                   212, 32);
    expect_default("mobilenet-v3-legacy13",
                   "/features/features.16/features.16.2/Mul_output_0", INFINITY,
                   32);
}

/* ---- what is a layer ---- */

static int conv(struct graph *graph, int x, size_t in, size_t out)
{
    struct sketch_random random = {7};
    int weights = sketch_noise(graph, SHAPE(out, in, 3, 3), &random, -1, 1);
    int bias = sketch_noise(graph, SHAPE(out), &random, -1, 1);

    return sketch_conv(graph, x, weights, bias, 3, 1, 1, 1);
}

/* Two branches with poolings of their own: what both come from is more than
 * what is last. */
static void the_default_is_what_everything_passes(void **state)
{
    struct graph graph = {0};
    struct layers layers = {0};
    struct error err = {0};
    int x, trunk, branch, pooled[2];

    (void)state;
    x = sketch_input(&graph, SHAPE(1, 3, 8, 8));
    trunk = conv(&graph, x, 3, 4);
    branch = conv(&graph, trunk, 4, 4);
    for (int i = 0; i < 2; i++) {
        pooled[i] = sketch_node(&graph, GRAPH_MEAN,
                                (int[]){i == 0 ? trunk : branch}, 1);
        sketch_last(&graph)->reduce.keep_dims = true;
        sketch_last(&graph)->reduce.of_pixels = true;
    }
    sketch_output(&graph, sketch_node(&graph, GRAPH_CONCAT, pooled, 2));
    sketch_last(&graph)->axis = 1;
    assert_true(network_prepare(&graph, NETWORK_FOLD, &err));
    assert_true(layers_find(&layers, &graph, graph.outputs[0], &err));
    assert_int_equal(layers.count, 2);
    assert_int_equal(layers.list[0].value, trunk);
    assert_int_equal(layers.list[1].value, branch);
    assert_int_equal(layers.chosen, 0);
    layers_release(&layers);
    graph_release(&graph);
}

/* Maps of one cell only, and values that the output does not need. */
static void small_maps_count_if_there_are_no_others(void **state)
{
    struct graph graph = {0};
    struct layers layers = {0};
    struct error err = {0};
    int x, map;
    size_t i;

    (void)state;
    x = sketch_input(&graph, SHAPE(1, 3, 1, 1));
    map = conv(&graph, x, 3, 4);
    sketch_output(&graph, conv(&graph, map, 4, 5));
    assert_true(network_prepare(&graph, NETWORK_FOLD, &err));
    assert_true(layers_find(&layers, &graph, map, &err));
    assert_int_equal(layers.count, 1);
    assert_int_equal(layers.list[0].value, map);
    layers_release(&layers);

    assert_true(layers_find(&layers, &graph, x, &err));
    assert_int_equal(layers.count, 0);
    assert_int_equal(layers.chosen, layers.count);
    assert_false(layers_choose(&i, &layers, "-1", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.text, "the network has no feature maps");
    layers_release(&layers);
    graph_release(&graph);
}

/* ---- choosing ---- */

/* What a text finds, by name; "" if nothing, with the message in *err. */
static const char *found(const struct network *network, const char *text,
                         struct error *err)
{
    size_t i;

    *err = (struct error){0};
    return layers_choose(&i, &network->layers, text, err)
               ? network->layers.list[i].name
               : "";
}

static void a_layer_is_chosen_by_the_first_rule_that_applies(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"-1", "/layer4/layer4.0/relu_1/Relu_output_0"},
        {"-2", "/layer4/layer4.0/downsample/downsample.0/Conv_output_0"},
        {"-20", "/relu/Relu_output_0"},
        {"/maxpool/MaxPool_output_0", "/maxpool/MaxPool_output_0"},
        /* the module of that path, though others end so */
        {"relu", "/relu/Relu_output_0"},
        {"layer4", "/layer4/layer4.0/relu_1/Relu_output_0"},
        {"layer2.0", "/layer2/layer2.0/relu_1/Relu_output_0"},
        {"layer2", "/layer2/layer2.1/relu_1/Relu_output_0"},
        {"layer2.0.conv2", "/layer2/layer2.0/conv2/Conv_output_0"},
        /* ends of paths and of names, first from a component on */
        {"0.downsample", ""},
        {"layer3.0/downsample/downsample.0/Conv_output_0",
         "/layer3/layer3.0/downsample/downsample.0/Conv_output_0"},
        {"1.relu_1", "/layer2/layer2.1/relu_1/Relu_output_0"},
        {"MaxPool_output_0", "/maxpool/MaxPool_output_0"},
        {"ayer2.1.relu_1", "/layer2/layer2.1/relu_1/Relu_output_0"},
        {"pool", "/maxpool/MaxPool_output_0"},
        /* several, and none */
        {"relu_1", ""},
        {"0.relu_1", ""},
        {"conv2", ""},
        {"layer5", ""},
        {"layer", ""},
        {"", ""},
        {"-0", ""},
        {"-21", ""},
    };
    struct network network = {0};
    struct error err = {0};

    (void)state;
    assert_true(open_network(&network, "resnet18-legacy13"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = found(&network, cases[i].text, &err);

        if (strcmp(name, cases[i].name) != 0)
            print_error("\"%s\" finds \"%s\" %s\n", cases[i].text, name,
                        err.text);
        assert_string_equal(name, cases[i].name);
        if (!*name)
            assert_int_equal(err.kind, ERROR_INPUT);
    }
    network_release(&network);
}

static void a_refusal_names_layers(void **state)
{
    struct network network = {0};
    struct error err = {0};

    (void)state;
    assert_true(open_network(&network, "lane-change-legacy13"));
    found(&network, "features.99", &err);
    assert_string_equal(
        err.text,
        "no layer's name ends in \"features.99\"; the last layers are "
        "\"/features/features.17/Relu_output_0\", "
        "\"/features/features.14/Relu_output_0\" and "
        "\"/features/features.11/Relu_output_0\"");
    found(&network, "features.15", &err);
    assert_string_equal(err.text,
                        "\"features.15\" is not a layer of its own: it is "
                        "folded into \"/features/features.17/Relu_output_0\"");
    found(&network, "Relu_output_0", &err);
    assert_string_equal(
        err.text, "6 layers have a name that ends in \"Relu_output_0\", such "
                  "as \"/features/features.2/Relu_output_0\", "
                  "\"/features/features.5/Relu_output_0\", "
                  "\"/features/features.8/Relu_output_0\" and "
                  "\"/features/features.11/Relu_output_0\"");
    found(&network, "-7", &err);
    assert_string_equal(err.text, "there is no layer -7; the first of the 6 "
                                  "layers is -6, and the last is -1");
    network_release(&network);
}

/* A transposed value is another name of the layer whose numbers it has. */
static void aliases_are_found(void **state)
{
    struct network network = {0};
    struct error err = {0};

    (void)state;
    assert_true(open_network(&network, "vggcam-keras-torch"));
    assert_string_equal(found(&network, "/Transpose_36_output_0", &err),
                        "/Relu_13_output_0");
    assert_string_equal(found(&network, "Cast_65_output_0", &err), "");
    network_release(&network);
}

/* ---- memory ---- */

static bool list_layers(void *arg, struct error *err)
{
    struct layers layers = {0};
    bool ok = layers_find(&layers, arg, ((struct graph *)arg)->outputs[0], err);

    layers_release(&layers);
    return ok;
}

static void each_failed_allocation_is_reported(void **state)
{
    const struct network_options options = {.keep_outputs = true,
                                            .last = NETWORK_FOLD};
    struct network network = {0};
    struct error err = {0};

    (void)state;
    assert_true(network_file_read(
        &network, NETWORKS "/shufflenet-v2-legacy13.onnx", &options, &err));
    alloc_sweep(list_layers, &network.graph);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            layers_of_all_networks_have_names_and_the_default_is_the_heads),
        cmocka_unit_test(a_network_without_a_head_has_its_last_map_as_default),
        cmocka_unit_test(the_default_is_what_everything_passes),
        cmocka_unit_test(small_maps_count_if_there_are_no_others),
        cmocka_unit_test(a_layer_is_chosen_by_the_first_rule_that_applies),
        cmocka_unit_test(a_refusal_names_layers),
        cmocka_unit_test(aliases_are_found),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
