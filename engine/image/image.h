#ifndef ENGINE_IMAGE_IMAGE_H
#define ENGINE_IMAGE_IMAGE_H

/* Image files to pixels. Limits are checked against the file's header before
 * any memory is taken for pixels. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"

struct image_colour;

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP };

/* An RGB picture. `= {0}` is empty. */
struct image {
    uint32_t width, height;      /* upright: after EXIF orientation */
    enum image_format format;    /* of the file it came from */
    unsigned orientation;        /* EXIF's, 1..8; 0, 1: it is upright, in
                                    `pixels`; else it lies in `stored` */
    uint8_t *pixels;             /* (height, width, 3) RGB; owned */
    size_t pixels_cap;           /* bytes allocated, reused by image_decode */
    uint8_t *stored;             /* a picture that is to be turned; owned */
    size_t stored_cap;           /* bytes allocated, 0 until one had to be */
    uint8_t *rows;               /* of a PNG on their way; owned */
    size_t rows_cap;             /* bytes allocated */
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
    /* Of which the share of so many pixels is not counted: pictures that are
     * no larger are not refused for what they take. */
    uint64_t free_pixels;
};

enum {
    IMAGE_UNPACKED = 192,
    IMAGE_FREE_PIXELS = 4096 * 4096, /* what a service gives free */
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
 * ERROR_BUSY         it is cancelled, which is asked of PNGs only: they alone
 *                    can take long
 * ERROR_MEMORY       no room for the pixels
 *
 * On failure width and height are 0; the memory may be kept for the next
 * call. Any thread. */
bool image_decode(struct image *image, const uint8_t *bytes, size_t len,
                  const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* The same, unless it is cancelled; and the picture is left as it lies: to turn
 * a large one takes half of the time of its decoding. `cancel` may be NULL. */
bool image_decode_for(struct image *image, const uint8_t *bytes, size_t len,
                      const struct image_limits *limits,
                      const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* The pixels as they lie, upright or not: (height, width, 3). */
const uint8_t *image_lying(const struct image *image, uint32_t *width,
                           uint32_t *height);

/* "jpeg", "png", "webp" or "unknown". */
const char *image_format_name(enum image_format format);

void image_release(struct image *image);

#endif
