/* The stage before the last feature map, found by shape. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/network/network.h"
#include "tests/network_file.h"

#include <cmocka.h>

#define NETWORKS "tests/data/networks"

static bool open_network(struct network *network, const char *path)
{
    const struct network_options options = {.input = {.folder = NETWORKS}};
    struct error err = {0};

    return network_file_read(network, path, &options, &err);
}

static bool is_output(const struct graph *graph, int value)
{
    for (size_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i] == value)
            return true;
    return false;
}

static void check_stage(const struct network *network, const char *path)
{
    const struct stage *stage = &network->stage;
    const struct layers *layers = &network->layers;
    const struct layer *last = &layers->list[layers->chosen], *layer;
    const struct graph_shape *shape;

    if (stage->refusal) {
        assert_int_equal(stage->value, GRAPH_NONE);
        return;
    }
    layer = &layers->list[stage->layer];
    shape = &network->graph.values[stage->value].shape;
    if (!layer->is_waist || stage->layer >= layers->chosen ||
        layer->height + 1 < 2 * last->height ||
        layer->height > 2 * last->height + 1)
        fail_msg("%s: \"%s\" of %zu rows is no stage", path, layer->name,
                 layer->height);
    assert_true(is_output(&network->graph, stage->value));
    assert_int_equal(shape->dim[1], layer->height);
    assert_int_equal(shape->dim[2], layer->width);
    assert_int_equal(shape->dim[3], layer->channels);
    if (stage->finer == GRAPH_NONE)
        return;
    assert_true(is_output(&network->graph, stage->finer));
    shape = &network->graph.values[stage->finer].shape;
    assert_true(shape->dim[1] + 1 >= 2 * layer->height &&
                shape->dim[1] <= 2 * layer->height + 1);
    assert_true(shape->dim[2] + 1 >= 2 * layer->width &&
                shape->dim[2] <= 2 * layer->width + 1);
}

static void stages_of_all_networks_have_twice_the_sides(void **state)
{
    FILE *list = fopen(NETWORKS "/networks.txt", "r");
    char file[128], path[256];
    int num = 0;

    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%127s %*[^\n]", file) == 1) {
        struct network network = {0};

        snprintf(path, sizeof path, NETWORKS "/%s.onnx", file);
        if (open_network(&network, path)) {
            check_stage(&network, path);
            num += !network.stage.refusal;
        }
        network_release(&network);
    }
    fclose(list);
    assert_true(num >= 50);
}

/* The end of a stage, and not the channels that the next block widens. */
static void stages_end_where_the_architecture_does(void **state)
{
    static const struct {
        const char *file, *name;
    } expected[] = {
        {"resnet50-legacy13", "/layer3/layer3.0/relu_2/Relu_output_0"},
        {"densenet121-legacy13", "/features/transition3/conv/Conv_output_0"},
        {"vggnet-gap-legacy13", "/features/features.22/Relu_output_0"},
        {"mobilenet-v2-legacy13",
         "/features/features.4/conv/conv.2/Conv_output_0"},
        {"../objects/inverted", "stage.relu6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct network network = {0};
        char path[256];

        snprintf(path, sizeof path, NETWORKS "/%s.onnx", expected[i].file);
        assert_true(open_network(&network, path));
        assert_null(network.stage.refusal);
        assert_string_equal(network.layers.list[network.stage.layer].name,
                            expected[i].name);
        network_release(&network);
    }
}

static void the_last_blocks_weights_outlive_the_plan(void **state)
{
    struct network network = {0};
    const struct stage_block *block = &network.stage.block;
    struct error err = {0};

    (void)state;
    assert_true(open_network(&network, "tests/data/objects/inverted.onnx"));
    assert_true(is_output(&network.graph, block->expanded));
    assert_true(is_output(&network.graph, block->deep));
    assert_int_equal(block->window.kernel[0], 3);
    assert_int_equal(block->window.pad_before[1], 1);
    assert_true(block->min == 0 && block->max == 6);
    assert_true(network_plan(&network, PRECISION_FP32, &err));
    assert_non_null(network.graph.values[block->taps].data);
    assert_non_null(network.graph.values[block->project].data);
    assert_non_null(network.graph.values[block->features].data);
    network_release(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_of_all_networks_have_twice_the_sides),
        cmocka_unit_test(stages_end_where_the_architecture_does),
        cmocka_unit_test(the_last_blocks_weights_outlive_the_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
