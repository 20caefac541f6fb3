#include "tests/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "engine/base/buf.h"
#include "engine/network/npy.h"

#include <cmocka.h>

void array_open(struct array *array, const char *path)
{
    struct buf file = {0};
    struct npy npy = {0};
    struct error err = {0};

    if (!buf_append_file(&file, path, 1 << 26, &err) ||
        !npy_read(&npy, file.data, file.len, &err))
        fail_msg("%s: %s", path, err.text);
    if (npy.type != GRAPH_FLOAT)
        fail_msg("%s: not an array of floats", path);
    *array = (struct array){.shape = npy.shape, .data = npy.data};
    buf_release(&file);
}

void array_release(struct array *array)
{
    free(array->data);
    *array = (struct array){0};
}
