#include "engine/inside/filters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside/filters_sheet.h"

/* ---- the convolution ---- */

/* Whether its weights are constant, and those of a convolution in the file: not
 * a scale that has become one. */
static bool is_convolution(const struct graph *graph,
                           const struct graph_node *node)
{
    return node->op == GRAPH_CONV && strstr(node->onnx_op, "Conv") &&
           graph_input(graph, node, 1) && graph_input(graph, node, 1)->data;
}

/* The only operand of a node that is not constant, or GRAPH_NONE. */
static int only_operand(const struct graph *graph,
                        const struct graph_node *node)
{
    int found = GRAPH_NONE;

    for (uint32_t i = 0; i < node->num_inputs; i++) {
        int input = node->inputs[i];

        if (input == GRAPH_NONE || graph->values[input].data || input == found)
            continue;
        if (found != GRAPH_NONE)
            return GRAPH_NONE;
        found = input;
    }
    return found;
}

/* The convolution that makes a value, or NULL. */
static const struct graph_node *convolution_of(const struct graph *graph,
                                               int value)
{
    const struct graph_node *node = graph_producer(graph, value);

    while (node && !is_convolution(graph, node)) {
        if (node->op == GRAPH_CONV && !graph_input(graph, node, 1)->data)
            return NULL;
        value = only_operand(graph, node);
        node = value == GRAPH_NONE ? NULL : graph_producer(graph, value);
    }
    return node;
}

static const struct graph_node *first_convolution(const struct graph *graph)
{
    for (size_t n = 0; n < graph->num_nodes; n++)
        if (is_convolution(graph, &graph->nodes[n]))
            return &graph->nodes[n];
    return NULL;
}

/* Finds it among the nodes of the network that is not folded, by its name. */
static const struct graph_node *same_node(const struct graph *graph,
                                          const struct graph_node *node)
{
    const struct graph_node *found = NULL;

    for (size_t n = 0; n < graph->num_nodes; n++) {
        const struct graph_node *other = &graph->nodes[n];

        if (!is_convolution(graph, other) ||
            strcmp(other->name, node->name) != 0)
            continue;
        if (found)
            return NULL;
        found = other;
    }
    return found;
}

static bool find_in(const struct graph_node **node, struct filters *filters,
                    const struct graph *graph, size_t layer, struct error *err)
{
    struct layers layers = {0};
    bool ok = layers_find(&layers, graph, graph->outputs[0], err);

    if (ok && layer == FILTERS_FIRST) {
        *node = first_convolution(graph);
        ok = *node || fail(err, ERROR_UNSUPPORTED,
                           "the network has no convolution with constant "
                           "weights");
    } else if (ok) {
        *node = convolution_of(graph, layers.list[layer].value);
        ok = *node || fail(err, ERROR_UNSUPPORTED,
                           "the layer %.100s (%.40s) is not made by one "
                           "convolution with constant weights",
                           layers.list[layer].name, layers.list[layer].op);
    }
    filters->layer = FILTERS_FIRST;
    for (size_t i = 0; ok && i < layers.count; i++)
        if (convolution_of(graph, layers.list[i].value) == *node) {
            filters->layer = i;
            break;
        }
    layers_release(&layers);
    return ok;
}

/* ---- the weights ---- */

static bool copy_weights(struct filters *filters, const struct graph *graph,
                         const struct graph_node *node, struct error *err)
{
    const struct graph_value *weights = graph_input(graph, node, 1);
    const struct graph_shape *shape = &weights->shape;
    size_t count = graph_shape_count(shape);

    if (shape->rank != 4 || count == 0 || node->conv.groups == 0)
        return fail(err, ERROR_INTERNAL,
                    "the weights of \"%.100s\" have %u axes instead of 4",
                    node->name, shape->rank);
    filters->count = shape->dim[0];
    filters->channels = shape->dim[1];
    filters->height = shape->dim[2];
    filters->width = shape->dim[3];
    filters->groups = node->conv.groups;
    for (int i = 0; i < 2; i++) {
        filters->stride[i] = node->conv.window.stride[i];
        filters->dilation[i] = node->conv.window.dilation[i];
    }
    filters->node = strdup(node->name);
    filters->weights = malloc(count * sizeof *filters->weights);
    filters->norms = malloc(filters->count * sizeof *filters->norms);
    if (!filters->node || !filters->weights || !filters->norms)
        return fail(err, ERROR_MEMORY, "not enough memory for the filters");
    memcpy(filters->weights, graph_floats(weights), count * sizeof(float));
    return true;
}

/* Eight sums at a time, so that the compiler can use vectors. */
static double product(const float *a, const float *b, size_t count)
{
    double sums[8] = {0}, sum = 0;
    size_t i = 0;

    for (; i + 8 <= count; i += 8)
        for (size_t k = 0; k < 8; k++)
            sums[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    for (size_t k = 0; k < 8; k++)
        sum += sums[k];
    return sum;
}

/* Whether it is nearly the same as an earlier one of its group that is not
 * dead.
 */
static bool repeats(const struct filters *filters, size_t filter)
{
    const size_t len = filters->channels * filters->height * filters->width;
    const float *weights = filters->weights + filter * len;
    const size_t in_group = filters->count / filters->groups;

    for (size_t other = filter - filter % in_group; other < filter; other++)
        if (filters->norms[other] >= filters->least &&
            product(weights, filters->weights + other * len, len) >
                FILTERS_SAME * filters->norms[filter] * filters->norms[other])
            return true;
    return false;
}

static void measure(struct filters *filters)
{
    const size_t len = filters->channels * filters->height * filters->width;
    const uint64_t products =
        (uint64_t)filters->count * (filters->count / filters->groups) * len;
    double largest = 0;

    for (size_t i = 0; i < filters->count; i++) {
        const float *weights = filters->weights + i * len;

        filters->norms[i] = sqrt(product(weights, weights, len));
        largest = fmax(largest, filters->norms[i]);
    }
    filters->is_compared = products / 2 <= FILTERS_MAX_PRODUCTS;
    filters->least = largest > 0 ? FILTERS_DEAD * largest : INFINITY;
    for (size_t i = 0; i < filters->count; i++)
        if (filters->norms[i] < filters->least)
            filters->num_dead++;
        else if (filters->is_compared)
            filters->num_same += repeats(filters, i);
}

bool filters_find(struct filters *filters, const struct network *network,
                  const struct network *unfolded, size_t layer,
                  struct error *err)
{
    const struct graph *graph = &network->graph;
    const struct graph_node *node;
    bool ok = find_in(&node, filters, graph, layer, err);

    if (ok && unfolded) {
        graph = &unfolded->graph;
        node = same_node(graph, node);
        ok = node || fail(err, ERROR_UNSUPPORTED,
                          "the convolution cannot be told from others in the "
                          "file by its name");
    }
    ok = ok && copy_weights(filters, graph, node, err);
    if (ok)
        measure(filters);
    else
        filters_release(filters);
    return ok;
}

bool filters_is_coloured(const struct filters *filters,
                         const struct filters_style *style)
{
    return filters->channels == 3 && style->colormap == HEATMAP_AUTO;
}

bool filters_draw(const struct filters *filters, struct buf *png,
                  const struct filters_style *style, struct error *err)
{
    return filters_sheet_draw(filters, png, style, err);
}

void filters_release(struct filters *filters)
{
    free(filters->node);
    free(filters->weights);
    free(filters->norms);
    *filters = (struct filters){0};
}
