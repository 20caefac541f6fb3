/* Operators of quantized networks. Their integers are floats here that hold
 * integers.
 *
 * What computes with integers, such as QLinearConv, becomes what it means: its
 * operands dequantized, the operator on floats, and its result quantized. */

#include "engine/onnx/onnx_reader.h"

#include <stdlib.h>
#include <string.h>

static bool convert_dequantize(struct onnx_reader *reader,
                               struct graph_node *node)
{
    int64_t block = onnx_attribute_int(reader, "block_size", 0);

    if (block < 0 || block > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute block_size is %lld",
                    (long long)block);
    node->quant.axis = onnx_attribute_int(reader, "axis", 1);
    node->quant.block = (size_t)block;
    graph_output(reader->graph, node, 0)->type = GRAPH_FLOAT;
    return true;
}

/* Bounds of the result, by the type of the integers. */
static bool set_bounds(struct onnx_reader *reader, struct graph_node *node,
                       int64_t type)
{
    static const struct {
        int64_t type;
        float low, high;
    } rows[] = {
        {ONNX_UINT8, 0, 255},    {ONNX_INT8, -128, 127},
        {ONNX_UINT16, 0, 65535}, {ONNX_INT16, -32768, 32767},
        {ONNX_UINT4, 0, 15},     {ONNX_INT4, -8, 7},
    };
    char text[ONNX_ELEMENT_NAME];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type) {
            node->quant.low = rows[i].low;
            node->quant.high = rows[i].high;
            return true;
        }
    return fail(reader->err, ERROR_UNSUPPORTED,
                "numbers of type %s are not supported",
                onnx_element_name(text, (int32_t)type));
}

/* The type is that of the zero point, or of the attribute. */
static bool convert_quantize(struct onnx_reader *reader,
                             struct graph_node *node)
{
    const struct graph_value *zero = graph_input(reader->graph, node, 2);
    int64_t type = onnx_attribute_int(reader, "output_dtype", 0);

    if (zero)
        type = zero->element;
    else if (type == 0)
        type = ONNX_UINT8;
    return set_bounds(reader, node, type) && convert_dequantize(reader, node);
}

/* ---- operators on integers ---- */

/* The nodes that one operator becomes, for its name and that of the operator
 * on floats. */
struct maker {
    struct onnx_reader *reader;
    const struct graph_node node; /* the operator, taken off the graph */
    const char *onnx_op;
};

static struct maker take_node(struct onnx_reader *reader, const char *onnx_op)
{
    struct graph *graph = reader->graph;

    return (struct maker){
        .reader = reader,
        .node = graph->nodes[--graph->num_nodes],
        .onnx_op = onnx_op,
    };
}

/* Operand i, or GRAPH_NONE where it is left out. */
static int operand(const struct maker *maker, uint32_t i)
{
    return i < maker->node.num_inputs ? maker->node.inputs[i] : GRAPH_NONE;
}

/* Adds a node that makes the value `to`, or a new one, which is returned;
 * GRAPH_NONE on failure. */
static int add(const struct maker *maker, struct graph_node **added,
               enum graph_op op, const int *inputs, uint32_t num, int to)
{
    struct graph *graph = maker->reader->graph;
    struct error *err = maker->reader->err;

    if (to == GRAPH_NONE)
        to = graph_add_value(graph, "", GRAPH_FLOAT, err);
    if (to == GRAPH_NONE)
        return GRAPH_NONE;
    *added = graph_add_node(graph, op, maker->node.name, maker->onnx_op, num, 1,
                            err);
    if (!*added)
        return GRAPH_NONE;
    memcpy((*added)->inputs, inputs, num * sizeof *inputs);
    (*added)->outputs[0] = to;
    return to;
}

/* The operand at i as floats; its scale and zero point follow it. */
static int dequantized(const struct maker *maker, uint32_t i, int64_t axis)
{
    int inputs[] = {operand(maker, i), operand(maker, i + 1),
                    operand(maker, i + 2)};
    struct graph_node *added;
    int made;

    if (inputs[0] == GRAPH_NONE || inputs[1] == GRAPH_NONE) {
        fail(maker->reader->err, ERROR_INPUT, "its input %u is left out", i);
        return GRAPH_NONE;
    }
    made = add(maker, &added, GRAPH_DEQUANTIZE, inputs,
               inputs[2] == GRAPH_NONE ? 2 : 3, GRAPH_NONE);
    if (made != GRAPH_NONE)
        added->quant.axis = axis;
    return made;
}

/* The operand at i, whose scale is the product of those of two others. */
static int dequantized_bias(const struct maker *maker, uint32_t i, uint32_t a,
                            uint32_t b, int64_t axis)
{
    int scales[] = {operand(maker, a + 1), operand(maker, b + 1)}, inputs[2];
    struct graph_node *added;
    int made;

    inputs[0] = operand(maker, i);
    inputs[1] = add(maker, &added, GRAPH_MUL, scales, 2, GRAPH_NONE);
    if (inputs[1] == GRAPH_NONE)
        return GRAPH_NONE;
    made = add(maker, &added, GRAPH_DEQUANTIZE, inputs, 2, GRAPH_NONE);
    if (made != GRAPH_NONE)
        added->quant.axis = axis;
    return made;
}

/* Adds the operator on floats and what quantizes its result, by the scale and
 * zero point at `y`; without those the result is of floats. */
static bool add_floats(const struct maker *maker, const int *inputs,
                       uint32_t num, uint32_t y)
{
    struct onnx_reader *reader = maker->reader;
    const struct onnx_operator *row = onnx_ops_find(maker->onnx_op);
    int quant[] = {GRAPH_NONE, operand(maker, y), operand(maker, y + 1)};
    int out = maker->node.outputs[0];
    bool is_last = quant[1] == GRAPH_NONE;
    const struct graph_value *zero;
    struct graph_node *added;

    for (uint32_t i = 0; i < num; i++)
        if (inputs[i] == GRAPH_NONE)
            return false;
    reader->graph->values[out].type = GRAPH_FLOAT;
    quant[0] =
        add(maker, &added, row->op, inputs, num, is_last ? out : GRAPH_NONE);
    if (quant[0] == GRAPH_NONE || !row->convert(reader, added))
        return false;
    if (is_last)
        return true;
    if (add(maker, &added, GRAPH_QUANTIZE, quant,
            quant[2] == GRAPH_NONE ? 2 : 3, out) == GRAPH_NONE)
        return false;
    zero = graph_input(reader->graph, added, 2);
    return set_bounds(reader, added,
                      zero && zero->element ? zero->element : ONNX_UINT8);
}

/* x, w, y with scale and zero point each; a bias. */
static bool convert_conv(struct onnx_reader *reader, struct graph_node *node)
{
    struct maker maker = take_node(reader, "Conv");
    bool has_bias = operand(&maker, 8) != GRAPH_NONE;
    int inputs[3];

    (void)node;
    inputs[0] = dequantized(&maker, 0, 1);
    inputs[1] =
        inputs[0] == GRAPH_NONE ? GRAPH_NONE : dequantized(&maker, 3, 0);
    if (inputs[1] == GRAPH_NONE)
        return false;
    if (has_bias)
        inputs[2] = dequantized_bias(&maker, 8, 0, 3, 0);
    return add_floats(&maker, inputs, has_bias ? 3 : 2, 6);
}

/* a, b with scale and zero point each; a bias; y, which may be of floats. */
static bool convert_qgemm(struct onnx_reader *reader, struct graph_node *node)
{
    struct maker maker = take_node(reader, "Gemm");
    bool has_bias = operand(&maker, 6) != GRAPH_NONE;
    int64_t axis = onnx_attribute_int(reader, "transB", 0) != 0 ? 0 : 1;
    int inputs[3];

    (void)node;
    if (has_bias && onnx_attribute_float(reader, "alpha", 1) != 1)
        return fail(reader->err, ERROR_UNSUPPORTED, "attribute alpha is not 1");
    inputs[0] = dequantized(&maker, 0, 1);
    inputs[1] =
        inputs[0] == GRAPH_NONE ? GRAPH_NONE : dequantized(&maker, 3, axis);
    if (inputs[1] == GRAPH_NONE)
        return false;
    if (has_bias)
        inputs[2] = dequantized_bias(&maker, 6, 0, 3, -1);
    return add_floats(&maker, inputs, has_bias ? 3 : 2, 7);
}

/* Two operands; QLinearAdd, QLinearMul, QLinearMatMul. */
static bool convert_two(struct onnx_reader *reader, struct graph_node *node)
{
    struct maker maker = take_node(reader, node->onnx_op + strlen("QLinear"));
    int inputs[2];

    inputs[0] = dequantized(&maker, 0, -1);
    inputs[1] =
        inputs[0] == GRAPH_NONE ? GRAPH_NONE : dequantized(&maker, 3, -1);
    return inputs[1] != GRAPH_NONE && add_floats(&maker, inputs, 2, 6);
}

/* One operand; the pools, functions, ReduceMean. */
static bool convert_one(struct onnx_reader *reader, struct graph_node *node)
{
    struct maker maker = take_node(reader, node->onnx_op + strlen("QLinear"));
    int input;

    if (onnx_attribute_int(reader, "channels_last", 0) != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute channels_last is not 0");
    input = dequantized(&maker, 0, -1);
    return input != GRAPH_NONE && add_floats(&maker, &input, 1, 3);
}

/* Of which opset the Softmax is decides what its axis means. */
static bool convert_softmax(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t opset = onnx_attribute_int(reader, "opset", reader->opset);

    if ((opset < 13) != (reader->opset < 13))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute opset is %lld in a file of opset %lld",
                    (long long)opset, (long long)reader->opset);
    return convert_one(reader, node);
}

/* y's scale and zero point, then operands with theirs. */
static bool convert_concat(struct onnx_reader *reader, struct graph_node *node)
{
    struct maker maker = take_node(reader, "Concat");
    uint32_t num = (node->num_inputs - 2) / 3;
    int *inputs;

    if (node->num_inputs != 3 * num + 2)
        return fail(reader->err, ERROR_INPUT, "it has %u inputs",
                    node->num_inputs);
    inputs =
        arena_take(&reader->graph->arena, num, sizeof *inputs, reader->err);
    for (uint32_t i = 0; inputs && i < num; i++) {
        inputs[i] = dequantized(&maker, 2 + 3 * i, -1);
        if (inputs[i] == GRAPH_NONE)
            return false;
    }
    return inputs && add_floats(&maker, inputs, num, 0);
}

const struct onnx_operator onnx_ops_quant[] = {
    {"DequantizeLinear", GRAPH_DEQUANTIZE, 2, 3, "axis block_size",
     convert_dequantize},
    {"QGemm", GRAPH_IDENTITY, 6, 9, "alpha transA transB", convert_qgemm},
    {"QLinearAdd", GRAPH_IDENTITY, 7, 8, "", convert_two},
    {"QLinearAveragePool", GRAPH_IDENTITY, 4, 5,
     "auto_pad ceil_mode channels_last count_include_pad kernel_shape pads "
     "strides",
     convert_one},
    {"QLinearConcat", GRAPH_IDENTITY, 5, UINT32_MAX, "axis", convert_concat},
    {"QLinearConv", GRAPH_IDENTITY, 8, 9,
     "auto_pad dilations group kernel_shape pads strides", convert_conv},
    {"QLinearGlobalAveragePool", GRAPH_IDENTITY, 5, 5, "channels_last",
     convert_one},
    {"QLinearLeakyRelu", GRAPH_IDENTITY, 4, 5, "alpha", convert_one},
    {"QLinearMatMul", GRAPH_IDENTITY, 8, 8, "", convert_two},
    {"QLinearMul", GRAPH_IDENTITY, 7, 8, "", convert_two},
    {"QLinearReduceMean", GRAPH_IDENTITY, 4, 5, "axes keepdims", convert_one},
    {"QLinearSigmoid", GRAPH_IDENTITY, 4, 5, "", convert_one},
    {"QLinearSoftmax", GRAPH_IDENTITY, 4, 5, "axis opset", convert_softmax},
    {"QuantizeLinear", GRAPH_QUANTIZE, 2, 3,
     "axis block_size output_dtype saturate", convert_quantize},
    {0},
};
