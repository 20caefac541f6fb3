#include "cli/result.h"

#include <stdio.h>

bool result_print(const struct buf *result)
{
    return fwrite(result->data, 1, result->len, stdout) == result->len &&
           fflush(stdout) == 0;
}
