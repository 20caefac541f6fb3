#include "engine/onnx/onnx_reader.h"

#include <stdlib.h>
#include <string.h>

static bool read_tensor(struct onnx_reader *reader, int number,
                        onnx_tensor_proto *tensor)
{
    struct graph_value *value = &reader->graph->values[number];
    bool external = tensor->data_location != 0 || tensor->n_external_data > 0;

    if (tensor->n_dims > GRAPH_MAX_RANK)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "it has %zu dimensions; at most %d are supported",
                    tensor->n_dims, GRAPH_MAX_RANK);
    value->shape.rank = (uint32_t)tensor->n_dims;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0)
            return fail(reader->err, ERROR_INPUT,
                        "dimension %zu is negative: %lld", i,
                        (long long)tensor->dims[i]);
        value->shape.dim[i] = (size_t)tensor->dims[i];
    }
    value->has_shape = true;
    return graph_shape_check(&value->shape, reader->err) &&
           (!external ||
            onnx_external_read(
                reader, tensor,
                onnx_bytes_of(tensor->data_type,
                              graph_shape_count(&value->shape)))) &&
           onnx_fill_constant(value, tensor, reader->err);
}

static bool define_tensor(struct onnx_reader *reader, const char *name,
                          onnx_tensor_proto *tensor)
{
    const struct onnx_element *element = onnx_element_of(tensor->data_type);
    char text[ONNX_ELEMENT_NAME];
    int number;

    if (!element)
        return fail(
            reader->err, ERROR_UNSUPPORTED,
            "the constant \"%.100s\" has type %s, which is not supported", name,
            onnx_element_name(text, tensor->data_type));
    number = onnx_define(reader, name, element->type);
    if (number == GRAPH_NONE)
        return false;
    reader->graph->values[number].element = tensor->data_type;
    if (!read_tensor(reader, number, tensor))
        return error_prefix(reader->err, "the constant \"%.100s\"", name);
    /* The parser's copy is no longer needed. */
    graph_block_free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){0};
    return true;
}

/* Reads the raw data that was cut out of the message. */
static bool take_raw_data(struct onnx_reader *reader, const char *name,
                          onnx_tensor_proto *tensor, size_t i)
{
    const struct onnx_file *file = reader->file;
    const struct onnx_cut *cut;
    uint8_t *bytes;

    while (file && reader->next_cut < file->num_cuts &&
           file->cuts[reader->next_cut].initializer < i)
        reader->next_cut++;
    if (!file || reader->next_cut == file->num_cuts ||
        file->cuts[reader->next_cut].initializer != i)
        return true;
    cut = &file->cuts[reader->next_cut];
    bytes = graph_block_new(cut->len);
    if (!bytes)
        return fail(reader->err, ERROR_MEMORY,
                    "not enough memory for %llu bytes",
                    (unsigned long long)cut->len);
    if (!buf_read_at(bytes, file->fd, cut->len, cut->at, reader->err)) {
        graph_block_free(bytes);
        return error_prefix(reader->err, "the constant \"%.100s\"", name);
    }
    graph_block_free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){.len = cut->len, .data = bytes};
    tensor->has_raw_data = true;
    return true;
}

bool onnx_read_initializer(struct onnx_reader *reader,
                           onnx_tensor_proto *tensor, size_t i)
{
    const char *name = tensor->name ? tensor->name : "";
    int number;

    if (!take_raw_data(reader, name, tensor, i))
        return false;
    if (onnx_element_of(tensor->data_type))
        return define_tensor(reader, name, tensor);
    number = onnx_define(reader, name, GRAPH_FLOAT);
    if (number == GRAPH_NONE)
        return false;
    reader->graph->values[number].element = tensor->data_type;
    return true;
}

bool onnx_check_operand(const struct onnx_reader *reader, int number)
{
    const struct graph_value *value = &reader->graph->values[number];
    char text[ONNX_ELEMENT_NAME];

    if (value->element == 0 || value->data || onnx_element_of(value->element))
        return true;
    return fail(reader->err, ERROR_UNSUPPORTED,
                "the constant \"%.100s\" has type %s, which is not supported",
                value->name, onnx_element_name(text, value->element));
}

bool onnx_read_constant(struct onnx_reader *reader)
{
    const onnx_attribute_proto *tensor = onnx_attribute(reader, "value");
    const onnx_attribute_proto *single;
    struct graph_value *value;
    bool is_int;
    int number;

    if (reader->node->n_output != 1)
        return fail(reader->err, ERROR_INPUT,
                    "a Constant must have one output");
    if (tensor && tensor->t)
        return define_tensor(reader, reader->node->output[0], tensor->t);
    is_int = onnx_attribute(reader, "value_int") ||
             onnx_attribute(reader, "value_ints");
    single = onnx_attribute(reader, is_int ? "value_int" : "value_float");
    tensor = onnx_attribute(reader, is_int ? "value_ints" : "value_floats");
    if (!single && !tensor)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "its value has an unsupported type");
    number = onnx_define(reader, reader->node->output[0],
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
