#ifndef ENGINE_FIT_PICTURE_H
#define ENGINE_FIT_PICTURE_H

/* Small pictures of a fit's photos, with maps, for a report. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/fit/fit.h"

enum {
    PICTURE_MAX_SIDE = 160, /* pixels */
    PICTURE_MAX_COUNT = 400,
    PICTURE_MAX_BYTES = 8 << 20, /* of all files together */
};

/* `= {0}` is empty. */
struct picture {
    struct buf webp; /* the file; empty if the cache has lost the photo */
    /* Class maps, (2, map_height, map_width), of the photo's class and of the
     * class that was predicted: levels from 0 to 255, which is the map's
     * maximum. owned */
    uint8_t *levels;
};

/* The colours of levels, (256, 3) RGB, immutable. */
const uint8_t *picture_palette(void);

/* Makes the pictures of photos on as many threads. `pictures`, (count), are
 * empty; those for which PICTURE_MAX_BYTES leaves no room, the last ones, have
 * maps only. A photo or a map that cannot be read is no failure: that part is
 * missing (empty or NULL).
 *
 * photos  in  (count) indices; count <= PICTURE_MAX_COUNT
 *
 * ERROR_MEMORY, ERROR_BUSY: cancelled; the pictures are to be released. */
bool picture_make(struct picture *pictures, const struct fit *fit,
                  const size_t *photos, size_t count,
                  const struct fit_options *options, struct error *err)
    __attribute__((warn_unused_result));

void picture_release(struct picture *pictures, size_t count);

#endif
