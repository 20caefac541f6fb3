#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

/* Folders that results are written to. */

#include "engine/base/error.h"

/* Makes a folder, and those above it, unless they are there. ERROR_IO; and
 * ERROR_INPUT if the path is too long. */
bool folder_make(const char *path, struct error *err)
    __attribute__((warn_unused_result));

#endif
