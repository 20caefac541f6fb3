/* XNNPACK computes a convolution a few pixels at a time, and reads all of the
 * weights for each few. Weights larger than a core's caches are then fetched
 * from memory again and again: the 3 x 3 convolution to 1024 channels that the
 * paper puts before the pooling takes up to three times as long as necessary.
 * So large convolutions are split into several, each for some of the output
 * channels, with weights that stay in the cache while all pixels are processed.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/passes/graph_build.h"

enum {
    MANY_PIXELS = 64, /* splitting pays from this number on */
    CHANNEL_STEP =
        32, /* a multiple of the number that the kernels compute at once */
};

#define LARGE_BYTES ((size_t)4 << 20) /* larger weights are split */
#define PART_BYTES ((size_t)2 << 20)  /* approximate size of the parts */

/* The output channels of each part; 0: the node is not split. */
static size_t part_channels(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_shape *out, *weights;
    size_t per_channel, channels;

    if (node->op != GRAPH_CONV || !node->nhwc || node->conv.groups != 1)
        return 0;
    out = &graph_output(graph, node, 0)->shape;
    weights = &graph_input(graph, node, 1)->shape;
    if (!graph_input(graph, node, 1)->data ||
        (node->num_inputs > 2 && graph_input(graph, node, 2) &&
         !graph_input(graph, node, 2)->data))
        return 0;
    if (out->dim[0] * out->dim[1] * out->dim[2] < MANY_PIXELS ||
        graph_shape_count(weights) * sizeof(float) <= LARGE_BYTES)
        return 0;
    per_channel = graph_shape_count(weights) / weights->dim[0] * sizeof(float);
    channels = PART_BYTES / per_channel / CHANNEL_STEP * CHANNEL_STEP;
    if (channels == 0)
        channels = CHANNEL_STEP;
    return channels < weights->dim[0] ? channels : 0;
}

/* Adds a constant with elements first .. first + count - 1 along the first axis
 * of another; returns GRAPH_NONE on failure. */
static int cut(struct graph *graph, int value, size_t first, size_t count,
               struct error *err)
{
    struct graph_shape shape = graph->values[value].shape;
    size_t inner = graph_shape_count(&shape) / shape.dim[0];
    float *floats;
    int part;

    shape.dim[0] = count;
    part = graph_build_floats(graph, &shape, &floats, err);
    if (part != GRAPH_NONE)
        memcpy(floats, graph_floats(&graph->values[value]) + first * inner,
               count * inner * sizeof *floats);
    return part;
}

/* Adds a convolution for some of the node's channels; returns its output, or
 * GRAPH_NONE. */
static int add_part(struct graph *graph, const struct graph_node *node,
                    size_t first, size_t count, struct error *err)
{
    int inputs[3] = {node->inputs[0], GRAPH_NONE, GRAPH_NONE};

    for (uint32_t i = 1; i < node->num_inputs; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        inputs[i] = cut(graph, node->inputs[i], first, count, err);
        if (inputs[i] == GRAPH_NONE)
            return GRAPH_NONE;
    }
    return graph_build(graph, node, inputs, node->num_inputs, err);
}

static bool split(struct graph *graph, const struct graph_node *node,
                  size_t channels, struct error *err)
{
    size_t num_out = graph_output(graph, node, 0)->shape.dim[3];
    size_t count = (num_out + channels - 1) / channels;
    struct graph_node concat =
        graph_build_node(GRAPH_CONCAT, node->name, "split");
    int *parts = arena_take(&graph->arena, count, sizeof *parts, err);

    if (!parts)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t first = i * channels;
        size_t rest = num_out - first;

        parts[i] = add_part(graph, node, first,
                            rest < channels ? rest : channels, err);
        if (parts[i] == GRAPH_NONE)
            return false;
    }
    concat.resolved = true;
    concat.inputs = parts;
    concat.num_inputs = (uint32_t)count;
    concat.outputs = node->outputs;
    concat.num_outputs = 1;
    concat.axis = 3;
    return graph_append(graph, &concat, err) != NULL;
}

bool graph_split(struct graph *graph, struct error *err)
{
    struct graph_node *old = graph->nodes;
    size_t num_old = graph->num_nodes, num_split = 0;
    bool ok = true;

    for (size_t n = 0; n < num_old; n++)
        num_split += part_channels(graph, &old[n]) > 0;
    if (num_split == 0)
        return true;
    graph->nodes = NULL;
    graph->num_nodes = graph->cap_nodes = 0;
    for (size_t n = 0; ok && n < num_old; n++) {
        size_t channels = part_channels(graph, &old[n]);

        ok = channels ? split(graph, &old[n], channels, err)
                      : graph_append(graph, &old[n], err) != NULL;
    }
    if (ok)
        graph_prune(graph);
    free(old);
    return ok;
}
