#ifndef ENGINE_IMAGE_H
#define ENGINE_IMAGE_H

/* Image files to pixels. Limits are checked against the file's header before
 * any memory is taken for pixels. */

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct image_colour;

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP };

/* An upright RGB picture. `= {0}` is empty. */
struct image {
    uint32_t width, height; /* of the file, upright */
    /* Of `pixels`: the same, or less where image_decode was told that less
     * will do. */
    uint32_t pixel_width, pixel_height;
    enum image_format format;    /* of the file it came from */
    uint8_t *pixels;             /* (pixel_height, pixel_width, 3) RGB; owned */
    size_t pixels_cap;           /* bytes allocated, reused by image_decode */
    uint8_t *scratch;            /* a picture on its way to be turned; owned */
    size_t scratch_cap;          /* bytes allocated, 0 until one had to be */
    uint8_t *rows;               /* of a PNG on their way; owned */
    size_t rows_cap;             /* bytes allocated */
    uint16_t *sums;              /* of a picture being reduced; owned */
    size_t sums_cap;             /* bytes allocated */
    struct image_colour *colour; /* of the last profile; owned, may be NULL */
};

/* All inclusive; 0 means no limit. */
struct image_limits {
    uint32_t max_width, max_height; /* pixels, of the file as stored */
    uint64_t max_pixels;            /* width x height */
    /* What decoding may take, whatever the file's length, and IMAGE_UNPACKED
     * more for each byte of the file that pixels are made of: bytes of memory,
     * for the pixels and the libraries' whole pictures (of JPEGs in several
     * scans, of lossless WebPs) together; and nanoseconds, as the codecs count
     * them (see there). */
    uint64_t max_unpacked;
};

enum { IMAGE_UNPACKED = 192 };

/* What is enough, so that large pictures need not be decoded in full: pixels
 * may be a half, a quarter or an eighth as many a side, if both sides still are
 * these. `= {0}` is everything. */
struct image_need {
    uint32_t width, height; /* pixels, upright; one of them 0: all there are */
    /* Asked now and then, unless NULL: whether nobody needs the picture. */
    bool (*gone)(void *user);
    void *user;
};

/* Decodes a JPEG, PNG or WebP file of `len` bytes, upright (by the orientation
 * in EXIF or else XMP), in sRGB (by the colour profile in it) and without alpha
 * (composed on white; 16-bit samples are reduced to 8). An animation gives its
 * first frame. A file may lack its end if its pixels are whole. `image` is
 * empty or holds an earlier picture, whose memory is used again.
 *
 * ERROR_UNSUPPORTED  not one of the three formats, or a kind we do not read
 * ERROR_INPUT        broken or cut short
 * ERROR_LIMIT        larger than `limits`; found before memory is taken, but
 *                    for what a PNG's filters add
 * ERROR_BUSY         need->gone() says that nobody needs it any more
 * ERROR_MEMORY       no room for the pixels
 *
 * On failure width and height are 0; the memory may be kept for the next
 * call. Any thread. */
bool image_decode(struct image *image, const uint8_t *bytes, size_t len,
                  const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* The same, for whom less than all pixels may be enough. */
bool image_decode_for(struct image *image, const struct image_need *need,
                      const uint8_t *bytes, size_t len,
                      const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* "jpeg", "png", "webp" or "unknown". */
const char *image_format_name(enum image_format format);

void image_release(struct image *image);

#endif
