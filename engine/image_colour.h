#ifndef ENGINE_IMAGE_COLOUR_H
#define ENGINE_IMAGE_COLOUR_H

/* Colour profiles (ICC): pixels that are not sRGB become sRGB.
 *
 * DESIGN: littlecms reads profiles, in memory that is bounded. Those of
 * cameras, phones and screens are three curves and a matrix, and those of grey
 * one curve: of them tables are made, which take a tenth of the library's time
 * a pixel, and are kept for the next picture. A profile that is broken, or not
 * for the samples that come with it, changes nothing, as in browsers. */

#include "bytes.h"
#include "error.h"

enum {
    IMAGE_COLOUR_MAX_LEN = 4 << 20, /* bytes of a profile; no printer's is so */
};

/* What the samples are. Grey ones come as three that are equal. */
enum image_colour_samples {
    IMAGE_COLOUR_RGB,
    IMAGE_COLOUR_GREY,
    IMAGE_COLOUR_CMYK_INVERTED, /* 255 is no ink */
};

/* What one profile does to samples. Immutable. */
struct image_colour;

/* Finds what `profile` does to such samples: *colour is NULL where they are to
 * stay as they are, as sRGB is. *kept is NULL at first, or what was found for
 * an earlier profile, which is not read again if it is the same; *colour is
 * borrowed from it. The intent is perceptual, with which matrices are
 * colorimetric. ERROR_MEMORY. One thread at a time for a `kept`. */
bool image_colour_find(const struct image_colour **colour,
                       struct image_colour **kept, struct bytes profile,
                       enum image_colour_samples samples, struct error *err)
    __attribute__((warn_unused_result));

/* `pixels` in place, (count, channels): 3 or, with an alpha that stays as it
 * is, 4. */
void image_colour_convert(const struct image_colour *colour, uint8_t *pixels,
                          size_t count, unsigned channels);

/* Ink, (count, 4), to `out`, (count, 3), which may be the same memory or come
 * before it. */
void image_colour_convert_ink(const struct image_colour *colour, uint8_t *out,
                              const uint8_t *ink, size_t count);

/* Frees what is too large to be kept between pictures. */
void image_colour_trim(struct image_colour **kept);

void image_colour_free(struct image_colour *colour);

#endif
