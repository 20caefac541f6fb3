#ifndef CLI_WHOLE_FILE_H
#define CLI_WHOLE_FILE_H

/* Files that are complete if they are there. One thread at a time for each
 * folder. */

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Writes a file in a folder, replacing what has its name: first as a draft
 * there. ERROR_IO: the text names the file; ERROR_INPUT: its path is too
 * long. */
bool whole_file_write(const char *folder, const char *name,
                      const struct buf *bytes, struct error *err)
    __attribute__((warn_unused_result));

#endif
