#ifndef ENGINE_IMAGE_IMAGE_CODEC_H
#define ENGINE_IMAGE_IMAGE_CODEC_H

/* The interface between image.c and the codecs (image_jpeg.c, image_png.c,
 * image_webp.c); no other file includes this.
 *
 * A codec reads the file's header, calls image_codec_begin with what it found
 * there, and writes the samples to job->samples. image.c handles limits,
 * memory, alpha, CMYK and orientation. Any thread. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/image/image.h"
#include "engine/image/image_colour.h"

/* The layout of the samples in job->samples, 8 bits each. */
enum image_codec_layout {
    IMAGE_CODEC_RGB,
    IMAGE_CODEC_RGBA,          /* alpha not premultiplied */
    IMAGE_CODEC_CMYK_INVERTED, /* 255 is no ink, as Adobe stores it */
};

/* An image being decoded. */
struct image_codec_job {
    struct image *image;               /* borrowed */
    const struct image_limits *limits; /* borrowed */
    const struct cancel *cancel;       /* borrowed, or NULL */
    uint32_t width, height;            /* as stored */
    enum image_codec_layout layout;
    size_t coded_len;     /* bytes of the file that hold pixel data */
    uint64_t held;        /* bytes that the library uses besides `samples` */
    unsigned orientation; /* EXIF's, 1..8 */
    unsigned channels;    /* 3 or 4, by the layout */
    uint8_t *samples;     /* (height, width, channels); borrowed from image */
    /* The colour profile of `samples`, or empty; it points into the file or
     * into profile_storage. */
    struct bytes profile;
    struct buf profile_storage; /* owned; freed by image.c */
    bool has_begun;             /* to take what is held (memory_limit.h) */
    bool grey; /* samples are grey, though each is stored three times */
};

/* Checks the sides against the limits, for codecs that know them before they
 * have read the rest of what image_codec_begin needs. ERROR_INPUT (a side is
 * 0), ERROR_LIMIT. */
bool image_codec_check(const struct image_codec_job *job, uint32_t width,
                       uint32_t height, struct error *err)
    __attribute__((warn_unused_result));

/* Check the cost of decoding an image of `pixels` pixels, in bytes of memory or
 * nanoseconds, without the share of the free pixels, against what
 * limits->max_unpacked allows for job->coded_len. The time is an estimate of
 * each codec; it only has to be similar for all images that should be refused.
 * ERROR_LIMIT. */
bool image_codec_allow_bytes(const struct image_codec_job *job, uint64_t pixels,
                             uint64_t bytes, struct error *err)
    __attribute__((warn_unused_result));
bool image_codec_allow_time(const struct image_codec_job *job, uint64_t pixels,
                            uint64_t ns, struct error *err)
    __attribute__((warn_unused_result));

/* Whether decoding should go on; to be called every few milliseconds.
 * ERROR_BUSY: it was cancelled. */
bool image_codec_goes_on(const struct image_codec_job *job, struct error *err)
    __attribute__((warn_unused_result));

/* Checks the sides, and the memory of job->held and `samples` together, and
 * allocates job->samples; its contents are undefined. Both sides must be final:
 * the codec writes at most width * height * channels bytes. Fails like
 * image_codec_check, or with ERROR_MEMORY. */
bool image_codec_begin(struct image_codec_job *job, uint32_t width,
                       uint32_t height, enum image_codec_layout layout,
                       unsigned orientation, struct error *err)
    __attribute__((warn_unused_result));

/* Finds the conversion that job->profile asks for, for codecs that convert some
 * samples before they store them and then empty job->profile. *colour is
 * NULL if samples stay unchanged. ERROR_MEMORY. */
bool image_codec_find_colour(const struct image_colour **colour,
                             const struct image_codec_job *job,
                             struct error *err)
    __attribute__((warn_unused_result));

/* The length of a row and of all of job->samples in bytes; neither overflows
 * after image_codec_begin. */
size_t image_codec_row_len(const struct image_codec_job *job);
size_t image_codec_samples_len(const struct image_codec_job *job);

/* x / 255, rounded to nearest, for 0 <= x <= 255 * 255. */
static inline unsigned image_codec_divide_by_255(unsigned x)
{
    x += 128;
    return (x + (x >> 8)) >> 8;
}

/* A sample with an alpha, composed on white. Both 0..255. */
static inline uint8_t image_codec_on_white(unsigned sample, unsigned alpha)
{
    return (uint8_t)image_codec_divide_by_255(sample * alpha +
                                              255 * (255 - alpha));
}

/* The codecs. Each decodes a whole file into job->samples; they fail like
 * image_decode. */
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
