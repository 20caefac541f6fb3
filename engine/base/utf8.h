#ifndef ENGINE_BASE_UTF8_H
#define ENGINE_BASE_UTF8_H

/* UTF-8 as defined in RFC 3629, section 4. Any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* The length in bytes of the first character of a NUL-terminated string, or 0
 * if the string does not begin with a valid character. */
size_t utf8_len(const char *text);

/* Appends a string of arbitrary bytes; U+FFFD replaces each byte that is not
 * UTF-8. ERROR_MEMORY. */
bool utf8_append(struct buf *to, const char *text, struct error *err)
    __attribute__((warn_unused_result));

#endif
