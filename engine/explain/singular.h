#ifndef ENGINE_EXPLAIN_SINGULAR_H
#define ENGINE_EXPLAIN_SINGULAR_H

/* The first singular vector of features, which Eigen-CAM's methods show. Any
 * thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

/* Writes M v, where v is the first right singular vector of a matrix M, whose
 * means are not subtracted. Of the two signs it has the one with which the sum
 * of the map times the rows' sums is not negative; so the map of a matrix
 * without negative numbers has none. Equal matrices have equal maps. Returns
 * the singular value as an iteration found it: the length of the map, up to
 * rounding. ERROR_MEMORY.
 *
 * map     out  (num_rows)            zeros if M is zero
 * matrix  in   (num_rows, num_columns) */
bool singular_map(float *restrict map, double *value,
                  const float *restrict matrix, size_t num_rows,
                  size_t num_columns, struct error *err)
    __attribute__((warn_unused_result));

#endif
