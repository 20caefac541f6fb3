#ifndef LIB_ARROW_IN_H
#define LIB_ARROW_IN_H

/* Reads a column of binary values from Arrow's C data interface. Who made it
 * may be wrong: everything that the structs say is checked before anything is
 * read by it. What they do not say, the length of a buffer that offsets point
 * into, has to be right. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "lib/wherefore.h"

enum arrow_in_layout {
    ARROW_IN_BINARY, /* 32-bit offsets */
    ARROW_IN_LARGE,  /* 64-bit offsets */
    ARROW_IN_VIEW,   /* short values in place, others in one of many buffers */
};

/* Immutable; everything is borrowed from the array. */
struct arrow_in {
    enum arrow_in_layout layout;
    size_t count;            /* rows */
    size_t offset;           /* of the first row in the buffers */
    const uint8_t *validity; /* bits; NULL: no row is null */
    const uint8_t *places;   /* offsets or views, aligned or not */
    const void *const *data; /* (num_data) */
    size_t num_data;
    const uint8_t *sizes; /* (num_data) int64, of the data of views */
};

/* Checks a column and all of its rows.
 *
 *     ERROR_INPUT        it is malformed or released
 *     ERROR_UNSUPPORTED  of another type
 *     ERROR_LIMIT        more than WHEREFORE_MAX_ROWS rows */
bool arrow_in_open(struct arrow_in *in, const struct ArrowSchema *schema,
                   const struct ArrowArray *array, struct error *err)
    __attribute__((warn_unused_result));

/* The bytes of row i < count; false: it is null. */
bool arrow_in_row(const struct arrow_in *in, size_t i, const uint8_t **bytes,
                  size_t *len);

#endif
