#include "server/api/parts_json.h"

#include <stdlib.h>
#include <string.h>

#include "server/api/encode64.h"
#include "server/api/float32.h"
#include "server/http/json.h"

static json_t *number_row(const float *values, size_t width)
{
    json_t *row = json_array();

    for (size_t x = 0; x < width; x++)
        if (json_array_append_new(row, real((double)values[x])) != 0) {
            json_decref(row);
            return NULL;
        }
    return row;
}

static json_t *rows_of(const float *values, size_t height, size_t width)
{
    json_t *rows = json_array();

    for (size_t y = 0; y < height; y++)
        if (json_array_append_new(rows,
                                  number_row(values + y * width, width)) != 0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

json_t *parts_json_base64(const struct buf *bytes)
{
    size_t len = encode64_len(bytes->len);
    char *encoded = malloc(len + 1);
    json_t *string = NULL;

    if (encoded) {
        encode64_write(encoded, bytes->data, bytes->len);
        string = json_stringn_nocheck(encoded, len);
    }
    free(encoded);
    return string;
}

static json_t *floats_of(const float *values, size_t count)
{
    struct buf bytes = {0};
    json_t *string = NULL;

    if (buf_reserve(&bytes, count * sizeof(float), NULL)) {
        float32_write(bytes.data, values, count);
        bytes.len = count * sizeof(float);
        string = parts_json_base64(&bytes);
    }
    buf_release(&bytes);
    return string;
}

bool parts_json_put_values(json_t *object, const float *map, size_t height,
                           size_t width, enum explain_values values)
{
    if (values == EXPLAIN_VALUES_NONE)
        return true;
    return put(object, "values",
               values == EXPLAIN_VALUES_F32 ? floats_of(map, height * width)
                                            : rows_of(map, height, width));
}

json_t *parts_json_image(const struct image *image)
{
    return json_pack("{sI sI ss}", "width", (json_int_t)image->width, "height",
                     (json_int_t)image->height, "format",
                     image_format_name(image->format));
}

json_t *parts_json_region(const struct preprocess_region *region)
{
    return json_pack("{sf sf sf sf}", "x", region->x, "y", region->y, "width",
                     region->width, "height", region->height);
}

json_t *parts_json_layer(const struct layer *layer)
{
    if (!layer)
        return json_null();
    return json_pack("{so sI sI sI}", "name", text(layer->name), "channels",
                     (json_int_t)layer->channels, "height",
                     (json_int_t)layer->height, "width",
                     (json_int_t)layer->width);
}

/* Rounded to microseconds: further digits are noise. */
static json_t *milliseconds(double value)
{
    return real(round(value * 1000) / 1000);
}

json_t *parts_json_timing(const struct engine_timing *t, double queue_ms)
{
    return json_pack("{so so so so so}", "queue", milliseconds(queue_ms),
                     "decode", milliseconds(t->decode), "preprocess",
                     milliseconds(t->preprocess), "infer",
                     milliseconds(t->infer), "render", milliseconds(t->render));
}

bool parts_json_splice(struct buf *body, const char *key, const char *before,
                       const struct buf *png, struct error *err)
{
    size_t len = encode64_len(png->len);
    bool ok;

    body->len--;
    ok = buf_printf(body, err, ",\"%s\":\"%s", key, before) &&
         buf_reserve(body, len + 2, err);
    if (!ok)
        return false;
    encode64_write((char *)body->data + body->len, png->data, png->len);
    body->len += len;
    return buf_append(body, "\"}", 2, err);
}
