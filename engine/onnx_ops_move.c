/* Operators that rearrange: shapes, order, parts, types. */

#include "onnx_reader.h"

#include <math.h>
#include <stdlib.h>

static bool convert_axis(struct onnx_reader *reader, struct graph_node *node)
{
    node->axis = onnx_attribute_int(reader, "axis", 0);
    return true;
}

static bool convert_reshape(struct onnx_reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_TO;
    node->reshape.allow_zero = onnx_attribute_int(reader, "allowzero", 0) != 0;
    return true;
}

static bool convert_flatten(struct onnx_reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_FLATTEN;
    node->reshape.axis = onnx_attribute_int(reader, "axis", 1);
    return true;
}

/* Axes are an attribute before opset 13, and an operand after. */
static bool convert_squeeze(struct onnx_reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_SQUEEZE;
    return onnx_attribute_axes(reader, node->reshape.raw_axes,
                               &node->reshape.num_raw_axes);
}

static bool convert_unsqueeze(struct onnx_reader *reader,
                              struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_UNSQUEEZE;
    return onnx_attribute_axes(reader, node->reshape.raw_axes,
                               &node->reshape.num_raw_axes);
}

static bool convert_transpose(struct onnx_reader *reader,
                              struct graph_node *node)
{
    int64_t perm[GRAPH_MAX_RANK];
    size_t count = 0;

    if (!onnx_attribute_ints(reader, "perm", perm, GRAPH_MAX_RANK, &count))
        return false;
    node->perm[0] = GRAPH_MAX_RANK;
    node->num_perm = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (perm[i] < 0 || perm[i] >= (int64_t)count)
            return fail(reader->err, ERROR_INPUT, "attribute perm holds %lld",
                        (long long)perm[i]);
        node->perm[i] = (size_t)perm[i];
    }
    return true;
}

static bool convert_shape(struct onnx_reader *reader, struct graph_node *node)
{
    node->dims.start = onnx_attribute_int(reader, "start", 0);
    node->dims.end = onnx_attribute_int(reader, "end", INT32_MAX);
    return true;
}

static bool convert_fill(struct onnx_reader *reader, struct graph_node *node)
{
    const onnx_attribute_proto *found = onnx_attribute(reader, "value");
    struct graph_value value = {.type = GRAPH_FLOAT, .has_shape = true};
    const struct onnx_element *element;
    bool ok;

    graph_output(reader->graph, node, 0)->type = GRAPH_FLOAT;
    if (!found || !found->t)
        return true;
    element = onnx_element_of(found->t->data_type);
    if (!element || found->t->data_location != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute value is of a type that is not supported");
    value.type = element->type;
    value.shape = (struct graph_shape){.rank = 1, .dim = {1}};
    ok = onnx_fill_constant(&value, found->t, reader->err);
    if (ok && value.type == GRAPH_INT)
        node->fill.value = (double)graph_ints(&value)[0];
    else if (ok)
        node->fill.value = graph_floats(&value)[0];
    free(value.data);
    graph_output(reader->graph, node, 0)->type = value.type;
    return ok;
}

static bool convert_cast(struct onnx_reader *reader, struct graph_node *node)
{
    const struct onnx_element *element =
        onnx_element_of((int32_t)onnx_attribute_int(reader, "to", 0));

    if (!element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it casts to a type that is not supported");
    graph_output(reader->graph, node, 0)->type = element->type;
    return true;
}

static bool convert_cast_like(struct onnx_reader *reader,
                              struct graph_node *node)
{
    graph_output(reader->graph, node, 0)->type =
        graph_input(reader->graph, node, 1)->type;
    node->num_inputs = 1;
    return true;
}

const struct onnx_operator onnx_ops_move[] = {
    {"Cast", GRAPH_CAST, 1, 1, "to saturate", convert_cast},
    {"CastLike", GRAPH_CAST, 2, 2, "saturate", convert_cast_like},
    {"Concat", GRAPH_CONCAT, 1, UINT32_MAX, "axis", convert_axis},
    {"ConstantOfShape", GRAPH_FILL, 1, 1, "value", convert_fill},
    {"Dropout", GRAPH_IDENTITY, 1, 3, "ratio seed", onnx_ops_plain},
    {"Expand", GRAPH_EXPAND, 2, 2, "", onnx_ops_plain},
    {"Flatten", GRAPH_RESHAPE, 1, 1, "axis", convert_flatten},
    {"Gather", GRAPH_GATHER, 2, 2, "axis", convert_axis},
    {"Identity", GRAPH_IDENTITY, 1, 1, "", onnx_ops_plain},
    {"Reshape", GRAPH_RESHAPE, 2, 2, "allowzero", convert_reshape},
    {"Shape", GRAPH_SHAPE, 1, 1, "start end", convert_shape},
    {"Slice", GRAPH_SLICE, 3, 5, "", onnx_ops_plain},
    {"Squeeze", GRAPH_RESHAPE, 1, 2, "axes", convert_squeeze},
    {"Transpose", GRAPH_TRANSPOSE, 1, 1, "perm", convert_transpose},
    {"Unsqueeze", GRAPH_RESHAPE, 1, 2, "axes", convert_unsqueeze},
    {0},
};
