#ifndef ENGINE_RENDER_WEBPOUT_H
#define ENGINE_RENDER_WEBPOUT_H

/* Writes lossy WebP files: a tenth of a photo's PNG. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

enum { WEBPOUT_MAX_SIDE = 16383 };

/* Appends a picture.
 *
 * pixels   in  (height, width, 3) RGB
 * quality  0..100
 *
 * ERROR_MEMORY; ERROR_INTERNAL for a side that is 0 or above WEBPOUT_MAX_SIDE.
 * After a failure the buffer's contents are unchanged. Any thread. */
bool webpout_rgb(struct buf *webp, const uint8_t *pixels, uint32_t width,
                 uint32_t height, float quality, struct error *err)
    __attribute__((warn_unused_result));

#endif
