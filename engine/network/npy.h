#ifndef ENGINE_NETWORK_NPY_H
#define ENGINE_NETWORK_NPY_H

/* Reads and writes NumPy's .npy files, versions 1 to 3, little-endian and in C
 * order. float32 and float64 become floats; int8, uint8, int16, uint16, int32,
 * uint32, int64 and bool become integers. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/graph/graph.h"

/* `= {0}` is empty. */
struct npy {
    enum graph_type type;
    struct graph_shape shape;
    void *data; /* float or int64_t, row-major; owned */
};

/* Reads a file of `len` bytes into an empty array.
 *
 * ERROR_INPUT        not an .npy file, or its length does not fit its shape
 * ERROR_UNSUPPORTED  big-endian, in Fortran order, of another type, or with
 *                    more than GRAPH_MAX_RANK dimensions
 * ERROR_LIMIT        more than GRAPH_MAX_ELEMENTS elements
 * ERROR_MEMORY
 *
 * On failure the array is empty. Any thread. */
bool npy_read(struct npy *npy, const uint8_t *bytes, size_t len,
              struct error *err) __attribute__((warn_unused_result));

/* Appends a file of float32 elements to `file`. ERROR_MEMORY. */
bool npy_append(struct buf *file, const struct graph_shape *shape,
                const float *values, struct error *err)
    __attribute__((warn_unused_result));

void npy_release(struct npy *npy);

#endif
