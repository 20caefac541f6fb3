/* A COCO file of object instances: images, annotations and categories. */

#include "engine/evaluate/dataset_internal.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

enum { MAX_BYTES = 128 << 20 };

/* Objects of an array, by their member "id". */
struct entry {
    json_int_t id;
    const json_t *object; /* borrowed from the file */
};

struct index {
    struct entry *entries; /* (count) sorted by id; owned */
    size_t count;
};

static int compare(const void *a, const void *b)
{
    json_int_t left = ((const struct entry *)a)->id;
    json_int_t right = ((const struct entry *)b)->id;

    return (left > right) - (left < right);
}

static bool index_init(struct index *index, const json_t *file, const char *key,
                       struct error *err)
{
    const json_t *array = json_object_get(file, key);
    size_t num = json_array_size(array);

    if (!json_is_array(array))
        return fail(err, ERROR_INPUT, "it has no array \"%s\"", key);
    index->entries = calloc(num + 1, sizeof *index->entries);
    if (!index->entries)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu %s", num,
                    key);
    for (size_t i = 0; i < num; i++) {
        const json_t *object = json_array_get(array, i);
        const json_t *id = json_object_get(object, "id");

        if (!json_is_integer(id))
            return fail(err, ERROR_INPUT, "%s[%zu] has no \"id\"", key, i);
        index->entries[i] = (struct entry){json_integer_value(id), object};
    }
    index->count = num;
    qsort(index->entries, num, sizeof *index->entries, compare);
    return true;
}

/* Finds the object that `annotation` names by the member `key`. */
static bool find(const json_t **object, const struct index *index,
                 const json_t *annotation, const char *key, struct error *err)
{
    const json_t *id = json_object_get(annotation, key);
    struct entry wanted = {json_integer_value(id), NULL};
    const struct entry *found =
        json_is_integer(id) ? bsearch(&wanted, index->entries, index->count,
                                      sizeof wanted, compare)
                            : NULL;

    if (!found)
        return fail(err, ERROR_INPUT, "its \"%s\" is missing or unknown", key);
    *object = found->object;
    return true;
}

static bool read_text(const char **text, const json_t *object, const char *of,
                      const char *key, struct error *err)
{
    *text = json_string_value(json_object_get(object, key));
    return *text || fail(err, ERROR_INPUT, "its %s has no \"%s\"", of, key);
}

static bool read_box(struct dataset_box *box, const json_t *annotation,
                     struct error *err)
{
    const json_t *array = json_object_get(annotation, "bbox");
    double sides[4];

    if (json_array_size(array) != 4)
        return fail(err, ERROR_INPUT, "its \"bbox\" is not [x, y, w, h]");
    for (size_t i = 0; i < 4; i++) {
        if (!json_is_number(json_array_get(array, i)))
            return fail(err, ERROR_INPUT, "its \"bbox\" is not numbers");
        sides[i] = json_number_value(json_array_get(array, i));
    }
    *box = (struct dataset_box){sides[0], sides[1], sides[0] + sides[2],
                                sides[1] + sides[3]};
    return true;
}

static bool add_size(struct dataset *dataset, uint32_t photo,
                     const json_t *image, struct error *err)
{
    const json_t *width = json_object_get(image, "width");
    const json_t *height = json_object_get(image, "height");

    return (!width && !height) ||
           dataset_set_size(dataset, photo, json_number_value(width),
                            json_number_value(height), err);
}

/* Annotations of crowds are no boxes of single objects, and there are boxes
 * without an area in COCO. */
static bool is_wanted(const json_t *annotation, const struct dataset_box *box)
{
    return !(json_integer_value(json_object_get(annotation, "iscrowd")) != 0 ||
             box->x0 >= box->x1 || box->y0 >= box->y1);
}

static bool add_annotation(struct dataset *dataset,
                           const struct dataset_places *places,
                           const struct index *images,
                           const struct index *categories,
                           const json_t *annotation, struct error *err)
{
    const json_t *image, *category;
    const char *file, *class;
    struct dataset_box box;
    uint32_t photo, item;

    if (!read_box(&box, annotation, err))
        return false;
    if (!is_wanted(annotation, &box))
        return true;
    return find(&image, images, annotation, "image_id", err) &&
           find(&category, categories, annotation, "category_id", err) &&
           read_text(&file, image, "image", "file_name", err) &&
           read_text(&class, category, "category", "name", err) &&
           dataset_add_photo(dataset, &photo, places, file, err) &&
           add_size(dataset, photo, image, err) &&
           dataset_add_item(dataset, &item, photo, class, err) &&
           dataset_add_box(dataset, item, box, err);
}

static bool add_annotations(struct dataset *dataset,
                            const struct dataset_places *places,
                            const json_t *file, struct error *err)
{
    const json_t *annotations = json_object_get(file, "annotations");
    struct index images = {0}, categories = {0};
    bool ok = index_init(&images, file, "images", err) &&
              index_init(&categories, file, "categories", err);

    if (ok && !json_is_array(annotations))
        ok = fail(err, ERROR_INPUT, "it has no array \"annotations\"");
    for (size_t i = 0; ok && i < json_array_size(annotations); i++)
        ok = add_annotation(dataset, places, &images, &categories,
                            json_array_get(annotations, i), err) ||
             error_prefix(err, "annotations[%zu]", i);
    free(images.entries);
    free(categories.entries);
    return ok;
}

/* The file is among or beside the photos, or where COCO has it: in
 * "annotations" beside the folder of the photos, whose name its own ends with.
 */
static bool add_places(struct dataset *dataset, struct dataset_places *places,
                       const char *path, struct error *err)
{
    const char *folder = dataset_folder_of(dataset, path, err);
    const char *slash = strrchr(path, '/');
    const char *part = strrchr(slash ? slash : path, '_');
    char beside[NAME_MAX + 8], below[NAME_MAX + 16];
    const char *const folders[] = {NULL,        "images", "..",
                                   "../images", beside,   below};

    part = part ? part + 1 : "";
    snprintf(beside, sizeof beside, "../%.*s", (int)strcspn(part, "."), part);
    snprintf(below, sizeof below, "../images/%.*s", (int)strcspn(part, "."),
             part);
    for (size_t i = 0; folder && i < sizeof folders / sizeof folders[0]; i++)
        if (!dataset_add_place(dataset, places, folder, folders[i], err))
            return false;
    return folder;
}

static json_t *load(const char *path, struct error *err)
{
    struct buf bytes = {0};
    json_error_t why;
    json_t *file;

    if (!buf_append_file(&bytes, path, MAX_BYTES, err)) {
        buf_release(&bytes);
        return NULL;
    }
    file = json_loadb((const char *)bytes.data, bytes.len, 0, &why);
    if (!file)
        fail(err,
             json_error_code(&why) == json_error_out_of_memory ? ERROR_MEMORY
                                                               : ERROR_INPUT,
             "line %d: %s", why.line, why.text);
    buf_release(&bytes);
    return file;
}

bool dataset_coco_read(struct dataset *dataset, const char *path,
                       const char *root, struct error *err)
{
    struct dataset_places places = {0};
    json_t *file;
    bool ok;

    if (root ? !dataset_add_place(dataset, &places, root, NULL, err)
             : !add_places(dataset, &places, path, err))
        return false;
    file = load(path, err);
    if (!file)
        return false;
    ok = add_annotations(dataset, &places, file, err);
    json_decref(file);
    return ok;
}
