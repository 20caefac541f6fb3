#include "engine/passes/head_refusal.h"

#include <stdio.h>

#include "engine/passes/head_layer.h"

const char head_refusal_no_places[] =
    "the cells that are pooled at the end cannot be traced back to positions "
    "in the image: attention mixed them, some were dropped, or they were "
    "reordered";

/* A difference or quotient of the results of two nodes. */
static bool is_of_two(const struct graph *graph, const struct graph_node *node)
{
    return (node->op == GRAPH_SUB || node->op == GRAPH_DIV) &&
           !graph_input(graph, node, 0)->data &&
           !graph_input(graph, node, 1)->data;
}

/* Concatenated features of several kinds. */
static bool is_joined(const struct graph *graph, const struct graph_node *node)
{
    size_t num_open = 0;

    for (uint32_t i = 0; i < node->num_inputs; i++)
        num_open +=
            node->inputs[i] != GRAPH_NONE && !graph_input(graph, node, i)->data;
    return node->op == GRAPH_CONCAT && num_open > 1;
}

/* Why the output of a node is not an image although its input is; NULL if it
 * is. */
static const char *why_node(struct head *head, const struct graph *graph,
                            const struct graph_picture *pictures,
                            const struct graph_node *node, int x)
{
    const struct graph_picture *from = &pictures[x];
    const struct graph_picture *to = &pictures[node->outputs[0]];
    size_t cells = from->height * from->width;
    bool fewer = graph_value_count(graph, x) >
                 graph_value_count(graph, node->outputs[0]);

    if (node->op == GRAPH_CONV && cells > 1 && to->height * to->width == 1) {
        snprintf(
            head->text, sizeof head->text,
            "a %zu x %zu convolution reduces the last feature map to a single "
            "cell, with separate weights for each of its %zu positions, so "
            "there is no global pooling to read a class's map from",
            node->conv.window.kernel[0], node->conv.window.kernel[1], cells);
        return head->text;
    }
    if ((node->op == GRAPH_SLICE || node->op == GRAPH_GATHER) && fewer)
        return "the classes are computed from a single token, which attention "
               "fills from the whole image, and not from a pooled feature map";
    if (node->op == GRAPH_MATMUL && node->num_inputs > 1 &&
        !graph_input(graph, node, 0)->data &&
        !graph_input(graph, node, 1)->data)
        return "the positions of the last feature map are weighted by "
               "attention, differently for each image, and not pooled by a "
               "global average or maximum";
    if ((node->op == GRAPH_MEAN || node->op == GRAPH_REDUCE) && fewer &&
        from->height == 0)
        return head_refusal_no_places;
    if (cells > 1 && to->height == 0 && !fewer) {
        snprintf(head->text, sizeof head->text,
                 "there is no global average or maximum pooling between the "
                 "last feature map and the linear layers: the map's %zu x %zu "
                 "positions are flattened, and each has its own weights",
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
               : "the map that is pooled at the end has a single cell, which "
                 "does not show where a class is";
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
        /* Only one addend of a sum is followed. */
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
               "feature map and the linear layer, so the layer's weights do "
               "not belong to the channels of a map";
    if (is_linear)
        return "there are another linear layer and an activation between "
               "global pooling and the last linear layer, so a class has no "
               "weights for the channels of the feature map";
    if (is_of_more)
        return "the results of several poolings are concatenated before the "
               "linear layer, so the layer's weights do not belong to the "
               "channels of a single feature map";
    if (is_normalized)
        return "the features are divided by numbers that differ for each image "
               "between global pooling and the linear layer, so a class's "
               "logit is not a weighted sum of the feature map";
    return "there is something other than global average or maximum pooling "
           "between the last feature map and the linear layer, so the layer's "
           "weights do not belong to the channels of the map";
}

/* Whether a value is a sum of linear layers' outputs, possibly scaled. */
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
        return "the network ends in an element-wise function, so a class's map "
               "does not add up to its output";
    if (last && last->op == GRAPH_CONCAT && is_of_several(graph, last))
        return "the classes are concatenated from several layers, each with "
               "its own features or rounding, so no single layer has all "
               "weights for the channels of a feature map";
    if (last && !head_layer_is_linear(graph, last) &&
        is_of_several(graph, last))
        return "the classes are a sum over several layers with different "
               "features, so they have no weights for the channels of a single "
               "feature map";
    if (!last || !head_layer_is_linear(graph, last))
        return "the network does not end in a linear layer or in global "
               "pooling, so its classes have no weights for the channels of a "
               "feature map";
    return "the network's last linear layer is clamped, so a class's map "
           "does not add up to its logit";
}
