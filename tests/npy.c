#include "npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include <cmocka.h>

/* The header is a Python dictionary with the shape as a tuple: "(1, 3, )". */
static struct graph_shape parse_shape(const char *header, const char *path)
{
    struct graph_shape shape = {0};
    const char *at = strstr(header, "'shape': (");
    char *end;

    if (!at || !strstr(header, "'descr': '<f4'") ||
        !strstr(header, "'fortran_order': False"))
        fail_msg("%s: not an array of floats in C order", path);
    for (at += strlen("'shape': ("); *at != ')'; at = end) {
        size_t dim = strtoul(at, &end, 10);

        if (end == at || shape.rank == GRAPH_MAX_RANK)
            fail_msg("%s: no shape", path);
        shape.dim[shape.rank++] = dim;
        end += strspn(end, ", ");
    }
    return shape;
}

void npy_open(struct npy *npy, const char *path)
{
    struct buf buf = {0};
    struct error err = {0};
    char header[512] = {0};
    size_t len, count;

    if (!buf_append_file(&buf, path, 1 << 26, &err))
        fail_msg("%s: %s", path, err.text);
    if (buf.len < 10 || memcmp(buf.data, "\x93NUMPY\x01", 7) != 0)
        fail_msg("%s: not a .npy file of version 1", path);
    len = buf.data[8] + ((size_t)buf.data[9] << 8);
    if (len >= sizeof header || buf.len < 10 + len)
        fail_msg("%s: cut short", path);
    memcpy(header, buf.data + 10, len);
    npy->shape = parse_shape(header, path);
    count = graph_shape_count(&npy->shape);
    if (buf.len != 10 + len + count * sizeof *npy->data)
        fail_msg("%s: the length does not fit", path);
    npy->data = calloc(count + 1, sizeof *npy->data);
    assert_non_null(npy->data);
    memcpy(npy->data, buf.data + 10 + len, count * sizeof *npy->data);
    buf_release(&buf);
}

void npy_release(struct npy *npy)
{
    free(npy->data);
    *npy = (struct npy){0};
}
