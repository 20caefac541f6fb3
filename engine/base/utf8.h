#ifndef ENGINE_BASE_UTF8_H
#define ENGINE_BASE_UTF8_H

/* UTF-8 as RFC 3629, section 4, has it. Any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* The bytes of the character that a NUL-terminated text begins with; 0 where
 * it begins with none. */
size_t utf8_len(const char *text);

/* Appends a text of any bytes: U+FFFD stands for each that is not UTF-8.
 * ERROR_MEMORY. */
bool utf8_append(struct buf *to, const char *text, struct error *err)
    __attribute__((warn_unused_result));

#endif
