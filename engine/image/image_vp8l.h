#ifndef ENGINE_IMAGE_IMAGE_VP8L_H
#define ENGINE_IMAGE_IMAGE_VP8L_H

/* What a lossless WebP will cost, for image_webp.c alone.
 *
 * DESIGN: such a picture says for each of its blocks which group of five codes
 * it is coded with, and libwebp makes 5 to 20 KB of tables for each group
 * before the first pixel: 65536 of them, of two bytes each in the file, are
 * hundreds of megabytes. So the bits up to that number are read here first.
 * They are coded themselves, and all pictures in between (of transforms) have
 * to be read to get there, but no pixel has to be kept: the number is one more
 * than the largest literal, as what is copied was there before. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* Checks the bits of a picture of these sides: of a VP8L chunk, with its
 * header; or of an ALPH chunk of lossless compression, without one. `ns` gets
 * what libwebp takes for a pixel, at most, however few bits it has.
 * ERROR_LIMIT: more groups than libwebp's encoder makes; ERROR_INPUT: broken or
 * cut short. Any thread. */
bool image_vp8l_check(unsigned *ns, struct bytes data, uint32_t width,
                      uint32_t height, bool has_header, struct error *err)
    __attribute__((warn_unused_result));

#endif
