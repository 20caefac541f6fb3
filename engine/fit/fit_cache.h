#ifndef ENGINE_FIT_FIT_CACHE_H
#define ENGINE_FIT_FIT_CACHE_H

/* Keeps the features of photos in files, one for each, so that a second fit
 * need not run the network; and the photos, reduced, so that a report need not
 * decode them.
 *
 * A folder in the cache stands for a network, a layer of it and how its input
 * is made; the name of a file is the SHA-256 of the photo's file. Each has a
 * checksum, and one that is broken is as if it were not there. Files are
 * renamed when they are complete. Part of fit.h.
 *
 * Immutable once open: any thread. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/crc.h"
#include "engine/base/error.h"
#include "engine/image/preprocess.h"

/* What is kept of a photo beside its numbers. */
struct fit_cache_photo {
    uint64_t hash;          /* alike_hash of the network's input */
    uint32_t width, height; /* of the upright photo */
    struct preprocess_region region;
    uint32_t thumb_width, thumb_height; /* of the upright photo, reduced */
};

enum { FIT_CACHE_MAX_THUMB = 1 << 20 /* pixels */ };

/* `= {0}` is empty. */
struct fit_cache {
    char *folder;                   /* owned */
    bool is_new, is_new_folder;     /* made by this one: the cache, `folder` */
    size_t height, width, channels; /* of the features */
    struct crc crc;
};

/* Makes the folder `path` and one in it named by the hash of `key`, unless they
 * are there. ERROR_IO, ERROR_MEMORY; ERROR_LIMIT: a path is too long. */
bool fit_cache_open(struct fit_cache *cache, const char *path,
                    const struct buf *key, struct error *err)
    __attribute__((warn_unused_result));

/* How many floats a photo's pooled features have: the means of the channels,
 * then their maxima. */
size_t fit_cache_num_pooled(const struct fit_cache *cache);

/* Reads what is kept of a photo. Returns false if there is nothing, or it is
 * broken.
 *
 *     pooled  out  (fit_cache_num_pooled), or NULL
 *     map     out  (height, width, channels), or NULL
 *     thumb   out  the photo, reduced: (thumb_height, thumb_width, 3) RGB, in
 *                  `file`; or NULL
 *     file    -    scratch
 *     name    in   the SHA-256 (digest.h) of the photo's file */
bool fit_cache_read(const struct fit_cache *cache,
                    struct fit_cache_photo *photo, float *pooled, float *map,
                    const uint8_t **thumb, struct buf *file, const char *name)
    __attribute__((warn_unused_result));

/* Keeps a photo. The map is rounded to halves. ERROR_IO, ERROR_MEMORY. */
bool fit_cache_write(const struct fit_cache *cache,
                     const struct fit_cache_photo *photo, const float *pooled,
                     const float *map, const uint8_t *thumb, struct buf *file,
                     const char *name, struct error *err)
    __attribute__((warn_unused_result));

/* Removes the folders, too, if fit_cache_open() has made them and nothing is
 * in them. */
void fit_cache_release(struct fit_cache *cache);

#endif
