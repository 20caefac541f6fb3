#include "engine/base/npy_header.h"

#include <stdio.h>
#include <string.h>

bool npy_header_append(struct buf *file, const size_t *dims, size_t rank,
                       struct error *err)
{
    char header[512] = "\x93NUMPY\x01";
    int len = 10 + snprintf(header + 10, sizeof header - 10,
                            "{'descr': '<f4', 'fortran_order': False, "
                            "'shape': (");
    size_t padded;

    for (size_t i = 0; i < rank; i++)
        len += snprintf(header + len, sizeof header - (size_t)len, "%zu%s",
                        dims[i],
                        i + 1 < rank ? ", "
                        : rank == 1  ? ","
                                     : "");
    len += snprintf(header + len, sizeof header - (size_t)len, "), }");
    padded = ((size_t)len / NPY_HEADER_ALIGN + 1) * NPY_HEADER_ALIGN;
    memset(header + len, ' ', padded - (size_t)len);
    header[padded - 1] = '\n';
    header[8] = (char)((padded - 10) & 255);
    header[9] = (char)((padded - 10) >> 8);
    return buf_append(file, header, padded, err);
}
