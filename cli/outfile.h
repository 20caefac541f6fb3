#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

/* Where heatmaps and other pictures are written, one per image.
 *
 *     outfile_plan(&outfile, "maps/", "-heatmap.png", images, num, &err)
 *     outfile_write(&outfile, i, &png, &err)      for images[i]
 *     outfile_release(&outfile)
 *
 * `where` is one of
 *
 *     a pattern    every %s in it is replaced by the image's name
 *     a directory  it exists, or `where` ends with a slash; the heatmap is
 *                  NAME and the suffix in it
 *     a file       for a single image only
 *
 * The image's name is its file name without the extension; "stdin" for "-". Two
 * images never share a heatmap file, and no heatmap overwrites one of the
 * images. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* `= {0}` is empty. */
struct outfile {
    char **paths;        /* (count) owned, and so is each */
    struct stat *images; /* (count) owned; st_nlink is 0 if unknown */
    size_t count;
};

/* Chooses all paths; writes nothing. `outfile` must be empty, and stays empty
 * on failure.
 *     ERROR_INPUT   two images would share a file, or the directory does not
 *                   exist
 *     ERROR_MEMORY */
bool outfile_plan(struct outfile *outfile, const char *where,
                  const char *suffix, char *const *images, size_t count,
                  struct error *err) __attribute__((warn_unused_result));

/* Writes the heatmap of one image, replacing an existing file. ERROR_IO: it
 * cannot be written, or is one of the images; a partial file is removed. image
 * < count. */
bool outfile_write(const struct outfile *outfile, size_t image,
                   const struct buf *png, struct error *err)
    __attribute__((warn_unused_result));

void outfile_release(struct outfile *outfile);

#endif
