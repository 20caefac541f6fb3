#include "server/work/film.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a file begins with; of a WebP, also what follows the length. */
static const struct format {
    const char *extension, *content_type, *begin, *later;
} formats[] = {
    {".jpg", "image/jpeg", "\xff\xd8\xff", ""},
    {".jpeg", "image/jpeg", "\xff\xd8\xff", ""},
    {".png", "image/png", "\x89PNG\r\n\x1a\n", ""},
    {".webp", "image/webp", "RIFF", "WEBP"},
};

enum { NUM_FORMATS = sizeof formats / sizeof formats[0], LATER = 8 };

static int is_frame(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t len = strlen(name);

    for (size_t i = 0; *name != '.' && i < NUM_FORMATS; i++) {
        size_t end = strlen(formats[i].extension);

        if (len > end &&
            strcasecmp(name + len - end, formats[i].extension) == 0)
            return 1;
    }
    return 0;
}

static bool has(const struct buf *bytes, size_t at, const char *text)
{
    size_t len = strlen(text);

    return bytes->len >= at + len && memcmp(bytes->data + at, text, len) == 0;
}

/* By its bytes, whatever its name is. */
static const char *content_type_of(const struct buf *bytes)
{
    for (size_t i = 0; i < NUM_FORMATS; i++)
        if (has(bytes, 0, formats[i].begin) &&
            (!*formats[i].later || has(bytes, LATER, formats[i].later)))
            return formats[i].content_type;
    return NULL;
}

/* Reads a file of at most `left` bytes, and takes them off. */
static bool read_frame(struct film_frame *frame, size_t *left,
                       const char *folder, const char *name, struct error *err)
{
    char path[PATH_MAX];
    struct error why = {0};

    frame->name = strdup(name);
    if (!frame->name)
        return fail(err, ERROR_MEMORY, "not enough memory for the film");
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX)
        return error_limit(err, PATH_MAX, "the path is too long");
    if (!buf_append_file(&frame->bytes, path, *left, &why)) {
        if (why.kind == ERROR_LIMIT)
            return error_limit(err, FILM_MAX_BYTES,
                               "the frames have more than %d bytes together",
                               FILM_MAX_BYTES);
        error_prefix(&why, "%.100s", name);
        return error_pass(err, &why);
    }
    *left -= frame->bytes.len;
    frame->content_type = content_type_of(&frame->bytes);
    return frame->content_type ||
           fail(err, ERROR_INPUT, "%.100s is no JPEG, PNG or WebP", name);
}

static bool read_all(struct film *film, const char *folder,
                     struct dirent *const *entries, size_t count,
                     struct error *err)
{
    size_t left = FILM_MAX_BYTES;

    if (count == 0)
        return fail(err, ERROR_INPUT,
                    "there is no file .jpg, .jpeg, .png or .webp in the "
                    "folder");
    if (count > FILM_MAX_FRAMES)
        return error_limit(err, FILM_MAX_FRAMES,
                           "there are %zu frames, and at most %d are offered",
                           count, FILM_MAX_FRAMES);
    film->frames = calloc(count, sizeof *film->frames);
    if (!film->frames)
        return fail(err, ERROR_MEMORY, "not enough memory for the film");
    for (; film->count < count; film->count++)
        if (!read_frame(&film->frames[film->count], &left, folder,
                        entries[film->count]->d_name, err)) {
            film->count++; /* of which a part may be there */
            return false;
        }
    return true;
}

bool film_open(struct film *film, const char *folder, struct error *err)
{
    struct dirent **entries;
    bool ok;
    int count;

    *film = (struct film){0};
    if (!*folder)
        return true;
    count = scandir(folder, &entries, is_frame, versionsort);
    if (count < 0)
        return fail(err, errno == ENOMEM ? ERROR_MEMORY : ERROR_IO,
                    "the folder cannot be read: %s", strerror(errno));
    ok = read_all(film, folder, entries, (size_t)count, err);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    if (!ok)
        film_close(film);
    return ok;
}

void film_close(struct film *film)
{
    for (size_t i = 0; i < film->count; i++) {
        free(film->frames[i].name);
        buf_release(&film->frames[i].bytes);
    }
    free(film->frames);
    *film = (struct film){0};
}
