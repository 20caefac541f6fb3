#include "lib/arrow_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- schemas ---- */

struct schema_data {
    struct ArrowSchema *children[ARROW_OUT_MAX_CHILDREN];
    struct ArrowSchema child[ARROW_OUT_MAX_CHILDREN];
    char format[32];
    char metadata[ARROW_OUT_MAX_METADATA];
};

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
    free(schema->private_data);
    *schema = (struct ArrowSchema){0};
}

/* Without children. */
static bool make_schema(struct ArrowSchema *schema,
                        const struct arrow_out_field *field, struct error *err)
{
    struct schema_data *data = calloc(1, sizeof *data);

    *schema = (struct ArrowSchema){0};
    if (!data)
        return fail(err, ERROR_MEMORY, "not enough memory for a schema");
    assert(field->num_children <= ARROW_OUT_MAX_CHILDREN);
    assert(strlen(field->format) < sizeof data->format);
    memcpy(data->format, field->format, strlen(field->format) + 1);
    if (field->metadata)
        memcpy(data->metadata, field->metadata->bytes, field->metadata->len);
    for (size_t i = 0; i < field->num_children; i++)
        data->children[i] = &data->child[i];
    *schema = (struct ArrowSchema){
        .format = data->format,
        .name = field->name,
        .metadata = field->metadata ? data->metadata : NULL,
        .flags = ARROW_FLAG_NULLABLE,
        .n_children = (int64_t)field->num_children,
        .children = data->children,
        .release = release_schema,
        .private_data = data,
    };
    return true;
}

bool arrow_out_schema(struct ArrowSchema *schema,
                      const struct arrow_out_field *field, struct error *err)
{
    if (!make_schema(schema, field, err))
        return false;
    for (size_t i = 0; i < field->num_children; i++)
        if (!arrow_out_schema(schema->children[i], &field->children[i], err)) {
            schema->release(schema);
            return false;
        }
    return true;
}

/* A number, as the format has it: int32, of this machine. */
static void put_number(struct arrow_out_metadata *metadata, size_t at,
                       int32_t number)
{
    memcpy(metadata->bytes + at, &number, sizeof number);
}

static void put_text(struct arrow_out_metadata *metadata, const char *text)
{
    const size_t len = strlen(text);

    put_number(metadata, metadata->len, (int32_t)len);
    memcpy(metadata->bytes + metadata->len + 4, text, len);
    metadata->len += 4 + len;
}

void arrow_out_metadata_add(struct arrow_out_metadata *metadata,
                            const char *key, const char *value)
{
    int32_t count = 0;

    if (metadata->len == 0)
        metadata->len = sizeof count;
    assert(metadata->len + 8 + strlen(key) + strlen(value) <=
           sizeof metadata->bytes);
    memcpy(&count, metadata->bytes, sizeof count);
    put_number(metadata, 0, count + 1);
    put_text(metadata, key);
    put_text(metadata, value);
}

/* ---- arrays ---- */

struct array_data {
    void *owned[3];
    const void *buffers[3];
    struct ArrowArray *children[ARROW_OUT_MAX_CHILDREN];
    struct ArrowArray child[ARROW_OUT_MAX_CHILDREN];
};

static void release_array(struct ArrowArray *array)
{
    struct array_data *data = array->private_data;

    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
    for (size_t i = 0; i < 3; i++)
        free(data->owned[i]);
    free(data);
    *array = (struct ArrowArray){0};
}

bool arrow_out_array(struct ArrowArray *array,
                     const struct arrow_out_parts *parts, struct error *err)
{
    struct array_data *data = calloc(1, sizeof *data);

    *array = (struct ArrowArray){0};
    assert(parts->num_children <= ARROW_OUT_MAX_CHILDREN);
    if (!data) {
        for (size_t i = 0; i < parts->num_buffers; i++)
            free(parts->buffers[i]);
        return fail(err, ERROR_MEMORY, "not enough memory for an array");
    }
    for (size_t i = 0; i < parts->num_buffers; i++)
        data->buffers[i] = data->owned[i] = parts->buffers[i];
    for (size_t i = 0; i < parts->num_children; i++)
        data->children[i] = &data->child[i];
    *array = (struct ArrowArray){
        .length = (int64_t)parts->length,
        .null_count = (int64_t)parts->num_nulls,
        .n_buffers = (int64_t)parts->num_buffers,
        .n_children = (int64_t)parts->num_children,
        .buffers = data->buffers,
        .children = data->children,
        .release = release_array,
        .private_data = data,
    };
    return true;
}
