/* A .npy file from a stranger; one that is read is written and read again. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "engine/network/npy.h"

static void go_round(const struct npy *npy)
{
    struct npy copy = {0};
    struct buf file = {0};
    struct error err = {0};
    size_t len = graph_shape_count(&npy->shape) * sizeof(float);

    if (!npy_append(&file, &npy->shape, npy->data, &err) ||
        !npy_read(&copy, file.data, file.len, &err) ||
        !graph_shape_equal(&npy->shape, &copy.shape) ||
        (len > 0 && memcmp(npy->data, copy.data, len) != 0))
        __builtin_trap();
    npy_release(&copy);
    buf_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct npy npy = {0};
    struct error err = {0};

    if (!npy_read(&npy, bytes, len, &err))
        return 0;
    if (npy.type == GRAPH_FLOAT)
        go_round(&npy);
    npy_release(&npy);
    return 0;
}
