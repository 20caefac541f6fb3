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

/* The extensions of photos: ".jpg" and so on, ended by NULL. */
const char *const *listing_photos(void);

/* Whether a name does not begin with a dot, and ends with one of these
 * extensions, such as ".xml", in any case; NULL as `extensions` accepts all. */
bool listing_is_wanted(const char *name, const char *const *extensions);

/* Lists the names that listing_is_wanted accepts. ERROR_IO, ERROR_MEMORY. */
bool listing_read(struct listing *listing, const char *folder,
                  const char *const *extensions, struct error *err)
    __attribute__((warn_unused_result));

void listing_release(struct listing *listing);

#endif
