/* Operators that compute: element by element, sums, products. */

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

/* Axes are an attribute before opset 18 (of ReduceSum 13), and an operand
 * after. */
static bool convert_reduce(struct onnx_reader *reader, struct graph_node *node)
{
    static const char *const names[] = {
        [GRAPH_REDUCE_SUM] = "ReduceSum",
        [GRAPH_REDUCE_MAX] = "ReduceMax",
        [GRAPH_REDUCE_MIN] = "ReduceMin",
        [GRAPH_REDUCE_PROD] = "ReduceProd",
        [GRAPH_REDUCE_L1] = "ReduceL1",
        [GRAPH_REDUCE_L2] = "ReduceL2",
        [GRAPH_REDUCE_SUM_SQUARE] = "ReduceSumSquare",
        [GRAPH_REDUCE_LOG_SUM] = "ReduceLogSum",
        [GRAPH_REDUCE_LOG_SUM_EXP] = "ReduceLogSumExp",
    };

    if (node->op == GRAPH_REDUCE)
        while (strcmp(names[node->reduce.function], node->onnx_op) != 0)
            node->reduce.function++;
    node->reduce.keep_dims = onnx_attribute_int(reader, "keepdims", 1) != 0;
    node->reduce.none_if_empty =
        onnx_attribute_int(reader, "noop_with_empty_axes", 0) != 0;
    return onnx_attribute_axes(reader, node->reduce.raw_axes,
                               &node->reduce.num_raw_axes);
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

/* ---- functions of one number ---- */

static bool convert_unary(struct onnx_reader *reader, struct graph_node *node)
{
    /* Attributes become alpha and beta; where one has no name, its value is
     * always the default. */
    static const struct {
        const char *name;
        enum graph_function function;
        const char *alpha_name, *beta_name;
        float alpha, beta;
    } rows[] = {
        {"Abs", GRAPH_ABS, NULL, NULL, 0, 0},
        {"Acos", GRAPH_ACOS, NULL, NULL, 0, 0},
        {"Acosh", GRAPH_ACOSH, NULL, NULL, 0, 0},
        {"Asin", GRAPH_ASIN, NULL, NULL, 0, 0},
        {"Asinh", GRAPH_ASINH, NULL, NULL, 0, 0},
        {"Atan", GRAPH_ATAN, NULL, NULL, 0, 0},
        {"Atanh", GRAPH_ATANH, NULL, NULL, 0, 0},
        {"Ceil", GRAPH_CEIL, NULL, NULL, 0, 0},
        {"Celu", GRAPH_CELU, "alpha", NULL, 1, 0},
        {"Cos", GRAPH_COS, NULL, NULL, 0, 0},
        {"Cosh", GRAPH_COSH, NULL, NULL, 0, 0},
        {"Elu", GRAPH_ELU, "alpha", NULL, 1, 1},
        {"Erf", GRAPH_ERF, NULL, NULL, 0, 0},
        {"Exp", GRAPH_EXP, NULL, NULL, 0, 0},
        {"Floor", GRAPH_FLOOR, NULL, NULL, 0, 0},
        {"HardSwish", GRAPH_HARD_SWISH, NULL, NULL, 0, 0},
        {"LeakyRelu", GRAPH_LEAKY_RELU, "alpha", NULL, 0.01f, 0},
        {"Log", GRAPH_LOG, NULL, NULL, 0, 0},
        {"Mish", GRAPH_MISH, NULL, NULL, 0, 0},
        {"Neg", GRAPH_NEGATE, NULL, NULL, 0, 0},
        {"Not", GRAPH_NOT, NULL, NULL, 0, 0},
        {"Reciprocal", GRAPH_RECIPROCAL, NULL, NULL, 0, 0},
        {"Round", GRAPH_ROUND, NULL, NULL, 0, 0},
        {"Selu", GRAPH_ELU, "alpha", "gamma", 1.67326319f, 1.05070102f},
        {"Shrink", GRAPH_SHRINK, "lambd", "bias", 0.5f, 0},
        {"Sigmoid", GRAPH_SIGMOID, NULL, NULL, 0, 0},
        {"Sign", GRAPH_SIGN, NULL, NULL, 0, 0},
        {"Sin", GRAPH_SIN, NULL, NULL, 0, 0},
        {"Sinh", GRAPH_SINH, NULL, NULL, 0, 0},
        {"Softplus", GRAPH_SOFTPLUS, NULL, NULL, 0, 0},
        {"Softsign", GRAPH_SOFTSIGN, NULL, NULL, 0, 0},
        {"Sqrt", GRAPH_SQRT, NULL, NULL, 0, 0},
        {"Tan", GRAPH_TAN, NULL, NULL, 0, 0},
        {"Tanh", GRAPH_TANH, NULL, NULL, 0, 0},
        {"ThresholdedRelu", GRAPH_THRESHOLDED_RELU, "alpha", NULL, 1, 0},
    };
    size_t i = 0;

    while (strcmp(rows[i].name, node->onnx_op) != 0)
        i++;
    node->unary.function = rows[i].function;
    node->unary.alpha =
        rows[i].alpha_name
            ? onnx_attribute_float(reader, rows[i].alpha_name, rows[i].alpha)
            : rows[i].alpha;
    node->unary.beta =
        rows[i].beta_name
            ? onnx_attribute_float(reader, rows[i].beta_name, rows[i].beta)
            : rows[i].beta;
    return true;
}

static bool convert_gelu(struct onnx_reader *reader, struct graph_node *node)
{
    node->unary.function = onnx_attribute_is(reader, "approximate", "tanh")
                               ? GRAPH_GELU_TANH
                               : GRAPH_GELU;
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
    int between = graph_add_value(graph, last->name, graph->values[out].type,
                                  reader->err);

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
    int constant = graph_add_constant(reader->graph, "number", GRAPH_FLOAT,
                                      &scalar, reader->err);

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
    {"Abs", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Acos", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Acosh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Add", GRAPH_ADD, 2, 2, "", onnx_ops_plain},
    {"And", GRAPH_AND, 2, 2, "", convert_logical},
    {"Asin", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Asinh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Atan", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Atanh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"BatchNormalization", GRAPH_BATCH_NORM, 5, 5,
     "epsilon momentum spatial training_mode", convert_batch_norm},
    {"Ceil", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Celu", GRAPH_UNARY, 1, 1, "alpha", convert_unary},
    {"Clip", GRAPH_CLAMP, 1, 3, "min max", convert_clip},
    {"Cos", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Cosh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Div", GRAPH_DIV, 2, 2, "", onnx_ops_plain},
    {"Elu", GRAPH_UNARY, 1, 1, "alpha", convert_unary},
    {"Equal", GRAPH_EQUAL, 2, 2, "", onnx_ops_plain},
    {"Erf", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Exp", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Floor", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Gelu", GRAPH_UNARY, 1, 1, "approximate", convert_gelu},
    {"Gemm", GRAPH_MATMUL, 2, 3, "alpha beta transA transB", convert_gemm},
    {"Greater", GRAPH_LESS, 2, 2, "", convert_greater},
    {"GreaterOrEqual", GRAPH_LESS_EQUAL, 2, 2, "", convert_greater},
    {"GroupNormalization", GRAPH_NORM, 3, 3, "epsilon num_groups stash_type",
     convert_group_norm},
    {"HardSigmoid", GRAPH_IDENTITY, 1, 1, "alpha beta", convert_hard_sigmoid},
    {"HardSwish", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Hardmax", GRAPH_HARDMAX, 1, 1, "axis", convert_softmax},
    {"InstanceNormalization", GRAPH_NORM, 3, 3, "epsilon",
     convert_instance_norm},
    {"LRN", GRAPH_LRN, 1, 1, "alpha beta bias size", convert_lrn},
    {"LayerNormalization", GRAPH_NORM, 2, 3, "axis epsilon stash_type",
     convert_layer_norm},
    {"LeakyRelu", GRAPH_UNARY, 1, 1, "alpha", convert_unary},
    {"Less", GRAPH_LESS, 2, 2, "", onnx_ops_plain},
    {"LessOrEqual", GRAPH_LESS_EQUAL, 2, 2, "", onnx_ops_plain},
    {"Log", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"LogSoftmax", GRAPH_LOG_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"LpNormalization", GRAPH_IDENTITY, 1, 1, "axis p", convert_lp_norm},
    {"MatMul", GRAPH_MATMUL, 2, 2, "", convert_matmul},
    {"Max", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Mean", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"MeanVarianceNormalization", GRAPH_NORM, 1, 1, "axes",
     convert_mean_variance},
    {"Min", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Mish", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Mod", GRAPH_MOD, 2, 2, "fmod", convert_mod},
    {"Mul", GRAPH_MUL, 2, 2, "", onnx_ops_plain},
    {"Neg", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Not", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Or", GRAPH_OR, 2, 2, "", convert_logical},
    {"PRelu", GRAPH_PRELU, 2, 2, "", onnx_ops_plain},
    {"Pow", GRAPH_POW, 2, 2, "", onnx_ops_plain},
    {"RMSNormalization", GRAPH_NORM, 2, 2, "axis epsilon stash_type",
     convert_rms_norm},
    {"Reciprocal", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"ReduceL1", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceL2", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceLogSum", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceLogSumExp", GRAPH_REDUCE, 1, 2,
     "axes keepdims noop_with_empty_axes", convert_reduce},
    {"ReduceMax", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceMean", GRAPH_MEAN, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceMin", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceProd", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceSum", GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"ReduceSumSquare", GRAPH_REDUCE, 1, 2,
     "axes keepdims noop_with_empty_axes", convert_reduce},
    {"Relu", GRAPH_CLAMP, 1, 1, "", convert_relu},
    {"Round", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Selu", GRAPH_UNARY, 1, 1, "alpha gamma", convert_unary},
    {"Shrink", GRAPH_UNARY, 1, 1, "bias lambd", convert_unary},
    {"Sigmoid", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Sign", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Sin", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Sinh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Softmax", GRAPH_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"Softplus", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Softsign", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Sqrt", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Sub", GRAPH_SUB, 2, 2, "", onnx_ops_plain},
    {"Sum", GRAPH_IDENTITY, 1, UINT32_MAX, "", convert_many},
    {"Swish", GRAPH_IDENTITY, 1, 1, "alpha", convert_swish},
    {"Tan", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"Tanh", GRAPH_UNARY, 1, 1, "", convert_unary},
    {"ThresholdedRelu", GRAPH_UNARY, 1, 1, "alpha", convert_unary},
    {"Where", GRAPH_WHERE, 3, 3, "", convert_where},
    {"Xor", GRAPH_XOR, 2, 2, "", convert_logical},
    {0},
};
