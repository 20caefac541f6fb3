/* A folder of XML files of the Pascal VOC challenge, one for each photo. */

#include "engine/evaluate/dataset_internal.h"

#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "engine/evaluate/listing.h"

enum {
    MAX_BYTES = 4 << 20,
    MAX_DEPTH = 16,
    MAX_PATH = 256, /* of an element, with the names of those around it */
    MAX_TEXT = 256, /* of what is read */
};

struct object {
    char name[MAX_TEXT];
    double x0, y0, x1, y1; /* as in the file: 1-based, inclusive */
    double difficult;
    unsigned seen; /* which sides there are, a bit for each */
};

enum { ALL_SIDES = 15 };

/* A file being read. */
struct reading {
    XML_Parser parser;
    char path[MAX_PATH]; /* of the current element: "/annotation/object" */
    size_t path_len, depth;
    char text[MAX_TEXT]; /* of the current element, if it has no others */
    size_t text_len;
    char file_name[MAX_TEXT];
    double width, height;
    struct object object; /* the current one */
    struct buf objects;   /* those before it: (n) struct object */
    struct error *err;
};

static const struct number {
    const char *path;
    size_t at;     /* in struct reading */
    unsigned side; /* bit in struct object.seen */
} numbers[] = {
#define OF_OBJECT(field) offsetof(struct reading, object.field)
    {"/annotation/size/width", offsetof(struct reading, width), 0},
    {"/annotation/size/height", offsetof(struct reading, height), 0},
    {"/annotation/object/difficult", OF_OBJECT(difficult), 0},
    {"/annotation/object/bndbox/xmin", OF_OBJECT(x0), 1},
    {"/annotation/object/bndbox/ymin", OF_OBJECT(y0), 2},
    {"/annotation/object/bndbox/xmax", OF_OBJECT(x1), 4},
    {"/annotation/object/bndbox/ymax", OF_OBJECT(y1), 8},
#undef OF_OBJECT
};

/* Records the failure that was reported, with its line, and ends the parser. */
static void stop(struct reading *reading)
{
    error_prefix(reading->err, "line %lu",
                 (unsigned long)XML_GetCurrentLineNumber(reading->parser));
    XML_StopParser(reading->parser, XML_FALSE);
}

/* ---- what the parser calls ---- */

/* VOC's files have none, and only a document type declares entities. */
static void XMLCALL begin_doctype(void *user, const XML_Char *name,
                                  const XML_Char *system_id,
                                  const XML_Char *public_id, int has_subset)
{
    struct reading *reading = user;

    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    fail(reading->err, ERROR_INPUT, "a document type is not allowed");
    stop(reading);
}

static void XMLCALL begin_element(void *user, const XML_Char *name,
                                  const XML_Char **attributes)
{
    struct reading *reading = user;
    size_t len = strlen(name);

    (void)attributes;
    if (reading->depth >= MAX_DEPTH || len + 2 > MAX_PATH - reading->path_len) {
        fail(reading->err, ERROR_LIMIT,
             "elements are nested too deeply, or their names are too long");
        stop(reading);
        return;
    }
    reading->depth++;
    reading->path[reading->path_len] = '/';
    memcpy(reading->path + reading->path_len + 1, name, len + 1);
    reading->path_len += len + 1;
    reading->text_len = 0;
    if (strcmp(reading->path, "/annotation/object") == 0)
        reading->object = (struct object){0};
}

/* Text beyond MAX_TEXT is dropped: take() refuses what was that long. */
static void XMLCALL add_text(void *user, const XML_Char *text, int len)
{
    struct reading *reading = user;
    size_t space = MAX_TEXT - reading->text_len;
    size_t taken = (size_t)len < space ? (size_t)len : space;

    memcpy(reading->text + reading->text_len, text, taken);
    reading->text_len += taken;
}

static bool copy(struct reading *reading, char to[MAX_TEXT], const char *what)
{
    if (reading->text_len >= MAX_TEXT)
        return error_limit(reading->err, MAX_TEXT - 1,
                           "the %s is longer than %d bytes", what,
                           MAX_TEXT - 1);
    memcpy(to, reading->text, reading->text_len);
    to[reading->text_len] = '\0';
    return true;
}

static bool end_object(struct reading *reading)
{
    if (!reading->object.name[0] || reading->object.seen != ALL_SIDES)
        return fail(reading->err, ERROR_INPUT,
                    "the object has no name, or its bndbox not all of xmin, "
                    "ymin, xmax and ymax");
    return buf_append(&reading->objects, &reading->object,
                      sizeof reading->object, reading->err);
}

/* Keeps the text of the element that ends, if it is one of those wanted. */
static bool take(struct reading *reading)
{
    char text[MAX_TEXT];
    double number;

    if (strcmp(reading->path, "/annotation/object") == 0)
        return end_object(reading);
    if (strcmp(reading->path, "/annotation/filename") == 0)
        return copy(reading, reading->file_name, "file name");
    if (strcmp(reading->path, "/annotation/object/name") == 0)
        return copy(reading, reading->object.name, "name");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(reading->path, numbers[i].path) != 0)
            continue;
        if (!copy(reading, text, "number") || !dataset_number(&number, text))
            return fail(reading->err, ERROR_INPUT, "%s is not a number",
                        strrchr(reading->path, '/') + 1);
        memcpy((char *)reading + numbers[i].at, &number, sizeof number);
        reading->object.seen |= numbers[i].side;
    }
    return true;
}

static void XMLCALL end_element(void *user, const XML_Char *name)
{
    struct reading *reading = user;

    if (!take(reading)) {
        stop(reading);
        return;
    }
    reading->path_len -= strlen(name) + 1;
    reading->path[reading->path_len] = '\0';
    reading->depth--;
    reading->text_len = 0;
}

/* ---- a file ---- */

static bool parse(struct reading *reading, const struct buf *bytes,
                  struct error *err)
{
    XML_Parser parser = XML_ParserCreate(NULL);
    bool ok;

    if (!parser)
        return fail(err, ERROR_MEMORY, "not enough memory to read XML");
    reading->parser = parser;
    reading->err = err;
    XML_SetUserData(parser, reading);
    XML_SetStartDoctypeDeclHandler(parser, begin_doctype);
    XML_SetElementHandler(parser, begin_element, end_element);
    XML_SetCharacterDataHandler(parser, add_text);
    ok = XML_Parse(parser, (const char *)bytes->data, (int)bytes->len,
                   XML_TRUE) == XML_STATUS_OK;
    if (!ok) /* unless one of the functions above has */
        fail(err,
             XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY ? ERROR_MEMORY
                                                             : ERROR_INPUT,
             "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(parser),
             XML_ErrorString(XML_GetErrorCode(parser)));
    XML_ParserFree(parser);
    return ok;
}

/* Adds the objects that are not difficult: the challenge does not count those.
 */
static bool add_objects(struct dataset *dataset,
                        const struct dataset_places *places,
                        const struct reading *reading, struct error *err)
{
    const struct object *objects = (const void *)reading->objects.data;
    size_t num = reading->objects.len / sizeof *objects;
    uint32_t photo, item;

    for (size_t i = 0; i < num; i++) {
        const struct object *at = &objects[i];
        struct dataset_box box = {at->x0 - 1, at->y0 - 1, at->x1, at->y1};

        if (at->difficult > 0)
            continue;
        if (!dataset_add_photo(dataset, &photo, places, reading->file_name,
                               err) ||
            (reading->width + reading->height > 0 &&
             !dataset_set_size(dataset, photo, reading->width, reading->height,
                               err)) ||
            !dataset_add_item(dataset, &item, photo, at->name, err) ||
            !dataset_add_box(dataset, item, box, err))
            return error_prefix(err, "object %zu", i + 1);
    }
    return true;
}

static bool read_file(struct dataset *dataset,
                      const struct dataset_places *places, const char *folder,
                      const char *name, struct error *err)
{
    struct reading reading = {0};
    struct buf bytes = {0};
    char path[PATH_MAX];
    bool ok = false;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX)
        return error_limit(err, PATH_MAX, "the path is too long");
    snprintf(reading.file_name, MAX_TEXT, "%.*s",
             (int)(strlen(name) - strlen(".xml")), name);
    ok = buf_append_file(&bytes, path, MAX_BYTES, err) &&
         parse(&reading, &bytes, err) &&
         add_objects(dataset, places, &reading, err);
    buf_release(&reading.objects);
    buf_release(&bytes);
    return ok || error_prefix(err, "%s", name);
}

/* The XML files are in Annotations, or in the folder itself; the photos in
 * JPEGImages or images, or with them. */
static bool add_places(struct dataset *dataset, struct dataset_places *places,
                       const char **folder, const char *path, const char *root,
                       struct error *err)
{
    struct dataset_places xml = {0};
    struct stat info;

    if (!dataset_add_place(dataset, &xml, path, "Annotations", err))
        return false;
    *folder = stat(xml.folders[0], &info) == 0 && S_ISDIR(info.st_mode)
                  ? xml.folders[0]
                  : path;
    if (root)
        return dataset_add_place(dataset, places, root, NULL, err);
    return dataset_add_place(dataset, places, path, "JPEGImages", err) &&
           dataset_add_place(dataset, places, path, "images", err) &&
           dataset_add_place(dataset, places, *folder, NULL, err) &&
           dataset_add_place(dataset, places, path, NULL, err);
}

bool dataset_voc_read(struct dataset *dataset, const char *path,
                      const char *root, struct error *err)
{
    static const char *const extensions[] = {".xml", NULL};
    struct dataset_places places = {.without_extension = true};
    struct listing listing = {0};
    const char *folder;
    bool ok;

    ok = add_places(dataset, &places, &folder, path, root, err) &&
         listing_read(&listing, folder, extensions, err);
    for (size_t i = 0; ok && i < listing.count; i++)
        ok = read_file(dataset, &places, folder, listing.entries[i]->d_name,
                       err);
    listing_release(&listing);
    return ok;
}
