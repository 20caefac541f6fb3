#ifndef CLI_JSONL_H
#define CLI_JSONL_H

/* JSON Lines: answers to several photos, one a line, each with its file. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Appends a JSON object with one more member at its front:
 *
 *     {"model": …}   becomes   {"file":"photo.jpg","model": …}
 *
 * object  in  (object_len) bytes; an object that is not empty, '{' first
 * file    any bytes: what is not UTF-8 becomes U+FFFD
 *
 * ERROR_MEMORY; the line is then as it was. Any thread. */
bool jsonl_append(struct buf *line, const uint8_t *object, size_t object_len,
                  const char *file, struct error *err)
    __attribute__((warn_unused_result));

#endif
