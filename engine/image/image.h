#ifndef ENGINE_IMAGE_IMAGE_H
#define ENGINE_IMAGE_IMAGE_H

/* Decodes image files to pixels. Limits are checked against the file's header
 * before memory for pixels is allocated. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"

struct image_colour;

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP };

/* Pixels that somebody else has decoded. Borrowed. */
struct image_pixels {
    const uint8_t *data;    /* (height, width, channels), upright, in sRGB */
    uint32_t width, height; /* pixels */
    unsigned channels; /* 1: grey; 3: RGB; 4: RGBA, alpha not premultiplied */
    size_t stride;     /* bytes from one row to the next */
};

/* An RGB image. `= {0}` is empty. */
struct image {
    uint32_t width, height;   /* upright: after EXIF orientation */
    enum image_format format; /* of the file it came from */
    unsigned orientation;     /* EXIF's, 1..8; 0 or 1: the image is upright, in
                                 `pixels`; otherwise it is in `stored` */
    uint8_t *pixels;          /* (height, width, 3) RGB; owned */
    size_t pixels_cap;        /* bytes allocated, reused by image_decode */
    uint8_t *stored;          /* an image that has to be turned; owned */
    size_t stored_cap;        /* bytes allocated; 0 until it was needed once */
    uint8_t *rows;            /* rows of a PNG being decoded; owned */
    size_t rows_cap;          /* bytes allocated */
    struct image_colour
        *colour; /* of the last colour profile; owned, may be NULL */
};

/* All inclusive; 0 means no limit. */
struct image_limits {
    uint32_t max_width, max_height; /* pixels, as stored in the file */
    uint64_t max_pixels;            /* width x height */
    /* What decoding may cost regardless of the file's length; each byte of
     * pixel data in the file allows IMAGE_UNPACKED more. The bound applies to
     * bytes of memory (the pixels together with whole images that the libraries
     * keep, as for progressive JPEGs and lossless WebPs), and to nanoseconds as
     * estimated by the codecs. */
    uint64_t max_unpacked;
    /* The cost of this many pixels is not counted: images that are no larger
     * are never refused for their cost. */
    uint64_t free_pixels;
};

enum {
    IMAGE_UNPACKED = 192,
    IMAGE_FREE_PIXELS =
        4096 * 4096, /* the share that a service does not count */
};

/* Decodes a JPEG, PNG or WebP file of `len` bytes: upright (by the orientation
 * in EXIF or else XMP), in sRGB (by the embedded colour profile) and without
 * alpha (composed on white; 16-bit samples are reduced to 8 bits). Of an
 * animation the first frame is decoded. The end of a file may be missing if its
 * pixels are complete. `image` is empty or holds an earlier image, whose memory
 * is reused.
 *
 *     ERROR_UNSUPPORTED  not one of the three formats, or a variant of one that
 *                        is not supported
 *     ERROR_INPUT        broken or cut short
 *     ERROR_LIMIT        larger than `limits`; found before memory is
 *                        allocated, except for the cost of a PNG's filters
 *     ERROR_BUSY         cancelled; only PNGs ask for it: they alone take long
 *     ERROR_MEMORY       not enough memory for the pixels
 *
 * On failure width and height are 0; the memory may be kept for the next call.
 * Any thread. */
bool image_decode(struct image *image, const uint8_t *bytes, size_t len,
                  const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* Like image_decode, but it can be cancelled (`cancel` may be NULL), and the
 * image is left as stored: turning a large one takes half as long as decoding
 * it. */
bool image_decode_for(struct image *image, const uint8_t *bytes, size_t len,
                      const struct image_limits *limits,
                      const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* Copies pixels, without alpha (composed on white). The format is then
 * IMAGE_UNKNOWN.
 *
 *     ERROR_INPUT   there are none, `channels` is another number, or rows
 *                   overlap
 *     ERROR_LIMIT   larger than `limits`
 *     ERROR_MEMORY
 *
 * Otherwise like image_decode. */
bool image_take(struct image *image, const struct image_pixels *pixels,
                const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* The pixels as stored, upright or not: (height, width, 3). */
const uint8_t *image_lying(const struct image *image, uint32_t *width,
                           uint32_t *height);

/* "jpeg", "png", "webp" or "unknown". */
const char *image_format_name(enum image_format format);

void image_release(struct image *image);

#endif
