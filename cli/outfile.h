#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

/* Where the pictures made from photos are written, one a photo.
 *
 *     outfile_plan(&outfile, "maps/", photos, num_photos, &err)
 *     outfile_write(&outfile, i, &png, &err)      for photos[i]
 *     outfile_release(&outfile)
 *
 * `where` is one of
 *
 *     a pattern    every %s in it is the photo's name
 *     a directory  it exists, or `where` ends with a slash; the picture is
 *                  NAME-heatmap.png in it
 *     a file       for one photo only
 *
 * The photo's name is its file's name without the ending; "stdin" for "-".
 * Two photos never share a picture, and no picture takes the place of one of
 * the photos. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* `= {0}` is empty. */
struct outfile {
    char **paths;        /* (count) owned, and so is each */
    struct stat *photos; /* (count) owned; st_nlink is 0 where unknown */
    size_t count;
};

/* Decides on all paths; writes nothing. `outfile` must be empty, and stays so
 * on failure.
 * ERROR_INPUT   two photos would share a picture, or the directory that is
 *               meant does not exist
 * ERROR_MEMORY */
bool outfile_plan(struct outfile *outfile, const char *where,
                  char *const *photos, size_t count, struct error *err)
    __attribute__((warn_unused_result));

/* Writes the picture of one photo, in place of what is there. ERROR_IO: it
 * cannot be written, or is one of the photos; a file half-written is removed.
 * photo < count. */
bool outfile_write(const struct outfile *outfile, size_t photo,
                   const struct buf *png, struct error *err)
    __attribute__((warn_unused_result));

void outfile_release(struct outfile *outfile);

#endif
