#include "engine/model/labels.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/utf8.h"

enum { MAX_BYTES = 16 << 20 };

/* C0, DEL and C1. */
static bool is_control(const char *at)
{
    unsigned char first = (unsigned char)at[0], second = (unsigned char)at[1];

    return first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

bool labels_is_text(const char *text)
{
    while (*text) {
        size_t len = utf8_len(text);

        if (len == 0 || is_control(text))
            return false;
        text += len;
    }
    return true;
}

static bool check_text(const char *text, size_t line, struct error *err)
{
    if (!labels_is_text(text))
        return fail(err, ERROR_INPUT,
                    "line %zu is not valid UTF-8, or has a control character",
                    line);
    return true;
}

/* Adds one line, without its line end and terminated by NUL, as the next
 * class. */
static bool add_line(struct labels *labels, char *text, struct error *err)
{
    size_t line = labels->count + 1;
    char *tab = strchr(text, '\t');
    char *name = text;

    if (*text == '\0')
        return fail(err, ERROR_INPUT, "line %zu is empty", line);
    if (tab) {
        *tab = '\0';
        name = tab + 1;
        if (*text == '\0' || *name == '\0')
            return fail(err, ERROR_INPUT, "line %zu lacks an id or a label",
                        line);
        if (!check_text(text, line, err))
            return false;
    }
    if (!check_text(name, line, err))
        return false;
    labels->ids[labels->count] = tab ? text : NULL;
    labels->names[labels->count] = name;
    labels->count++;
    return true;
}

/* Whether all that is left is this one line end: an empty line at the end of a
 * file is not a class. */
static bool is_last_line_end(const char *text, const char *end)
{
    return (end - text == 1 && text[0] == '\n') ||
           (end - text == 2 && text[0] == '\r' && text[1] == '\n');
}

static size_t num_lines(const char *text, const char *end)
{
    size_t num = 0;

    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));

        num++;
        text = stop ? stop + 1 : end;
    }
    return num;
}

static bool add_lines(struct labels *labels, char *text, char *end,
                      struct error *err)
{
    while (text < end && !(labels->count > 0 && is_last_line_end(text, end))) {
        char *stop = memchr(text, '\n', (size_t)(end - text));
        char *next = stop ? stop + 1 : end;

        if (!stop)
            stop = end;
        if (memchr(text, '\0', (size_t)(stop - text)))
            return fail(err, ERROR_INPUT, "line %zu has a NUL byte",
                        labels->count + 1);
        *stop = '\0';
        if (stop > text && stop[-1] == '\r')
            stop[-1] = '\0';
        if (!add_line(labels, text, err))
            return false;
        text = next;
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The line number of an id, found by its address. */
static size_t line_of(const struct labels *labels, const char *id)
{
    size_t i = 0;

    while (labels->ids[i] != id)
        i++;
    return i + 1;
}

static bool check_ids(const struct labels *labels, struct error *err)
{
    const char **sorted = malloc(labels->count * sizeof *sorted);
    size_t num = 0;
    bool ok = false;

    if (!sorted)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu ids",
                    labels->count);
    for (size_t i = 0; i < labels->count; i++)
        if (labels->ids[i])
            sorted[num++] = labels->ids[i];
    qsort(sorted, num, sizeof *sorted, compare_ids);
    for (size_t i = 1; i < num; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            fail(err, ERROR_INPUT, "lines %zu and %zu have the same id",
                 line_of(labels, sorted[i - 1]), line_of(labels, sorted[i]));
            goto out;
        }
    }
    ok = true;
out:
    free(sorted);
    return ok;
}

static bool parse(struct labels *labels, char *text, size_t len,
                  struct error *err)
{
    char *end = text + len;
    size_t count;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    count = num_lines(text, end);
    if (count == 0)
        return fail(err, ERROR_INPUT, "has no lines");
    labels->ids = calloc(count, sizeof *labels->ids);
    labels->names = calloc(count, sizeof *labels->names);
    if (!labels->ids || !labels->names)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu labels",
                    count);
    return add_lines(labels, text, end, err) && check_ids(labels, err);
}

bool labels_read(struct labels *labels, const char *path, struct error *err)
{
    struct buf file = {0};
    size_t len;

    *labels = (struct labels){0};
    if (!buf_append_file(&file, path, MAX_BYTES, err) ||
        !buf_append(&file, "", 1, err)) {
        buf_release(&file);
        return false;
    }
    len = file.len - 1;
    labels->text = (char *)file.data; /* labels own it now */
    if (!parse(labels, labels->text, len, err)) {
        labels_release(labels);
        return false;
    }
    return true;
}

/* Whether the text is a decimal number below `limit`. */
static bool parse_index(size_t *index, const char *text, size_t limit)
{
    size_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (size_t)(*text - '0');
        if (value >= limit)
            return false;
    }
    *index = value;
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Compares ASCII letters only, whatever the locale. */
static bool equal_ignoring_case(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool labels_find(size_t *index, const struct labels *labels, size_t num_classes,
                 const char *text)
{
    size_t count = labels->count < num_classes ? labels->count : num_classes;

    if (parse_index(index, text, num_classes))
        return true;
    for (size_t i = 0; i < count; i++) {
        if (labels->ids[i] && strcmp(labels->ids[i], text) == 0) {
            *index = i;
            return true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (equal_ignoring_case(labels->names[i], text)) {
            *index = i;
            return true;
        }
    }
    return false;
}

void labels_release(struct labels *labels)
{
    free(labels->text);
    free(labels->ids);
    free(labels->names);
    *labels = (struct labels){0};
}
