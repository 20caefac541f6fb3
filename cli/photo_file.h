#ifndef CLI_PHOTO_FILE_H
#define CLI_PHOTO_FILE_H

/* Reads the files of photos that a command line names. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Reads a file, a pipe or a device, or for "-" standard input, into `bytes`,
 * whose contents it replaces. ERROR_IO; ERROR_LIMIT: it is longer than
 * max_bytes; ERROR_MEMORY. */
bool photo_file_read(struct buf *bytes, const char *image, size_t max_bytes,
                     struct error *err) __attribute__((warn_unused_result));

#endif
