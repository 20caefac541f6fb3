#include "head.h"

#include <math.h>

static const struct graph_node *producer_of(const struct graph *graph,
                                            int value)
{
    int node = graph->values[value].producer;

    return node == GRAPH_NONE ? NULL : &graph->nodes[node];
}

/* The value that reshapes between it and `value` merely rename. */
static int behind_reshapes(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = producer_of(graph, value)) && node->op == GRAPH_RESHAPE)
        value = node->inputs[0];
    return value;
}

static bool is_clamped(const struct graph_node *node)
{
    return node->min > -INFINITY || node->max < INFINITY;
}

/* A linear layer on one row, or a 1 x 1 convolution on one pixel, which is the
 * same: weights (O, I) in this order of elements either way. */
static bool is_linear_layer(const struct graph *graph,
                            const struct graph_node *node)
{
    const struct graph_value *x = graph_input(graph, node, 0);
    size_t num_in;

    if (node->op == GRAPH_LINEAR)
        num_in = graph_input(graph, node, 1)->shape.dim[1];
    else if (node->op == GRAPH_CONV && node->conv.groups == 1 &&
             node->conv.window.kernel[0] == 1 &&
             node->conv.window.kernel[1] == 1)
        num_in = x->shape.dim[3];
    else
        return false;
    return graph_shape_count(&x->shape) == num_in &&
           graph_shape_count(&graph_output(graph, node, 0)->shape) ==
               graph_input(graph, node, 1)->shape.dim[0];
}

static bool is_global_mean(const struct graph *graph,
                           const struct graph_node *node)
{
    return node->op == GRAPH_MEAN &&
           graph_input(graph, node, 0)->shape.rank == 4 &&
           !node->reduce.axis[0] && node->reduce.axis[1] &&
           node->reduce.axis[2] && !node->reduce.axis[3];
}

/* Looks behind the logits for the layers above; says why where they are not
 * there. */
static const char *find_features(struct head *head, const struct graph *graph)
{
    int value = behind_reshapes(graph, head->logits);
    const struct graph_node *linear = producer_of(graph, value);
    const struct graph_node *mean;

    if (!linear || !is_linear_layer(graph, linear))
        return "the network does not end in a linear layer, so that its "
               "classes have no weights for the feature map's channels";
    if (is_clamped(linear))
        return "the network's last linear layer is clamped, so that a class's "
               "map does not add up to its logit";
    value = behind_reshapes(graph, linear->inputs[0]);
    mean = producer_of(graph, value);
    if (!mean || !is_global_mean(graph, mean))
        return "between the last feature map and the linear layer there is "
               "something other than global average pooling, so that the "
               "layer's weights do not belong to the map's channels";
    head->features = mean->inputs[0];
    head->weights = linear->inputs[1];
    head->bias = linear->num_inputs > 2 ? linear->inputs[2] : GRAPH_NONE;
    return NULL;
}

bool head_find(struct head *head, const struct graph *graph, struct error *err)
{
    int value = graph->outputs[0];
    const struct graph_node *last;
    const struct graph_shape *shape;
    char text[GRAPH_SHAPE_TEXT];

    *head = (struct head){
        .name = "none",
        .features = GRAPH_NONE,
        .weights = GRAPH_NONE,
        .bias = GRAPH_NONE,
    };
    last = producer_of(graph, behind_reshapes(graph, value));
    if (last && last->op == GRAPH_SOFTMAX &&
        graph->values[last->inputs[0]].shape.dim[last->axis] ==
            graph_shape_count(&graph->values[value].shape))
        value = last->inputs[0];
    shape = &graph->values[value].shape;
    head->num_classes = graph_shape_count(shape);
    head->logits = value;
    for (uint32_t i = 0, wide = 0; i < shape->rank; i++)
        if (shape->dim[i] > 1 && wide++ > 0)
            return fail(err, ERROR_UNSUPPORTED,
                        "the network's output is %s; a classifier's is one "
                        "row, a number for each class",
                        graph_shape_text(text, shape));
    head->refusal = find_features(head, graph);
    if (!head->refusal)
        head->name = "gap-linear";
    return true;
}
