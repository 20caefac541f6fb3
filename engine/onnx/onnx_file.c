/* DESIGN: The file is walked through a window, from field to field, into the
 * graph and its initializers. The message keeps the lengths of those where they
 * are, in as many bytes: a number may have leading zeros. */

#include "engine/onnx/onnx_file.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 4096,
    MAX_NUMBER = 10, /* bytes */
    MAX_CUTS = 1 << 16,
    /* the kinds of fields */
    NUMBER = 0,
    EIGHT_BYTES = 1,
    BYTES = 2,
    FOUR_BYTES = 5,
    /* the fields on the way to the constants (onnx.proto) */
    MODEL_GRAPH = 7,
    GRAPH_INITIALIZER = 5,
    TENSOR_RAW_DATA = 9,
};

/* A walk through a file. */
struct walk {
    struct onnx_file *file;
    size_t least;
    uint64_t size;
    uint64_t graph_at;  /* where the graph's length is, in */
    size_t graph_width; /* bytes */
    uint64_t graph_len;
    size_t num_graphs, num_initializers;
    size_t cap;     /* cuts allocated */
    uint64_t start; /* of the window in the file */
    size_t len;
    uint8_t window[WINDOW];
    struct error *err;
};

/* A field; `at` and `len` are those of BYTES, else of what is in it. */
struct field {
    uint64_t begin, number, kind;
    uint64_t length_at, at, len;
    size_t length_width;
};

/* ---- fields ---- */

static bool read_byte(struct walk *walk, uint8_t *byte, uint64_t at)
{
    if (at >= walk->size)
        return false;
    if (at < walk->start || at >= walk->start + walk->len) {
        uint64_t left = walk->size - at;

        walk->start = at;
        walk->len = left < WINDOW ? left : WINDOW;
        if (!buf_read_at(walk->window, walk->file->fd, walk->len, at,
                         walk->err)) {
            walk->len = 0;
            return false;
        }
    }
    *byte = walk->window[at - walk->start];
    return true;
}

/* Seven bits a byte, the lowest ones first. */
static bool read_number(struct walk *walk, uint64_t *number, size_t *width,
                        uint64_t at)
{
    uint8_t byte = 0x80;

    *number = 0;
    for (*width = 0; byte & 0x80; ++*width) {
        if (*width == MAX_NUMBER || !read_byte(walk, &byte, at + *width))
            return false;
        *number |= (uint64_t)(byte & 0x7f) << 7 * *width;
    }
    return true;
}

/* The field at `at`, which ends before `end`. */
static bool read_field(struct walk *walk, struct field *field, uint64_t at,
                       uint64_t end)
{
    uint64_t tag, value = 0;
    size_t width = 0;

    *field = (struct field){.begin = at};
    if (!read_number(walk, &tag, &width, at))
        return false;
    field->number = tag >> 3;
    field->kind = tag & 7;
    field->at = field->length_at = at + width;
    width = 0;
    if ((field->kind == NUMBER || field->kind == BYTES) &&
        !read_number(walk, &value, &width, field->at))
        return false;
    field->length_width = width;
    if (field->kind == BYTES) {
        field->at += width;
        field->len = value;
    } else if (field->kind == NUMBER) {
        field->len = width;
    } else if (field->kind == EIGHT_BYTES || field->kind == FOUR_BYTES) {
        field->len = field->kind == EIGHT_BYTES ? 8 : 4;
    } else {
        return false;
    }
    return field->at <= end && field->len <= end - field->at;
}

/* ---- the walk ---- */

static bool add_cut(struct walk *walk, const struct field *initializer,
                    const struct field *raw)
{
    struct onnx_file *file = walk->file;

    if (file->num_cuts == walk->cap) {
        size_t cap = walk->cap > 0 ? 2 * walk->cap : 64;
        struct onnx_cut *cuts = realloc(file->cuts, cap * sizeof *cuts);

        if (cap > MAX_CUTS || !cuts) {
            file->cuts = cuts ? cuts : file->cuts;
            return false;
        }
        file->cuts = cuts;
        walk->cap = cap;
    }
    file->cuts[file->num_cuts++] = (struct onnx_cut){
        .initializer = walk->num_initializers,
        .begin = raw->begin,
        .at = raw->at,
        .len = raw->len,
        .length_at = initializer->length_at,
        .length_width = initializer->length_width,
        .length = initializer->len,
    };
    return true;
}

/* The last of two fields with raw data would be the one that counts: such a
 * file is not looked into. */
static bool walk_initializer(struct walk *walk, const struct field *initializer)
{
    uint64_t end = initializer->at + initializer->len;
    struct field field;
    size_t num_raw = 0;

    for (uint64_t at = initializer->at; at < end; at = field.at + field.len) {
        if (!read_field(walk, &field, at, end))
            return false;
        if (field.number != TENSOR_RAW_DATA)
            continue;
        if (field.kind != BYTES || ++num_raw > 1 ||
            (field.len >= walk->least && !add_cut(walk, initializer, &field)))
            return false;
    }
    return true;
}

static bool walk_graph(struct walk *walk, const struct field *graph)
{
    uint64_t end = graph->at + graph->len;
    struct field field;

    for (uint64_t at = graph->at; at < end; at = field.at + field.len) {
        if (!read_field(walk, &field, at, end))
            return false;
        if (field.number != GRAPH_INITIALIZER)
            continue;
        if (field.kind != BYTES || !walk_initializer(walk, &field))
            return false;
        walk->num_initializers++;
    }
    return true;
}

/* Finds the cuts. Several graphs would be joined: such a file is not looked
 * into. */
static bool walk_model(struct walk *walk)
{
    struct field field;

    for (uint64_t at = 0; at < walk->size; at = field.at + field.len) {
        if (!read_field(walk, &field, at, walk->size))
            return false;
        if (field.number != MODEL_GRAPH)
            continue;
        walk->graph_at = field.length_at;
        walk->graph_width = field.length_width;
        walk->graph_len = field.len;
        if (field.kind != BYTES || ++walk->num_graphs > 1 ||
            !walk_graph(walk, &field))
            return false;
    }
    return true;
}

/* ---- the message ---- */

static uint64_t len_of(const struct onnx_cut *cut)
{
    return cut->at + cut->len - cut->begin;
}

/* In `width` bytes, which it fits. */
static void write_number(uint8_t *bytes, uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++)
        bytes[i] =
            (uint8_t)((number >> 7 * i & 0x7f) | (i + 1 < width ? 0x80 : 0));
}

static bool append(struct walk *walk, uint64_t from, uint64_t to)
{
    struct buf *message = &walk->file->message;

    if (from == to)
        return true;
    if (!buf_read_at(message->data + message->len, walk->file->fd,
                     (size_t)(to - from), from, walk->err))
        return false;
    message->len += (size_t)(to - from);
    return true;
}

static bool make_message(struct walk *walk)
{
    struct onnx_file *file = walk->file;
    uint64_t removed = 0, from = 0;

    for (size_t i = 0; i < file->num_cuts; i++)
        removed += len_of(&file->cuts[i]);
    if (!buf_reserve(&file->message, (size_t)(walk->size - removed), walk->err))
        return false;
    removed = 0;
    for (size_t i = 0; i < file->num_cuts; i++) {
        const struct onnx_cut *cut = &file->cuts[i];

        if (!append(walk, from, cut->begin))
            return false;
        write_number(file->message.data + cut->length_at - removed,
                     cut->length - len_of(cut), cut->length_width);
        from = cut->at + cut->len;
        removed += len_of(cut);
    }
    if (!append(walk, from, walk->size))
        return false;
    if (removed > 0)
        write_number(file->message.data + walk->graph_at,
                     walk->graph_len - removed, walk->graph_width);
    return true;
}

bool onnx_file_open(struct onnx_file *file, int fd, size_t max_bytes,
                    size_t least, struct error *err)
{
    struct error seen = {0};
    struct walk walk = {.file = file, .least = least, .err = &seen};
    size_t size;

    file->fd = fd;
    if (!buf_file_size(&size, fd, max_bytes, err))
        return false;
    walk.size = size;
    if (!walk_model(&walk))
        file->num_cuts = 0;
    if (make_message(&walk))
        return true;
    onnx_file_release(file);
    return fail(err, seen.kind, "%s", seen.text);
}

void onnx_file_release(struct onnx_file *file)
{
    buf_release(&file->message);
    free(file->cuts);
    *file = (struct onnx_file){0};
}
