/* Operators that rearrange: shapes, order, parts, types. */

#include "engine/onnx/onnx_reader.h"

#include <math.h>
#include <string.h>

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

/* Axes are an attribute before opset 13, and an operand after that. */
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
            return fail(reader->err, ERROR_INPUT,
                        "attribute perm has the invalid axis %lld",
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

static bool convert_size(struct onnx_reader *reader, struct graph_node *node)
{
    graph_output(reader->graph, node, 0)->type = GRAPH_INT;
    node->dims.end = INT32_MAX;
    node->dims.product = true;
    return true;
}

static bool convert_nonzero(struct onnx_reader *reader, struct graph_node *node)
{
    graph_output(reader->graph, node, 0)->type = GRAPH_INT;
    return true;
}

static bool convert_gather_nd(struct onnx_reader *reader,
                              struct graph_node *node)
{
    node->axis = onnx_attribute_int(reader, "batch_dims", 0);
    return true;
}

/* Whether an operand is the constant 0. */
static bool is_zero(const struct graph_value *value)
{
    if (!value || !value->data || graph_shape_count(&value->shape) != 1)
        return false;
    return value->type == GRAPH_INT ? graph_ints(value)[0] == 0
                                    : graph_floats(value)[0] == 0;
}

/* Does nothing, unless it is in training mode and has something to drop. */
static bool convert_dropout(struct onnx_reader *reader, struct graph_node *node)
{
    const struct graph_value *training = graph_input(reader->graph, node, 2);

    if (training && !is_zero(training) &&
        !is_zero(graph_input(reader->graph, node, 1)))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it is in training mode; export the network for inference");
    node->num_inputs = 1;
    return true;
}

static bool convert_fill(struct onnx_reader *reader, struct graph_node *node)
{
    const onnx_attribute_proto *found = onnx_attribute(reader, "value");
    struct graph_value value = {.type = GRAPH_FLOAT, .has_shape = true};
    const struct onnx_element *element;
    char text[ONNX_ELEMENT_NAME];
    bool ok;

    graph_output(reader->graph, node, 0)->type = GRAPH_FLOAT;
    if (!found || !found->t)
        return true;
    element = onnx_element_of(found->t->data_type);
    if (!element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute value has type %s, which is not supported",
                    onnx_element_name(text, found->t->data_type));
    if (found->t->data_location != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute value is in another file, which is not "
                    "supported");
    value.type = element->type;
    value.shape = (struct graph_shape){.rank = 1, .dim = {1}};
    ok = onnx_fill_constant(&value, found->t, reader->err);
    if (ok && value.type == GRAPH_INT)
        node->fill.value = (double)graph_ints(&value)[0];
    else if (ok)
        node->fill.value = graph_floats(&value)[0];
    graph_drop_constant(&value);
    graph_output(reader->graph, node, 0)->type = value.type;
    return ok;
}

static bool convert_cast(struct onnx_reader *reader, struct graph_node *node)
{
    int32_t to = (int32_t)onnx_attribute_int(reader, "to", 0);
    const struct onnx_element *element = onnx_element_of(to);
    char text[ONNX_ELEMENT_NAME];

    if (!element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "casting to type %s is not supported",
                    onnx_element_name(text, to));
    graph_output(reader->graph, node, 0)->type = element->type;
    /* PyTorch casts the zero points of quantized networks. */
    graph_output(reader->graph, node, 0)->element = to;
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

/* Bounds are attributes before opset 10, and operands after that. */
static bool convert_slice(struct onnx_reader *reader, struct graph_node *node)
{
    size_t num_starts = 0, num_ends = 0, num_axes = 0;

    if (onnx_attribute(reader, "starts") == NULL && node->num_inputs < 3)
        return fail(reader->err, ERROR_INPUT, "its starts or ends are missing");
    if (!onnx_attribute_ints(reader, "starts", node->slice.start,
                             GRAPH_MAX_RANK, &num_starts) ||
        !onnx_attribute_ints(reader, "ends", node->slice.end, GRAPH_MAX_RANK,
                             &num_ends) ||
        !onnx_attribute_ints(reader, "axes", node->slice.raw_axes,
                             GRAPH_MAX_RANK, &num_axes))
        return false;
    if (num_ends != num_starts || (num_axes != 0 && num_axes != num_starts))
        return fail(reader->err, ERROR_INPUT,
                    "its starts, ends and axes differ in length");
    node->slice.num_given = num_starts;
    for (size_t i = 0; num_axes == 0 && i < num_starts; i++)
        node->slice.raw_axes[i] = (int64_t)i;
    return true;
}

/* Reads the sizes of the parts from an attribute, if there is one. */
static bool read_split(struct onnx_reader *reader, const int64_t **sizes)
{
    size_t num = reader->node->n_output, count = 0;
    int64_t *found;

    *sizes = NULL;
    if (!onnx_attribute(reader, "split"))
        return true;
    found = arena_take(&reader->graph->arena, num, sizeof *found, reader->err);
    if (!found || !onnx_attribute_ints(reader, "split", found, num, &count))
        return false;
    if (count != num)
        return fail(reader->err, ERROR_INPUT,
                    "attribute split has %zu sizes for %zu outputs", count,
                    num);
    *sizes = found;
    return true;
}

/* Becomes a slice for each output. */
static bool convert_split(struct onnx_reader *reader, struct graph_node *node)
{
    size_t num = reader->node->n_output;
    enum graph_type type = graph_output(reader->graph, node, 0)->type;
    int inputs[2] = {node->inputs[0], GRAPH_NONE};
    const char *name = node->name, *onnx_op = node->onnx_op;
    uint32_t num_inputs = node->num_inputs;
    const int64_t *sizes;

    if (num_inputs > 1)
        inputs[1] = node->inputs[1];
    if (!read_split(reader, &sizes))
        return false;
    for (size_t i = 0; i < num; i++) {
        if (!*reader->node->output[i])
            continue;
        if (i > 0) {
            int out = onnx_define_output(reader, i, type);

            if (out == GRAPH_NONE)
                return false;
            node = graph_add_node(reader->graph, GRAPH_SLICE, name, onnx_op,
                                  num_inputs, 1, reader->err);
            if (!node)
                return false;
            memcpy(node->inputs, inputs, num_inputs * sizeof *inputs);
            node->outputs[0] = out;
        }
        node->slice.part = i;
        node->slice.num_parts = num;
        node->slice.sizes = sizes;
        node->slice.raw_axes[0] = onnx_attribute_int(reader, "axis", 0);
    }
    return true;
}

/* ---- counting, marking, putting in places ---- */

static bool convert_cumsum(struct onnx_reader *reader, struct graph_node *node)
{
    node->cumsum.exclusive = onnx_attribute_int(reader, "exclusive", 0) != 0;
    node->cumsum.reverse = onnx_attribute_int(reader, "reverse", 0) != 0;
    return true;
}

static bool convert_reverse(struct onnx_reader *reader, struct graph_node *node)
{
    int64_t time = onnx_attribute_int(reader, "time_axis", 0);
    int64_t batch = onnx_attribute_int(reader, "batch_axis", 1);

    if (time < 0 || time > 1 || batch != 1 - time)
        return fail(reader->err, ERROR_INPUT,
                    "attributes time_axis and batch_axis are %lld and %lld; "
                    "they must be 0 and 1, in either order",
                    (long long)time, (long long)batch);
    node->reverse.first = time == 0;
    return true;
}

static bool convert_eye(struct onnx_reader *reader, struct graph_node *node)
{
    struct graph_value *out = graph_output(reader->graph, node, 0);
    int64_t type = onnx_attribute_int(reader, "dtype", 0);
    const struct onnx_element *element = onnx_element_of((int32_t)type);

    node->diagonal.k = onnx_attribute_int(reader, "k", 0);
    if (type != 0 && !element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute dtype has an unsupported type");
    if (element)
        out->type = element->type;
    return true;
}

static bool convert_trilu(struct onnx_reader *reader, struct graph_node *node)
{
    node->diagonal.upper = onnx_attribute_int(reader, "upper", 1) != 0;
    return true;
}

static bool convert_one_hot(struct onnx_reader *reader, struct graph_node *node)
{
    node->axis = onnx_attribute_int(reader, "axis", -1);
    graph_output(reader->graph, node, 0)->type =
        graph_input(reader->graph, node, 2)->type;
    return true;
}

static bool convert_scatter(struct onnx_reader *reader, struct graph_node *node)
{
    static const char *const names[] = {
        [GRAPH_SCATTER_REPLACE] = "none", [GRAPH_SCATTER_ADD] = "add",
        [GRAPH_SCATTER_MUL] = "mul",      [GRAPH_SCATTER_MAX] = "max",
        [GRAPH_SCATTER_MIN] = "min",
    };
    size_t how = 0;

    while (how < sizeof names / sizeof names[0] &&
           onnx_attribute(reader, "reduction") &&
           !onnx_attribute_is(reader, "reduction", names[how]))
        how++;
    if (how == sizeof names / sizeof names[0])
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute reduction has an unknown value");
    node->scatter.how = (enum graph_scatter)how;
    node->scatter.axis = onnx_attribute_int(reader, "axis", 0);
    return true;
}

const struct onnx_operator onnx_ops_move[] = {
    {"Cast", GRAPH_CAST, 1, 1, "to saturate", convert_cast},
    {"CastLike", GRAPH_CAST, 2, 2, "saturate", convert_cast_like},
    {"Concat", GRAPH_CONCAT, 1, UINT32_MAX, "axis", convert_axis},
    {"ConstantOfShape", GRAPH_FILL, 1, 1, "value", convert_fill},
    {"CumSum", GRAPH_CUMSUM, 2, 2, "exclusive reverse", convert_cumsum},
    {"Dropout", GRAPH_IDENTITY, 1, 3, "ratio seed", convert_dropout},
    {"EyeLike", GRAPH_EYE, 1, 1, "dtype k", convert_eye},
    {"Expand", GRAPH_EXPAND, 2, 2, "", onnx_ops_plain},
    {"Flatten", GRAPH_RESHAPE, 1, 1, "axis", convert_flatten},
    {"Gather", GRAPH_GATHER, 2, 2, "axis", convert_axis},
    {"GatherElements", GRAPH_GATHER_ELEMENTS, 2, 2, "axis", convert_axis},
    {"GatherND", GRAPH_GATHER_ND, 2, 2, "batch_dims", convert_gather_nd},
    {"Identity", GRAPH_IDENTITY, 1, 1, "", onnx_ops_plain},
    {"NonZero", GRAPH_NONZERO, 1, 1, "", convert_nonzero},
    {"OneHot", GRAPH_ONE_HOT, 3, 3, "axis", convert_one_hot},
    {"Range", GRAPH_RANGE, 3, 3, "", onnx_ops_plain},
    {"Reshape", GRAPH_RESHAPE, 2, 2, "allowzero", convert_reshape},
    {"ReverseSequence", GRAPH_REVERSE, 2, 2, "batch_axis time_axis",
     convert_reverse},
    {"Scatter", GRAPH_SCATTER_ELEMENTS, 3, 3, "axis", convert_scatter},
    {"ScatterElements", GRAPH_SCATTER_ELEMENTS, 3, 3, "axis reduction",
     convert_scatter},
    {"ScatterND", GRAPH_SCATTER_ND, 3, 3, "reduction", convert_scatter},
    {"Shape", GRAPH_SHAPE, 1, 1, "start end", convert_shape},
    {"Size", GRAPH_SHAPE, 1, 1, "", convert_size},
    {"Slice", GRAPH_SLICE, 1, 5, "axes ends starts", convert_slice},
    {"Split", GRAPH_SLICE, 1, 2, "axis num_outputs split", convert_split},
    {"Squeeze", GRAPH_RESHAPE, 1, 2, "axes", convert_squeeze},
    {"Transpose", GRAPH_TRANSPOSE, 1, 1, "perm", convert_transpose},
    {"Trilu", GRAPH_TRILU, 1, 2, "upper", convert_trilu},
    {"Unsqueeze", GRAPH_RESHAPE, 1, 2, "axes", convert_unsqueeze},
    {0},
};
