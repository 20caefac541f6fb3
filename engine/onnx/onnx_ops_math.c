/* Operators that compute: of two numbers, sums, products. */

#include "engine/onnx/onnx_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool convert_batch_norm(struct onnx_reader *reader,
                               struct graph_node *node)
{
    bool training = onnx_attribute_int(reader, "training_mode", 0) != 0;

    /* Before opset 14 more than one output says the same. */
    for (size_t i = 1; i < reader->node->n_output; i++)
        training |= *reader->node->output[i] != '\0';
    if (onnx_attribute_int(reader, "spatial", 1) != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute spatial is not 1");
    node->epsilon = onnx_attribute_float(reader, "epsilon", 1e-5f);
    node->training = training;
    return true;
}

static bool convert_relu(struct onnx_reader *reader, struct graph_node *node)
{
    (void)reader;
    node->min = 0;
    return true;
}

/* Bounds are attributes before opset 11, and operands after. */
static bool convert_clip(struct onnx_reader *reader, struct graph_node *node)
{
    node->min = onnx_attribute_float(reader, "min", -INFINITY);
    node->max = onnx_attribute_float(reader, "max", INFINITY);
    return true;
}

static bool convert_gemm(struct onnx_reader *reader, struct graph_node *node)
{
    node->gemm.alpha = onnx_attribute_float(reader, "alpha", 1);
    node->gemm.beta = onnx_attribute_float(reader, "beta", 1);
    node->gemm.transpose_a = onnx_attribute_int(reader, "transA", 0) != 0;
    node->gemm.transpose_b = onnx_attribute_int(reader, "transB", 0) != 0;
    return true;
}

static bool convert_matmul(struct onnx_reader *reader, struct graph_node *node)
{
    (void)reader;
    node->gemm.alpha = 1;
    node->gemm.beta = 1;
    return true;
}

static bool convert_softmax(struct onnx_reader *reader, struct graph_node *node)
{
    bool old = reader->opset < 13;

    node->axis = onnx_attribute_int(reader, "axis", old ? 1 : -1);
    node->to_matrix = old;
    return true;
}

/* ---- operators that are several nodes ---- */

/* Lets a new node at the end make what the last node made, from what that
 * makes now and from `other`. NULL: ERROR_MEMORY. Other pointers to nodes do
 * not survive. */
static struct graph_node *append(struct onnx_reader *reader, enum graph_op op,
                                 int other)
{
    struct graph *graph = reader->graph;
    struct graph_node *last = &graph->nodes[graph->num_nodes - 1], *added;
    int out = last->outputs[0];
    int between =
        graph_add_value(graph, "", graph->values[out].type, reader->err);

    if (between == GRAPH_NONE)
        return NULL;
    last->outputs[0] = between;
    added = graph_add_node(graph, op, last->name, last->onnx_op,
                           other == GRAPH_NONE ? 1 : 2, 1, reader->err);
    if (!added)
        return NULL;
    added->inputs[0] = between;
    if (other != GRAPH_NONE)
        added->inputs[1] = other;
    added->outputs[0] = out;
    return added;
}

static struct graph_node *append_number(struct onnx_reader *reader,
                                        enum graph_op op, float number)
{
    const struct graph_shape scalar = {0};
    int constant = graph_add_constant(reader->graph, "", GRAPH_FLOAT, &scalar,
                                      reader->err);

    if (constant == GRAPH_NONE)
        return NULL;
    *(float *)reader->graph->values[constant].data = number;
    return append(reader, op, constant);
}

/* Two nodes, because a convolution before them can take both in. */
static bool convert_hard_sigmoid(struct onnx_reader *reader,
                                 struct graph_node *node)
{
    float alpha = onnx_attribute_float(reader, "alpha", 0.2f);
    float beta = onnx_attribute_float(reader, "beta", 0.5f);
    struct graph_node *sum;

    (void)node;
    if (!append_number(reader, GRAPH_MUL, alpha))
        return false;
    sum = append_number(reader, GRAPH_ADD, beta);
    if (!sum)
        return false;
    sum->min = 0;
    sum->max = 1;
    return true;
}

/* x sigmoid(alpha x) */
static bool convert_swish(struct onnx_reader *reader, struct graph_node *node)
{
    float alpha = onnx_attribute_float(reader, "alpha", 1);
    int x = node->inputs[0];
    struct graph_node *sigmoid;

    if (alpha != 1 && !append_number(reader, GRAPH_MUL, alpha))
        return false;
    sigmoid = append(reader, GRAPH_UNARY, GRAPH_NONE);
    if (!sigmoid)
        return false;
    sigmoid->unary.function = GRAPH_SIGMOID;
    return append(reader, GRAPH_MUL, x) != NULL;
}

/* Max, Mean, Min, Sum of any number of operands: of two at a time. */
static bool convert_many(struct onnx_reader *reader, struct graph_node *node)
{
    bool is_mean = strcmp(node->onnx_op, "Mean") == 0;
    enum graph_op op = strcmp(node->onnx_op, "Max") == 0   ? GRAPH_MAX
                       : strcmp(node->onnx_op, "Min") == 0 ? GRAPH_MIN
                                                           : GRAPH_ADD;
    const int *inputs = node->inputs;
    uint32_t count = node->num_inputs;

    node->num_inputs = 1;
    for (uint32_t i = 1; i < count; i++)
        if (!append(reader, op, inputs[i]))
            return false;
    return !is_mean || append_number(reader, GRAPH_DIV, (float)count) != NULL;
}

/* x over its norm, which is a reduction of it. */
static bool convert_lp_norm(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t p = onnx_attribute_int(reader, "p", 2);
    int64_t axis = onnx_attribute_int(reader, "axis", -1);
    int x = node->inputs[0];

    if (p != 1 && p != 2)
        return fail(reader->err, ERROR_INPUT, "attribute p is %lld",
                    (long long)p);
    node = append(reader, GRAPH_REDUCE, GRAPH_NONE);
    if (!node)
        return false;
    node->reduce.function = p == 1 ? GRAPH_REDUCE_L1 : GRAPH_REDUCE_L2;
    node->reduce.keep_dims = true;
    node->reduce.raw_axes[0] = axis;
    node->reduce.num_raw_axes = 1;
    node = append(reader, GRAPH_DIV, x);
    if (!node)
        return false;
    node->inputs[1] = node->inputs[0];
    node->inputs[0] = x;
    return true;
}

/* ---- normalizations ---- */

static bool convert_instance_norm(struct onnx_reader *reader,
                                  struct graph_node *node)
{
    node->norm.rule = GRAPH_NORM_INSTANCE;
    node->norm.epsilon = onnx_attribute_float(reader, "epsilon", 1e-5f);
    return true;
}

static bool convert_group_norm(struct onnx_reader *reader,
                               struct graph_node *node)
{
    int64_t groups = onnx_attribute_int(reader, "num_groups", 0);

    if (groups < 1 || groups > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute num_groups is %lld",
                    (long long)groups);
    node->norm.rule = GRAPH_NORM_GROUP;
    node->norm.groups = (size_t)groups;
    node->norm.epsilon = onnx_attribute_float(reader, "epsilon", 1e-5f);
    return true;
}

/* Its other outputs, mean and deviation, are for training: no node makes
 * them. */
static bool convert_layer_norm(struct onnx_reader *reader,
                               struct graph_node *node)
{
    node->norm.rule = GRAPH_NORM_LAYER;
    node->norm.raw_axes[0] = onnx_attribute_int(reader, "axis", -1);
    node->norm.epsilon = onnx_attribute_float(reader, "epsilon", 1e-5f);
    return true;
}

static bool convert_rms_norm(struct onnx_reader *reader,
                             struct graph_node *node)
{
    node->norm.about_zero = true;
    return convert_layer_norm(reader, node);
}

/* The specification adds 1e-9 to the deviation, which is to say 1e-18 to the
 * variance where it matters. */
static bool convert_mean_variance(struct onnx_reader *reader,
                                  struct graph_node *node)
{
    static const int64_t otherwise[] = {0, 2, 3};

    node->norm.rule = GRAPH_NORM_AXES;
    node->norm.epsilon = 1e-18f;
    if (!onnx_attribute_axes(reader, node->norm.raw_axes,
                             &node->norm.num_raw_axes))
        return false;
    if (node->norm.num_raw_axes == 0) {
        memcpy(node->norm.raw_axes, otherwise, sizeof otherwise);
        node->norm.num_raw_axes = 3;
    }
    return true;
}

static bool convert_lrn(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t size = onnx_attribute_int(reader, "size", 0);

    if (size < 1 || size > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute size is %lld",
                    (long long)size);
    node->lrn.channel = 1;
    node->lrn.size = (size_t)size;
    node->lrn.alpha = onnx_attribute_float(reader, "alpha", 1e-4f);
    node->lrn.beta = onnx_attribute_float(reader, "beta", 0.75f);
    node->lrn.bias = onnx_attribute_float(reader, "bias", 1);
    return true;
}

/* ---- of two numbers ---- */

/* a > b is b < a. */
static bool convert_greater(struct onnx_reader *reader, struct graph_node *node)
{
    int a = node->inputs[0];

    (void)reader;
    node->inputs[0] = node->inputs[1];
    node->inputs[1] = a;
    return true;
}

static bool convert_mod(struct onnx_reader *reader, struct graph_node *node)
{
    node->truncated = onnx_attribute_int(reader, "fmod", 0) != 0;
    return true;
}

/* What depends on the picture is a float, truths too. */
static bool convert_logical(struct onnx_reader *reader, struct graph_node *node)
{
    if (graph_input(reader->graph, node, 1)->type == GRAPH_FLOAT)
        graph_output(reader->graph, node, 0)->type = GRAPH_FLOAT;
    return true;
}

static bool convert_where(struct onnx_reader *reader, struct graph_node *node)
{
    graph_output(reader->graph, node, 0)->type =
        graph_input(reader->graph, node, 1)->type;
    return true;
}

const struct onnx_operator onnx_ops_math[] = {
    {"Add", GRAPH_ADD, 2, 2, "", onnx_ops_plain},
    {"And", GRAPH_AND, 2, 2, "", convert_logical},
    {"BatchNormalization", GRAPH_BATCH_NORM, 5, 5,
     "epsilon momentum spatial training_mode", convert_batch_norm},
    {"Clip", GRAPH_CLAMP, 1, 3, "min max", convert_clip},
    {"Div", GRAPH_DIV, 2, 2, "", onnx_ops_plain},
    {"Equal", GRAPH_EQUAL, 2, 2, "", onnx_ops_plain},
    {"Gemm", GRAPH_MATMUL, 2, 3, "alpha beta transA transB", convert_gemm},
    {"Greater", GRAPH_LESS, 2, 2, "", convert_greater},
    {"GreaterOrEqual", GRAPH_LESS_EQUAL, 2, 2, "", convert_greater},
    {"GroupNormalization", GRAPH_NORM, 3, 3, "epsilon num_groups stash_type",
     convert_group_norm},
    {"HardSigmoid", GRAPH_IDENTITY, 1, 1, "alpha beta", convert_hard_sigmoid},
    {"Hardmax", GRAPH_HARDMAX, 1, 1, "axis", convert_softmax},
    {"InstanceNormalization", GRAPH_NORM, 3, 3, "epsilon",
     convert_instance_norm},
    {"LRN", GRAPH_LRN, 1, 1, "alpha beta bias size", convert_lrn},
    {"LayerNormalization", GRAPH_NORM, 2, 3, "axis epsilon stash_type",
     convert_layer_norm},
    {"Less", GRAPH_LESS, 2, 2, "", onnx_ops_plain},
    {"LessOrEqual", GRAPH_LESS_EQUAL, 2, 2, "", onnx_ops_plain},
    {"LogSoftmax", GRAPH_LOG_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"LpNormalization", GRAPH_IDENTITY, 1, 1, "axis p", convert_lp_norm},
    {"MatMul", GRAPH_MATMUL, 2, 2, "", convert_matmul},
    {"Max", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Mean", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"MeanVarianceNormalization", GRAPH_NORM, 1, 1, "axes",
     convert_mean_variance},
    {"Min", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Mod", GRAPH_MOD, 2, 2, "fmod", convert_mod},
    {"Mul", GRAPH_MUL, 2, 2, "", onnx_ops_plain},
    {"Or", GRAPH_OR, 2, 2, "", convert_logical},
    {"PRelu", GRAPH_PRELU, 2, 2, "", onnx_ops_plain},
    {"Pow", GRAPH_POW, 2, 2, "", onnx_ops_plain},
    {"RMSNormalization", GRAPH_NORM, 2, 2, "axis epsilon stash_type",
     convert_rms_norm},
    {"Relu", GRAPH_CLAMP, 1, 1, "", convert_relu},
    {"Softmax", GRAPH_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"Sub", GRAPH_SUB, 2, 2, "", onnx_ops_plain},
    {"Sum", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Swish", GRAPH_IDENTITY, 1, 1, "alpha", convert_swish},
    {"Where", GRAPH_WHERE, 3, 3, "", convert_where},
    {"Xor", GRAPH_XOR, 2, 2, "", convert_logical},
    {0},
};
