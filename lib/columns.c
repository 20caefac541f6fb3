#include "lib/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/utf8.h"
#include "lib/arrow_out.h"
#include "lib/wherefore_internal.h"

/* Parts of a row. */
enum {
    HAS_CLASS = 1,
    HAS_BOX = 2,
    HAS_MAP = 4,
    HAS_ERROR = 8,
    HAS_ID = 16,
    HAS_LABEL = 32
};

/* ---- rows ---- */

static void *take(size_t count, size_t size)
{
    return calloc(count > 0 ? count : 1, size);
}

/* ERROR_LIMIT, unless `count` of the longest texts can be addressed. */
static bool check_texts(const struct engine *engine, size_t count,
                        struct error *err)
{
    struct engine_info info;
    size_t longest = ERROR_TEXT_SIZE;

    engine_info(engine, &info);
    for (size_t i = 0; i < info.num_classes; i++) {
        const char *id = engine_class_id(engine, i),
                   *label = engine_class_label(engine, i);

        if (id && strlen(id) > longest)
            longest = strlen(id);
        if (label && strlen(label) > longest)
            longest = strlen(label);
    }
    return count <= INT32_MAX / longest ||
           error_limit(err, INT32_MAX / longest,
                       "%zu rows are too many for labels of %zu bytes", count,
                       longest);
}

bool columns_init(struct columns *columns, const struct engine *engine,
                  size_t count, size_t map_width, size_t map_height,
                  struct error *err)
{
    const size_t cells = map_width * map_height;
    bool ok;

    *columns = (struct columns){.engine = engine,
                                .count = count,
                                .map_width = map_width,
                                .map_height = map_height};
    if (!check_texts(engine, count, err)) {
        columns_release(columns);
        return false;
    }
    columns->has = take(count, sizeof *columns->has);
    columns->class_index = take(count, sizeof *columns->class_index);
    columns->score = take(count, sizeof *columns->score);
    columns->logit = take(count, sizeof *columns->logit);
    columns->peak_value = take(count, sizeof *columns->peak_value);
    columns->kind = take(count, sizeof *columns->kind);
    columns->detail = take(count, sizeof *columns->detail);
    ok = columns->has && columns->class_index && columns->score &&
         columns->logit && columns->peak_value && columns->kind &&
         columns->detail;
    for (size_t i = 0; i < 4; i++)
        ok = (columns->box[i] = take(count, sizeof(int32_t))) && ok;
    for (size_t i = 0; i < 2; i++)
        ok = (columns->peak[i] = take(count, sizeof(int32_t))) && ok;
    if (cells == 0 || count <= SIZE_MAX / sizeof(float) / cells)
        columns->map = take(count * cells, sizeof(float));
    if (ok && columns->map)
        return true;
    columns_release(columns);
    return fail(err, ERROR_MEMORY,
                "not enough memory for %zu rows with maps of %zu x %zu", count,
                map_width, map_height);
}

/* The pixel that a coordinate lies in, or the nearest one. */
static int32_t pixel_of(double at, uint32_t side)
{
    return at < 0 ? 0 : at >= side ? (int32_t)side - 1 : (int32_t)at;
}

static void set_map(struct columns *columns, size_t i,
                    const struct explain_map *map, const struct image *image)
{
    const size_t cells = map->width * map->height,
                 peak = wherefore_find_peak(map);
    double x, y;

    memcpy(columns->map + i * cells, map->values, cells * sizeof(float));
    wherefore_place_cell(&x, &y, map, peak);
    columns->peak[0][i] = pixel_of(x, image->width);
    columns->peak[1][i] = pixel_of(y, image->height);
    columns->peak_value[i] = map->values[peak];
    columns->has[i] |= HAS_MAP;
}

bool columns_set(struct columns *columns, size_t i,
                 const struct explanation *explanation, struct error *err)
{
    const struct explained_class *first = explanation->first;
    const struct explain_map *map = first->map;
    const size_t index = first->class.index;

    if (map && (map->width != columns->map_width ||
                map->height != columns->map_height))
        return fail(err, ERROR_INTERNAL,
                    "the map is %zu x %zu, but those of the column %zu x %zu",
                    map->width, map->height, columns->map_width,
                    columns->map_height);
    columns->has[i] =
        (uint8_t)(HAS_CLASS |
                  (engine_class_id(columns->engine, index) ? HAS_ID : 0) |
                  (engine_class_label(columns->engine, index) ? HAS_LABEL : 0));
    columns->class_index[i] = (int32_t)index;
    columns->score[i] = first->class.score;
    columns->logit[i] = first->class.logit;
    if (map)
        set_map(columns, i, map, explanation->image);
    if (!first->has_box)
        return true;
    columns->has[i] |= HAS_BOX;
    columns->box[0][i] = (int32_t)first->box.x;
    columns->box[1][i] = (int32_t)first->box.y;
    columns->box[2][i] = (int32_t)first->box.width;
    columns->box[3][i] = (int32_t)first->box.height;
    return true;
}

void columns_fail(struct columns *columns, size_t i, const struct error *why)
{
    columns->has[i] = HAS_ERROR;
    columns->kind[i] = (uint8_t)why->kind;
    columns->detail[i] = strdup(why->text); /* without it, there is the kind */
}

void columns_release(struct columns *columns)
{
    for (size_t i = 0; columns->detail && i < columns->count; i++)
        free(columns->detail[i]);
    for (size_t i = 0; i < 4; i++)
        free(columns->box[i]);
    for (size_t i = 0; i < 2; i++)
        free(columns->peak[i]);
    free(columns->has);
    free(columns->class_index);
    free(columns->score);
    free(columns->logit);
    free(columns->peak_value);
    free(columns->map);
    free(columns->kind);
    free(columns->detail);
    *columns = (struct columns){0};
}

/* ---- the column ---- */

#define LEAF(name, format)          \
    {                               \
        name, format, NULL, 0, NULL \
    }

static const struct arrow_out_field box_fields[] = {
    LEAF("x", "i"), LEAF("y", "i"), LEAF("width", "i"), LEAF("height", "i")};
static const struct arrow_out_field peak_fields[] = {
    LEAF("x", "i"), LEAF("y", "i"), LEAF("value", "f")};
static const struct arrow_out_field map_fields[] = {LEAF("item", "f")};
static const struct arrow_out_field error_fields[] = {LEAF("kind", "u"),
                                                      LEAF("detail", "u")};

#define CHILDREN(fields) fields, sizeof fields / sizeof fields[0]

enum { CLASS, ID, LABEL, SCORE, LOGIT, BOX, PEAK, MAP, ERROR, NUM_FIELDS };

static bool make_schema(struct ArrowSchema *schema,
                        const struct columns *columns, struct error *err)
{
    struct arrow_out_metadata metadata = {0};
    char format[32], width[32], height[32];
    const struct arrow_out_field fields[NUM_FIELDS] = {
        [CLASS] = LEAF("class", "i"),
        [ID] = LEAF("id", "u"),
        [LABEL] = LEAF("label", "u"),
        [SCORE] = LEAF("score", "f"),
        [LOGIT] = LEAF("logit", "f"),
        [BOX] = {"box", "+s", CHILDREN(box_fields), NULL},
        [PEAK] = {"peak", "+s", CHILDREN(peak_fields), NULL},
        [MAP] = {"map", format, CHILDREN(map_fields), &metadata},
        [ERROR] = {"error", "+s", CHILDREN(error_fields), NULL},
    };
    const struct arrow_out_field root = {"", "+s", fields, NUM_FIELDS, NULL};

    snprintf(format, sizeof format, "+w:%zu",
             columns->map_width * columns->map_height);
    snprintf(width, sizeof width, "%zu", columns->map_width);
    snprintf(height, sizeof height, "%zu", columns->map_height);
    arrow_out_metadata_add(&metadata, "width", width);
    arrow_out_metadata_add(&metadata, "height", height);
    return arrow_out_schema(schema, &root, err);
}

/* The bitmap of the rows that have a part; NULL: ERROR_MEMORY. */
static uint8_t *make_validity(size_t *num_nulls, const struct columns *columns,
                              unsigned part, struct error *err)
{
    uint8_t *bits = take(columns->count / 8 + 1, 1);

    if (!bits) {
        fail(err, ERROR_MEMORY, "not enough memory for a bitmap of %zu rows",
             columns->count);
        return NULL;
    }
    *num_nulls = 0;
    for (size_t i = 0; i < columns->count; i++)
        if (columns->has[i] & part)
            bits[i / 8] |= (uint8_t)(1u << i % 8);
        else
            ++*num_nulls;
    return bits;
}

/* A column of the numbers that a field points to, which it takes. `part` 0:
 * none is null. */
static bool make_numbers(struct ArrowArray *array, void *field, size_t length,
                         const struct columns *columns, unsigned part,
                         struct error *err)
{
    struct arrow_out_parts parts = {.length = length, .num_buffers = 2};

    if (part) {
        parts.buffers[0] = make_validity(&parts.num_nulls, columns, part, err);
        if (!parts.buffers[0])
            return false;
    }
    memcpy(&parts.buffers[1], field, sizeof(void *));
    memset(field, 0, sizeof(void *));
    return arrow_out_array(array, &parts, err);
}

/* The node of a struct or of lists, whose children are still to be made. */
static bool make_parent(struct ArrowArray *array, size_t num_children,
                        const struct columns *columns, unsigned part,
                        struct error *err)
{
    struct arrow_out_parts parts = {.length = columns->count,
                                    .num_buffers = 1,
                                    .num_children = num_children};

    if (part) {
        parts.buffers[0] = make_validity(&parts.num_nulls, columns, part, err);
        if (!parts.buffers[0])
            return false;
    }
    return arrow_out_array(array, &parts, err);
}

/* ---- texts ---- */

typedef const char *text_fn(const struct columns *columns, size_t i);

static const char *id_of(const struct columns *columns, size_t i)
{
    return columns->has[i] & HAS_ID
               ? engine_class_id(columns->engine,
                                 (size_t)columns->class_index[i])
               : NULL;
}

static const char *label_of(const struct columns *columns, size_t i)
{
    return columns->has[i] & HAS_LABEL
               ? engine_class_label(columns->engine,
                                    (size_t)columns->class_index[i])
               : NULL;
}

static const char *kind_of(const struct columns *columns, size_t i)
{
    return columns->has[i] & HAS_ERROR
               ? error_kind_name((enum error_kind)columns->kind[i])
               : NULL;
}

static const char *detail_of(const struct columns *columns, size_t i)
{
    return columns->detail[i];
}

/* A column of texts, repaired where they are not UTF-8. */
static bool make_texts(struct ArrowArray *array, text_fn *text_of,
                       const struct columns *columns, unsigned part,
                       struct error *err)
{
    struct arrow_out_parts parts = {.length = columns->count, .num_buffers = 3};
    int32_t *offsets = take(columns->count + 1, sizeof *offsets);
    struct buf data = {0};
    bool ok = offsets || fail(err, ERROR_MEMORY, "not enough memory for texts");

    ok = ok && buf_reserve(&data, 1, err); /* an empty one is no NULL either */
    for (size_t i = 0; ok && i < columns->count; i++) {
        const char *text = text_of(columns, i);

        ok = !text || utf8_append(&data, text, err);
        if (ok && data.len > INT32_MAX)
            ok = fail(err, ERROR_LIMIT, "the texts are longer than %d bytes",
                      INT32_MAX);
        if (ok)
            offsets[i + 1] = (int32_t)data.len;
    }
    if (ok && part)
        parts.buffers[0] = make_validity(&parts.num_nulls, columns, part, err);
    if (!ok || (part && !parts.buffers[0])) {
        free(offsets);
        buf_release(&data);
        return false;
    }
    parts.buffers[1] = offsets;
    parts.buffers[2] = data.data;
    return arrow_out_array(array, &parts, err);
}

/* ---- all of it ---- */

static bool make_box(struct ArrowArray *array, struct columns *columns,
                     struct error *err)
{
    if (!make_parent(array, 4, columns, HAS_BOX, err))
        return false;
    for (size_t i = 0; i < 4; i++)
        if (!make_numbers(array->children[i], &columns->box[i], columns->count,
                          columns, 0, err))
            return false;
    return true;
}

static bool make_peak(struct ArrowArray *array, struct columns *columns,
                      struct error *err)
{
    const size_t count = columns->count;

    return make_parent(array, 3, columns, HAS_MAP, err) &&
           make_numbers(array->children[0], &columns->peak[0], count, columns,
                        0, err) &&
           make_numbers(array->children[1], &columns->peak[1], count, columns,
                        0, err) &&
           make_numbers(array->children[2], &columns->peak_value, count,
                        columns, 0, err);
}

static bool make_map(struct ArrowArray *array, struct columns *columns,
                     struct error *err)
{
    const size_t cells = columns->map_width * columns->map_height;

    return make_parent(array, 1, columns, HAS_MAP, err) &&
           make_numbers(array->children[0], &columns->map,
                        columns->count * cells, columns, 0, err);
}

static bool make_error(struct ArrowArray *array, struct columns *columns,
                       struct error *err)
{
    return make_parent(array, 2, columns, HAS_ERROR, err) &&
           make_texts(array->children[0], kind_of, columns, 0, err) &&
           make_texts(array->children[1], detail_of, columns, 0, err);
}

static bool make_array(struct ArrowArray *array, struct columns *columns,
                       struct error *err)
{
    const size_t count = columns->count;
    struct ArrowArray *const *child;

    if (!make_parent(array, NUM_FIELDS, columns, 0, err))
        return false;
    child = array->children;
    return make_texts(child[ID], id_of, columns, HAS_ID, err) &&
           make_texts(child[LABEL], label_of, columns, HAS_LABEL, err) &&
           make_numbers(child[CLASS], &columns->class_index, count, columns,
                        HAS_CLASS, err) &&
           make_numbers(child[SCORE], &columns->score, count, columns,
                        HAS_CLASS, err) &&
           make_numbers(child[LOGIT], &columns->logit, count, columns,
                        HAS_CLASS, err) &&
           make_box(child[BOX], columns, err) &&
           make_peak(child[PEAK], columns, err) &&
           make_map(child[MAP], columns, err) &&
           make_error(child[ERROR], columns, err);
}

bool columns_finish(struct columns *columns, struct ArrowSchema *schema,
                    struct ArrowArray *array, struct error *err)
{
    *schema = (struct ArrowSchema){0};
    *array = (struct ArrowArray){0};
    if (make_schema(schema, columns, err) && make_array(array, columns, err))
        return true;
    if (schema->release)
        schema->release(schema);
    if (array->release)
        array->release(array);
    return false;
}
