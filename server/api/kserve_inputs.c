#include "server/api/kserve_inputs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "server/api/float32.h"

enum { MAX_DIMS = 4 };

static const struct {
    const char *name, *datatype;
} table[] = {
#define X(kind, name, datatype) [kind] = {name, datatype},
    KSERVE_INPUTS(X)
#undef X
};

enum { NUM_INPUTS = sizeof table / sizeof table[0] };

/* ---- what there is ---- */

static json_t *shape_of(enum batch_kind kind, const struct engine_info *info)
{
    switch (kind) {
    case BATCH_PIXELS:
        return json_pack("[iiii]", -1, -1, -1, 3);
    case BATCH_INPUTS:
        return json_pack("[iIII]", -1, (json_int_t)info->input_channels,
                         (json_int_t)info->input_height,
                         (json_int_t)info->input_width);
    default:
        return json_pack("[i]", -1);
    }
}

json_t *kserve_inputs_list(const struct model *model)
{
    json_t *list = json_array();

    for (size_t i = 0; i < NUM_INPUTS; i++)
        json_array_append_new(
            list, json_pack("{ss ss so}", "name", table[i].name, "datatype",
                            table[i].datatype, "shape",
                            shape_of((enum batch_kind)i, &model->info)));
    if (json_array_size(list) == NUM_INPUTS)
        return list;
    json_decref(list);
    return NULL;
}

/* ---- the shape ---- */

struct shape {
    size_t dims[MAX_DIMS]; /* (num_dims) */
    size_t num_dims;
};

static bool read_dims(struct shape *shape, const json_t *list)
{
    shape->num_dims = json_array_size(list);
    if (shape->num_dims < 1 || shape->num_dims > MAX_DIMS)
        return false;
    for (size_t i = 0; i < shape->num_dims; i++) {
        const json_t *dim = json_array_get(list, i);

        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return false;
        shape->dims[i] = (size_t)json_integer_value(dim);
    }
    return true;
}

/* [N] or [N, 1]. */
static bool take_files(struct request *request, const struct shape *shape)
{
    return shape->num_dims == 1 ||
           (shape->num_dims == 2 && shape->dims[1] == 1) ||
           request_fail(request, PROBLEM_INPUT,
                        "the shape of a tensor of BYTES must be [N] or [N, 1], "
                        "an image's file an element");
}

/* [N, height, width, channels]; of one image, N may be left out. */
static bool take_pixels(struct batch *batch, struct request *request,
                        struct shape *shape)
{
    size_t *dims = shape->dims;

    if (shape->num_dims == MAX_DIMS - 1) {
        memmove(dims + 1, dims, shape->num_dims++ * sizeof *dims);
        dims[0] = 1;
    }
    if (shape->num_dims != MAX_DIMS || dims[1] < 1 || dims[1] > UINT32_MAX ||
        dims[2] < 1 || dims[2] > UINT32_MAX ||
        (dims[3] != 1 && dims[3] != 3 && dims[3] != 4))
        return request_fail(
            request, PROBLEM_INPUT,
            "the shape of a tensor of UINT8 must be [N, height, "
            "width, channels] or [height, width, channels], "
            "with 1, 3 or 4 channels");
    batch->height = (uint32_t)dims[1];
    batch->width = (uint32_t)dims[2];
    batch->channels = (unsigned)dims[3];
    return true;
}

/* Of the model's size, channels first or last. */
static bool take_input(struct batch *batch, struct request *request,
                       const struct shape *shape,
                       const struct engine_info *info)
{
    const size_t height = info->input_height, width = info->input_width;
    const size_t channels = info->input_channels;
    const size_t *dims = shape->dims;

    const bool is_interleaved =
        dims[1] == height && dims[2] == width && dims[3] == channels;

    batch->is_planar =
        dims[1] == channels && dims[2] == height && dims[3] == width;
    return (shape->num_dims == MAX_DIMS &&
            (batch->is_planar || is_interleaved)) ||
           request_fail(request, PROBLEM_INPUT,
                        "the shape of a tensor of FP32 must be [N, %zu, %zu, "
                        "%zu] or [N, %zu, %zu, %zu], the model's input",
                        channels, height, width, height, width, channels);
}

static bool take_shape(struct batch *batch, struct request *request,
                       struct shape *shape, const struct model *model)
{
    switch (batch->kind) {
    case BATCH_PIXELS:
        return take_pixels(batch, request, shape);
    case BATCH_INPUTS:
        return take_input(batch, request, shape, &model->info);
    default:
        return take_files(request, shape);
    }
}

/* ---- files ---- */

static bool read_files(struct batch *batch, struct request *request,
                       const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < batch->count; i++) {
        size_t size;

        if (len < 4)
            return request_fail(request, PROBLEM_INPUT,
                                "the binary tensor ends before image %zu of "
                                "%zu",
                                i + 1, batch->count);
        size = (size_t)bytes[0] | (size_t)bytes[1] << 8 |
               (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        if (size > len - 4)
            return request_fail(request, PROBLEM_INPUT,
                                "image %zu of the binary tensor has %zu bytes, "
                                "of which %zu are there",
                                i + 1, size, len - 4);
        if (!buf_append(&batch->images[i].bytes, bytes + 4, size,
                        &request->err))
            return false;
        bytes += 4 + size;
        len -= 4 + size;
    }
    return len == 0 ||
           request_fail(request, PROBLEM_INPUT,
                        "%zu bytes follow the last image of the binary tensor",
                        len);
}

/* The data of [N, 1] may be lists of one. */
static bool read_texts(struct batch *batch, struct request *request,
                       const json_t *data)
{
    if (json_array_size(data) != batch->count)
        return request_fail(request, PROBLEM_INPUT,
                            "\"data\" has %zu elements; the shape says %zu",
                            json_array_size(data), batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        const json_t *text = json_array_get(data, i);

        if (json_array_size(text) == 1)
            text = json_array_get(text, 0);
        if (!batch_job_decode(&batch->images[i], request, text))
            return false;
    }
    return true;
}

/* ---- numbers ---- */

/* Whether the shape has so many elements. */
static bool has_elements(const struct shape *shape, size_t count)
{
    for (size_t i = 0; i < shape->num_dims; i++) {
        if (shape->dims[i] == 0 || count % shape->dims[i] != 0)
            return false;
        count /= shape->dims[i];
    }
    return count == 1;
}

static bool read_rows(struct batch *batch, struct request *request,
                      const uint8_t *bytes, size_t row_len)
{
    for (size_t i = 0; i < batch->count; i++)
        if (!buf_append(&batch->images[i].bytes, bytes + i * row_len, row_len,
                        &request->err))
            return false;
    return true;
}

static void put_sample(struct batch_image *image, double value)
{
    if (value >= 0 && value <= 255 && value == floor(value))
        image->bytes.data[image->bytes.len++] = (uint8_t)value;
    else
        fail(&image->why, ERROR_INPUT,
             "%g is not a sample of a pixel, an integer from 0 to 255", value);
}

static void put_float(struct batch_image *image, double value)
{
    const float small =
        fabs(value) <= (double)FLT_MAX ? (float)value : INFINITY;

    float32_write(image->bytes.data + image->bytes.len, &small, 1);
    image->bytes.len += sizeof small;
}

static bool read_numbers(struct batch *batch, struct request *request,
                         const uint8_t *at, size_t num_values, size_t row_len)
{
    void (*put)(struct batch_image * image, double value) =
        batch->kind == BATCH_PIXELS ? put_sample : put_float;

    for (size_t i = 0; i < batch->count; i++) {
        struct batch_image *image = &batch->images[i];

        if (!buf_reserve(&image->bytes, row_len, &request->err))
            return false;
        for (size_t n = 0; n < num_values; n++)
            put(image, json_numbers_next(&at));
    }
    return true;
}

/* ---- the data ---- */

/* Whether the data are in the JSON. */
static bool is_text(const struct kserve_parts *parts, const json_t *input)
{
    return !parts->binary ||
           (parts->binary_len == 0 && json_object_get(input, "data"));
}

static bool read_tensor(struct batch *batch, struct request *request,
                        const struct kserve_parts *parts, const json_t *input,
                        const struct shape *shape)
{
    const bool is_in_json = is_text(parts, input);
    const size_t size = batch->kind == BATCH_PIXELS ? 1 : sizeof(float);
    const size_t count =
        is_in_json ? parts->numbers.count : parts->binary_len / size;
    const size_t row_len = count / batch->count * size;

    if (!has_elements(shape, count) ||
        (!is_in_json && parts->binary_len % size != 0))
        return request_fail(request, PROBLEM_INPUT,
                            is_in_json
                                ? "\"data\" has %zu numbers, which are not "
                                  "those of the shape"
                                : "the binary tensor has %zu bytes, which are "
                                  "not those of the shape",
                            is_in_json ? count : parts->binary_len);
    return is_in_json ? read_numbers(batch, request,
                                     parts->json + parts->numbers.begin,
                                     row_len / size, row_len)
                      : read_rows(batch, request, parts->binary, row_len);
}

static bool read_data(struct batch *batch, struct request *request,
                      const struct kserve_parts *parts, const json_t *input,
                      const struct shape *shape)
{
    const json_t *size = json_object_get(json_object_get(input, "parameters"),
                                         "binary_data_size");

    if (parts->binary && size &&
        json_integer_value(size) != (json_int_t)parts->binary_len)
        return request_fail(request, PROBLEM_INPUT,
                            "binary_data_size is not the %zu bytes behind the "
                            "JSON",
                            parts->binary_len);
    if (batch->kind != BATCH_FILES)
        return read_tensor(batch, request, parts, input, shape);
    if (!is_text(parts, input))
        return read_files(batch, request, parts->binary, parts->binary_len);
    if (parts->numbers.count > 0)
        return request_fail(request, PROBLEM_INPUT,
                            "an image must be a string: its file in base64");
    return read_texts(batch, request, json_object_get(input, "data"));
}

/* ---- the input ---- */

static size_t find_datatype(const char *datatype)
{
    size_t i = 0;

    while (datatype && i < NUM_INPUTS &&
           strcmp(table[i].datatype, datatype) != 0)
        i++;
    return datatype ? i : NUM_INPUTS;
}

bool kserve_inputs_read(struct batch *batch, struct request *request,
                        const struct kserve_parts *parts, const json_t *inputs,
                        const struct model *model)
{
    const json_t *input = json_array_get(inputs, 0);
    const size_t kind =
        find_datatype(json_string_value(json_object_get(input, "datatype")));
    struct shape shape = {0};

    if (json_array_size(inputs) != 1 || kind == NUM_INPUTS ||
        !read_dims(&shape, json_object_get(input, "shape")))
        return request_fail(
            request, PROBLEM_INPUT,
            "\"inputs\" must be one tensor of the datatype BYTES (images' "
            "files), UINT8 (pixels) or FP32 (the network's input), with a "
            "\"shape\" of 1 to %d dimensions",
            MAX_DIMS);
    batch->kind = (enum batch_kind)kind;
    return take_shape(batch, request, &shape, model) &&
           batch_job_reserve(batch, request, shape.dims[0]) &&
           read_data(batch, request, parts, input, &shape);
}
