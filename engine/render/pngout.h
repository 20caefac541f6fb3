#ifndef ENGINE_RENDER_PNGOUT_H
#define ENGINE_RENDER_PNGOUT_H

/* Writes PNG files. Speed matters more than size: each file is sent over a
 * socket once. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Working memory, reused from call to call; `= {0}` is empty. */
struct pngout_scratch {
    uint8_t *rows; /* (cap) filtered rows; owned */
    size_t cap;
};

/* Appends a truecolour PNG to `png`.
 *
 * pixels  in  (height, width, 3) RGB
 *
 * ERROR_MEMORY; ERROR_INTERNAL for a side that is 0 or above 2,147,483,647.
 * After a failure the buffer's contents are unchanged. Allocates nothing if
 * `png` and `scratch` have been used for an image of that size before. One
 * thread at a time per scratch. */
bool pngout_rgb(struct buf *png, struct pngout_scratch *scratch,
                const uint8_t *pixels, uint32_t width, uint32_t height,
                struct error *err) __attribute__((warn_unused_result));

/* Appends a palette PNG; fails like pngout_rgb.
 *
 * indices  in  (height, width)
 * palette  in  (256, 3) RGB */
bool pngout_palette(struct buf *png, struct pngout_scratch *scratch,
                    const uint8_t *indices, const uint8_t *palette,
                    uint32_t width, uint32_t height, struct error *err)
    __attribute__((warn_unused_result));

void pngout_scratch_release(struct pngout_scratch *scratch);

#endif
