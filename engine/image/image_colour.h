#ifndef ENGINE_IMAGE_IMAGE_COLOUR_H
#define ENGINE_IMAGE_IMAGE_COLOUR_H

/* Colour profiles (ICC): pixels that are not sRGB become sRGB.
 *
 * DESIGN: littlecms reads profiles, in memory that is bounded. Those of
 * cameras, phones and screens are three curves and a matrix, and those of grey
 * one curve: of them tables are made, which take a tenth of the library's time
 * a pixel, and are kept for the next picture. A profile that is broken, or not
 * for the samples that come with it, changes nothing, as in browsers; nor does
 * one of ink, or of tables alone: the library's transforms, which these would
 * need, do not survive it where there is no memory. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum {
    IMAGE_COLOUR_MAX_LEN = 4 << 20, /* bytes of a profile; most have 600 */
};

/* What one profile does to samples. Immutable. */
struct image_colour;

/* Finds what `profile` does to RGB samples, or grey ones, which come as three
 * that are equal: *colour is NULL where they are to stay as they are, as sRGB
 * is. *kept is NULL at first, or what was found for an earlier profile, which
 * is not read again if it is the same; *colour is borrowed from it.
 * ERROR_MEMORY. One thread at a time for a `kept`. */
bool image_colour_find(const struct image_colour **colour,
                       struct image_colour **kept, struct bytes profile,
                       bool grey, struct error *err)
    __attribute__((warn_unused_result));

/* `pixels` in place, (count, channels): 3 or, with an alpha that stays as it
 * is, 4. What sRGB does not have becomes the nearest that it has, sample by
 * sample (relative colorimetric, as other programs do with a matrix). */
void image_colour_convert(const struct image_colour *colour, uint8_t *pixels,
                          size_t count, unsigned channels);

void image_colour_free(struct image_colour *colour);

#endif
