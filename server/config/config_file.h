#ifndef SERVER_CONFIG_CONFIG_FILE_H
#define SERVER_CONFIG_CONFIG_FILE_H

/* The options in a file:
 *
 *     # a comment, as is a line that begins with ';'
 *     [models]
 *     model = models/efficientnet-lite0
 *     model = models/efficientnet-lite2   ; a list's key is repeated
 *     [work]
 *     workers = 4
 *
 * A key is the flag without its dashes, and stands below its section, or above
 * all sections. A value is the rest of the line without the spaces around it;
 * a semicolon after a space begins a comment. The file may begin with a byte
 * order mark, and its lines may end with CR LF. */

#include "server/config/config.h"

enum { CONFIG_FILE_MAX_BYTES = 65536 };

/* Takes the file's values where nothing after it (enum config_source) gave
 * one. ERROR_INPUT says "PATH:LINE: what is wrong": a key or section that
 * there is not, and the nearest that there is; a key twice that is no list; a
 * value that its option does not accept; a line that is too long for libinih,
 * or has a control character. ERROR_IO, ERROR_LIMIT: it cannot be read, or is
 * longer than CONFIG_FILE_MAX_BYTES. ERROR_MEMORY. */
bool config_file_read(struct config *config, const char *path,
                      struct error *err) __attribute__((warn_unused_result));

/* The same of a file's bytes; `path` is for the texts of errors. */
bool config_file_parse(struct config *config, const char *path,
                       const void *bytes, size_t len, struct error *err)
    __attribute__((warn_unused_result));

/* Whether a value comes out of a file as it was put in. */
bool config_file_holds(const char *flag, const char *value);

#endif
