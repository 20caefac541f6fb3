#ifndef ENGINE_EVALUATE_WALK_H
#define ENGINE_EVALUATE_WALK_H

/* Walks over the photos in a folder and the folders in it, in the order in
 * which the file system has them, in memory that does not depend on their
 * number.
 *
 *     struct walk walk = {0};
 *     enum walk_step step;
 *
 *     if (!walk_begin(&walk, folder, &err))
 *         ...
 *     while ((step = walk_next(&walk, &err)) != WALK_END)
 *         ... walk.path, or if step is WALK_TROUBLE err
 *     walk_release(&walk);
 *
 * Photos are the files that end as in listing_photos(). Names that begin with a
 * dot are left out. Links to files are followed, links to folders are not. One
 * thread at a time. */

#include <dirent.h>
#include <limits.h>
#include <stddef.h>

#include "engine/base/error.h"

enum { WALK_MAX_DEPTH = 32 };

enum walk_step {
    WALK_END,
    WALK_PHOTO,
    WALK_TROUBLE /* a folder that is left out */
};

struct walk_level {
    DIR *dir;   /* owned */
    size_t len; /* of its path, with the slash behind it */
};

/* `= {0}` is empty. */
struct walk {
    char path[PATH_MAX]; /* of the current photo or folder */
    const char *name;    /* the same below the folder that is walked over */
    size_t depth;
    struct walk_level levels[WALK_MAX_DEPTH]; /* (depth) */
};

/* ERROR_IO: the folder cannot be read; ERROR_LIMIT: its path is too long. */
bool walk_begin(struct walk *walk, const char *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Goes on to the next photo. WALK_TROUBLE: ERROR_IO if a folder cannot be read,
 * ERROR_LIMIT if it is too deep or its path too long; the walk can go on, with
 * another *err. */
enum walk_step walk_next(struct walk *walk, struct error *err)
    __attribute__((warn_unused_result));

void walk_release(struct walk *walk);

#endif
