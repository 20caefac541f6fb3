#include "engine/passes/head.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/explain/cam.h"
#include "engine/passes/graph_picture.h"
#include "engine/passes/head_output.h"

static size_t count_of(const struct graph *graph, int value)
{
    return graph_shape_count(&graph->values[value].shape);
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
    while ((before = graph_producer(graph, value)) &&
           before->op == GRAPH_RESHAPE)
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

    while ((node = graph_producer(graph, value))) {
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
    const struct graph_node *sum = graph_producer(graph, value), *before;

    for (uint32_t i = 0; sum && sum->op == GRAPH_ADD && i < 2; i++) {
        const struct graph_value *bias = graph_input(graph, sum, i);
        int other = behind_reshapes(graph, sum->inputs[1 - i]);

        before = graph_producer(graph, other);
        if (bias->data && before && !graph_is_clamped(sum) &&
            graph_shape_count(&bias->shape) == head->num_logits &&
            graph_shape_count(&graph->values[other].shape) ==
                head->num_logits &&
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

/* Whether a value of rank 4 is a picture stored as (1, H, W, C), and not merely
 * looks it after a reshape. */
static bool is_picture(const struct graph_picture *picture)
{
    return picture->height > 0 && picture->rows == 1 && picture->columns == 2;
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

/* Operand i of a normalization of a row, or GRAPH_NONE. */
static int norm_operand(const struct graph_node *norm, uint32_t i)
{
    return norm && i < norm->num_inputs ? norm->inputs[i] : GRAPH_NONE;
}

/* A normalization of one row of numbers, all of it. Its scale and bias are the
 * next layer's (graph_fold_linear), but where a quantized network rounds
 * between the two. */
static bool is_row_norm(const struct graph *graph,
                        const struct graph_node *node)
{
    const struct graph_shape *x = &graph_input(graph, node, 0)->shape;

    if (node->op != GRAPH_NORM || graph_is_clamped(node) ||
        node->norm.groups > 1)
        return false;
    for (uint32_t i = 1; i < 3; i++) {
        int operand = norm_operand(node, i);
        size_t count = operand == GRAPH_NONE ? 1 : count_of(graph, operand);

        if ((operand != GRAPH_NONE && !graph->values[operand].data) ||
            (count != 1 && count != graph_shape_count(x)))
            return false;
    }
    for (uint32_t i = 0; node->norm.groups == 0 && i < x->rank; i++)
        if (x->dim[i] > 1 && !node->norm.axis[i])
            return false;
    return node->norm.groups == 0 || x->dim[0] == 1;
}

/* ---- why there is none ---- */

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

/* Its first operand that is not constant, or GRAPH_NONE. */
static int first_open(const struct graph *graph, const struct graph_node *node)
{
    for (uint32_t i = 0; i < node->num_inputs; i++)
        if (node->inputs[i] != GRAPH_NONE && !graph_input(graph, node, i)->data)
            return node->inputs[i];
    return GRAPH_NONE;
}

static const char no_places[] =
    "the cells that are pooled at the end cannot be traced back to positions "
    "in the image: attention mixed them, some were dropped, or they were "
    "reordered";

/* Why a node ends the picture that goes into it; NULL where it does not. */
static const char *explain_node(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures,
                                const struct graph_node *node, int x)
{
    const struct graph_picture *from = &pictures[x];
    const struct graph_picture *to = &pictures[node->outputs[0]];
    size_t cells = from->height * from->width;
    bool fewer = count_of(graph, x) > count_of(graph, node->outputs[0]);

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
        return no_places;
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

/* Why a map has a single cell. */
static const char *explain_cell(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures, int value)
{
    const struct graph_node *node;
    const char *why = NULL;

    while ((node = graph_producer(graph, value))) {
        const struct graph_picture *from;

        value = first_open(graph, node);
        if (value == GRAPH_NONE)
            break;
        from = &pictures[value];
        if (from->height * from->width < 2)
            continue;
        if (node->op == GRAPH_CONV &&
            node->conv.window.kernel[0] == from->height &&
            node->conv.window.kernel[1] == from->width)
            why = explain_node(head, graph, pictures, node, value);
        break;
    }
    return why ? why
               : "the map that is pooled at the end has a single cell, which "
                 "does not show where a class is";
}

/* Why there is no map, where the linear layer takes `value` and that is not
 * what a global pooling gives: what is between, or that there is none. */
static const char *explain(struct head *head, const struct graph *graph,
                           const struct graph_picture *pictures, int value)
{
    bool is_linear = false, is_normalized = false, is_of_more = false;
    const struct graph_node *node;

    while ((node = graph_producer(graph, value)) &&
           !is_global_pool(graph, node)) {
        const char *why;

        is_linear |= node->op == GRAPH_LINEAR || node->op == GRAPH_CONV;
        is_normalized |= node->op == GRAPH_NORM || is_of_two(graph, node);
        is_of_more |= !is_linear && is_joined(graph, node);
        /* A sum with another branch is followed one way. */
        value = first_open(graph, node);
        if (value == GRAPH_NONE) {
            node = NULL;
            break;
        }
        why = explain_node(head, graph, pictures, node, value);
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

/* ---- what there is ---- */

/* What is pooled, if there is more than one place in it. */
static const char *set_features(struct head *head, const struct graph *graph,
                                const struct graph_picture *pictures,
                                const struct graph_node *pool)
{
    const struct graph_shape *x = &graph_input(graph, pool, 0)->shape;

    if (x->dim[1] * x->dim[2] < 2)
        return explain_cell(head, graph, pictures, pool->inputs[0]);
    if (!is_picture(&pictures[pool->inputs[0]]))
        return no_places;
    if (graph_is_clamped(pool))
        return "the result of global pooling is clamped, so a class's map does "
               "not add up to its logit";
    head->features = pool->inputs[0];
    head->is_max = pool->op != GRAPH_MEAN;
    return NULL;
}

/* The last layer takes the pooled features, or these normalized. */
static const char *read_linear(struct head *head, const struct graph *graph,
                               const struct graph_picture *pictures,
                               const struct graph_node *last)
{
    int value = behind_reshapes(graph, last->inputs[0]);
    const struct graph_node *pool = graph_producer(graph, value), *norm = NULL;
    const char *refusal;

    if (pool && is_row_norm(graph, pool)) {
        norm = pool;
        pool = graph_producer(graph, behind_reshapes(graph, norm->inputs[0]));
    }
    if (!pool || !is_global_pool(graph, pool) ||
        (norm && pool->op != GRAPH_MEAN))
        return explain(head, graph, pictures, value);
    refusal = set_features(head, graph, pictures, pool);
    if (refusal)
        return refusal;
    head->name = norm           ? "gap-norm-linear"
                 : head->is_max ? "gmp-linear"
                                : "gap-linear";
    head->is_normalized = norm != NULL;
    head->about_zero = norm && norm->norm.about_zero;
    head->epsilon = norm ? (double)norm->norm.epsilon : 0;
    head->norm_scale = norm_operand(norm, 1);
    head->norm_shift = norm_operand(norm, 2);
    head->weights = last->inputs[1];
    if (head->bias == GRAPH_NONE && last->num_inputs > 2)
        head->bias = last->inputs[2];
    return NULL;
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
           first_open(graph, node) != GRAPH_NONE)
        node = graph_producer(graph, first_open(graph, node));
    if (node && node->op == GRAPH_MEAN)
        node = graph_producer(graph, behind_reshapes(graph, node->inputs[0]));
    if (!node || (node->op != GRAPH_ADD && node->op != GRAPH_CONCAT))
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_node *part =
            graph_producer(graph, behind_reshapes(graph, node->inputs[i]));

        num_layers += part && is_linear_layer(graph, part);
    }
    return num_layers > 1;
}

/* Looks behind the logits for the layers of the header; says why where they
 * are not there. */
static const char *find_features(struct head *head, const struct graph *graph,
                                 const struct graph_picture *pictures)
{
    int value = behind_bias(head, graph, behind_reshapes(graph, head->logits));
    const struct graph_node *last = graph_producer(graph, value);
    const char *refusal;

    if (last && is_global_pool(graph, last)) {
        refusal = set_features(head, graph, pictures, last);
        if (!refusal)
            head->name = head->is_max ? "conv-gmp" : "conv-gap";
        return refusal;
    }
    if (last && last->op == GRAPH_UNARY)
        return "the network ends in an element-wise function, so a class's map "
               "does not add up to its output";
    if (last && last->op == GRAPH_CONCAT && is_of_several(graph, last))
        return "the classes are concatenated from several layers, each with "
               "its own features or rounding, so no single layer has all "
               "weights for the channels of a feature map";
    if (last && !is_linear_layer(graph, last) && is_of_several(graph, last))
        return "the classes are a sum over several layers with different "
               "features, so they have no weights for the channels of a single "
               "feature map";
    if (!last || !is_linear_layer(graph, last))
        return "the network does not end in a linear layer or in global "
               "pooling, so its classes have no weights for the channels of a "
               "feature map";
    if (graph_is_clamped(last))
        return "the network's last linear layer is clamped, so a class's map "
               "does not add up to its logit";
    return read_linear(head, graph, pictures, last);
}

/* ---- outputs ---- */

const char *head_scores_name(enum head_scores scores)
{
    static const char *const names[] = {
#define X(scores, name) [scores] = name,
        HEAD_SCORES(X)
#undef X
    };

    return names[scores] ? names[scores] : "open";
}

bool head_is_row(const struct graph_shape *shape)
{
    uint32_t wide = 0;

    for (uint32_t i = 0; i < shape->rank; i++)
        wide += shape->dim[i] != 1;
    return wide <= 1 && graph_shape_count(shape) > 0;
}

static bool is_row_of_floats(const struct graph *graph, int value)
{
    return graph->values[value].type == GRAPH_FLOAT &&
           head_is_row(&graph->values[value].shape);
}

/* What is behind the logits. */
static bool read_head(struct head *head, const struct graph *graph,
                      struct error *err)
{
    struct graph_picture *pictures =
        calloc(graph->num_values + 1, sizeof *pictures);

    if (!pictures)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a list of values");
    graph_picture_find(pictures, graph);
    head->refusal = find_features(head, graph, pictures);
    if (head->refusal)
        head->bias = GRAPH_NONE;
    free(pictures);
    return true;
}

bool head_find_at(struct head *head, const struct graph *graph, int output,
                  const struct head_wish *wish, struct error *err)
{
    static const struct head_wish nothing = {0};
    char text[GRAPH_SHAPE_TEXT];

    *head = (struct head){
        .name = "none",
        .features = GRAPH_NONE,
        .weights = GRAPH_NONE,
        .bias = GRAPH_NONE,
        .norm_scale = GRAPH_NONE,
        .norm_shift = GRAPH_NONE,
    };
    if (!is_row_of_floats(graph, output))
        return fail(err, ERROR_UNSUPPORTED,
                    "the network's output has shape %s; a classifier's output "
                    "is one row with a number for each class",
                    graph_shape_text(text, &graph->values[output].shape));
    return head_output_read(head, graph, output, wish ? wish : &nothing, err) &&
           read_head(head, graph, err);
}

bool head_find(struct head *head, const struct graph *graph, struct error *err)
{
    int found = graph->outputs[0];
    size_t most = 0;

    for (size_t i = 0; i < graph->num_outputs && most < 2; i++) {
        int output = graph->outputs[i];
        size_t count = is_row_of_floats(graph, output)
                           ? graph_shape_count(&graph->values[output].shape)
                           : 0;

        if (count > most) {
            most = count;
            found = output;
        }
    }
    return head_find_at(head, graph, found, NULL, err);
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

void head_scale(struct head_scale *scale, const struct head *head,
                const struct graph *graph, const float *restrict features)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t cells = shape->dim[1] * shape->dim[2], channels = shape->dim[3];
    double sum = 0, squares = 0;

    *scale = (struct head_scale){.mean = 0, .deviation = 1};
    if (!head->is_normalized)
        return;
    for (size_t i = 0; i < cells * channels; i++)
        sum += (double)features[i];
    scale->mean = head->about_zero ? 0 : sum / (double)(cells * channels);
    for (size_t c = 0; c < channels; c++) {
        double pooled = 0;

        for (size_t i = c; i < cells * channels; i += channels)
            pooled += (double)features[i];
        pooled = pooled / (double)cells - scale->mean;
        squares += pooled * pooled;
    }
    scale->deviation = sqrt(squares / (double)channels + head->epsilon);
}

/* Number c of a normalization's operand; `otherwise` where it has none. */
static double number_at(const struct graph *graph, int operand, size_t c,
                        double otherwise)
{
    if (operand == GRAPH_NONE)
        return otherwise;
    return (double)graph_floats(
        &graph->values[operand])[count_of(graph, operand) == 1 ? 0 : c];
}

/* What the weights make of features that are multiplied first. */
static void scaled_map(float *restrict map, size_t cells,
                       const struct head *head, const struct graph *graph,
                       const float *restrict features,
                       const float *restrict weights, size_t channels)
{
    for (size_t i = 0; i < cells; i++) {
        double sum = 0;

        for (size_t c = 0; c < channels; c++)
            sum += (double)weights[c] *
                   number_at(graph, head->norm_scale, c, 1) *
                   (double)features[i * channels + c];
        map[i] = (float)sum;
    }
}

/* Of what the weights make of features: what they make of these less their
 * mean, in deviations. */
static void normalize(float *restrict map, size_t cells,
                      const struct head *head, const struct graph *graph,
                      const struct head_scale *scale,
                      const float *restrict weights, size_t channels)
{
    double sum = 0;

    for (size_t c = 0; c < channels; c++)
        sum += (double)weights[c] * number_at(graph, head->norm_scale, c, 1);
    for (size_t i = 0; i < cells; i++)
        map[i] =
            (float)(((double)map[i] - sum * scale->mean) / scale->deviation);
}

/* Which logit is class k's, and whether with the other sign. */
static size_t row_of(bool *is_negated, const struct head *head, size_t k)
{
    *is_negated = head->is_negated != (head->is_pair && k == 0);
    return head->is_pair ? 0 : k;
}

void head_map(float *restrict map, const struct head *head,
              const struct graph *graph, const float *restrict features,
              size_t k)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t height = shape->dim[1], width = shape->dim[2];
    size_t channels = shape->dim[3];
    const float *weights = NULL;
    struct head_scale scale;
    bool is_negated;
    size_t row = row_of(&is_negated, head, k);

    if (head->weights == GRAPH_NONE) {
        for (size_t i = 0; i < height * width; i++)
            map[i] = features[i * channels + row];
    } else {
        weights = graph_floats(&graph->values[head->weights]) + row * channels;
        if (head->norm_scale == GRAPH_NONE)
            cam_map(map, features, weights, height, width, channels);
        else
            scaled_map(map, height * width, head, graph, features, weights,
                       channels);
    }
    if (head->is_normalized && weights) {
        head_scale(&scale, head, graph, features);
        normalize(map, height * width, head, graph, &scale, weights, channels);
    }
    for (size_t i = 0; is_negated && i < height * width; i++)
        map[i] = 0 - map[i];
}

float head_logit(const struct head *head, const float *logits, size_t k)
{
    bool is_negated;
    size_t row = row_of(&is_negated, head, k);

    return is_negated ? 0 - logits[row] : logits[row];
}

double head_bias(const struct head *head, const struct graph *graph, size_t k)
{
    bool is_negated;
    size_t row = row_of(&is_negated, head, k);
    double bias = 0;

    if (head->bias != GRAPH_NONE)
        bias = (double)graph_floats(&graph->values[head->bias])[row];
    if (head->norm_shift != GRAPH_NONE) {
        size_t channels = graph->values[head->features].shape.dim[3];
        const float *weights =
            graph_floats(&graph->values[head->weights]) + row * channels;

        for (size_t c = 0; c < channels; c++)
            bias +=
                (double)weights[c] * number_at(graph, head->norm_shift, c, 0);
    }
    return is_negated ? 0 - bias : bias;
}
