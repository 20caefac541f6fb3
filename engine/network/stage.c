#include "engine/network/stage.h"

#include <stdlib.h>

#include "engine/passes/graph_picture.h"

/* ---- the stage ---- */

bool stage_value_of(int *value, const struct graph *graph,
                    const struct layer *layer, struct error *err)
{
    struct graph_picture *pictures;
    int found = graph_find(graph, layer->name);

    *value = GRAPH_NONE;
    if (found == GRAPH_NONE || graph->values[found].shape.rank != 4)
        return true;
    pictures = calloc(graph->num_values + 1, sizeof *pictures);
    if (!pictures)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of values");
    graph_picture_find(pictures, graph);
    if (pictures[found].rows == 1 && pictures[found].columns == 2 &&
        graph->values[found].shape.dim[3] == layer->channels)
        *value = found;
    free(pictures);
    return true;
}

/* The side may be rounded up or down where it is halved. */
static bool is_twice(size_t finer, size_t coarse)
{
    return finer + 1 >= 2 * coarse && finer <= 2 * coarse + 1 && finer > coarse;
}

static bool is_candidate(const struct layers *layers, size_t i, size_t coarse)
{
    const struct layer *layer = &layers->list[i];
    const struct layer *last = &layers->list[coarse];

    return layer->is_waist && is_twice(layer->height, last->height) &&
           is_twice(layer->width, last->width);
}

/* The index of the layer of the stage before a coarser layer, or `count`. */
static size_t choose(const struct layers *layers, size_t coarse)
{
    size_t chosen = layers->count;

    for (size_t i = coarse; i-- > 0;) {
        if (!is_candidate(layers, i, coarse))
            continue;
        if (chosen < layers->count &&
            layers->list[i].channels >= layers->list[chosen].channels)
            break;
        chosen = i;
    }
    return chosen;
}

/* ---- the last block ---- */

/* The convolution that makes a value, without groups or depthwise, whose
 * weights are constant; or NULL. */
static const struct graph_node *convolution(const struct graph *graph,
                                            int value, bool is_depthwise)
{
    const struct graph_node *node = graph_producer(graph, value);
    const struct graph_window *window;

    if (!node || node->op != GRAPH_CONV || !node->nhwc ||
        node->conv.depthwise != is_depthwise ||
        (!is_depthwise && node->conv.groups != 1) ||
        !graph_input(graph, node, 1)->data)
        return NULL;
    window = &node->conv.window;
    if (window->stride[0] != 1 || window->stride[1] != 1)
        return NULL;
    return is_depthwise || (window->kernel[0] == 1 && window->kernel[1] == 1)
               ? node
               : NULL;
}

static struct stage_block find_block(const struct graph *graph,
                                     const struct head *head)
{
    const struct stage_block none = {.expanded = GRAPH_NONE,
                                     .deep = GRAPH_NONE};
    const struct graph_node *features, *project, *depthwise;
    const struct graph_shape *before, *after;

    if (head->refusal || head->weights == GRAPH_NONE)
        return none;
    features = convolution(graph, head->features, false);
    project = features ? convolution(graph, features->inputs[0], false) : NULL;
    depthwise = project ? convolution(graph, project->inputs[0], true) : NULL;
    if (!depthwise)
        return none;
    before = &graph_input(graph, depthwise, 0)->shape;
    after = &graph_output(graph, depthwise, 0)->shape;
    if (!graph_shape_equal(before, after))
        return none;
    return (struct stage_block){
        .expanded = depthwise->inputs[0],
        .deep = depthwise->outputs[0],
        .taps = depthwise->inputs[1],
        .project = project->inputs[1],
        .features = features->inputs[1],
        .window = depthwise->conv.window,
        .min = depthwise->min,
        .max = depthwise->max,
    };
}

/* Finds the stage before the stage. */
static bool find_finer(struct stage *stage, const struct graph *graph,
                       const struct layers *layers, struct error *err)
{
    size_t layer = choose(layers, stage->layer);

    return layer == layers->count ||
           stage_value_of(&stage->finer, graph, &layers->list[layer], err);
}

bool stage_find(struct stage *stage, const struct graph *graph,
                const struct layers *layers, const struct head *head,
                struct error *err)
{
    *stage =
        (struct stage){.value = GRAPH_NONE,
                       .finer = GRAPH_NONE,
                       .layer = choose(layers, layers->chosen),
                       .block = {.expanded = GRAPH_NONE, .deep = GRAPH_NONE}};
    if (stage->layer < layers->count &&
        !stage_value_of(&stage->value, graph, &layers->list[stage->layer], err))
        return false;
    if (stage->value == GRAPH_NONE) {
        stage->layer = layers->count;
        stage->refusal =
            "no feature map that all paths lead through has twice the sides "
            "of the last one";
        return true;
    }
    stage->block = find_block(graph, head);
    return find_finer(stage, graph, layers, err);
}

bool stage_keeps(const struct stage *stage, int value)
{
    const struct stage_block *block = &stage->block;

    return block->expanded != GRAPH_NONE &&
           (value == block->taps || value == block->project ||
            value == block->features);
}
