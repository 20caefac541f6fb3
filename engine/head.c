#include "head.h"

#include <math.h>
#include <string.h>

#include "cam.h"

static const struct graph_node *producer_of(const struct graph *graph,
                                            int value)
{
    int node = graph->values[value].producer;

    return node == GRAPH_NONE ? NULL : &graph->nodes[node];
}

/* Whether operand i of two nodes is the same constant, or left out of both. */
static bool is_same_constant(const struct graph *graph,
                             const struct graph_node *a,
                             const struct graph_node *b, uint32_t i)
{
    const struct graph_value *of_a =
        i < a->num_inputs ? graph_input(graph, a, i) : NULL;
    const struct graph_value *of_b =
        i < b->num_inputs ? graph_input(graph, b, i) : NULL;

    if (of_a == of_b)
        return true;
    return of_a && of_b && of_a->data && of_b->data &&
           of_a->type == of_b->type && graph_shape_count(&of_a->shape) == 1 &&
           graph_shape_count(&of_b->shape) == 1 &&
           memcmp(of_a->data, of_b->data,
                  of_a->type == GRAPH_INT ? sizeof(int64_t) : sizeof(float)) ==
               0;
}

/* What a DEQUANTIZE makes anew, rounded, where a QUANTIZE by the same scale is
 * all that is before it; GRAPH_NONE where not. */
static int behind_rounding(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_node *before;
    int value = node->inputs[0];

    if (node->op != GRAPH_DEQUANTIZE || graph_is_clamped(node))
        return GRAPH_NONE;
    while ((before = producer_of(graph, value)) && before->op == GRAPH_RESHAPE)
        value = before->inputs[0];
    return before && before->op == GRAPH_QUANTIZE &&
                   !graph_is_clamped(before) &&
                   is_same_constant(graph, before, node, 1) &&
                   is_same_constant(graph, before, node, 2)
               ? before->inputs[0]
               : GRAPH_NONE;
}

/* The value that reshapes between it and `value` merely rename, and a
 * quantized network's pairs of nodes merely round. */
static int behind_reshapes(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = producer_of(graph, value))) {
        int before = node->op == GRAPH_RESHAPE ? node->inputs[0]
                                               : behind_rounding(graph, node);

        if (before == GRAPH_NONE)
            break;
        value = before;
    }
    return value;
}

/* The value that a sum with a constant for each class, which becomes the
 * head's bias, is made from; the value itself where it is no such sum. A
 * quantized network has one after a product that it rounds first. */
static int behind_bias(struct head *head, const struct graph *graph, int value)
{
    const struct graph_node *sum = producer_of(graph, value), *before;

    for (uint32_t i = 0; sum && sum->op == GRAPH_ADD && i < 2; i++) {
        const struct graph_value *bias = graph_input(graph, sum, i);
        int other = behind_reshapes(graph, sum->inputs[1 - i]);

        before = producer_of(graph, other);
        if (bias->data && before && !graph_is_clamped(sum) &&
            graph_shape_count(&bias->shape) == head->num_classes &&
            graph_shape_count(&graph->values[other].shape) ==
                head->num_classes &&
            (before->num_inputs < 3 || before->inputs[2] == GRAPH_NONE)) {
            head->bias = sum->inputs[i];
            return other;
        }
    }
    return value;
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
             node->conv.window.kernel[1] == 1 &&
             node->conv.window.pad_before[0] == 0 &&
             node->conv.window.pad_before[1] == 0)
        num_in = x->shape.dim[3];
    else
        return false;
    return graph_shape_count(&x->shape) == num_in &&
           graph_shape_count(&graph_output(graph, node, 0)->shape) ==
               graph_input(graph, node, 1)->shape.dim[0];
}

/* Whether a value of rank 4 is stored as (1, H, W, C) because a convolution or
 * a pooling made it so, and not merely looks it after a reshape. */
static bool is_picture(const struct graph *graph, int value)
{
    const struct graph_node *node;

    while ((node = producer_of(graph, value)) && !node->nhwc) {
        uint32_t i = 0;

        if (node->op == GRAPH_RESHAPE || node->op == GRAPH_TRANSPOSE)
            return false;
        while (i < node->num_inputs && (node->inputs[i] == GRAPH_NONE ||
                                        graph_input(graph, node, i)->data))
            i++;
        if (i == node->num_inputs)
            return false;
        value = node->inputs[i];
    }
    return true;
}

/* Pooling over all of a picture, (1, H, W, C). */
static bool is_global_pool(const struct graph *graph,
                           const struct graph_node *node)
{
    const struct graph_value *input = graph_input(graph, node, 0);
    const struct graph_shape *x;
    bool reduces =
        node->op == GRAPH_MEAN ||
        (node->op == GRAPH_REDUCE && node->reduce.function == GRAPH_REDUCE_MAX);

    if (!input)
        return false;
    x = &input->shape;
    if (x->rank != 4 || x->dim[0] != 1)
        return false;
    if (reduces)
        return !node->reduce.axis[0] && node->reduce.axis[1] &&
               node->reduce.axis[2] && !node->reduce.axis[3];
    if (node->op != GRAPH_MAX_POOL || !node->nhwc)
        return false;
    for (int i = 0; i < 2; i++)
        if (node->pool.window.kernel[i] != x->dim[1 + i] ||
            node->pool.window.dilation[i] != 1 ||
            node->pool.window.pad_before[i] > 0 ||
            node->pool.window.pad_after[i] > 0)
            return false;
    return true;
}

/* A difference or quotient of what two nodes make. */
static bool is_of_two(const struct graph *graph, const struct graph_node *node)
{
    return (node->op == GRAPH_SUB || node->op == GRAPH_DIV) &&
           !graph_input(graph, node, 0)->data &&
           !graph_input(graph, node, 1)->data;
}

/* Why there is no map, where the linear layer takes `value` and that is not
 * what a global pooling gives: what is between, or that there is none. */
static const char *explain(const struct graph *graph, int value)
{
    bool is_linear = false, is_normalized = false;
    const struct graph_node *node;

    while ((node = producer_of(graph, value)) && !is_global_pool(graph, node)) {
        const struct graph_shape *out = &graph_output(graph, node, 0)->shape;

        is_linear |= node->op == GRAPH_LINEAR || node->op == GRAPH_CONV;
        is_normalized |= node->op == GRAPH_NORM || is_of_two(graph, node);
        /* One row still; a sum with another branch is followed one way. */
        if (node->num_inputs == 0 || node->inputs[0] == GRAPH_NONE ||
            (node->op != GRAPH_RESHAPE && out->rank == 4 &&
             out->dim[1] * out->dim[2] > 1 && out->dim[3] > 1))
            return "there is no global average or maximum pooling between "
                   "the last feature map and the linear layers, so that their "
                   "weights belong to single places, not to the map's "
                   "channels";
        value = node->inputs[0];
    }
    if (!node)
        return "there is no global average or maximum pooling between a "
               "feature map and the linear layer, so that the layer's weights "
               "do not belong to a map's channels";
    if (is_normalized)
        return "between global pooling and the linear layer the features are "
               "normalized by numbers that are each picture's own, so that a "
               "class's logit is no weighted sum of the feature map";
    if (is_linear)
        return "between global pooling and the last linear layer there are "
               "another linear layer and an activation, so that a class has "
               "no weights of its own for the feature map's channels";
    return "between the last feature map and the linear layer there is "
           "something other than global average or maximum pooling, so that "
           "the layer's weights do not belong to the map's channels";
}

/* What is pooled, if there is more than one place in it. */
static const char *set_features(struct head *head, const struct graph *graph,
                                const struct graph_node *pool)
{
    const struct graph_shape *x = &graph_input(graph, pool, 0)->shape;

    if (!is_picture(graph, pool->inputs[0]))
        return "what is pooled at the end is no feature map of a convolution "
               "but numbers put in another order, so that its cells are no "
               "places";
    if (graph_is_clamped(pool))
        return "what global pooling gives is clamped, so that a class's map "
               "does not add up to its logit";
    if (x->dim[1] * x->dim[2] < 2)
        return "what is pooled at the end is a map of a single cell, which "
               "says nothing about where a class is";
    head->features = pool->inputs[0];
    head->is_max = pool->op != GRAPH_MEAN;
    return NULL;
}

/* Looks behind the logits for the layers of the header; says why where they
 * are not there. */
static const char *find_features(struct head *head, const struct graph *graph)
{
    int value = behind_bias(head, graph, behind_reshapes(graph, head->logits));
    const struct graph_node *last = producer_of(graph, value), *pool;
    const char *refusal;

    if (last && is_global_pool(graph, last)) {
        refusal = set_features(head, graph, last);
        if (!refusal)
            head->name = head->is_max ? "conv-gmp" : "conv-gap";
        return refusal;
    }
    if (last && last->op == GRAPH_UNARY)
        return "the network ends in a function of each number that is no "
               "softmax, so that a class's map does not add up to what comes "
               "out";
    if (!last || !is_linear_layer(graph, last))
        return "the network does not end in a linear layer or in global "
               "pooling, so that its classes have no weights for the feature "
               "map's channels";
    if (graph_is_clamped(last))
        return "the network's last linear layer is clamped, so that a class's "
               "map does not add up to its logit";
    value = behind_reshapes(graph, last->inputs[0]);
    pool = producer_of(graph, value);
    if (!pool || !is_global_pool(graph, pool))
        return explain(graph, value);
    refusal = set_features(head, graph, pool);
    if (refusal)
        return refusal;
    head->name = head->is_max ? "gmp-linear" : "gap-linear";
    head->weights = last->inputs[1];
    if (head->bias == GRAPH_NONE && last->num_inputs > 2)
        head->bias = last->inputs[2];
    return NULL;
}

/* ---- outputs ---- */

static bool is_one_row(const struct graph_shape *shape)
{
    uint32_t wide = 0;

    for (uint32_t i = 0; i < shape->rank; i++)
        wide += shape->dim[i] != 1;
    return wide <= 1 && graph_shape_count(shape) > 0;
}

/* The first output that is one row of two numbers or more; else one number. */
static int find_output(const struct graph *graph)
{
    int found = GRAPH_NONE;

    for (size_t i = 0; i < graph->num_outputs; i++) {
        const struct graph_shape *shape =
            &graph->values[graph->outputs[i]].shape;

        if (!is_one_row(shape) ||
            graph->values[graph->outputs[i]].type != GRAPH_FLOAT)
            continue;
        if (graph_shape_count(shape) > 1)
            return graph->outputs[i];
        if (found == GRAPH_NONE)
            found = graph->outputs[i];
    }
    return found;
}

/* Whether a softmax is over all of its operand. */
static bool is_over_all(const struct graph *graph,
                        const struct graph_node *softmax)
{
    const struct graph_shape *x = &graph_input(graph, softmax, 0)->shape;
    size_t axis = (size_t)softmax->axis, length = x->dim[axis];

    for (size_t i = axis + 1; softmax->to_matrix && i < x->rank; i++)
        length *= x->dim[i];
    return length == graph_shape_count(x);
}

/* What a softmax over all classes is made from. */
static int before_softmax(const struct graph *graph, int value)
{
    const struct graph_node *last =
        producer_of(graph, behind_reshapes(graph, value));

    if (last && (last->op == GRAPH_SOFTMAX || last->op == GRAPH_LOG_SOFTMAX) &&
        is_over_all(graph, last))
        return last->inputs[0];
    return value;
}

bool head_find(struct head *head, const struct graph *graph, struct error *err)
{
    int output = find_output(graph);
    char text[GRAPH_SHAPE_TEXT];

    *head = (struct head){
        .name = "none",
        .features = GRAPH_NONE,
        .weights = GRAPH_NONE,
        .bias = GRAPH_NONE,
    };
    if (output == GRAPH_NONE)
        return fail(
            err, ERROR_UNSUPPORTED,
            "the network's output is %s; a classifier's is one row, a number "
            "for each class",
            graph_shape_text(text, &graph->values[graph->outputs[0]].shape));
    head->logits = before_softmax(graph, output);
    head->num_classes = graph_shape_count(&graph->values[head->logits].shape);
    head->refusal = find_features(head, graph);
    if (head->refusal)
        head->bias = GRAPH_NONE;
    return true;
}

bool head_set_outputs(const struct head *head, struct graph *graph,
                      struct error *err)
{
    const int outputs[] = {head->logits, head->features};

    if (!graph_set_outputs(graph, outputs, head->features == GRAPH_NONE ? 1 : 2,
                           err))
        return false;
    graph_prune(graph);
    return true;
}

/* ---- maps ---- */

void head_map(float *restrict map, const struct head *head,
              const struct graph *graph, const float *restrict features,
              size_t k)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t height = shape->dim[1], width = shape->dim[2];
    size_t channels = shape->dim[3];

    if (head->weights == GRAPH_NONE)
        for (size_t i = 0; i < height * width; i++)
            map[i] = features[i * channels + k];
    else
        cam_map(map, features,
                graph_floats(&graph->values[head->weights]) + k * channels,
                height, width, channels);
}

double head_bias(const struct head *head, const struct graph *graph, size_t k)
{
    if (head->bias == GRAPH_NONE)
        return 0;
    return (double)graph_floats(&graph->values[head->bias])[k];
}
