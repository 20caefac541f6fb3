#include "engine/evaluate/csv.h"

#include <string.h>

bool csv_open(struct csv *csv, const char *path, struct error *err)
{
    *csv = (struct csv){.next_line = 1};
    if (!buf_append_file(&csv->file, path, CSV_MAX_BYTES, err) ||
        !buf_append(&csv->file, "", 1, err))
        goto fail;
    csv->at = (char *)csv->file.data;
    csv->end = csv->at + csv->file.len - 1;
    if (strlen(csv->at) != csv->file.len - 1) {
        fail(err, ERROR_INPUT, "it has a NUL byte, so it is not text");
        goto fail;
    }
    if (strncmp(csv->at, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    return true;
fail:
    csv_release(csv);
    return false;
}

/* Skips a line end, if the file goes on with one. */
static bool skip_line_end(struct csv *csv)
{
    if (csv->at[0] == '\r' && csv->at[1] == '\n')
        csv->at += 2;
    else if (csv->at[0] == '\n')
        csv->at++;
    else
        return false;
    csv->next_line++;
    return true;
}

static bool is_field_end(const char *at)
{
    return *at == ',' || *at == '\n' || *at == '\0' ||
           (at[0] == '\r' && at[1] == '\n');
}

/* Unquotes the field that begins at csv->at with a quote, in its place, and
 * moves behind it. Returns the end of the text. */
static char *read_quoted(struct csv *csv, struct error *err)
{
    char *to = csv->at++;

    while (*csv->at && (csv->at[0] != '"' || csv->at[1] == '"')) {
        csv->at += csv->at[0] == '"';
        csv->next_line += *csv->at == '\n';
        *to++ = *csv->at++;
    }
    if (!*csv->at) {
        fail(err, ERROR_INPUT, "a quote is not closed");
        return NULL;
    }
    csv->at++;
    if (!is_field_end(csv->at)) {
        fail(err, ERROR_INPUT, "text follows a closed quote");
        return NULL;
    }
    return to;
}

static char *read_plain(struct csv *csv, struct error *err)
{
    while (!is_field_end(csv->at) && *csv->at != '"')
        csv->at++;
    if (*csv->at == '"') {
        fail(err, ERROR_INPUT, "a quote is in the middle of a field");
        return NULL;
    }
    return csv->at;
}

bool csv_next(struct csv *csv, bool *has_record, struct error *err)
{
    *has_record = false;
    csv->num_fields = 0;
    while (skip_line_end(csv))
        continue;
    csv->line = csv->next_line;
    if (csv->at >= csv->end)
        return true;
    for (;;) {
        const char *field = csv->at;
        char *stop;
        bool has_more;

        if (csv->num_fields == CSV_MAX_FIELDS)
            return error_limit(err, CSV_MAX_FIELDS,
                               "at most %d columns are allowed",
                               CSV_MAX_FIELDS);
        stop = *field == '"' ? read_quoted(csv, err) : read_plain(csv, err);
        if (!stop)
            return false;
        csv->fields[csv->num_fields++] = field;
        has_more = *csv->at == ',';
        if (has_more)
            csv->at++;
        else
            skip_line_end(csv);
        *stop = '\0';
        if (!has_more)
            break;
    }
    *has_record = true;
    return true;
}

void csv_release(struct csv *csv)
{
    buf_release(&csv->file);
    *csv = (struct csv){0};
}
