#include "cli/fit_folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model/model_fit.h"

/* What is added to the path, at most. */
enum { SUFFIX = 32, MAX_OPEN = 16 };

static bool fail_make(const struct fit_folder *folder, struct error *err)
{
    return fail(err, ERROR_IO, "cannot make %.200s: %s", folder->to,
                strerror(errno));
}

bool fit_folder_plan(struct fit_folder *folder, const char *to, bool force,
                     struct error *err)
{
    size_t len = strlen(to);
    const char *slash;
    struct stat info;

    if (len >= sizeof folder->to - SUFFIX)
        return error_limit(err, sizeof folder->to - SUFFIX,
                           "the path is too long");
    memcpy(folder->to, to, len + 1);
    while (len > 0 && folder->to[len - 1] == '/')
        folder->to[--len] = '\0';
    slash = strrchr(folder->to, '/');
    folder->name = slash ? slash + 1 : folder->to;
    if (!*folder->name || strcmp(folder->name, ".") == 0 ||
        strcmp(folder->name, "..") == 0)
        return fail(err, ERROR_INPUT,
                    "\"%.100s\" does not end in the name of a folder", to);
    if (lstat(folder->to, &info) != 0)
        return true;
    if (!force)
        return fail(err, ERROR_IO, "%.200s already exists; --force replaces it",
                    folder->to);
    folder->is_replaced = true;
    return model_fit_is_in(folder->to) ||
           fail(err, ERROR_IO,
                "%.200s already exists, and is not a model that was made by a "
                "fit",
                folder->to);
}

bool fit_folder_begin(struct fit_folder *folder, struct error *err)
{
    snprintf(folder->made, sizeof folder->made, "%s.XXXXXX", folder->to);
    if (mkdtemp(folder->made))
        return true;
    *folder->made = '\0';
    return fail_make(folder, err);
}

static int remove_one(const char *path, const struct stat *info, int type,
                      struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    remove(path); /* what cannot be removed stays */
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS);
}

/* Between the two renames there is no folder for a moment; one that is served
 * is in memory. */
bool fit_folder_finish(struct fit_folder *folder, struct error *err)
{
    char old[sizeof folder->made + 4];
    const mode_t mask = umask(0);

    umask(mask);
    snprintf(old, sizeof old, "%s.old", folder->made);
    if (chmod(folder->made, 0777 & ~mask) != 0)
        return fail_make(folder, err);
    if (folder->is_replaced && rename(folder->to, old) != 0)
        return fail_make(folder, err);
    if (rename(folder->made, folder->to) != 0) {
        fail_make(folder, err);
        if (folder->is_replaced && rename(old, folder->to) != 0)
            error_prefix(err, "the old model is now %.200s", old);
        return false;
    }
    *folder->made = '\0';
    if (folder->is_replaced)
        remove_tree(old);
    return true;
}

void fit_folder_release(struct fit_folder *folder)
{
    if (*folder->made)
        remove_tree(folder->made);
    *folder = (struct fit_folder){0};
}
