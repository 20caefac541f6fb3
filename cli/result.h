#ifndef CLI_RESULT_H
#define CLI_RESULT_H

/* Prints what a command has found. */

#include <stdbool.h>

#include "engine/base/buf.h"

/* Writes it to standard output, at once. Returns whether all is written; errno
 * says why not. One thread at a time. */
bool result_print(const struct buf *result) __attribute__((warn_unused_result));

#endif
