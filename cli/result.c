#include "cli/result.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool result_print(const struct buf *result, struct error *err)
{
    return (fwrite(result->data, 1, result->len, stdout) == result->len &&
            fflush(stdout) == 0) ||
           fail(err, ERROR_IO, "the result cannot be written: %s",
                strerror(errno));
}
