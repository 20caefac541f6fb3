#ifndef SERVER_WORK_FILM_H
#define SERVER_WORK_FILM_H

/* The film that the page offers (--film): the images in a folder, frame by
 * frame. Read when the service opens, immutable afterwards. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

enum { FILM_MAX_FRAMES = 1000, FILM_MAX_BYTES = 67108864 };

struct film_frame {
    char *name;               /* owned: the file's, without folders */
    const char *content_type; /* a constant */
    struct buf bytes;         /* the file */
};

/* `= {0}` has no frames. */
struct film {
    struct film_frame *frames; /* (count) owned */
    size_t count;
};

/* Reads the files of a folder that end with .jpg, .jpeg, .png or .webp, in the
 * order of their names, in which numbers count as such. The empty name is no
 * film. ERROR_IO: the folder or a file cannot be read. ERROR_INPUT: there is no
 * such file in it, or one is no JPEG, PNG or WebP. ERROR_LIMIT: there are more
 * frames, or they have more bytes together, than the above. ERROR_MEMORY. */
bool film_open(struct film *film, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

void film_close(struct film *film);

#endif
