/* The metadata files of "Evaluating Weakly Supervised Object Localization
 * Methods Right" (Choe et al. 2020), without header lines:
 *
 *     image_ids.txt     path
 *     class_labels.txt  path,label
 *     localization.txt  path,x0,y0,x1,y1; the last column and row are part of
 *                       the box; a line for each box
 *     image_sizes.txt   path,width,height; boxes refer to these
 *
 * The last two may be missing. Lines about photos that image_ids.txt does not
 * name are ignored. */

#include "engine/evaluate/dataset_internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/evaluate/csv.h"

enum { MAX_NUMBERS = 4 };

struct record {
    uint32_t photo;
    const char *label;
    double numbers[MAX_NUMBERS];
};

typedef bool add_fn(struct dataset *dataset, const struct record *record,
                    struct error *err);

static bool add_size(struct dataset *dataset, const struct record *record,
                     struct error *err)
{
    return dataset_set_size(dataset, record->photo, record->numbers[0],
                            record->numbers[1], err);
}

static bool add_label(struct dataset *dataset, const struct record *record,
                      struct error *err)
{
    const struct dataset_photo *photo = &dataset->photos[record->photo];
    uint32_t item;

    if (!dataset_add_item(dataset, &item, record->photo, record->label, err))
        return false;
    return photo->num_items == 1 ||
           fail(err, ERROR_INPUT, "the photo has another label before");
}

static bool add_box(struct dataset *dataset, const struct record *record,
                    struct error *err)
{
    const double *at = record->numbers;
    uint32_t item = dataset->photos[record->photo].newest;

    return dataset_add_box(
        dataset, item, (struct dataset_box){at[0], at[1], at[2] + 1, at[3] + 1},
        err);
}

static const struct file {
    const char *name;
    size_t num_fields;
    bool is_optional;
    add_fn *add; /* NULL: adds the photo */
} files[] = {
    {"image_ids.txt", 1, false, NULL},
    {"image_sizes.txt", 3, true, add_size},
    {"class_labels.txt", 2, false, add_label},
    {"localization.txt", 5, true, add_box},
};

static bool add_record(struct dataset *dataset,
                       const struct dataset_places *places,
                       const struct file *file, const struct csv *csv,
                       struct error *err)
{
    struct record record = {0};

    if (csv->num_fields != file->num_fields)
        return fail(err, ERROR_INPUT, "it has %zu fields, and should have %zu",
                    csv->num_fields, file->num_fields);
    if (!file->add)
        return dataset_add_photo(dataset, &record.photo, places, csv->fields[0],
                                 err);
    if (!dataset_find_photo(dataset, &record.photo, places, csv->fields[0]))
        return true;
    record.label = csv->fields[1];
    for (size_t i = 1; file->add != add_label && i < csv->num_fields; i++)
        if (!dataset_number(&record.numbers[i - 1], csv->fields[i]))
            return fail(err, ERROR_INPUT, "\"%.40s\" is not a number",
                        csv->fields[i]);
    return file->add(dataset, &record, err);
}

static bool read_records(struct dataset *dataset,
                         const struct dataset_places *places,
                         const struct file *file, const char *path,
                         struct error *err)
{
    struct csv csv = {0};
    bool has_record = true, ok;

    if (!csv_open(&csv, path, err))
        return false;
    while ((ok = csv_next(&csv, &has_record, err)) && has_record &&
           (ok = add_record(dataset, places, file, &csv, err)))
        continue;
    if (!ok)
        error_prefix(err, "line %zu", csv.line);
    csv_release(&csv);
    return ok;
}

static bool read_file(struct dataset *dataset,
                      const struct dataset_places *places,
                      const struct file *file, const char *folder,
                      struct error *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", folder, file->name) >= PATH_MAX)
        return error_limit(err, PATH_MAX, "the folder's path is too long");
    if (file->is_optional && access(path, F_OK) != 0)
        return true;
    return read_records(dataset, places, file, path, err) ||
           error_prefix(err, "%s", file->name);
}

/* Photos without a label have no item, and a box of theirs no place. */
static bool check_labels(const struct dataset *dataset, struct error *err)
{
    for (size_t i = 0; i < dataset->paths.count; i++)
        if (dataset->photos[i].num_items == 0)
            return fail(err, ERROR_INPUT,
                        "class_labels.txt: it has no label of %.100s",
                        dataset->paths.list[i] + dataset->photos[i].name_at);
    return true;
}

bool dataset_wsol_read(struct dataset *dataset, const char *path,
                       const char *root, struct error *err)
{
    struct dataset_places places = {0};

    if (!dataset_add_place(dataset, &places, root ? root : path, NULL, err) ||
        (!root && !dataset_add_place(dataset, &places, path, "images", err)))
        return false;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!read_file(dataset, &places, &files[i], path, err))
            return false;
        if (files[i].add == add_label && !check_labels(dataset, err))
            return false;
    }
    return true;
}
