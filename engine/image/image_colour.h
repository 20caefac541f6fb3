#ifndef ENGINE_IMAGE_IMAGE_COLOUR_H
#define ENGINE_IMAGE_IMAGE_COLOUR_H

/* Colour profiles (ICC): converts pixels to sRGB.
 *
 * DESIGN: littlecms parses profiles, with bounded memory. Profiles of cameras,
 * phones and screens are three curves and a matrix, those for grey are one
 * curve: from these we make tables, which take a tenth of the library's time
 * per pixel and are kept for the next image. A profile that is broken or not
 * applicable to the samples is ignored, as in browsers; so are profiles for
 * CMYK and those that consist of tables alone: they would need the library's
 * transforms, which crash when memory runs out. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum {
    IMAGE_COLOUR_MAX_LEN = 4
                           << 20, /* bytes of a profile; most have 600 bytes */
};

/* The conversion that one profile defines. Immutable. */
struct image_colour;

/* Finds the conversion for `profile`, for RGB samples or for grey ones, which
 * are stored as three equal samples: *colour is NULL if they stay unchanged, as
 * for sRGB. *kept is NULL at first, or was set for an earlier profile, which is
 * not parsed again if it is the same; *colour is borrowed from it.
 * ERROR_MEMORY. One thread at a time per `kept`. */
bool image_colour_find(const struct image_colour **colour,
                       struct image_colour **kept, struct bytes profile,
                       bool grey, struct error *err)
    __attribute__((warn_unused_result));

/* Converts `pixels` in place, (count, channels): 3 channels, or 4 with an alpha
 * that stays unchanged. Colours outside sRGB are clamped sample by sample
 * (relative colorimetric, as other programs do for matrix profiles). */
void image_colour_convert(const struct image_colour *colour, uint8_t *pixels,
                          size_t count, unsigned channels);

void image_colour_free(struct image_colour *colour);

#endif
