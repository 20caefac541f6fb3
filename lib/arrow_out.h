#ifndef LIB_ARROW_OUT_H
#define LIB_ARROW_OUT_H

/* Makes schemas and arrays of Arrow's C data interface. Each node owns what it
 * points to, so that its receiver may move it out of its parent. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "lib/wherefore.h"

enum { ARROW_OUT_MAX_CHILDREN = 16, ARROW_OUT_MAX_METADATA = 128 };

/* Pairs of texts; `= {0}` is none. */
struct arrow_out_metadata {
    char bytes[ARROW_OUT_MAX_METADATA];
    size_t len;
};

struct arrow_out_field {
    const char *name, *format;              /* the name is static */
    const struct arrow_out_field *children; /* (num_children) */
    size_t num_children;
    const struct arrow_out_metadata *metadata; /* or NULL */
};

/* Adds a pair; one that does not fit is a bug. */
void arrow_out_metadata_add(struct arrow_out_metadata *metadata,
                            const char *key, const char *value);

/* Makes the schema of a field, every part of which may be null. On failure
 * (ERROR_MEMORY) *schema is all zeros. */
bool arrow_out_schema(struct ArrowSchema *schema,
                      const struct arrow_out_field *field, struct error *err)
    __attribute__((warn_unused_result));

/* What an array consists of. */
struct arrow_out_parts {
    size_t length, num_nulls;
    void *buffers[3]; /* (num_buffers) from malloc, or NULL; taken */
    size_t num_buffers;
    size_t num_children;
};

/* Makes an array. Its children are all zeros and for the caller to make, in
 * place. The buffers are freed in any case, with the array or, on failure
 * (ERROR_MEMORY), at once; *array is then all zeros. */
bool arrow_out_array(struct ArrowArray *array,
                     const struct arrow_out_parts *parts, struct error *err)
    __attribute__((warn_unused_result));

#endif
