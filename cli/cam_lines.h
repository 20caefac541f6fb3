#ifndef CLI_CAM_LINES_H
#define CLI_CAM_LINES_H

/* The input of `wherefore cam --jsonl FILE`: an image a line, by the path of
 * its file, or as an object,
 *
 *     {"file": "cat.jpg", "id": 7}    {"b64": "/9j/4AAQ...", "id": "cat"}
 *
 * Each line has one line of output, in their order; "id" comes back in it. A
 * line that fails is answered by {"file": ..., "id": ..., "error": {"kind":
 * ..., "detail": ...}}. One thread at a time. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* `= {0}` is empty. */
struct cam_lines {
    FILE *stream;     /* owned, but for standard input */
    struct buf text;  /* the line, with a NUL behind it; owned */
    size_t max_bytes; /* of an image's file */

    /* The current line. */
    struct buf image; /* its file, if it could be read */
    const char *file; /* its path, borrowed from the line; or NULL */
    json_t *object;   /* that it is, or NULL */
    const json_t *id; /* borrowed from it; or NULL */
};

/* Opens a file of lines; "-" is standard input. ERROR_IO. */
bool cam_lines_open(struct cam_lines *lines, const char *name, size_t max_bytes,
                    struct error *err) __attribute__((warn_unused_result));

/* Reads the next line and its image. false: there is none, or `err` says why it
 * cannot be read. `why` says what is wrong with the line itself: ERROR_INPUT,
 * ERROR_LIMIT, ERROR_IO, ERROR_MEMORY. Lines of blanks are skipped. */
bool cam_lines_next(struct cam_lines *lines, struct error *why,
                    struct error *err) __attribute__((warn_unused_result));

/* Appends what a line that has failed is answered by. ERROR_MEMORY. */
bool cam_lines_fail(const struct cam_lines *lines, struct buf *line,
                    const struct error *why, struct error *err)
    __attribute__((warn_unused_result));

void cam_lines_release(struct cam_lines *lines);

#endif
