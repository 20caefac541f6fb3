/* A CSV file whose header line names the columns. */

#include "engine/evaluate/dataset_internal.h"

#include <string.h>
#include <strings.h>

#include "engine/evaluate/csv.h"

enum { MAX_BOXES_PER_ROW = CSV_MAX_FIELDS / 4, SIDES = 4, NONE = -1 };

/* Which column is which; NONE: there is no such column. */
struct columns {
    int file, classes, width, height;
    int boxes[MAX_BOXES_PER_ROW][SIDES]; /* (num_boxes) x0, y0, x1, y1 */
    size_t num_boxes;
};

static const char *const file_names[] = {"file", "filename", "file_name",
                                         "image", "path"};
static const char *const class_names[] = {
    "class", "classes", "imagenet_ids", "imagenet_index",
    "wnid",  "synset",  "label",        "category"};
static const char *const side_names[SIDES] = {"x0", "y0", "x1", "y1"};

#define FIND(csv, names) find(csv, names, sizeof(names) / sizeof((names)[0]))

/* The column with the first of these names that the header has. */
static int find(const struct csv *csv, const char *const *names, size_t num)
{
    for (size_t i = 0; i < num; i++)
        for (size_t c = 0; c < csv->num_fields; c++)
            if (strcasecmp(csv->fields[c], names[i]) == 0)
                return (int)c;
    return NONE;
}

/* The n-th x0, y0, x1 and y1 of the header are the sides of a row's n-th box.
 */
static bool find_boxes(struct columns *columns, const struct csv *csv,
                       struct error *err)
{
    size_t num[SIDES] = {0};

    for (size_t c = 0; c < csv->num_fields; c++)
        for (size_t side = 0; side < SIDES; side++)
            if (strcasecmp(csv->fields[c], side_names[side]) == 0 &&
                num[side]++ < MAX_BOXES_PER_ROW)
                columns->boxes[num[side] - 1][side] = (int)c;
    for (size_t side = 0; side < SIDES; side++)
        if (num[side] != num[0] || num[0] > MAX_BOXES_PER_ROW)
            return fail(err, ERROR_INPUT,
                        "the header has %zu columns x0, but %zu %s; each box "
                        "needs x0, y0, x1 and y1",
                        num[0], num[side], side_names[side]);
    columns->num_boxes = num[0];
    return true;
}

static bool read_header(struct columns *columns, struct csv *csv,
                        struct error *err)
{
    bool has_record;

    if (!csv_next(csv, &has_record, err))
        return false;
    if (!has_record)
        return fail(err, ERROR_INPUT, "the file is empty");
    columns->file = FIND(csv, file_names);
    columns->classes = FIND(csv, class_names);
    columns->width = find(csv, (const char *const[]){"width"}, 1);
    columns->height = find(csv, (const char *const[]){"height"}, 1);
    if (columns->file == NONE)
        return fail(err, ERROR_INPUT,
                    "the header has no column \"file\"; it names the columns, "
                    "such as file,class,x0,y0,x1,y1");
    if (!find_boxes(columns, csv, err))
        return false;
    if (columns->classes == NONE && columns->num_boxes == 0)
        return fail(err, ERROR_INPUT,
                    "the header has neither a column \"class\" nor x0, y0, x1 "
                    "and y1");
    return true;
}

/* Reads a number of the current record. */
static bool read_number(double *number, const struct csv *csv, int column,
                        const char *name, struct error *err)
{
    return dataset_number(number, csv->fields[column]) ||
           fail(err, ERROR_INPUT, "%s is \"%.40s\", not a number", name,
                csv->fields[column]);
}

/* Adds the n-th box of the current record, unless its fields are empty. */
static bool add_box(struct dataset *dataset, uint32_t item,
                    const struct columns *columns, const struct csv *csv,
                    size_t n, struct error *err)
{
    double sides[SIDES];
    size_t num_empty = 0;

    for (size_t side = 0; side < SIDES; side++)
        num_empty += *csv->fields[columns->boxes[n][side]] == '\0';
    if (num_empty == SIDES)
        return true;
    for (size_t side = 0; side < SIDES; side++)
        if (!read_number(&sides[side], csv, columns->boxes[n][side],
                         side_names[side], err))
            return false;
    return dataset_add_box(
        dataset, item,
        (struct dataset_box){sides[0], sides[1], sides[2], sides[3]}, err);
}

static bool add_size(struct dataset *dataset, uint32_t photo,
                     const struct columns *columns, const struct csv *csv,
                     struct error *err)
{
    double width, height;

    if (columns->width == NONE || columns->height == NONE ||
        (!*csv->fields[columns->width] && !*csv->fields[columns->height]))
        return true;
    return read_number(&width, csv, columns->width, "width", err) &&
           read_number(&height, csv, columns->height, "height", err) &&
           dataset_set_size(dataset, photo, width, height, err);
}

static bool add_record(struct dataset *dataset,
                       const struct dataset_places *places,
                       const struct columns *columns, const struct csv *csv,
                       struct error *err)
{
    const char *classes =
        columns->classes == NONE ? "" : csv->fields[columns->classes];
    uint32_t photo, item;

    if (!dataset_add_photo(dataset, &photo, places, csv->fields[columns->file],
                           err) ||
        !add_size(dataset, photo, columns, csv, err) ||
        !dataset_add_item(dataset, &item, photo, classes, err))
        return false;
    for (size_t n = 0; n < columns->num_boxes; n++)
        if (!add_box(dataset, item, columns, csv, n, err))
            return false;
    return true;
}

static bool read_records(struct dataset *dataset, struct csv *csv,
                         const struct dataset_places *places, struct error *err)
{
    struct columns columns = {0};
    size_t num_columns;
    bool has_record;

    if (!read_header(&columns, csv, err))
        return false;
    num_columns = csv->num_fields;
    while (csv_next(csv, &has_record, err)) {
        if (!has_record)
            return true;
        if (csv->num_fields != num_columns)
            return fail(err, ERROR_INPUT,
                        "it has %zu fields, but the header has %zu",
                        csv->num_fields, num_columns);
        if (!add_record(dataset, places, &columns, csv, err))
            return false;
    }
    return false;
}

bool dataset_csv_read(struct dataset *dataset, const char *path,
                      const char *root, struct error *err)
{
    struct dataset_places places = {0};
    struct csv csv = {0};
    const char *folder = root;
    bool ok = false;

    if (!folder)
        folder = dataset_folder_of(dataset, path, err);
    if (!folder || !dataset_add_place(dataset, &places, folder, NULL, err) ||
        (!root && !dataset_add_place(dataset, &places, folder, "images", err)))
        return false;
    if (!csv_open(&csv, path, err))
        return false;
    ok = read_records(dataset, &csv, &places, err) ||
         error_prefix(err, "line %zu", csv.line);
    csv_release(&csv);
    return ok;
}
