#ifndef CLI_FIT_FOLDER_H
#define CLI_FIT_FOLDER_H

/* The folder that `wherefore fit` makes: it is there when it is complete.
 *
 *     if (!fit_folder_plan(&folder, to, force, &err) ||
 *         !fit_folder_begin(&folder, &err))
 *         ...
 *     ... write into folder.made
 *     if (!fit_folder_finish(&folder, &err))
 *         ...
 *     fit_folder_release(&folder);
 *
 * One thread at a time. */

#include <limits.h>
#include <stdbool.h>

#include "engine/base/error.h"

/* `= {0}` is empty. */
struct fit_folder {
    char to[PATH_MAX];       /* without slashes at its end */
    char made[PATH_MAX + 8]; /* the folder to write into, beside it; "" if
                                there is none */
    const char *name;        /* the last part of the path */
    bool is_replaced;        /* there is one that an earlier fit has made */
};

/* Checks where the folder will be; makes nothing. ERROR_INPUT: the path is too
 * long or has no name; ERROR_IO: there is something already, and `force` is not
 * given or it was not made by a fit. */
bool fit_folder_plan(struct fit_folder *folder, const char *to, bool force,
                     struct error *err) __attribute__((warn_unused_result));

/* Makes folder->made. ERROR_IO. */
bool fit_folder_begin(struct fit_folder *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Puts it in its place; one that was there is removed. ERROR_IO. */
bool fit_folder_finish(struct fit_folder *folder, struct error *err)
    __attribute__((warn_unused_result));

/* Removes what was begun and not finished. */
void fit_folder_release(struct fit_folder *folder);

#endif
