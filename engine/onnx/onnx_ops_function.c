/* Operators that differ in one function: of each element, or over axes. */

#include "engine/onnx/onnx_reader.h"

/* X(operator, function, attributes, attribute for alpha, its default, attribute
 * for beta, its default). Without an attribute, alpha or beta is always the
 * default. */
/* clang-format off */
#define UNARIES(X)                                                            \
    X(Abs, GRAPH_ABS, "", NULL, 0, NULL, 0)                                   \
    X(Acos, GRAPH_ACOS, "", NULL, 0, NULL, 0)                                 \
    X(Acosh, GRAPH_ACOSH, "", NULL, 0, NULL, 0)                               \
    X(Asin, GRAPH_ASIN, "", NULL, 0, NULL, 0)                                 \
    X(Asinh, GRAPH_ASINH, "", NULL, 0, NULL, 0)                               \
    X(Atan, GRAPH_ATAN, "", NULL, 0, NULL, 0)                                 \
    X(Atanh, GRAPH_ATANH, "", NULL, 0, NULL, 0)                               \
    X(Ceil, GRAPH_CEIL, "", NULL, 0, NULL, 0)                                 \
    X(Celu, GRAPH_CELU, "alpha", "alpha", 1, NULL, 0)                         \
    X(Cos, GRAPH_COS, "", NULL, 0, NULL, 0)                                   \
    X(Cosh, GRAPH_COSH, "", NULL, 0, NULL, 0)                                 \
    X(Elu, GRAPH_ELU, "alpha", "alpha", 1, NULL, 1)                           \
    X(Erf, GRAPH_ERF, "", NULL, 0, NULL, 0)                                   \
    X(Exp, GRAPH_EXP, "", NULL, 0, NULL, 0)                                   \
    X(Floor, GRAPH_FLOOR, "", NULL, 0, NULL, 0)                               \
    X(HardSwish, GRAPH_HARD_SWISH, "", NULL, 0, NULL, 0)                      \
    X(IsNaN, GRAPH_IS_NAN, "", NULL, 0, NULL, 0)                              \
    X(LeakyRelu, GRAPH_LEAKY_RELU, "alpha", "alpha", 0.01f, NULL, 0)          \
    X(Log, GRAPH_LOG, "", NULL, 0, NULL, 0)                                   \
    X(Mish, GRAPH_MISH, "", NULL, 0, NULL, 0)                                 \
    X(Neg, GRAPH_NEGATE, "", NULL, 0, NULL, 0)                                \
    X(Not, GRAPH_NOT, "", NULL, 0, NULL, 0)                                   \
    X(Reciprocal, GRAPH_RECIPROCAL, "", NULL, 0, NULL, 0)                     \
    X(Round, GRAPH_ROUND, "", NULL, 0, NULL, 0)                               \
    X(Selu, GRAPH_ELU, "alpha gamma",                                         \
      "alpha", 1.67326319f, "gamma", 1.05070102f)                             \
    X(Shrink, GRAPH_SHRINK, "bias lambd", "lambd", 0.5f, "bias", 0)           \
    X(Sigmoid, GRAPH_SIGMOID, "", NULL, 0, NULL, 0)                           \
    X(Sign, GRAPH_SIGN, "", NULL, 0, NULL, 0)                                 \
    X(Sin, GRAPH_SIN, "", NULL, 0, NULL, 0)                                   \
    X(Sinh, GRAPH_SINH, "", NULL, 0, NULL, 0)                                 \
    X(Softplus, GRAPH_SOFTPLUS, "", NULL, 0, NULL, 0)                         \
    X(Softsign, GRAPH_SOFTSIGN, "", NULL, 0, NULL, 0)                         \
    X(Sqrt, GRAPH_SQRT, "", NULL, 0, NULL, 0)                                 \
    X(Tan, GRAPH_TAN, "", NULL, 0, NULL, 0)                                   \
    X(Tanh, GRAPH_TANH, "", NULL, 0, NULL, 0)                                 \
    X(ThresholdedRelu, GRAPH_THRESHOLDED_RELU, "alpha", "alpha", 1, NULL, 0)

/* X(operator, reduction) */
#define REDUCTIONS(X)                                                         \
    X(ReduceL1, GRAPH_REDUCE_L1)                                              \
    X(ReduceL2, GRAPH_REDUCE_L2)                                              \
    X(ReduceLogSum, GRAPH_REDUCE_LOG_SUM)                                     \
    X(ReduceLogSumExp, GRAPH_REDUCE_LOG_SUM_EXP)                              \
    X(ReduceMax, GRAPH_REDUCE_MAX)                                            \
    X(ReduceMin, GRAPH_REDUCE_MIN)                                            \
    X(ReduceProd, GRAPH_REDUCE_PROD)                                          \
    X(ReduceSum, GRAPH_REDUCE_SUM)                                            \
    X(ReduceSumSquare, GRAPH_REDUCE_SUM_SQUARE)
/* clang-format on */

static float attribute_or(struct onnx_reader *reader, const char *name,
                          float otherwise)
{
    return name ? onnx_attribute_float(reader, name, otherwise) : otherwise;
}

#define X(name, of, attributes, alpha_name, alpha_or, beta_name, beta_or) \
    static bool convert_##name(struct onnx_reader *reader,                \
                               struct graph_node *node)                   \
    {                                                                     \
        node->unary.function = of;                                        \
        node->unary.alpha = attribute_or(reader, alpha_name, alpha_or);   \
        node->unary.beta = attribute_or(reader, beta_name, beta_or);      \
        return true;                                                      \
    }
UNARIES(X)
#undef X

static bool convert_gelu(struct onnx_reader *reader, struct graph_node *node)
{
    node->unary.function = onnx_attribute_is(reader, "approximate", "tanh")
                               ? GRAPH_GELU_TANH
                               : GRAPH_GELU;
    return true;
}

static bool convert_is_inf(struct onnx_reader *reader, struct graph_node *node)
{
    node->unary.function = GRAPH_IS_INF;
    node->unary.alpha = onnx_attribute_int(reader, "detect_negative", 1) != 0;
    node->unary.beta = onnx_attribute_int(reader, "detect_positive", 1) != 0;
    return true;
}

/* Axes are an attribute before opset 18 (opset 13 for ReduceSum), and an
 * operand after that. */
static bool convert_reduce(struct onnx_reader *reader, struct graph_node *node)
{
    node->reduce.keep_dims = onnx_attribute_int(reader, "keepdims", 1) != 0;
    node->reduce.none_if_empty =
        onnx_attribute_int(reader, "noop_with_empty_axes", 0) != 0;
    return onnx_attribute_axes(reader, node->reduce.raw_axes,
                               &node->reduce.num_raw_axes);
}

#define X(name, reduction)                                 \
    static bool convert_##name(struct onnx_reader *reader, \
                               struct graph_node *node)    \
    {                                                      \
        node->reduce.function = reduction;                 \
        return convert_reduce(reader, node);               \
    }
REDUCTIONS(X)
#undef X

/* clang-format off */
const struct onnx_operator onnx_ops_function[] = {
    {"Gelu", GRAPH_UNARY, 1, 1, "approximate", convert_gelu},
    {"IsInf", GRAPH_UNARY, 1, 1, "detect_negative detect_positive",
     convert_is_inf},
    {"ReduceMean", GRAPH_MEAN, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
#define X(name, of, attributes, ...)                                          \
    {#name, GRAPH_UNARY, 1, 1, attributes, convert_##name},
    UNARIES(X)
#undef X
#define X(name, reduction)                                                    \
    {#name, GRAPH_REDUCE, 1, 2, "axes keepdims noop_with_empty_axes",         \
     convert_##name},
    REDUCTIONS(X)
#undef X
    {0},
};
/* clang-format on */
