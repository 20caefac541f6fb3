/* Operators that compute: element by element, sums, products. */

#include "onnx_reader.h"

#include <math.h>
#include <stdlib.h>

static bool convert_batch_norm(struct onnx_reader *reader,
                               struct graph_node *node)
{
    bool training = onnx_attribute_int(reader, "training_mode", 0) != 0;

    /* Before opset 14 more than one output says the same. */
    for (size_t i = 1; i < reader->node->n_output; i++)
        training |= *reader->node->output[i] != '\0';
    if (training)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it is in training mode; export the network for inference");
    if (onnx_attribute_int(reader, "spatial", 1) != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute spatial is not 1");
    node->epsilon = onnx_attribute_float(reader, "epsilon", 1e-5f);
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

/* Axes are an attribute before opset 18, and an operand after. */
static bool convert_reduce(struct onnx_reader *reader, struct graph_node *node)
{
    node->reduce.given = onnx_attribute(reader, "axes") != NULL;
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

const struct onnx_operator onnx_ops_math[] = {
    {"Add", GRAPH_ADD, 2, 2, "", onnx_ops_plain},
    {"BatchNormalization", GRAPH_BATCH_NORM, 5, 5,
     "epsilon momentum spatial training_mode", convert_batch_norm},
    {"Clip", GRAPH_CLAMP, 1, 3, "min max", convert_clip},
    {"Div", GRAPH_DIV, 2, 2, "", onnx_ops_plain},
    {"Gemm", GRAPH_MATMUL, 2, 3, "alpha beta transA transB", convert_gemm},
    {"MatMul", GRAPH_MATMUL, 2, 2, "", convert_matmul},
    {"Mul", GRAPH_MUL, 2, 2, "", onnx_ops_plain},
    {"ReduceMean", GRAPH_MEAN, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"Relu", GRAPH_CLAMP, 1, 1, "", convert_relu},
    {"Softmax", GRAPH_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"Sub", GRAPH_SUB, 2, 2, "", onnx_ops_plain},
    {0},
};
