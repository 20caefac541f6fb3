#ifndef ENGINE_IMAGE_IMAGE_CODEC_H
#define ENGINE_IMAGE_IMAGE_CODEC_H

/* Between image.c and the codecs (image_jpeg.c, image_png.c, image_webp.c);
 * nobody else includes this.
 *
 * A codec reads the file's header, calls image_codec_begin with what it found
 * there, and writes the samples to job->raw. Limits, memory, alpha, CMYK and
 * orientation are image.c's. Any thread. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/image/image.h"
#include "engine/image/image_colour.h"

/* What the samples in job->raw are, 8 bits each. */
enum image_codec_layout {
    IMAGE_CODEC_RGB,
    IMAGE_CODEC_RGBA,          /* alpha not premultiplied */
    IMAGE_CODEC_CMYK_INVERTED, /* 255 is no ink, as Adobe stores it */
};

/* One picture being decoded. */
struct image_codec_job {
    struct image *image;               /* borrowed */
    const struct image_limits *limits; /* borrowed */
    const struct cancel *cancel;       /* borrowed, or NULL */
    uint32_t width, height;            /* as stored */
    enum image_codec_layout layout;
    size_t coded_len;     /* the file's bytes that pixels are made of */
    uint64_t held;        /* bytes that the library takes besides `raw` */
    unsigned orientation; /* EXIF's, 1..8 */
    unsigned channels;    /* of the layout: 3 or 4 */
    uint8_t *raw;         /* (height, width, channels); borrowed from image */
    /* The colour profile of what is in `raw`, or empty: in the file, or in
     * profile_room. */
    struct bytes profile;
    struct buf profile_room; /* owned; freed by image.c */
    bool grey;               /* samples are grey, though they are three */
};

/* Checks the sides against the limits, for codecs that know them before they
 * have read the rest of what image_codec_begin wants. ERROR_INPUT (a side is
 * 0), ERROR_LIMIT. */
bool image_codec_check(const struct image_codec_job *job, uint32_t width,
                       uint32_t height, struct error *err)
    __attribute__((warn_unused_result));

/* Checks what decoding a picture of so many pixels takes, bytes of memory or
 * nanoseconds, without the share of those that are free, against what
 * limits->max_unpacked allows for job->coded_len. The time is what each codec
 * takes it for: all that counts is that it is much the same for all pictures
 * that are to be refused. ERROR_LIMIT. */
bool image_codec_allow_bytes(const struct image_codec_job *job, uint64_t pixels,
                             uint64_t bytes, struct error *err)
    __attribute__((warn_unused_result));
bool image_codec_allow_time(const struct image_codec_job *job, uint64_t pixels,
                            uint64_t ns, struct error *err)
    __attribute__((warn_unused_result));

/* Whether somebody still waits for the picture: to be asked every few
 * milliseconds. ERROR_BUSY. */
bool image_codec_goes_on(const struct image_codec_job *job, struct error *err)
    __attribute__((warn_unused_result));

/* Checks the sides, and job->held with `raw`, and makes room for job->raw,
 * whose contents are undefined. Both sides must be known and true: the codec
 * then writes width * height * channels bytes at most. Fails as
 * image_codec_check does, or ERROR_MEMORY. */
bool image_codec_begin(struct image_codec_job *job, uint32_t width,
                       uint32_t height, enum image_codec_layout layout,
                       unsigned orientation, struct error *err)
    __attribute__((warn_unused_result));

/* Finds what job->profile does to the samples, for codecs that convert some
 * before they are in `raw`, and then make job->profile empty. *colour is NULL
 * where they stay as they are. ERROR_MEMORY. */
bool image_codec_find_colour(const struct image_colour **colour,
                             const struct image_codec_job *job,
                             struct error *err)
    __attribute__((warn_unused_result));

/* Bytes of job->raw, known not to overflow after image_codec_begin. */
size_t image_codec_row_len(const struct image_codec_job *job);
size_t image_codec_raw_len(const struct image_codec_job *job);

/* x / 255, rounded to nearest, for 0 <= x <= 255 * 255. */
static inline unsigned image_codec_divide_by_255(unsigned x)
{
    x += 128;
    return (x + (x >> 8)) >> 8;
}

/* A sample of that alpha, composed on white. Both 0..255. */
static inline uint8_t image_codec_on_white(unsigned sample, unsigned alpha)
{
    return (uint8_t)image_codec_divide_by_255(sample * alpha +
                                              255 * (255 - alpha));
}

/* The codecs. Each decodes a whole file into job->raw; fails as image_decode
 * does. */
bool image_jpeg_decode(struct image_codec_job *job, const uint8_t *bytes,
                       size_t len, struct error *err)
    __attribute__((warn_unused_result));
bool image_png_decode(struct image_codec_job *job, const uint8_t *bytes,
                      size_t len, struct error *err)
    __attribute__((warn_unused_result));
bool image_webp_decode(struct image_codec_job *job, const uint8_t *bytes,
                       size_t len, struct error *err)
    __attribute__((warn_unused_result));

#endif
