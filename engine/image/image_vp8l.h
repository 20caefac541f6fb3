#ifndef ENGINE_IMAGE_IMAGE_VP8L_H
#define ENGINE_IMAGE_IMAGE_VP8L_H

/* The cost of decoding a lossless WebP, for image_webp.c alone.
 *
 * DESIGN: A lossless image names for each of its blocks the group of five
 * prefix codes that it is coded with, and libwebp builds tables of 5 to 20 KB
 * for each group before the first pixel: 65536 groups, which take two bytes
 * each in the file, need hundreds of megabytes. So the bits up to the number of
 * groups are read here first. They are compressed themselves, and the images of
 * the transforms before them have to be read too, but no pixel has to be kept:
 * the number of groups is one more than the largest literal, as copied values
 * have occurred before. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* Checks the bits of an image with these sides: a VP8L chunk, with its header;
 * or an ALPH chunk with lossless compression, without a header. Sets `ns` to
 * the most time that libwebp takes per pixel, however few bits it has.
 * ERROR_LIMIT: more groups than libwebp's encoder makes; ERROR_INPUT: broken or
 * cut short. Any thread. */
bool image_vp8l_check(unsigned *ns, struct bytes data, uint32_t width,
                      uint32_t height, bool has_header, struct error *err)
    __attribute__((warn_unused_result));

#endif
