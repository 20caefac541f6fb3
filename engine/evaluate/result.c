#include "engine/evaluate/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/digits.h"

static const struct {
    const char *column;
    bool is_any;
    double overlap;
} curves[RESULT_NUM_CURVES] = {
#define X(curve, column, is_any, overlap) [curve] = {#column, is_any, overlap},
    RESULT_CURVES(X)
#undef X
};

/* ---- levels ---- */

void result_levels_set(struct result_levels *levels, size_t level)
{
    levels->bits[level / 64] |= UINT64_C(1) << level % 64;
}

bool result_levels_has(const struct result_levels *levels, size_t level)
{
    return levels->bits[level / 64] >> level % 64 & 1;
}

void result_levels_find(struct result_levels levels[RESULT_NUM_CURVES],
                        const struct box_levels *found)
{
    for (size_t curve = 0; curve < RESULT_NUM_CURVES; curve++) {
        const double *iou = curves[curve].is_any ? found->any : found->largest;

        levels[curve] = (struct result_levels){{0}};
        for (size_t level = 0; level < BOX_LEVELS; level++)
            if (iou[level] >= curves[curve].overlap)
                result_levels_set(&levels[curve], level);
    }
}

void result_levels_fill(struct result_levels levels[RESULT_NUM_CURVES],
                        double iou)
{
    struct box_levels found;

    for (size_t level = 0; level < BOX_LEVELS; level++)
        found.any[level] = found.largest[level] = iou;
    result_levels_find(levels, &found);
}

/* ---- columns ---- */

static const char *const first_columns[] = {
    "item",   "file", "row",   "method", "layer",
    "target", "box",  "class", "rank",   "share",
};

/* Numbers of a result, NAN where a field is empty. */
#define NUMBERS(X)          \
    X(x0, box.x0)           \
    X(y0, box.y0)           \
    X(x1, box.x1)           \
    X(y1, box.y1)           \
    X(iou, iou)             \
    X(pointing, pointing)   \
    X(energy, energy)       \
    X(deletion, deletion)   \
    X(insertion, insertion) \
    X(check, check)         \
    X(ms, ms)

static const char *const number_columns[] = {
#define X(column, field) #column,
    NUMBERS(X)
#undef X
};

enum {
    NUM_FIRST = sizeof first_columns / sizeof first_columns[0],
    NUM_NUMBERS = sizeof number_columns / sizeof number_columns[0],
    AT_ROW = 2,
    AT_CLASS = 7,
    AT_LEVELS = NUM_FIRST + NUM_NUMBERS,
    AT_ERROR = AT_LEVELS + RESULT_NUM_CURVES,
    NUM_COLUMNS,
};

/* ---- writing ---- */

bool result_write_header(struct buf *out, struct error *err)
{
    for (size_t i = 0; i < NUM_FIRST; i++)
        if (!buf_printf(out, err, "%s,", first_columns[i]))
            return false;
    for (size_t i = 0; i < NUM_NUMBERS; i++)
        if (!buf_printf(out, err, "%s,", number_columns[i]))
            return false;
    for (size_t i = 0; i < RESULT_NUM_CURVES; i++)
        if (!buf_printf(out, err, "%s,", curves[i].column))
            return false;
    return buf_printf(out, err, "error\n");
}

/* Writes a quoted text, on one line. */
static bool write_text(struct buf *out, const char *text, struct error *err)
{
    if (!buf_append(out, "\"", 1, err))
        return false;
    for (; *text; text++) {
        char c = (unsigned char)*text < ' ' ? ' ' : *text;

        if (!buf_append(out, &c, 1, err) ||
            (c == '"' && !buf_append(out, &c, 1, err)))
            return false;
    }
    return buf_append(out, "\",", 2, err);
}

/* Writes a number from which strtod makes the same again. */
static bool write_number(struct buf *out, double number, struct error *err)
{
    if (isnan(number))
        return buf_append(out, ",", 1, err);
    return buf_printf(out, err, "%.17g,", number);
}

/* Writes levels as ranges: "3-9 12-12". */
static bool write_levels(struct buf *out, const struct result_levels *levels,
                         struct error *err)
{
    const char *gap = "";

    for (size_t level = 0; level < BOX_LEVELS; level++) {
        size_t first = level;

        while (level < BOX_LEVELS && result_levels_has(levels, level))
            level++;
        if (level == first)
            continue;
        if (!buf_printf(out, err, "%s%zu-%zu", gap, first, level - 1))
            return false;
        gap = " ";
    }
    return buf_append(out, ",", 1, err);
}

static bool write_row(struct buf *out, const struct result_photo *photo,
                      const struct result *result, struct error *err)
{
    const double numbers[] = {
#define X(column, field) (double)result->field,
        NUMBERS(X)
#undef X
    };

    if (!buf_printf(out, err, "%zu,%zu,", photo->class_index, photo->rank) ||
        !write_number(out, photo->share, err))
        return false;
    for (size_t i = 0; i < NUM_NUMBERS; i++)
        if (!write_number(out, i < 4 && !result->has_box ? NAN : numbers[i],
                          err))
            return false;
    for (size_t i = 0; i < RESULT_NUM_CURVES; i++)
        if (!write_levels(out, &result->levels[i], err))
            return false;
    return buf_append(out, "\n", 1, err);
}

static bool write_error(struct buf *out, const struct result_photo *photo,
                        size_t num_rows, struct error *err)
{
    if (!buf_printf(out, err, "%zu,", photo->item) ||
        !write_text(out, photo->name, err) ||
        !buf_printf(out, err, "%zu", num_rows))
        return false;
    for (size_t i = AT_ROW; i < AT_ERROR; i++)
        if (!buf_append(out, ",", 1, err))
            return false;
    if (!write_text(out, photo->error, err))
        return false;
    out->data[out->len - 1] = '\n';
    return true;
}

bool result_write(struct buf *out, const struct result_photo *photo,
                  const struct result_row *rows, size_t num_rows,
                  struct error *err)
{
    if (photo->error[0])
        return write_error(out, photo, num_rows, err);
    for (size_t i = 0; i < num_rows; i++)
        if (!buf_printf(out, err, "%zu,", photo->item) ||
            !write_text(out, photo->name, err) ||
            !buf_printf(out, err, "%zu,", i) ||
            !write_text(out, rows[i].method, err) ||
            !write_text(out, rows[i].layer, err) ||
            !write_text(out, rows[i].target, err) ||
            !write_text(out, rows[i].box, err) ||
            !write_row(out, photo, &photo->results[i], err))
            return false;
    return true;
}

/* ---- reading ---- */

static bool read_size(size_t *number, const char *text)
{
    uint64_t value;

    if (!digits_parse(&value, text) || value > SIZE_MAX)
        return false;
    *number = (size_t)value;
    return true;
}

static bool read_number(double *number, const char *text)
{
    char *end;

    *number = NAN;
    if (!*text)
        return true;
    *number = strtod(text, &end);
    return !*end;
}

static bool read_levels(struct result_levels *levels, const char *text)
{
    unsigned first, last;
    int len = 0;

    *levels = (struct result_levels){{0}};
    for (; *text; text += len) {
        if (sscanf(text, "%u-%u%n", &first, &last, &len) != 2 || first > last ||
            last >= BOX_LEVELS)
            return false;
        for (; first <= last; first++)
            result_levels_set(levels, first);
    }
    return true;
}

static bool read_result(struct result *result, const char *const *fields)
{
    double numbers[NUM_NUMBERS];
    size_t i = 0;

    for (; i < NUM_NUMBERS; i++)
        if (!read_number(&numbers[i], fields[NUM_FIRST + i]))
            return false;
    i = 0;
#define X(column, field) result->field = numbers[i++];
    NUMBERS(X)
#undef X
    result->has_box = !isnan(result->box.x0);
    for (i = 0; i < RESULT_NUM_CURVES; i++)
        if (!read_levels(&result->levels[i], fields[AT_LEVELS + i]))
            return false;
    return true;
}

bool result_read(struct result_photo *photo, size_t *row, const struct csv *csv,
                 size_t num_rows, struct error *err)
{
    const char *const *fields = csv->fields;

    if (csv->num_fields != NUM_COLUMNS || !read_size(&photo->item, fields[0]) ||
        !read_size(row, fields[AT_ROW]) || *row > num_rows)
        goto malformed;
    photo->name = fields[1];
    snprintf(photo->error, sizeof photo->error, "%s", fields[AT_ERROR]);
    if (*row == num_rows && photo->error[0])
        return true;
    if (*row == num_rows || photo->error[0] ||
        !read_size(&photo->class_index, fields[AT_CLASS]) ||
        !read_size(&photo->rank, fields[AT_CLASS + 1]) ||
        !read_number(&photo->share, fields[AT_CLASS + 2]) ||
        !read_result(&photo->results[*row], fields))
        goto malformed;
    return true;
malformed:
    return fail(err, ERROR_INPUT, "it is not a line of results");
}
