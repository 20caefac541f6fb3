#ifndef ENGINE_EVALUATE_DATASET_H
#define ENGINE_EVALUATE_DATASET_H

/* Photos with what is true of them: their classes, and boxes around their
 * objects. docs/evaluate.md describes the formats for users. The photos
 * themselves are not opened here. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* X(enumerator, name, description) */
#define DATASET_FORMATS(X)                                                    \
    X(DATASET_CSV, csv, "a CSV file with a header line")                      \
    X(DATASET_COCO, coco, "a COCO file such as instances_val2017.json")       \
    X(DATASET_VOC, voc, "a folder of Pascal VOC's XML files")                 \
    X(DATASET_WSOL, wsol, "a folder of the WSOL evaluation's metadata files") \
    X(DATASET_FOLDERS, folders, "a folder with one folder of photos per class")

enum dataset_format {
    DATASET_AUTO, /* "auto": guessed by what is there */
#define X(format, name, description) format,
    DATASET_FORMATS(X)
#undef X
};

enum {
    DATASET_MAX_ITEMS = 1 << 20,
    DATASET_MAX_BOXES = 1 << 22,
    DATASET_MAX_CLASSES = 256, /* of one photo; alternatives of one item */
};

/* A box around an object, in pixels of the upright photo: columns x0 to x1 and
 * rows y0 to y1, half-open; 0 <= x0 < x1 and 0 <= y0 < y1. */
struct dataset_box {
    double x0, y0, x1, y1;
};

/* One item is one photo and one set of right classes: a photo with objects of
 * two classes is two items with the same file, so that each class is looked
 * for on its own. Pointers are borrowed from the data set. */
struct dataset_item {
    const char *file; /* where the photo is, or would be if it is missing;
                         items of one photo share the pointer */
    const char *name; /* as the data set names it, for reports */
    const char *const *classes; /* (num_classes) each counts as right: an index,
                                   id or label for engine_find_class */
    size_t num_classes;         /* 0: unknown */
    const struct dataset_box *boxes; /* (num_boxes) */
    size_t num_boxes;                /* 0: only the class is known */
    uint32_t width, height; /* of the photo that the boxes refer to, if that is
                               given (boxes are within it); else 0 */
};

struct dataset_options {
    enum dataset_format format;
    const char *root; /* the folder of the photos; NULL: by the format */
};

/* Immutable once open; any thread. 10,000 photos take a few MB. */
struct dataset;

const char *dataset_format_name(enum dataset_format format);

/* Reads the data set: a file or a folder, by its format. options may be NULL.
 * Items of one photo are consecutive; photos are in the order of the file.
 *
 *     ERROR_IO      a file cannot be read
 *     ERROR_INPUT   a file is malformed, or there is not a single item
 *     ERROR_LIMIT   a file or the data set is too large
 *     ERROR_MEMORY
 *
 * The text names the line and, in a folder, the file. A photo that is missing
 * is not an error here. Returns NULL on failure. */
struct dataset *dataset_open(const char *path,
                             const struct dataset_options *options,
                             struct error *err)
    __attribute__((warn_unused_result));

/* The format that it has: not DATASET_AUTO. */
enum dataset_format dataset_format(const struct dataset *dataset);

/* At least 1. */
size_t dataset_num_items(const struct dataset *dataset);
size_t dataset_num_photos(const struct dataset *dataset);

/* index < dataset_num_items. */
void dataset_item(const struct dataset *dataset, struct dataset_item *item,
                  size_t index);

void dataset_free(struct dataset *dataset);

#endif
