#include "cli/cam_lines.h"

#include <errno.h>
#include <string.h>

#include "cli/photo_file.h"
#include "server/api/json_body.h"
#include "server/http/json.h"

enum { MORE_THAN_IMAGE = 65536 /* of a line: names, paths */ };

bool cam_lines_open(struct cam_lines *lines, const char *name, size_t max_bytes,
                    struct error *err)
{
    lines->max_bytes = max_bytes;
    lines->stream = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    return lines->stream || fail(err, ERROR_IO, "%.200s cannot be opened: %s",
                                 name, strerror(errno));
}

void cam_lines_release(struct cam_lines *lines)
{
    if (lines->stream && lines->stream != stdin)
        fclose(lines->stream);
    buf_release(&lines->image);
    json_decref(lines->object);
    buf_release(&lines->text);
    *lines = (struct cam_lines){0};
}

/* ---- lines ---- */

static size_t max_len(const struct cam_lines *lines)
{
    return lines->max_bytes / 3 * 4 + MORE_THAN_IMAGE;
}

/* Reads up to the end of a line, of which at most max_len() + 1 bytes are kept.
 * false: there is none, or a failure. */
static bool read_line(struct cam_lines *lines, struct error *err)
{
    struct buf *text = &lines->text;
    const size_t most = max_len(lines);
    int byte;

    buf_clear(text);
    while ((byte = getc_unlocked(lines->stream)) != EOF && byte != '\n') {
        if (text->len > most)
            continue;
        if (!buf_reserve(text, 1, err))
            return false;
        text->data[text->len++] = (uint8_t)byte;
    }
    if (ferror(lines->stream))
        return fail(err, ERROR_IO, "the lines cannot be read: %s",
                    strerror(errno));
    if (byte == EOF && text->len == 0)
        return false;
    text->len -= text->len > 0 && text->data[text->len - 1] == '\r';
    if (!buf_reserve(text, 1, err))
        return false;
    text->data[text->len] = '\0';
    return true;
}

/* ---- what a line is ---- */

static bool read_object(struct cam_lines *lines, struct error *why)
{
    json_error_t where;
    json_t *object = json_loadb((const char *)lines->text.data, lines->text.len,
                                JSON_REJECT_DUPLICATES, &where);
    const json_t *image = json_object_get(object, "b64");

    lines->object = object;
    if (!object)
        return fail(why, ERROR_INPUT, "the line is not JSON: %.100s",
                    where.text);
    lines->id = json_object_get(object, "id");
    lines->file = json_string_value(json_object_get(object, "file"));
    if (image)
        return json_body_decode(&lines->image, image, why);
    return lines->file ||
           fail(why, ERROR_INPUT, "the line has neither \"file\" nor \"b64\"");
}

/* Reads the image that the line names or has. */
static bool read_image(struct cam_lines *lines, struct error *why)
{
    const char *text = (const char *)lines->text.data;
    const size_t len = lines->text.len;

    if (len > max_len(lines))
        return error_limit(why, max_len(lines),
                           "the line is longer than the %zu bytes allowed",
                           max_len(lines));
    if (strlen(text) != len)
        return fail(why, ERROR_INPUT, "the line has a NUL byte");
    if (*text != '{')
        lines->file = text;
    else if (!read_object(lines, why))
        return false;
    if (lines->image.len > lines->max_bytes)
        return error_limit(why, lines->max_bytes,
                           "the image is longer than the %zu bytes allowed",
                           lines->max_bytes);
    if (lines->image.len > 0 || !lines->file)
        return true;
    if (strcmp(lines->file, "-") == 0)
        return fail(why, ERROR_INPUT, "standard input is no image here");
    return photo_file_read(&lines->image, lines->file, lines->max_bytes, why);
}

bool cam_lines_next(struct cam_lines *lines, struct error *why,
                    struct error *err)
{
    buf_clear(&lines->image);
    json_decref(lines->object);
    lines->object = NULL;
    lines->id = NULL;
    lines->file = NULL;
    do {
        if (!read_line(lines, err))
            return false;
    } while (strspn((const char *)lines->text.data, " \t") == lines->text.len);
    return read_image(lines, why) || why->kind != ERROR_NONE;
}

bool cam_lines_fail(const struct cam_lines *lines, struct buf *line,
                    const struct error *why, struct error *err)
{
    json_t *root = json_object();
    bool ok = root && (!lines->file || put(root, "file", text(lines->file))) &&
              (!lines->id || put(root, "id", json_deep_copy(lines->id))) &&
              put(root, "error",
                  json_pack("{ss so}", "kind", error_kind_name(why->kind),
                            "detail", text(why->text))) &&
              json_dump_callback(root, append, line, DUMP_FLAGS) == 0 &&
              buf_append(line, "\n", 1, NULL);

    json_decref(root);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the result");
}
