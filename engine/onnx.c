#include "onnx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

/* protoc-c's names are long; these are the ones used here. */
typedef Onnx__ModelProto model_proto;
typedef Onnx__GraphProto graph_proto;
typedef Onnx__NodeProto node_proto;
typedef Onnx__AttributeProto attribute_proto;
typedef Onnx__TensorProto tensor_proto;
typedef Onnx__ValueInfoProto value_info_proto;

enum {
    MIN_OPSET = 7,
    MAX_OPSET = 24,
    MAX_NODES = 20000,
    MAX_VALUES = 200000,
};

/* TensorProto.DataType */
enum {
    TYPE_FLOAT = 1,
    TYPE_UINT8 = 2,
    TYPE_INT8 = 3,
    TYPE_UINT16 = 4,
    TYPE_INT16 = 5,
    TYPE_INT32 = 6,
    TYPE_INT64 = 7,
    TYPE_BOOL = 9,
    TYPE_FLOAT16 = 10,
    TYPE_DOUBLE = 11,
    TYPE_UINT32 = 12,
    TYPE_UINT64 = 13,
};

/* AttributeProto.AttributeType */
enum { ATTRIBUTE_GRAPH = 5, ATTRIBUTE_GRAPHS = 10 };

struct reader {
    struct graph *graph;
    int64_t opset;
    const model_proto *model;
    /* Value numbers by name: open addressing, GRAPH_NONE where empty. */
    int *slots; /* (num_slots), a power of two; owned */
    size_t num_slots;
    const node_proto *node; /* the one being converted */
    struct error *err;
};

/* ---- names ---- */

static size_t hash(const char *name)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static int *slot_of(const struct reader *reader, const char *name)
{
    size_t i = hash(name) & (reader->num_slots - 1);

    while (reader->slots[i] != GRAPH_NONE &&
           strcmp(reader->graph->values[reader->slots[i]].name, name) != 0)
        i = (i + 1) & (reader->num_slots - 1);
    return &reader->slots[i];
}

static bool init_slots(struct reader *reader, const graph_proto *proto)
{
    size_t wanted = proto->n_input + proto->n_initializer;

    for (size_t i = 0; i < proto->n_node; i++)
        wanted += proto->node[i]->n_output;
    if (proto->n_node > MAX_NODES || wanted > MAX_VALUES)
        return fail(reader->err, ERROR_LIMIT,
                    "the network has %zu nodes and %zu values; at most %d and "
                    "%d are allowed",
                    proto->n_node, wanted, MAX_NODES, MAX_VALUES);
    reader->num_slots = 64;
    while (reader->num_slots < 2 * wanted + 2)
        reader->num_slots *= 2;
    reader->slots = malloc(reader->num_slots * sizeof *reader->slots);
    if (!reader->slots)
        return fail(reader->err, ERROR_MEMORY, "no room for %zu names", wanted);
    for (size_t i = 0; i < reader->num_slots; i++)
        reader->slots[i] = GRAPH_NONE;
    return true;
}

/* Adds a value under a name that must be new. */
static int define(struct reader *reader, const char *name, enum graph_type type)
{
    int value, *slot;

    if (*slot_of(reader, name) != GRAPH_NONE) {
        fail(reader->err, ERROR_INPUT, "two values are called \"%.100s\"",
             name);
        return GRAPH_NONE;
    }
    value = graph_add_value(reader->graph, name, type, reader->err);
    slot = slot_of(reader, name);
    if (value != GRAPH_NONE)
        *slot = value;
    return value;
}

/* ---- tensors ---- */

static float half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float mantissa = (float)(half & 1023);
    float value;

    if (exponent == 0)
        value = ldexpf(mantissa, -24);
    else if (exponent == 31)
        value = mantissa != 0 ? NAN : INFINITY;
    else
        value = ldexpf(mantissa + 1024, exponent - 25);
    return half & 0x8000 ? -value : value;
}

/* How the elements of each TensorProto.DataType lie in raw_data. */
static const struct element {
    const char *name;
    size_t size; /* bytes; 0: a type we do not read */
    enum graph_type type;
} elements[] = {
    [TYPE_FLOAT] = {"float", 4, GRAPH_FLOAT},
    [TYPE_UINT8] = {"uint8", 1, GRAPH_INT},
    [TYPE_INT8] = {"int8", 1, GRAPH_INT},
    [TYPE_UINT16] = {"uint16", 2, GRAPH_INT},
    [TYPE_INT16] = {"int16", 2, GRAPH_INT},
    [TYPE_INT32] = {"int32", 4, GRAPH_INT},
    [TYPE_INT64] = {"int64", 8, GRAPH_INT},
    [TYPE_BOOL] = {"bool", 1, GRAPH_INT},
    [TYPE_FLOAT16] = {"float16", 2, GRAPH_FLOAT},
    [TYPE_DOUBLE] = {"double", 8, GRAPH_FLOAT},
    [TYPE_UINT32] = {"uint32", 4, GRAPH_INT},
    [TYPE_UINT64] = {"uint64", 8, GRAPH_INT},
};

static const struct element *element_of(int32_t type)
{
    if (type < 0 || (size_t)type >= sizeof elements / sizeof elements[0] ||
        elements[type].size == 0)
        return NULL;
    return &elements[type];
}

static double raw_double(const uint8_t *bytes, size_t i, int32_t type)
{
    double value;
    float single;
    uint16_t half;

    switch (type) {
    case TYPE_DOUBLE:
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        return value;
    case TYPE_FLOAT16:
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        return half_to_float(half);
    default:
        memcpy(&single, bytes + i * sizeof single, sizeof single);
        return single;
    }
}

static int64_t raw_int(const uint8_t *bytes, size_t i, int32_t type)
{
    size_t size = elements[type].size;
    bool is_signed =
        type == TYPE_INT8 || type == TYPE_INT16 || type == TYPE_INT32;
    uint64_t value = 0;

    for (size_t b = 0; b < size; b++)
        value |= (uint64_t)bytes[i * size + b] << 8 * b;
    if (is_signed && value >> (8 * size - 1))
        value |= UINT64_MAX << 8 * size;
    return (int64_t)value;
}

/* The elements of typed fields (float_data and the like), as one view. */
struct typed_data {
    size_t count;
    const float *f;
    const double *d;
    const int32_t *i32; /* also bool, 8 and 16 bits, and float16's bits */
    const int64_t *i64;
    const uint64_t *u64;
};

static struct typed_data typed_data_of(const tensor_proto *tensor)
{
    switch (tensor->data_type) {
    case TYPE_FLOAT:
        return (struct typed_data){.count = tensor->n_float_data,
                                   .f = tensor->float_data};
    case TYPE_DOUBLE:
        return (struct typed_data){.count = tensor->n_double_data,
                                   .d = tensor->double_data};
    case TYPE_INT64:
        return (struct typed_data){.count = tensor->n_int64_data,
                                   .i64 = tensor->int64_data};
    case TYPE_UINT32:
    case TYPE_UINT64:
        return (struct typed_data){.count = tensor->n_uint64_data,
                                   .u64 = tensor->uint64_data};
    default:
        return (struct typed_data){.count = tensor->n_int32_data,
                                   .i32 = tensor->int32_data};
    }
}

static double typed_double(const struct typed_data *data, size_t i)
{
    if (data->f)
        return data->f[i];
    if (data->d)
        return data->d[i];
    return half_to_float((uint16_t)data->i32[i]);
}

static int64_t typed_int(const struct typed_data *data, size_t i)
{
    if (data->i64)
        return data->i64[i];
    if (data->u64)
        return (int64_t)data->u64[i];
    return data->i32[i];
}

/* Fills a value whose shape is known with a tensor's elements.  */
static bool fill_constant(struct graph_value *value, tensor_proto *tensor,
                          struct error *err)
{
    const struct element *element = element_of(tensor->data_type);
    size_t count = graph_shape_count(&value->shape);
    struct typed_data typed = typed_data_of(tensor);
    const uint8_t *raw = tensor->raw_data.data;
    bool is_raw = tensor->has_raw_data && tensor->raw_data.len > 0;

    if (is_raw && tensor->raw_data.len != count * element->size)
        return fail(err, ERROR_INPUT,
                    "it has %zu bytes for %zu elements of type %s",
                    tensor->raw_data.len, count, element->name);
    if (!is_raw && typed.count != count)
        return fail(err, ERROR_INPUT, "it has %zu elements for a shape of %zu",
                    typed.count, count);
    if (!graph_make_constant(value, err))
        return false;
    if (is_raw && tensor->data_type == TYPE_FLOAT)
        memcpy(value->data, raw, count * sizeof(float));
    else if (value->type == GRAPH_FLOAT)
        for (size_t i = 0; i < count; i++)
            ((float *)value->data)[i] =
                (float)(is_raw ? raw_double(raw, i, tensor->data_type)
                               : typed_double(&typed, i));
    else
        for (size_t i = 0; i < count; i++)
            ((int64_t *)value->data)[i] =
                is_raw ? raw_int(raw, i, tensor->data_type)
                       : typed_int(&typed, i);
    for (size_t i = 0; value->type == GRAPH_FLOAT && i < count; i++)
        if (isnan(((float *)value->data)[i]))
            return fail(err, ERROR_INPUT, "element %zu is not a number", i);
    return true;
}

static bool read_tensor(struct reader *reader, int number, tensor_proto *tensor)
{
    struct graph_value *value = &reader->graph->values[number];

    if (tensor->data_location != 0 || tensor->n_external_data > 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "its data is in another file; save the model as one file");
    if (tensor->n_dims > GRAPH_MAX_RANK)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has %zu dimensions; at most %d are supported",
                    tensor->n_dims, GRAPH_MAX_RANK);
    value->shape.rank = (uint32_t)tensor->n_dims;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0)
            return fail(reader->err, ERROR_INPUT, "dimension %zu is %lld", i,
                        (long long)tensor->dims[i]);
        value->shape.dim[i] = (size_t)tensor->dims[i];
    }
    value->has_shape = true;
    return graph_shape_check(&value->shape, reader->err) &&
           fill_constant(value, tensor, reader->err);
}

static bool define_tensor(struct reader *reader, const char *name,
                          tensor_proto *tensor)
{
    const struct element *element = element_of(tensor->data_type);
    int number;

    if (!element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "the constant \"%.100s\" is of type %d, which is not "
                    "supported",
                    name, (int)tensor->data_type);
    number = define(reader, name, element->type);
    if (number == GRAPH_NONE)
        return false;
    if (!read_tensor(reader, number, tensor))
        return error_prefix(reader->err, "the constant \"%.100s\"", name);
    /* The parser's copy is not needed any more. */
    free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){0};
    return true;
}

/* ---- attributes ---- */

static const attribute_proto *attribute(const struct reader *reader,
                                        const char *name)
{
    for (size_t i = 0; i < reader->node->n_attribute; i++) {
        const attribute_proto *found = reader->node->attribute[i];

        if (found->name && strcmp(found->name, name) == 0)
            return found;
    }
    return NULL;
}

static int64_t attribute_int(const struct reader *reader, const char *name,
                             int64_t otherwise)
{
    const attribute_proto *found = attribute(reader, name);

    return found && found->has_i ? found->i : otherwise;
}

static float attribute_float(const struct reader *reader, const char *name,
                             float otherwise)
{
    const attribute_proto *found = attribute(reader, name);

    return found && found->has_f ? found->f : otherwise;
}

static bool attribute_is(const struct reader *reader, const char *name,
                         const char *text)
{
    const attribute_proto *found = attribute(reader, name);
    size_t len = strlen(text);

    return found && found->has_s && found->s.len == len &&
           memcmp(found->s.data, text, len) == 0;
}

/* Reads a list of integers into `values`, at most `max` of them; *count stays
 * as it is where there is no such attribute. */
static bool attribute_ints(const struct reader *reader, const char *name,
                           int64_t *values, size_t max, size_t *count)
{
    const attribute_proto *found = attribute(reader, name);

    if (!found)
        return true;
    if (found->n_ints > max)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute %s has %zu numbers; at most %zu are supported",
                    name, found->n_ints, max);
    if (found->n_ints > 0)
        memcpy(values, found->ints, found->n_ints * sizeof *values);
    *count = found->n_ints;
    return true;
}

/* Reads an optional list of exactly `num` sizes of at least `min`; `values`
 * stay as they are where there is none. */
static bool attribute_sizes(const struct reader *reader, const char *name,
                            size_t *values, size_t num, int64_t min)
{
    int64_t numbers[GRAPH_MAX_RANK] = {0};
    size_t count = 0;

    if (!attribute_ints(reader, name, numbers, GRAPH_MAX_RANK, &count))
        return false;
    if (!attribute(reader, name))
        return true;
    if (count != num)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute %s has %zu numbers; only images with 2 spatial "
                    "dimensions are supported",
                    name, count);
    for (size_t i = 0; i < num; i++) {
        if (numbers[i] < min || numbers[i] > INT32_MAX)
            return fail(reader->err, ERROR_INPUT, "attribute %s holds %lld",
                        name, (long long)numbers[i]);
        values[i] = (size_t)numbers[i];
    }
    return true;
}

/* Reads the optional attribute `axes`. */
static bool attribute_axes(const struct reader *reader, int64_t *axes,
                           uint32_t *num_axes)
{
    size_t count = 0;

    if (!attribute_ints(reader, "axes", axes, GRAPH_MAX_RANK, &count))
        return false;
    *num_axes = (uint32_t)count;
    return true;
}

/* ---- operators ---- */

static bool convert_plain(struct reader *reader, struct graph_node *node)
{
    (void)reader;
    (void)node;
    return true;
}

static bool convert_window(struct reader *reader, struct graph_window *window)
{
    size_t pads[4] = {0, 0, 0, 0}; /* top, left, bottom, right */

    *window = (struct graph_window){
        .stride = {1, 1},
        .dilation = {1, 1},
    };
    if (!attribute_sizes(reader, "kernel_shape", window->kernel, 2, 1) ||
        !attribute_sizes(reader, "strides", window->stride, 2, 1) ||
        !attribute_sizes(reader, "dilations", window->dilation, 2, 1) ||
        !attribute_sizes(reader, "pads", pads, 4, 0))
        return false;
    if (attribute_is(reader, "auto_pad", "SAME_UPPER"))
        window->auto_pad = GRAPH_PAD_SAME_UPPER;
    else if (attribute_is(reader, "auto_pad", "SAME_LOWER"))
        window->auto_pad = GRAPH_PAD_SAME_LOWER;
    else if (attribute(reader, "auto_pad") &&
             !attribute_is(reader, "auto_pad", "VALID") &&
             !attribute_is(reader, "auto_pad", "NOTSET"))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute auto_pad has an unknown value");
    for (int i = 0; i < 2; i++) {
        window->pad_before[i] = pads[i];
        window->pad_after[i] = pads[2 + i];
    }
    return true;
}

static bool convert_conv(struct reader *reader, struct graph_node *node)
{
    int64_t groups = attribute_int(reader, "group", 1);

    if (groups < 1 || groups > INT32_MAX)
        return fail(reader->err, ERROR_INPUT, "attribute group is %lld",
                    (long long)groups);
    node->conv.groups = (size_t)groups;
    return convert_window(reader, &node->conv.window);
}

static bool convert_batch_norm(struct reader *reader, struct graph_node *node)
{
    bool training = attribute_int(reader, "training_mode", 0) != 0;

    /* Before opset 14 more than one output says the same. */
    for (size_t i = 1; i < reader->node->n_output; i++)
        training |= *reader->node->output[i] != '\0';
    if (training)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it is in training mode; export the network for inference");
    if (attribute_int(reader, "spatial", 1) != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute spatial is not 1");
    node->epsilon = attribute_float(reader, "epsilon", 1e-5f);
    return true;
}

static bool convert_relu(struct reader *reader, struct graph_node *node)
{
    (void)reader;
    node->min = 0;
    return true;
}

/* Bounds are attributes before opset 11, and operands after. */
static bool convert_clip(struct reader *reader, struct graph_node *node)
{
    node->min = attribute_float(reader, "min", -INFINITY);
    node->max = attribute_float(reader, "max", INFINITY);
    return true;
}

/* Borders are an attribute before opset 11, and an operand after. */
static bool convert_pad(struct reader *reader, struct graph_node *node)
{
    int64_t pads[2 * GRAPH_MAX_RANK];
    size_t count = 0;

    if (attribute(reader, "mode") && !attribute_is(reader, "mode", "constant"))
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute mode is not \"constant\"");
    node->pad.value = attribute_float(reader, "value", 0);
    if (!attribute_ints(reader, "pads", pads, 2 * GRAPH_MAX_RANK, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (pads[i] < 0 || pads[i] > INT32_MAX)
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "a border of %lld is not supported",
                        (long long)pads[i]);
        if (i < count / 2)
            node->pad.before[i] = (size_t)pads[i];
        else
            node->pad.after[i - count / 2] = (size_t)pads[i];
    }
    return true;
}

/* Axes are an attribute before opset 18, and an operand after. */
static bool convert_reduce(struct reader *reader, struct graph_node *node)
{
    node->reduce.given = attribute(reader, "axes") != NULL;
    node->reduce.keep_dims = attribute_int(reader, "keepdims", 1) != 0;
    if (attribute_int(reader, "noop_with_empty_axes", 0) != 0 &&
        node->num_inputs < 2)
        node->op = GRAPH_IDENTITY;
    return attribute_axes(reader, node->reduce.raw_axes,
                          &node->reduce.num_raw_axes);
}

static bool convert_global_pool(struct reader *reader, struct graph_node *node)
{
    (void)reader;
    node->reduce.given = true;
    node->reduce.keep_dims = true;
    node->reduce.raw_axes[0] = 2;
    node->reduce.raw_axes[1] = 3;
    node->reduce.num_raw_axes = 2;
    return true;
}

static bool convert_gemm(struct reader *reader, struct graph_node *node)
{
    node->gemm.alpha = attribute_float(reader, "alpha", 1);
    node->gemm.beta = attribute_float(reader, "beta", 1);
    node->gemm.transpose_a = attribute_int(reader, "transA", 0) != 0;
    node->gemm.transpose_b = attribute_int(reader, "transB", 0) != 0;
    return true;
}

static bool convert_matmul(struct reader *reader, struct graph_node *node)
{
    (void)reader;
    node->gemm.alpha = 1;
    node->gemm.beta = 1;
    return true;
}

static bool convert_softmax(struct reader *reader, struct graph_node *node)
{
    bool old = reader->opset < 13;

    node->axis = attribute_int(reader, "axis", old ? 1 : -1);
    node->to_matrix = old;
    return true;
}

static bool convert_axis(struct reader *reader, struct graph_node *node)
{
    node->axis = attribute_int(reader, "axis", 0);
    return true;
}

static bool convert_reshape(struct reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_TO;
    node->reshape.allow_zero = attribute_int(reader, "allowzero", 0) != 0;
    return true;
}

static bool convert_flatten(struct reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_FLATTEN;
    node->reshape.axis = attribute_int(reader, "axis", 1);
    return true;
}

/* Axes are an attribute before opset 13, and an operand after. */
static bool convert_squeeze(struct reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_SQUEEZE;
    return attribute_axes(reader, node->reshape.raw_axes,
                          &node->reshape.num_raw_axes);
}

static bool convert_unsqueeze(struct reader *reader, struct graph_node *node)
{
    node->reshape.rule = GRAPH_RESHAPE_UNSQUEEZE;
    return attribute_axes(reader, node->reshape.raw_axes,
                          &node->reshape.num_raw_axes);
}

/* Without `perm` the axes are reversed, which only the rank tells: marked by
 * perm[0] beyond every rank until graph_infer. */
static bool convert_transpose(struct reader *reader, struct graph_node *node)
{
    int64_t perm[GRAPH_MAX_RANK];
    size_t count = 0;

    if (!attribute_ints(reader, "perm", perm, GRAPH_MAX_RANK, &count))
        return false;
    node->perm[0] = GRAPH_MAX_RANK;
    for (size_t i = 0; i < count; i++) {
        if (perm[i] < 0 || perm[i] >= (int64_t)count)
            return fail(reader->err, ERROR_INPUT, "attribute perm holds %lld",
                        (long long)perm[i]);
        node->perm[i] = (size_t)perm[i];
    }
    return true;
}

static bool convert_shape(struct reader *reader, struct graph_node *node)
{
    node->dims.start = attribute_int(reader, "start", 0);
    node->dims.end = attribute_int(reader, "end", INT32_MAX);
    return true;
}

static bool convert_fill(struct reader *reader, struct graph_node *node)
{
    const attribute_proto *found = attribute(reader, "value");
    struct graph_value value = {.type = GRAPH_FLOAT, .has_shape = true};
    const struct element *element;
    bool ok;

    if (!found || !found->t)
        return true;
    element = element_of(found->t->data_type);
    if (!element || found->t->data_location != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute value is of a type that is not supported");
    value.type = element->type;
    value.shape = (struct graph_shape){.rank = 1, .dim = {1}};
    ok = fill_constant(&value, found->t, reader->err);
    if (ok && value.type == GRAPH_INT)
        node->fill.value = (double)graph_ints(&value)[0];
    else if (ok)
        node->fill.value = graph_floats(&value)[0];
    free(value.data);
    graph_output(reader->graph, node, 0)->type = value.type;
    return ok;
}

static bool convert_cast(struct reader *reader, struct graph_node *node)
{
    const struct element *element =
        element_of((int32_t)attribute_int(reader, "to", 0));

    if (!element)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it casts to a type that is not supported");
    graph_output(reader->graph, node, 0)->type = element->type;
    return true;
}

static bool convert_cast_like(struct reader *reader, struct graph_node *node)
{
    graph_output(reader->graph, node, 0)->type =
        graph_input(reader->graph, node, 1)->type;
    node->num_inputs = 1;
    return true;
}

/* The operators we read. Adding one is adding a row here, its shape in
 * graph_shape.c, and what runs it in xnn.c or kernel.c. */
static const struct operator_row {
    const char *name;
    enum graph_op op;
    uint32_t min_inputs, max_inputs;
    const char *attributes; /* the ones read (or safe to ignore), spaced */
    bool (*convert)(struct reader *reader, struct graph_node *node);
} operators[] = {
    {"Add", GRAPH_ADD, 2, 2, "", convert_plain},
    {"BatchNormalization", GRAPH_BATCH_NORM, 5, 5,
     "epsilon momentum spatial training_mode", convert_batch_norm},
    {"Cast", GRAPH_CAST, 1, 1, "to saturate", convert_cast},
    {"CastLike", GRAPH_CAST, 2, 2, "saturate", convert_cast_like},
    {"Clip", GRAPH_CLAMP, 1, 3, "min max", convert_clip},
    {"Concat", GRAPH_CONCAT, 1, UINT32_MAX, "axis", convert_axis},
    {"ConstantOfShape", GRAPH_FILL, 1, 1, "value", convert_fill},
    {"Conv", GRAPH_CONV, 2, 3,
     "auto_pad dilations group kernel_shape pads strides", convert_conv},
    {"Div", GRAPH_DIV, 2, 2, "", convert_plain},
    {"Dropout", GRAPH_IDENTITY, 1, 3, "ratio seed", convert_plain},
    {"Expand", GRAPH_EXPAND, 2, 2, "", convert_plain},
    {"Flatten", GRAPH_RESHAPE, 1, 1, "axis", convert_flatten},
    {"Gather", GRAPH_GATHER, 2, 2, "axis", convert_axis},
    {"Gemm", GRAPH_MATMUL, 2, 3, "alpha beta transA transB", convert_gemm},
    {"GlobalAveragePool", GRAPH_MEAN, 1, 1, "", convert_global_pool},
    {"Identity", GRAPH_IDENTITY, 1, 1, "", convert_plain},
    {"MatMul", GRAPH_MATMUL, 2, 2, "", convert_matmul},
    {"Mul", GRAPH_MUL, 2, 2, "", convert_plain},
    {"Pad", GRAPH_PAD, 1, 4, "mode pads value", convert_pad},
    {"ReduceMean", GRAPH_MEAN, 1, 2, "axes keepdims noop_with_empty_axes",
     convert_reduce},
    {"Relu", GRAPH_CLAMP, 1, 1, "", convert_relu},
    {"Reshape", GRAPH_RESHAPE, 2, 2, "allowzero", convert_reshape},
    {"Shape", GRAPH_SHAPE, 1, 1, "start end", convert_shape},
    {"Slice", GRAPH_SLICE, 3, 5, "", convert_plain},
    {"Softmax", GRAPH_SOFTMAX, 1, 1, "axis", convert_softmax},
    {"Squeeze", GRAPH_RESHAPE, 1, 2, "axes", convert_squeeze},
    {"Sub", GRAPH_SUB, 2, 2, "", convert_plain},
    {"Transpose", GRAPH_TRANSPOSE, 1, 1, "perm", convert_transpose},
    {"Unsqueeze", GRAPH_RESHAPE, 1, 2, "axes", convert_unsqueeze},
};

static const struct operator_row *find_operator(const char *name)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (strcmp(operators[i].name, name) == 0)
            return &operators[i];
    return NULL;
}

/* ---- nodes ---- */

static bool is_word_of(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) && len > 0; at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static bool check_attributes(const struct reader *reader,
                             const struct operator_row *row)
{
    for (size_t i = 0; i < reader->node->n_attribute; i++) {
        const attribute_proto *found = reader->node->attribute[i];

        if (!found->name || !is_word_of(row->attributes, found->name))
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "attribute \"%.60s\" is not supported",
                        found->name ? found->name : "");
    }
    return true;
}

/* Constant nodes become constants, not nodes. */
static bool read_constant(struct reader *reader)
{
    const attribute_proto *tensor = attribute(reader, "value");
    const attribute_proto *single;
    struct graph_value *value;
    bool is_int;
    int number;

    if (reader->node->n_output != 1)
        return fail(reader->err, ERROR_INPUT, "a Constant has one output");
    if (tensor && tensor->t)
        return define_tensor(reader, reader->node->output[0], tensor->t);
    is_int = attribute(reader, "value_int") || attribute(reader, "value_ints");
    single = attribute(reader, is_int ? "value_int" : "value_float");
    tensor = attribute(reader, is_int ? "value_ints" : "value_floats");
    if (!single && !tensor)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "its value is of a kind that is not supported");
    number = define(reader, reader->node->output[0],
                    is_int ? GRAPH_INT : GRAPH_FLOAT);
    if (number == GRAPH_NONE)
        return false;
    value = &reader->graph->values[number];
    value->has_shape = true;
    if (tensor)
        value->shape = (struct graph_shape){
            .rank = 1, .dim = {is_int ? tensor->n_ints : tensor->n_floats}};
    if (!graph_make_constant(value, reader->err))
        return false;
    if (single && is_int)
        *(int64_t *)value->data = single->i;
    else if (single)
        *(float *)value->data = single->f;
    else if (is_int && tensor->n_ints > 0)
        memcpy(value->data, tensor->ints, tensor->n_ints * sizeof(int64_t));
    else if (!is_int && tensor->n_floats > 0)
        memcpy(value->data, tensor->floats, tensor->n_floats * sizeof(float));
    return true;
}

static bool read_operands(struct reader *reader, struct graph_node *node,
                          const struct operator_row *row)
{
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const char *name = reader->node->input[i];

        if (!*name && (i < row->min_inputs || row->max_inputs == UINT32_MAX))
            return fail(reader->err, ERROR_INPUT, "its input %u is left out",
                        i);
        if (!*name)
            continue;
        node->inputs[i] = *slot_of(reader, name);
        if (node->inputs[i] == GRAPH_NONE)
            return fail(reader->err, ERROR_INPUT,
                        "its input \"%.100s\" is made by no node before it",
                        name);
    }
    for (uint32_t i = 0; i < node->num_outputs; i++) {
        enum graph_type type = GRAPH_FLOAT;

        if (!*reader->node->output[i])
            continue;
        if (node->op == GRAPH_SHAPE)
            type = GRAPH_INT;
        else if (node->num_inputs > 0 && node->inputs[0] != GRAPH_NONE)
            type = reader->graph->values[node->inputs[0]].type;
        node->outputs[i] = define(reader, reader->node->output[i], type);
        if (node->outputs[i] == GRAPH_NONE)
            return false;
    }
    return true;
}

static bool read_operator(struct reader *reader, const char *name)
{
    const char *onnx_op = reader->node->op_type;
    const char *domain = reader->node->domain;
    const struct operator_row *row = find_operator(onnx_op);
    size_t num_inputs = reader->node->n_input;
    struct graph_node *node;

    /* Trailing operands that are left out are as good as not there. */
    while (num_inputs > 0 && !*reader->node->input[num_inputs - 1])
        num_inputs--;
    if (domain && *domain && strcmp(domain, "ai.onnx") != 0)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "operators of domain \"%.60s\" are not supported", domain);
    if (!row)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "operator %.60s is not supported", onnx_op);
    if (num_inputs < row->min_inputs || num_inputs > row->max_inputs ||
        reader->node->n_output < 1 || !*reader->node->output[0])
        return fail(reader->err, ERROR_INPUT,
                    "it has %zu inputs and %zu "
                    "outputs",
                    num_inputs, reader->node->n_output);
    if (!check_attributes(reader, row))
        return false;
    node = graph_add_node(reader->graph, row->op, name, row->name,
                          (uint32_t)num_inputs, 1, reader->err);
    return node && read_operands(reader, node, row) &&
           row->convert(reader, node);
}

static bool read_node(struct reader *reader, const node_proto *proto)
{
    const char *name = proto->name && *proto->name ? proto->name
                       : proto->n_output > 0       ? proto->output[0]
                                                   : "";
    bool ok;

    reader->node = proto;
    if (!proto->op_type)
        return fail(reader->err, ERROR_INPUT, "a node has no operator");
    if (strcmp(proto->op_type, "Constant") == 0)
        ok = read_constant(reader);
    else
        ok = read_operator(reader, name);
    if (!ok)
        return error_prefix(reader->err, "node \"%.100s\" (%.60s)", name,
                            proto->op_type);
    return true;
}

/* ---- inputs and outputs ---- */

/* Sets the input's shape from the file, or from `size` where it is open. */
static bool read_input_shape(struct reader *reader, struct graph_value *value,
                             const value_info_proto *info,
                             const struct onnx_input *size)
{
    const Onnx__TypeProto__Tensor *type =
        info->type ? info->type->tensor_type : NULL;
    int64_t dims[4] = {0}; /* 0: open */
    bool nhwc;

    if (!type || !type->shape || type->shape->n_dim != 4)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has %zu dimensions; an image has 4: batch, channels, "
                    "height, width",
                    type && type->shape ? type->shape->n_dim : 0);
    if (type->elem_type != TYPE_FLOAT)
        return fail(reader->err, ERROR_UNSUPPORTED, "it is not of type float");
    for (size_t i = 0; i < 4; i++)
        if (type->shape->dim[i]->has_dim_value)
            dims[i] = type->shape->dim[i]->dim_value;
    nhwc = dims[3] == 3 && dims[1] != 3;
    if (dims[nhwc ? 3 : 1] <= 0)
        dims[nhwc ? 3 : 1] = 3;
    if (dims[0] <= 0)
        dims[0] = 1;
    if (dims[nhwc ? 1 : 2] <= 0)
        dims[nhwc ? 1 : 2] = (int64_t)size->height;
    if (dims[nhwc ? 2 : 3] <= 0)
        dims[nhwc ? 2 : 3] = (int64_t)size->width;
    if (dims[0] != 1)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it takes %lld pictures at once; export the network with "
                    "a batch of 1 or an open one",
                    (long long)dims[0]);
    if (dims[nhwc ? 3 : 1] != 3 ||
        dims[nhwc ? 1 : 2] != (int64_t)size->height ||
        dims[nhwc ? 2 : 3] != (int64_t)size->width)
        return fail(reader->err, ERROR_INPUT,
                    "it is %lld x %lld x %lld x %lld; the model is said to "
                    "take 3 channels of %zu x %zu (height x width)",
                    (long long)dims[0], (long long)dims[1], (long long)dims[2],
                    (long long)dims[3], size->height, size->width);
    value->shape = (struct graph_shape){
        .rank = 4,
        .dim = {(size_t)dims[0], (size_t)dims[1], (size_t)dims[2],
                (size_t)dims[3]},
    };
    value->has_shape = true;
    return true;
}

/* The one input that is not an initialiser; files of old exporters list those
 * as inputs too. */
static bool read_input(struct reader *reader, const graph_proto *proto,
                       const struct onnx_input *size)
{
    reader->graph->input = GRAPH_NONE;
    for (size_t i = 0; i < proto->n_input; i++) {
        const value_info_proto *info = proto->input[i];

        if (!info->name)
            return fail(reader->err, ERROR_INPUT, "an input has no name");
        if (*slot_of(reader, info->name) != GRAPH_NONE)
            continue;
        if (reader->graph->input != GRAPH_NONE)
            return fail(reader->err, ERROR_UNSUPPORTED,
                        "the network has a second input, \"%.100s\"",
                        info->name);
        reader->graph->input = define(reader, info->name, GRAPH_FLOAT);
        if (reader->graph->input == GRAPH_NONE)
            return false;
        if (!read_input_shape(reader,
                              &reader->graph->values[reader->graph->input],
                              info, size))
            return error_prefix(reader->err, "the input \"%.100s\"",
                                info->name);
    }
    if (reader->graph->input == GRAPH_NONE)
        return fail(reader->err, ERROR_INPUT, "the network has no input");
    return true;
}

static bool read_outputs(struct reader *reader, const graph_proto *proto)
{
    struct graph *graph = reader->graph;

    if (proto->n_output < 1 || proto->n_output > MAX_VALUES)
        return fail(reader->err, ERROR_INPUT, "the network has %zu outputs",
                    proto->n_output);
    graph->outputs = malloc(proto->n_output * sizeof *graph->outputs);
    if (!graph->outputs)
        return fail(reader->err, ERROR_MEMORY, "no room for the outputs");
    for (size_t i = 0; i < proto->n_output; i++) {
        const char *name = proto->output[i]->name;
        int value = name ? *slot_of(reader, name) : GRAPH_NONE;

        if (value == GRAPH_NONE)
            return fail(reader->err, ERROR_INPUT,
                        "the output \"%.100s\" is made by no node",
                        name ? name : "");
        graph->outputs[graph->num_outputs++] = value;
    }
    return true;
}

static bool read_opset(struct reader *reader)
{
    for (size_t i = 0; i < reader->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = reader->model->opset_import[i];

        if (!import->domain || !*import->domain ||
            strcmp(import->domain, "ai.onnx") == 0)
            reader->opset = import->version;
    }
    if (reader->opset < MIN_OPSET || reader->opset > MAX_OPSET)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "the file is of opset %lld; %d to %d are supported",
                    (long long)reader->opset, MIN_OPSET, MAX_OPSET);
    return true;
}

static bool read_graph(struct reader *reader, const graph_proto *proto,
                       const struct onnx_input *size)
{
    if (!init_slots(reader, proto))
        return false;
    for (size_t i = 0; i < proto->n_initializer; i++) {
        tensor_proto *tensor = proto->initializer[i];

        if (!define_tensor(reader, tensor->name ? tensor->name : "", tensor))
            return false;
    }
    if (!read_input(reader, proto, size))
        return false;
    for (size_t i = 0; i < proto->n_node; i++)
        if (!read_node(reader, proto->node[i]))
            return false;
    return read_outputs(reader, proto);
}

bool onnx_read(struct graph *graph, const uint8_t *bytes, size_t len,
               const struct onnx_input *input, struct error *err)
{
    model_proto *model = onnx__model_proto__unpack(NULL, len, bytes);
    struct reader reader = {.graph = graph, .model = model, .err = err};
    bool ok = false;

    if (!model || !model->graph) {
        fail(err, ERROR_INPUT, "not an ONNX model, or cut short");
        goto out;
    }
    ok = read_opset(&reader) && read_graph(&reader, model->graph, input);
out:
    free(reader.slots);
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (!ok)
        graph_release(graph);
    return ok;
}
