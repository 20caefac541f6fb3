#include "engine/passes/head_refusal.h"

#include <stdio.h>

#include "engine/passes/head_layer.h"

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
}

const char head_refusal_no_places[] =
    "the cells that are pooled at the end cannot be followed back to places of "
    "the picture: attention made them, some were left out, or they were put in "
    "another order";

/* A difference or quotient of what two nodes make. */
static bool is_of_two(const struct graph *graph, const struct graph_node *node)
{
    return (node->op == GRAPH_SUB || node->op == GRAPH_DIV) &&
           !graph_input(graph, node, 0)->data &&
           !graph_input(graph, node, 1)->data;
}

/* Features of several kinds in a row. */
static bool is_joined(const struct graph *graph, const struct graph_node *node)
{
    size_t num_open = 0;

    for (uint32_t i = 0; i < node->num_inputs; i++)
        num_open +=
            node->inputs[i] != GRAPH_NONE && !graph_input(graph, node, i)->data;
    return node->op == GRAPH_CONCAT && num_open > 1;
}

/* Why a node ends the picture that goes into it; NULL where it does not. */
static const char *why_node(struct head *head, const struct graph *graph,
                            const struct graph_picture *pictures,
                            const struct graph_node *node, int x)
{
    const struct graph_picture *from = &pictures[x];
    const struct graph_picture *to = &pictures[node->outputs[0]];
    size_t cells = from->height * from->width;
    bool fewer = count_of(graph, x) > count_of(graph, node->outputs[0]);

    if (node->op == GRAPH_CONV && cells > 1 && to->height * to->width == 1) {
        snprintf(head->text, sizeof head->text,
                 "a %zu x %zu convolution makes the last feature map a single "
                 "cell: it has weights for each of the map's %zu places, so "
                 "that there is no global pooling to read a class's map from",
                 node->conv.window.kernel[0], node->conv.window.kernel[1],
                 cells);
        return head->text;
    }
    if ((node->op == GRAPH_SLICE || node->op == GRAPH_GATHER) && fewer)
        return "the classes are read from one token, which attention fills "
               "from everywhere, and not from a pooled feature map";
    if (node->op == GRAPH_MATMUL && node->num_inputs > 1 &&
        !graph_input(graph, node, 0)->data &&
        !graph_input(graph, node, 1)->data)
        return "the places of the last feature map are weighed by attention, "
               "by numbers that are each picture's own, and not pooled by a "
               "global average or maximum";
    if ((node->op == GRAPH_MEAN || node->op == GRAPH_REDUCE) && fewer &&
        from->height == 0)
        return head_refusal_no_places;
    if (cells > 1 && to->height == 0 && !fewer) {
        snprintf(head->text, sizeof head->text,
                 "there is no global average or maximum pooling between the "
                 "last feature map and the linear layers: the map's %zu x %zu "
                 "places are put in a row, and each has weights of its own",
                 from->height, from->width);
        return head->text;
    }
    return NULL;
}

const char *head_refusal_of_cell(struct head *head, const struct graph *graph,
                                 const struct graph_picture *pictures,
                                 int value)
{
    const struct graph_node *node;
    const char *why = NULL;

    while ((node = graph_producer(graph, value))) {
        const struct graph_picture *from;

        value = head_layer_first_open(graph, node);
        if (value == GRAPH_NONE)
            break;
        from = &pictures[value];
        if (from->height * from->width < 2)
            continue;
        if (node->op == GRAPH_CONV &&
            node->conv.window.kernel[0] == from->height &&
            node->conv.window.kernel[1] == from->width)
            why = why_node(head, graph, pictures, node, value);
        break;
    }
    return why ? why
               : "what is pooled at the end is a map of a single cell, which "
                 "says nothing about where a class is";
}

const char *head_refusal_of_row(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures, int value)
{
    bool is_linear = false, is_normalized = false, is_of_more = false;
    const struct graph_node *node;

    while ((node = graph_producer(graph, value)) &&
           !head_layer_is_global_pool(graph, node)) {
        const char *why;

        is_linear |= node->op == GRAPH_LINEAR || node->op == GRAPH_CONV;
        is_normalized |= node->op == GRAPH_NORM || is_of_two(graph, node);
        is_of_more |= !is_linear && is_joined(graph, node);
        /* A sum with another branch is followed one way. */
        value = head_layer_first_open(graph, node);
        if (value == GRAPH_NONE) {
            node = NULL;
            break;
        }
        why = why_node(head, graph, pictures, node, value);
        if (why)
            return why;
    }
    if (!node)
        return "there is no global average or maximum pooling between a "
               "feature map and the linear layer, so that the layer's weights "
               "do not belong to a map's channels";
    if (is_linear)
        return "between global pooling and the last linear layer there are "
               "another linear layer and an activation, so that a class has "
               "no weights of its own for the feature map's channels";
    if (is_of_more)
        return "what several poolings make is put in a row before the linear "
               "layer, so that the layer's weights do not belong to the "
               "channels of one feature map";
    if (is_normalized)
        return "between global pooling and the linear layer the features are "
               "divided by numbers that are each picture's own, so that a "
               "class's logit is no weighted sum of the feature map";
    return "between the last feature map and the linear layer there is "
           "something other than global average or maximum pooling, so that "
           "the layer's weights do not belong to the map's channels";
}

/* Whether a value is a sum of what linear layers make, whatever it is
 * multiplied by. */
static bool is_of_several(const struct graph *graph,
                          const struct graph_node *node)
{
    size_t num_layers = 0;

    while (node &&
           (node->op == GRAPH_MUL || node->op == GRAPH_DIV ||
            node->op == GRAPH_RESHAPE) &&
           head_layer_first_open(graph, node) != GRAPH_NONE)
        node = graph_producer(graph, head_layer_first_open(graph, node));
    if (node && node->op == GRAPH_MEAN)
        node = graph_producer(
            graph, head_layer_behind_reshapes(graph, node->inputs[0]));
    if (!node || (node->op != GRAPH_ADD && node->op != GRAPH_CONCAT))
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_node *part = graph_producer(
            graph, head_layer_behind_reshapes(graph, node->inputs[i]));

        num_layers += part && head_layer_is_linear(graph, part);
    }
    return num_layers > 1;
}

const char *head_refusal_of_logits(const struct graph *graph,
                                   const struct graph_node *last)
{
    if (last && last->op == GRAPH_UNARY)
        return "the network ends in a function of each number that is no "
               "softmax, so that a class's map does not add up to what comes "
               "out";
    if (last && last->op == GRAPH_CONCAT && is_of_several(graph, last))
        return "the classes are put together from several layers, each on "
               "features of its own or rounded by itself, so that no one layer "
               "has their weights for a feature map's channels";
    if (last && !head_layer_is_linear(graph, last) &&
        is_of_several(graph, last))
        return "the classes are the sum of what several layers make of "
               "different features, so that they have no weights for one "
               "feature map's channels";
    if (!last || !head_layer_is_linear(graph, last))
        return "the network does not end in a linear layer or in global "
               "pooling, so that its classes have no weights for the feature "
               "map's channels";
    return "the network's last linear layer is clamped, so that a class's "
           "map does not add up to its logit";
}
