#include "engine/onnx/onnx_reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/half.h"

static float half_to_float(uint16_t half)
{
    float value;

    half_to_floats(&value, &half, 1);
    return value;
}

/* A bfloat16 is the upper half of a float. */
static float brain_to_float(uint16_t brain)
{
    uint32_t bits = (uint32_t)brain << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* How elements of each TensorProto.DataType are stored in raw_data. */
static const struct onnx_element elements[] = {
    [ONNX_FLOAT] = {"float", 32, GRAPH_FLOAT},
    [ONNX_UINT8] = {"uint8", 8, GRAPH_INT},
    [ONNX_INT8] = {"int8", 8, GRAPH_INT},
    [ONNX_UINT16] = {"uint16", 16, GRAPH_INT},
    [ONNX_INT16] = {"int16", 16, GRAPH_INT},
    [ONNX_INT32] = {"int32", 32, GRAPH_INT},
    [ONNX_INT64] = {"int64", 64, GRAPH_INT},
    [ONNX_BOOL] = {"bool", 8, GRAPH_INT},
    [ONNX_FLOAT16] = {"float16", 16, GRAPH_FLOAT},
    [ONNX_DOUBLE] = {"double", 64, GRAPH_FLOAT},
    [ONNX_UINT32] = {"uint32", 32, GRAPH_INT},
    [ONNX_UINT64] = {"uint64", 64, GRAPH_INT},
    [ONNX_BFLOAT16] = {"bfloat16", 16, GRAPH_FLOAT},
    [ONNX_UINT4] = {"uint4", 4, GRAPH_INT},
    [ONNX_INT4] = {"int4", 4, GRAPH_INT},
};

/* The types that are not supported, by their names in the specification. */
static const struct {
    int32_t type;
    const char *name;
} others[] = {
    {8, "string"},          {14, "complex64"},      {15, "complex128"},
    {17, "float8e4m3fn"},   {18, "float8e4m3fnuz"}, {19, "float8e5m2"},
    {20, "float8e5m2fnuz"}, {21, "uint4"},          {22, "int4"},
    {23, "float4e2m1"},     {24, "float8e8m0"},     {25, "uint2"},
    {26, "int2"},           {27, "float6e2m3"},     {28, "float6e3m2"},
};

const char *onnx_element_name(char text[ONNX_ELEMENT_NAME], int32_t type)
{
    const struct onnx_element *element = onnx_element_of(type);

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].type == type)
            return others[i].name;
    if (element)
        return element->name;
    snprintf(text, ONNX_ELEMENT_NAME, "number %d", (int)type);
    return text;
}

const struct onnx_element *onnx_element_of(int32_t type)
{
    if (type < 0 || (size_t)type >= sizeof elements / sizeof elements[0] ||
        elements[type].bits == 0)
        return NULL;
    return &elements[type];
}

size_t onnx_bytes_of(int32_t type, size_t count)
{
    size_t bits = elements[type].bits;

    return bits < 8 ? (count + 1) / 2 : count * (bits / 8);
}

static double raw_double(const uint8_t *bytes, size_t i, int32_t type)
{
    double value;
    float single;
    uint16_t half;

    switch (type) {
    case ONNX_DOUBLE:
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        return value;
    case ONNX_FLOAT16:
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        return half_to_float(half);
    case ONNX_BFLOAT16:
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        return brain_to_float(half);
    default:
        memcpy(&single, bytes + i * sizeof single, sizeof single);
        return single;
    }
}

static int64_t raw_int(const uint8_t *bytes, size_t i, int32_t type)
{
    size_t bits = elements[type].bits, size = bits / 8;
    bool is_signed = type == ONNX_INT4 || type == ONNX_INT8 ||
                     type == ONNX_INT16 || type == ONNX_INT32;
    uint64_t value = 0;

    if (bits == 4)
        value = bytes[i / 2] >> 4 * (i % 2) & 15;
    for (size_t b = 0; b < size; b++)
        value |= (uint64_t)bytes[i * size + b] << 8 * b;
    if (is_signed && value >> (bits - 1))
        value |= UINT64_MAX << bits;
    return (int64_t)value;
}

/* The elements of the typed fields (float_data and others) behind one
 * interface. */
struct typed_data {
    size_t count;
    const float *f;
    const double *d;
    const int32_t
        *i32; /* also for bool, 4 to 16 bits, and the bits of 16-bit floats */
    bool is_brain; /* the 16-bit floats are bfloat16 */
    int32_t
        packed; /* the 4-bit type of which each i32 holds two elements, or 0 */
    const int64_t *i64;
    const uint64_t *u64;
};

static struct typed_data typed_data_of(const onnx_tensor_proto *tensor)
{
    switch (tensor->data_type) {
    case ONNX_FLOAT:
        return (struct typed_data){.count = tensor->n_float_data,
                                   .f = tensor->float_data};
    case ONNX_DOUBLE:
        return (struct typed_data){.count = tensor->n_double_data,
                                   .d = tensor->double_data};
    case ONNX_INT64:
        return (struct typed_data){.count = tensor->n_int64_data,
                                   .i64 = tensor->int64_data};
    case ONNX_UINT32:
    case ONNX_UINT64:
        return (struct typed_data){.count = tensor->n_uint64_data,
                                   .u64 = tensor->uint64_data};
    case ONNX_UINT4:
    case ONNX_INT4:
        return (struct typed_data){
            .count = tensor->n_int32_data,
            .i32 = tensor->int32_data,
            .packed = tensor->data_type,
        };
    default:
        return (struct typed_data){
            .count = tensor->n_int32_data,
            .i32 = tensor->int32_data,
            .is_brain = tensor->data_type == ONNX_BFLOAT16,
        };
    }
}

static double typed_double(const struct typed_data *data, size_t i)
{
    if (data->f)
        return data->f[i];
    if (data->d)
        return data->d[i];
    if (data->is_brain)
        return brain_to_float((uint16_t)data->i32[i]);
    return half_to_float((uint16_t)data->i32[i]);
}

static int64_t typed_int(const struct typed_data *data, size_t i)
{
    if (data->i64)
        return data->i64[i];
    if (data->u64)
        return (int64_t)data->u64[i];
    if (data->packed) {
        const uint8_t pair = (uint8_t)data->i32[i / 2];

        return raw_int(&pair, i % 2, data->packed);
    }
    return data->i32[i];
}

/* Looks at all elements at once first, which takes a fraction of the time. */
static bool check_numbers(const struct graph_value *value, struct error *err)
{
    const float *numbers = graph_floats(value);
    size_t count = graph_shape_count(&value->shape);
    int32_t is_any = 0;

    for (size_t i = 0; i < count; i++)
        is_any |= numbers[i] != numbers[i];
    for (size_t i = 0; is_any && i < count; i++)
        if (isnan(numbers[i]))
            return fail(err, ERROR_INPUT, "element %zu is NaN", i);
    return true;
}

bool onnx_fill_constant(struct graph_value *value, onnx_tensor_proto *tensor,
                        struct error *err)
{
    const struct onnx_element *element = onnx_element_of(tensor->data_type);
    size_t count = graph_shape_count(&value->shape);
    struct typed_data typed = typed_data_of(tensor);
    const uint8_t *raw = tensor->raw_data.data;
    bool is_raw = tensor->has_raw_data && tensor->raw_data.len > 0;

    if (is_raw &&
        tensor->raw_data.len != onnx_bytes_of(tensor->data_type, count))
        return fail(err, ERROR_INPUT,
                    "it has %zu bytes for %zu elements of type %s",
                    tensor->raw_data.len, count, element->name);
    if (!is_raw && typed.count != (typed.packed ? (count + 1) / 2 : count))
        return fail(err, ERROR_INPUT,
                    "it has %zu elements, but its shape needs %zu", typed.count,
                    count);
    if (is_raw && tensor->data_type == ONNX_FLOAT &&
        tensor->raw_data.len >= GRAPH_BLOCK_LEAST) {
        graph_take_block(value, tensor->raw_data.data);
        tensor->raw_data = (ProtobufCBinaryData){0};
        return check_numbers(value, err);
    }
    if (!graph_make_constant(value, err))
        return false;
    if (is_raw && tensor->data_type == ONNX_FLOAT)
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
    return value->type != GRAPH_FLOAT || check_numbers(value, err);
}
