#include "server/api/kserve_tensor.h"

#include <stdlib.h>
#include <string.h>

#include "server/api/cam_json.h"
#include "server/api/float32.h"
#include "server/api/parts_json.h"
#include "server/http/json.h"

static const struct {
    const char *name, *datatype;
    bool usual;
} table[] = {
#define X(output, name, datatype, usual) [output] = {name, datatype, usual},
    KSERVE_OUTPUTS(X)
#undef X
};

/* ---- what there is ---- */

static json_t *shape_of(enum kserve_output output, const struct model *model)
{
    switch (output) {
    case KSERVE_SCORES:
        return json_pack("[iI]", -1, (json_int_t)model->info.num_classes);
    case KSERVE_BOX:
        return json_pack("[ii]", -1, 4);
    case KSERVE_MAP:
        return json_pack("[iII]", -1, (json_int_t)model->info.map_height,
                         (json_int_t)model->info.map_width);
    default:
        return json_pack("[i]", -1);
    }
}

json_t *kserve_tensor_list(const struct model *model)
{
    json_t *list = json_array();

    for (size_t i = 0; i < KSERVE_NUM_OUTPUTS; i++)
        json_array_append_new(
            list, json_pack("{ss ss so}", "name", table[i].name, "datatype",
                            table[i].datatype, "shape",
                            shape_of((enum kserve_output)i, model)));
    if (json_array_size(list) == KSERVE_NUM_OUTPUTS)
        return list;
    json_decref(list);
    return NULL;
}

enum kserve_output kserve_tensor_find(const char *name)
{
    size_t i = 0;

    while (i < KSERVE_NUM_OUTPUTS && strcmp(table[i].name, name) != 0)
        i++;
    return (enum kserve_output)i;
}

bool kserve_tensor_is_usual(enum kserve_output output)
{
    return table[output].usual;
}

/* ---- rows ---- */

static bool add_element(struct kserve_tensor *tensor, const void *bytes,
                        size_t len, struct error *err)
{
    const uint8_t size[4] = {(uint8_t)len, (uint8_t)(len >> 8),
                             (uint8_t)(len >> 16), (uint8_t)(len >> 24)};

    return buf_append(&tensor->bytes, size, sizeof size, err) &&
           buf_append(&tensor->bytes, bytes, len, err);
}

static bool add_text(struct kserve_tensor *tensor, const char *text,
                     struct error *err)
{
    return add_element(tensor, text ? text : "", text ? strlen(text) : 0, err);
}

static bool add_index(struct kserve_tensor *tensor, int64_t index,
                      struct error *err)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((uint64_t)index >> (8 * i));
    return buf_append(&tensor->bytes, bytes, sizeof bytes, err);
}

static bool add_floats(struct kserve_tensor *tensor, const float *values,
                       size_t count, struct error *err)
{
    struct buf *bytes = &tensor->bytes;

    if (!buf_reserve(bytes, count * sizeof(float), err))
        return false;
    float32_write(bytes->data + bytes->len, values, count);
    bytes->len += count * sizeof(float);
    return true;
}

static bool add_best(struct kserve_tensor *tensor, const struct batch_row *row,
                     struct error *err)
{
    char text[512];

    for (size_t i = 0; i < tensor->num_best; i++) {
        const struct engine_class *class = &row->found->classes[i].class;
        const char *label = engine_class_label(row->engine, class->index);

        snprintf(text, sizeof text, "%.9g:%zu%s%s", (double)class->score,
                 class->index, label ? ":" : "", label ? label : "");
        if (!add_text(tensor, text, err))
            return false;
    }
    return true;
}

/* In the classes' own order. */
static bool add_scores(struct kserve_tensor *tensor,
                       const struct batch_row *row, struct error *err)
{
    const size_t count = row->found->num_classes;
    float *scores = calloc(count, sizeof *scores);
    bool ok =
        scores || fail(err, ERROR_MEMORY, "not enough memory for the response");

    for (size_t i = 0; ok && i < count; i++)
        scores[row->found->classes[i].class.index] =
            row->found->classes[i].class.score;
    ok = ok && add_floats(tensor, scores, count, err);
    free(scores);
    return ok;
}

static bool add_box(struct kserve_tensor *tensor,
                    const struct explained_class *first, struct error *err)
{
    const struct box *box = &first->box;
    float sides[4] = {0};

    if (first->has_box) {
        sides[0] = (float)box->x;
        sides[1] = (float)box->y;
        sides[2] = (float)box->width;
        sides[3] = (float)box->height;
    }
    return add_floats(tensor, sides, 4, err);
}

/* Rows that were broken before the size was known. */
static bool resize_rows(struct kserve_tensor *tensor, size_t height,
                        size_t width, struct error *err)
{
    const size_t len = tensor->num_rows * height * width * sizeof(float);

    if (tensor->dims[0] == height && tensor->dims[1] == width)
        return true;
    tensor->dims[0] = height;
    tensor->dims[1] = width;
    buf_clear(&tensor->bytes);
    if (!buf_reserve(&tensor->bytes, len, err))
        return false;
    if (len > 0)
        memset(tensor->bytes.data, 0, len);
    tensor->bytes.len = len;
    return true;
}

/* The method's own map. All images have it in the same size. */
static bool add_map(struct kserve_tensor *tensor, const struct batch_row *row,
                    struct error *err)
{
    const struct explain_map *map = row->found->first->evidence;

    if (!map)
        return fail(err, ERROR_UNSUPPORTED, "there is no map: %s",
                    row->found->refusal ? row->found->refusal : "not asked");
    return resize_rows(tensor, map->height, map->width, err) &&
           add_floats(tensor, map->values, map->height * map->width, err);
}

static bool add_explanation(struct kserve_tensor *tensor,
                            const struct batch_row *row, struct error *err)
{
    const struct cam_json_source source = {0};
    struct response response = {0};
    bool ok = cam_json_write(&response, row->engine, row->found, row->request,
                             &source, err) &&
              add_element(tensor, response.body.data, response.body.len, err);

    response_release(&response);
    return ok;
}

static bool add_found(struct kserve_tensor *tensor, const struct batch_row *row,
                      struct error *err)
{
    const struct explanation *found = row->found;
    const struct engine_class *best = &found->classes[0].class;

    switch (tensor->output) {
    case KSERVE_CLASS:
        return add_index(tensor, (int64_t)best->index, err);
    case KSERVE_LABEL:
        return add_text(tensor, engine_class_label(row->engine, best->index),
                        err);
    case KSERVE_SCORE:
        return add_floats(tensor, &best->score, 1, err);
    case KSERVE_BOX:
        return add_box(tensor, found->first, err);
    case KSERVE_SCORES:
        return tensor->num_best > 0 ? add_best(tensor, row, err)
                                    : add_scores(tensor, row, err);
    case KSERVE_MAP:
        return add_map(tensor, row, err);
    case KSERVE_EXPLANATION:
        return add_explanation(tensor, row, err);
    case KSERVE_HEATMAP:
        return add_element(tensor, found->heatmap->data, found->heatmap->len,
                           err);
    default:
        return add_text(tensor, NULL, err);
    }
}

static size_t row_len(const struct kserve_tensor *tensor)
{
    size_t len = 1;

    for (size_t i = 0; i < tensor->num_dims; i++)
        len *= tensor->dims[i];
    return len;
}

/* A row of an image that is broken. */
static bool add_nothing(struct kserve_tensor *tensor,
                        const struct batch_row *row, struct error *err)
{
    const float zero = 0;
    bool ok = true;

    if (tensor->output == KSERVE_ERROR)
        return add_text(tensor, row->why->text, err);
    if (tensor->output == KSERVE_CLASS)
        return add_index(tensor, -1, err);
    for (size_t i = row_len(tensor); ok && i > 0; i--)
        ok = strcmp(table[tensor->output].datatype, "FP32") == 0 &&
                     tensor->num_best == 0
                 ? add_floats(tensor, &zero, 1, err)
                 : add_text(tensor, NULL, err);
    return ok;
}

/* The shape of a row, which is known from the model. */
static void set_dims(struct kserve_tensor *tensor, const struct batch_row *row)
{
    struct engine_info info;

    engine_info(row->engine, &info);
    tensor->num_dims = tensor->output == KSERVE_MAP      ? 2
                       : tensor->output == KSERVE_SCORES ? 1
                       : tensor->output == KSERVE_BOX    ? 1
                                                         : 0;
    tensor->dims[0] = tensor->output == KSERVE_BOX   ? 4
                      : tensor->output == KSERVE_MAP ? info.map_height
                      : tensor->num_best > 0         ? tensor->num_best
                                                     : info.num_classes;
    tensor->dims[1] = info.map_width;
}

bool kserve_tensor_add(struct kserve_tensor *tensor,
                       const struct batch_row *row, struct error *err)
{
    if (tensor->num_rows == 0)
        set_dims(tensor, row);
    if (!(row->found ? add_found : add_nothing)(tensor, row, err))
        return false;
    tensor->num_rows++;
    return true;
}

/* ---- JSON ---- */

/* Takes one element from the bytes; NULL: not enough memory. */
static json_t *take_value(const struct kserve_tensor *tensor,
                          const uint8_t **bytes)
{
    const char *datatype = table[tensor->output].datatype;
    const uint8_t *from = *bytes;
    uint64_t bits = 0;
    size_t len = strcmp(datatype, "INT64") == 0 ? 8 : 4;
    uint32_t low;
    float value;

    for (size_t i = 0; i < len; i++)
        bits |= (uint64_t)from[i] << (8 * i);
    low = (uint32_t)bits;
    *bytes += len;
    if (len == 8)
        return json_integer((json_int_t)bits);
    if (strcmp(datatype, "FP32") == 0 && tensor->num_best == 0) {
        memcpy(&value, &low, sizeof value);
        return real((double)value);
    }
    from = *bytes;
    *bytes += low;
    if (tensor->output == KSERVE_HEATMAP) {
        const struct buf file = {.data = (uint8_t *)(uintptr_t)from,
                                 .len = low};

        return parts_json_base64(&file);
    }
    return json_stringn((const char *)from, low);
}

static bool put_data(json_t *object, const struct kserve_tensor *tensor)
{
    const uint8_t *bytes = tensor->bytes.data;
    json_t *data = json_array();
    bool ok = data != NULL;

    for (size_t i = tensor->num_rows * row_len(tensor); ok && i > 0; i--)
        ok = json_array_append_new(data, take_value(tensor, &bytes)) == 0;
    if (ok)
        return put(object, "data", data);
    json_decref(data);
    return false;
}

json_t *kserve_tensor_json(const struct kserve_tensor *tensor)
{
    json_t *shape = json_pack("[I]", (json_int_t)tensor->num_rows);
    json_t *object;
    bool ok = shape != NULL;

    for (size_t i = 0; ok && i < tensor->num_dims; i++)
        ok = json_array_append_new(
                 shape, json_integer((json_int_t)tensor->dims[i])) == 0;
    object = json_pack(
        "{ss ss so}", "name", table[tensor->output].name, "datatype",
        tensor->num_best > 0 ? "BYTES" : table[tensor->output].datatype,
        "shape", shape);
    if (ok && object &&
        (tensor->is_binary ? put(object, "parameters",
                                 json_pack("{sI}", "binary_data_size",
                                           (json_int_t)tensor->bytes.len))
                           : put_data(object, tensor)))
        return object;
    json_decref(object);
    return NULL;
}
