#ifndef SERVER_CONFIG_CONFIG_FILE_H
#define SERVER_CONFIG_CONFIG_FILE_H

/* Options in a file:
 *
 *     # a comment, as is a line that begins with ';'
 *     [models]
 *     model = models/efficientnet-lite0
 *     model = models/efficientnet-lite2   ; a list's key is repeated
 *     [work]
 *     workers = 4
 *
 * A key is the flag without its dashes. It stands below its section, or above
 * all sections. A value is the rest of the line without surrounding spaces; a
 * semicolon after a space begins a comment. The file may begin with a byte
 * order mark, and lines may end with CR LF. */

#include "server/config/config.h"

enum { CONFIG_FILE_MAX_BYTES = 65536 };

/* Sets the file's values, except where a source that overrides the file (enum
 * config_source) has set one. ERROR_INPUT says "PATH:LINE: what is wrong": an
 * unknown key (with the nearest known one), a key in the wrong section, a
 * repeated key that is not a list, a value that its option does not accept, a
 * line that is too long for libinih or has a control character. ERROR_IO,
 * ERROR_LIMIT: the file cannot be read, or is longer than
 * CONFIG_FILE_MAX_BYTES. ERROR_MEMORY. */
bool config_file_read(struct config *config, const char *path,
                      struct error *err) __attribute__((warn_unused_result));

/* The same for the bytes of a file; `path` is for error messages. */
bool config_file_parse(struct config *config, const char *path,
                       const void *bytes, size_t len, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a file can hold the value unchanged. */
bool config_file_holds(const char *flag, const char *value);

#endif
