#ifndef ENGINE_FIT_FOLDS_H
#define ENGINE_FIT_FOLDS_H

/* Divides photos into folds for cross-validation: each class is spread as
 * evenly as its groups allow, and all photos of a group are in one fold. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct folds_photos {
    const uint32_t *classes; /* (count) */
    const uint32_t *groups;  /* (count) below num_groups */
    size_t count, num_classes, num_groups;
};

/* The same seed gives the same folds. ERROR_MEMORY. Any thread.
 *
 *     folds  out  (count) below num_folds */
bool folds_divide(uint32_t *folds, const struct folds_photos *photos,
                  uint32_t num_folds, uint64_t seed, struct error *err)
    __attribute__((warn_unused_result));

#endif
