#include "engine/evaluate/walk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/evaluate/listing.h"

/* Opens the folder that is the path, of `len` bytes. */
static bool enter(struct walk *walk, size_t len, struct error *err)
{
    struct walk_level *level = &walk->levels[walk->depth];

    if (walk->depth == WALK_MAX_DEPTH)
        return error_limit(err, WALK_MAX_DEPTH,
                           "it is deeper than %d folders, and left out",
                           WALK_MAX_DEPTH);
    if (len + 2 > sizeof walk->path)
        return error_limit(err, PATH_MAX, "the path is too long");
    level->dir = opendir(walk->path);
    if (!level->dir)
        return fail(err, ERROR_IO, "the folder cannot be read: %s",
                    strerror(errno));
    if (walk->path[len - 1] != '/')
        walk->path[len++] = '/';
    walk->path[len] = '\0';
    level->len = len;
    walk->depth++;
    return true;
}

bool walk_begin(struct walk *walk, const char *folder, struct error *err)
{
    size_t len = strlen(folder);

    if (len == 0 || len >= sizeof walk->path)
        return fail(err, ERROR_INPUT,
                    "the folder has no name, or too long a "
                    "one");
    memcpy(walk->path, folder, len + 1);
    if (!enter(walk, len, err))
        return false;
    walk->name = walk->path + walk->levels[0].len;
    return true;
}

/* What an entry is: DT_REG, DT_DIR, or anything else. Only links to files are
 * followed. */
static unsigned char type_of(const struct walk *walk,
                             const struct dirent *entry)
{
    bool is_link = entry->d_type == DT_LNK;
    struct stat info;

    if (!is_link && entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (!is_link && lstat(walk->path, &info) == 0 && S_ISLNK(info.st_mode))
        is_link = true;
    if (stat(walk->path, &info) != 0)
        return is_link ? DT_REG : DT_UNKNOWN; /* a broken link is told of */
    if (S_ISREG(info.st_mode))
        return DT_REG;
    return S_ISDIR(info.st_mode) && !is_link ? DT_DIR : DT_UNKNOWN;
}

/* Looks at an entry of the deepest folder. WALK_END: it is neither a photo nor
 * in the way. */
static enum walk_step look(struct walk *walk, const struct dirent *entry,
                           struct error *err)
{
    size_t len = walk->levels[walk->depth - 1].len;
    size_t name = strlen(entry->d_name);
    unsigned char type;

    if (entry->d_name[0] == '.')
        return WALK_END;
    if (len + name >= sizeof walk->path) {
        error_limit(err, PATH_MAX, "a name in it makes the path too long");
        return WALK_TROUBLE;
    }
    memcpy(walk->path + len, entry->d_name, name + 1);
    type = type_of(walk, entry);
    if (type == DT_DIR)
        return enter(walk, len + name, err) ? WALK_END : WALK_TROUBLE;
    return type == DT_REG && listing_is_wanted(entry->d_name, listing_photos())
               ? WALK_PHOTO
               : WALK_END;
}

/* Leaves the deepest folder, of which `why` may say that not all was read. */
static enum walk_step leave(struct walk *walk, int why, struct error *err)
{
    closedir(walk->levels[--walk->depth].dir);
    if (why == 0)
        return WALK_END;
    fail(err, ERROR_IO, "the folder cannot be read: %s", strerror(why));
    return WALK_TROUBLE;
}

enum walk_step walk_next(struct walk *walk, struct error *err)
{
    while (walk->depth > 0) {
        struct walk_level *level = &walk->levels[walk->depth - 1];
        const struct dirent *entry;
        enum walk_step step;

        walk->path[level->len] = '\0';
        errno = 0;
        entry = readdir(level->dir);
        step = entry ? look(walk, entry, err) : leave(walk, errno, err);
        if (step != WALK_END)
            return step;
    }
    return WALK_END;
}

void walk_release(struct walk *walk)
{
    while (walk->depth > 0)
        closedir(walk->levels[--walk->depth].dir);
}
