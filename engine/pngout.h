#ifndef ENGINE_PNGOUT_H
#define ENGINE_PNGOUT_H

/* Pixels to PNG, for speed first: the pictures go over a socket once. */

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

/* Appends a truecolour PNG to `png`.  pixels: (height, width, 3) RGB.
 * ERROR_MEMORY, ERROR_INTERNAL; the buffer is then as it was. Any thread. */
bool pngout_rgb(struct buf *png, const uint8_t *pixels, uint32_t width,
                uint32_t height, struct error *err)
    __attribute__((warn_unused_result));

/* Appends a palette PNG.  indices: (height, width); palette: (256, 3) RGB.
 * Fails as pngout_rgb does. */
bool pngout_palette(struct buf *png, const uint8_t *indices,
                    const uint8_t *palette, uint32_t width, uint32_t height,
                    struct error *err) __attribute__((warn_unused_result));

#endif
