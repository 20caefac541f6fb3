#ifndef ENGINE_EVALUATE_LISTING_H
#define ENGINE_EVALUATE_LISTING_H

/* The names in a folder, sorted by their bytes. One thread at a time. */

#include <dirent.h>
#include <stddef.h>

#include "engine/base/error.h"

/* `= {0}` is empty. */
struct listing {
    struct dirent **entries; /* (count) owned, and so is each */
    size_t count;
};

/* Lists the names that do not begin with a dot, and end with one of these
 * extensions, such as ".xml", in any case; NULL ends `extensions`, and as
 * `extensions` accepts all. ERROR_IO, ERROR_MEMORY. */
bool listing_read(struct listing *listing, const char *folder,
                  const char *const *extensions, struct error *err)
    __attribute__((warn_unused_result));

void listing_release(struct listing *listing);

#endif
