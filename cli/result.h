#ifndef CLI_RESULT_H
#define CLI_RESULT_H

/* Prints what a command has found. */

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Writes it to standard output, at once. Fails with ERROR_IO. One thread at a
 * time. */
bool result_print(const struct buf *result, struct error *err)
    __attribute__((warn_unused_result));

#endif
