#include "engine/onnx/onnx_reader.h"

#include <string.h>

const onnx_attribute_proto *onnx_attribute(struct onnx_reader *reader,
                                           const char *name)
{
    for (size_t i = 0; i < reader->node->n_attribute; i++) {
        const onnx_attribute_proto *found = reader->node->attribute[i];

        if (found->name && strcmp(found->name, name) == 0)
            return found;
    }
    return NULL;
}

/* AttributeProto.AttributeType */
enum { IS_FLOAT = 1, IS_INT = 2, IS_STRING = 3, IS_INTS = 7 };

/* The attribute, if it has that type. Old files may omit the type; then it is
 * taken as right. */
static const onnx_attribute_proto *typed(struct onnx_reader *reader,
                                         const char *name, int32_t type)
{
    const onnx_attribute_proto *found = onnx_attribute(reader, name);

    if (found && found->has_type && found->type != type) {
        reader->mistyped = name;
        return NULL;
    }
    return found;
}

int64_t onnx_attribute_int(struct onnx_reader *reader, const char *name,
                           int64_t otherwise)
{
    const onnx_attribute_proto *found = typed(reader, name, IS_INT);

    return found ? found->i : otherwise;
}

float onnx_attribute_float(struct onnx_reader *reader, const char *name,
                           float otherwise)
{
    const onnx_attribute_proto *found = typed(reader, name, IS_FLOAT);

    return found ? found->f : otherwise;
}

bool onnx_attribute_is(struct onnx_reader *reader, const char *name,
                       const char *text)
{
    const onnx_attribute_proto *found = typed(reader, name, IS_STRING);
    size_t len = strlen(text);

    return found && found->has_s && found->s.len == len &&
           memcmp(found->s.data, text, len) == 0;
}

bool onnx_attribute_ints(struct onnx_reader *reader, const char *name,
                         int64_t *values, size_t max, size_t *count)
{
    const onnx_attribute_proto *found = typed(reader, name, IS_INTS);

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

bool onnx_attribute_sizes(struct onnx_reader *reader, const char *name,
                          size_t *values, size_t num, int64_t min)
{
    int64_t numbers[GRAPH_MAX_RANK] = {0};
    size_t count = 0;

    if (!onnx_attribute_ints(reader, name, numbers, GRAPH_MAX_RANK, &count))
        return false;
    if (!onnx_attribute(reader, name))
        return true;
    if (count != num)
        return fail(reader->err, ERROR_UNSUPPORTED,
                    "attribute %s has %zu numbers; only images with 2 spatial "
                    "dimensions are supported",
                    name, count);
    for (size_t i = 0; i < num; i++) {
        if (numbers[i] < min || numbers[i] > INT32_MAX)
            return fail(reader->err, ERROR_INPUT,
                        "attribute %s has the invalid value %lld", name,
                        (long long)numbers[i]);
        values[i] = (size_t)numbers[i];
    }
    return true;
}

bool onnx_attribute_axes(struct onnx_reader *reader, int64_t *axes,
                         uint32_t *num_axes)
{
    size_t count = 0;

    if (!onnx_attribute_ints(reader, "axes", axes, GRAPH_MAX_RANK, &count))
        return false;
    *num_axes = (uint32_t)count;
    return true;
}
