#ifndef ENGINE_BASE_NPY_HEADER_H
#define ENGINE_BASE_NPY_HEADER_H

/* The beginning of NumPy's .npy files. */

#include <stddef.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Files that are written begin their elements at a multiple of this. */
enum { NPY_HEADER_ALIGN = 64, NPY_HEADER_MAX_RANK = 16 };

/* Appends the header (version 1.0) of little-endian floats in C order; the
 * elements follow.
 *
 * dims  (rank) at most NPY_HEADER_MAX_RANK
 *
 * ERROR_MEMORY. */
bool npy_header_append(struct buf *file, const size_t *dims, size_t rank,
                       struct error *err) __attribute__((warn_unused_result));

#endif
