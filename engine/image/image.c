#include "engine/image/image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/memory_limit.h"
#include "engine/base/scratch.h"
#include "engine/image/image_codec.h"
#include "engine/image/image_colour.h"
#include "engine/image/image_name.h"
#include "engine/image/orient.h"

enum {
    RIFF_HEADER_LEN = 12, /* "RIFF", length, "WEBP" */
    COLOURS_AT_A_TIME =
        1 << 18, /* pixels between two checks for cancellation */
};

static bool is_jpeg(const struct bytes *file)
{
    return bytes_begin_with(file, "\xff\xd8\xff", 3);
}

static bool is_png(const struct bytes *file)
{
    return bytes_begin_with(file, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_webp(const struct bytes *file)
{
    return bytes_begin_with(file, "RIFF", 4) && file->len >= RIFF_HEADER_LEN &&
           memcmp(file->data + 8, "WEBP", 4) == 0;
}

static const struct codec {
    enum image_format format;
    const char *name;
    bool (*is_ours)(const struct bytes *file);
    bool (*decode)(struct image_codec_job *job, const uint8_t *bytes,
                   size_t len, struct error *err);
} codecs[] = {
    {IMAGE_JPEG, "jpeg", is_jpeg, image_jpeg_decode},
    {IMAGE_PNG, "png", is_png, image_png_decode},
    {IMAGE_WEBP, "webp", is_webp, image_webp_decode},
};

enum { NUM_CODECS = sizeof codecs / sizeof codecs[0] };

static const struct codec *find_codec(const struct bytes *file)
{
    for (size_t i = 0; i < NUM_CODECS; i++)
        if (codecs[i].is_ours(file))
            return &codecs[i];
    return NULL;
}

/* Computes width * height * channels; false if no object can be that large. */
static bool samples_len(size_t *len, uint32_t width, uint32_t height,
                        unsigned channels)
{
    if ((uint64_t)width * height > (uint64_t)PTRDIFF_MAX / channels)
        return false;
    *len = (size_t)width * height * channels;
    return true;
}

bool image_codec_check(const struct image_codec_job *job, uint32_t width,
                       uint32_t height, struct error *err)
{
    const struct image_limits *limits = job->limits;

    if (width == 0 || height == 0)
        return fail(err, ERROR_INPUT, "the image has no pixels");
    if (limits->max_width && width > limits->max_width)
        return error_limit(err, limits->max_width,
                           "the image is %" PRIu32
                           " pixels wide; at most %" PRIu32 " are allowed",
                           width, limits->max_width);
    if (limits->max_height && height > limits->max_height)
        return error_limit(err, limits->max_height,
                           "the image is %" PRIu32
                           " pixels high; at most %" PRIu32 " are allowed",
                           height, limits->max_height);
    if (limits->max_pixels && (uint64_t)width * height > limits->max_pixels)
        return error_limit(err, limits->max_pixels,
                           "the image is %" PRIu32 " x %" PRIu32
                           " pixels; at most %" PRIu64 " pixels are allowed",
                           width, height, limits->max_pixels);
    return true;
}

/* The part of the cost that exceeds the share of the free pixels. */
static uint64_t beyond_free(uint64_t cost, uint64_t pixels,
                            uint64_t free_pixels)
{
    if (pixels <= free_pixels)
        return 0;
    return (uint64_t)((double)cost * (double)(pixels - free_pixels) /
                      (double)pixels);
}

/* `cost` is in millionths of `unit`. */
static bool allow(const struct image_codec_job *job, uint64_t pixels,
                  uint64_t cost, const char *unit, struct error *err)
{
    const uint64_t max = job->limits->max_unpacked;
    const uint64_t more = IMAGE_UNPACKED * (uint64_t)job->coded_len;
    const uint64_t free_pixels = job->limits->free_pixels;

    cost = beyond_free(cost, pixels, free_pixels);
    if (max == 0 || cost <= max || cost - max <= more)
        return true;
    return error_limit(err, max + more,
                       "decoding the image takes %" PRIu64
                       " %s beyond its first %" PRIu64
                       " megapixels; at most %" PRIu64
                       " %s are allowed for a file of this size",
                       cost / 1000000, unit, free_pixels / 1000000,
                       (max + more) / 1000000, unit);
}

bool image_codec_allow_bytes(const struct image_codec_job *job, uint64_t pixels,
                             uint64_t bytes, struct error *err)
{
    return allow(job, pixels, bytes, "MB", err);
}

bool image_codec_allow_time(const struct image_codec_job *job, uint64_t pixels,
                            uint64_t ns, struct error *err)
{
    return allow(job, pixels, ns, "ms", err);
}

bool image_codec_goes_on(const struct image_codec_job *job, struct error *err)
{
    return cancel_check(job->cancel, err);
}

bool image_codec_begin(struct image_codec_job *job, uint32_t width,
                       uint32_t height, enum image_codec_layout layout,
                       unsigned orientation, struct error *err)
{
    struct image *image = job->image;
    const unsigned channels = layout == IMAGE_CODEC_RGB ? 3 : 4;
    size_t len;

    if (!image_codec_check(job, width, height, err))
        return false;
    if (!samples_len(&len, width, height, channels))
        return fail(err, ERROR_MEMORY,
                    "%" PRIu32 " x %" PRIu32 " pixels do not fit into memory",
                    width, height);
    const size_t pixels_len = orientation == 1 ? len : len / channels * 3;
    const size_t stored_len = orientation == 1 ? 0 : len + ORIENT_MORE;
    if (!image_codec_allow_bytes(job, (uint64_t)width * height,
                                 job->held + pixels_len + stored_len, err))
        return false;
    if (orientation == 1)
        job->samples = image->pixels =
            scratch_reserve(image->pixels, &image->pixels_cap, len, 1, err);
    else
        job->samples = image->stored = scratch_reserve(
            image->stored, &image->stored_cap, len + ORIENT_MORE, 1, err);
    if (!job->samples || !memory_limit_begin(job->held, err))
        return false;
    job->has_begun = true;
    job->width = width;
    job->height = height;
    job->layout = layout;
    job->orientation = orientation;
    job->channels = channels;
    return true;
}

size_t image_codec_row_len(const struct image_codec_job *job)
{
    return (size_t)job->width * job->channels;
}

size_t image_codec_samples_len(const struct image_codec_job *job)
{
    return image_codec_row_len(job) * job->height;
}

/* Converts (count, 4) to (count, 3) in place, composing on white. */
static void flatten_rgba(uint8_t *pixels, size_t count)
{
    const uint8_t *in = pixels;
    uint8_t *out = pixels;

    for (size_t i = 0; i < count; i++, in += 4, out += 3) {
        const unsigned alpha = in[3]; /* read before `out` overwrites it */

        for (int c = 0; c < 3; c++)
            out[c] = image_codec_on_white(in[c], alpha);
    }
}

/* Converts (count, 4) to (count, 3) in place: ink on white, without a colour
 * profile, like Pillow: red = (1 - black) - cyan (1 - black). */
static void flatten_cmyk_inverted(uint8_t *pixels, size_t count)
{
    const uint8_t *in = pixels;
    uint8_t *out = pixels;

    for (size_t i = 0; i < count; i++, in += 4, out += 3) {
        const unsigned light = in[3];

        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)(light - image_codec_divide_by_255(
                                           (255u - in[c]) * light));
    }
}

bool image_codec_find_colour(const struct image_colour **colour,
                             const struct image_codec_job *job,
                             struct error *err)
{
    return image_colour_find(colour, &job->image->colour, job->profile,
                             job->grey, err);
}

/* Converts samples to sRGB by the profile; done before alpha is composed. */
static bool convert_colours(const struct image_codec_job *job,
                            struct error *err)
{
    const size_t count = (size_t)job->width * job->height;
    const struct image_colour *colour;

    if (job->layout == IMAGE_CODEC_CMYK_INVERTED)
        return true;
    if (!image_codec_find_colour(&colour, job, err))
        return false;
    for (size_t at = 0; colour && at < count; at += COLOURS_AT_A_TIME) {
        const size_t num =
            count - at < COLOURS_AT_A_TIME ? count - at : COLOURS_AT_A_TIME;

        if (!image_codec_goes_on(job, err))
            return false;
        image_colour_convert(colour, job->samples + at * job->channels, num,
                             job->channels);
    }
    return true;
}

static void flatten(const struct image_codec_job *job)
{
    const size_t count = (size_t)job->width * job->height;

    switch (job->layout) {
    case IMAGE_CODEC_RGB:
        break;
    case IMAGE_CODEC_RGBA:
        flatten_rgba(job->samples, count);
        break;
    case IMAGE_CODEC_CMYK_INVERTED:
        flatten_cmyk_inverted(job->samples, count);
        break;
    }
}

static bool turn(struct image *image, struct error *err)
{
    const size_t count = (size_t)image->width * image->height;

    if (image->orientation == 1)
        return true;
    image->pixels =
        scratch_reserve(image->pixels, &image->pixels_cap, count, 3, err);
    if (!image->pixels) {
        image->width = image->height = 0;
        return false;
    }
    orient_upright(image->pixels, image->stored, image->width, image->height,
                   image->orientation);
    image->orientation = 1;
    return true;
}

bool image_decode(struct image *image, const uint8_t *bytes, size_t len,
                  const struct image_limits *limits, struct error *err)
{
    return image_decode_for(image, bytes, len, limits, NULL, err) &&
           turn(image, err);
}

static bool fail_unknown(struct bytes file, struct error *err)
{
    const char *name = image_name_of(file);

    if (!name)
        return fail(err, ERROR_UNSUPPORTED,
                    "the file is not a JPEG, PNG or WebP image");
    return fail(err, ERROR_UNSUPPORTED,
                "the file is not a JPEG, PNG or WebP image; it is %s", name);
}

bool image_decode_for(struct image *image, const uint8_t *bytes, size_t len,
                      const struct image_limits *limits,
                      const struct cancel *cancel, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    const struct codec *codec = find_codec(&file);
    struct image_codec_job job = {
        .image = image, .limits = limits, .cancel = cancel, .coded_len = len};
    bool ok;

    image->width = image->height = image->orientation = 0;
    image->format = IMAGE_UNKNOWN;
    if (len == 0)
        return fail(err, ERROR_INPUT, "the image is empty");
    if (!codec)
        return fail_unknown(file, err);
    ok = codec->decode(&job, bytes, len, err) && convert_colours(&job, err);
    if (job.has_begun)
        memory_limit_end(job.held);
    buf_release(&job.profile_storage);
    if (!ok)
        return false;

    flatten(&job);
    const bool lying = orient_swaps(job.orientation);
    image->width = lying ? job.height : job.width;
    image->height = lying ? job.width : job.height;
    image->orientation = job.orientation;
    image->format = codec->format;
    return true;
}

const uint8_t *image_lying(const struct image *image, uint32_t *width,
                           uint32_t *height)
{
    const bool lying = orient_swaps(image->orientation);

    *width = lying ? image->height : image->width;
    *height = lying ? image->width : image->height;
    return image->orientation <= 1 ? image->pixels : image->stored;
}

const char *image_format_name(enum image_format format)
{
    for (size_t i = 0; i < NUM_CODECS; i++)
        if (codecs[i].format == format)
            return codecs[i].name;
    return "unknown";
}

void image_release(struct image *image)
{
    free(image->pixels);
    free(image->stored);
    free(image->rows);
    image_colour_free(image->colour);
    *image = (struct image){0};
}

static void copy_rows(struct image_codec_job *job,
                      const struct image_pixels *pixels)
{
    const size_t len = image_codec_row_len(job);
    uint8_t *row = job->samples;

    for (uint32_t y = 0; y < pixels->height; y++, row += len) {
        const uint8_t *from = pixels->data + y * pixels->stride;

        if (pixels->channels != 1)
            memcpy(row, from, len);
        for (size_t i = 0; pixels->channels == 1 && i < len; i++)
            row[i] = from[i / 3];
    }
}

bool image_take(struct image *image, const struct image_pixels *pixels,
                const struct image_limits *limits, struct error *err)
{
    const size_t row_len = (size_t)pixels->width * pixels->channels;
    struct image_codec_job job = {.image = image, .limits = limits};
    bool ok;

    image->width = image->height = image->orientation = 0;
    image->format = IMAGE_UNKNOWN;
    if (pixels->channels != 1 && pixels->channels != 3 && pixels->channels != 4)
        return fail(err, ERROR_INPUT, "pixels have 1, 3 or 4 channels, not %u",
                    pixels->channels);
    if (pixels->stride < row_len)
        return fail(err, ERROR_INPUT,
                    "rows of %zu bytes cannot be %zu bytes apart", row_len,
                    pixels->stride);
    job.coded_len = row_len * pixels->height;
    ok = image_codec_begin(
        &job, pixels->width, pixels->height,
        pixels->channels == 4 ? IMAGE_CODEC_RGBA : IMAGE_CODEC_RGB, 1, err);
    if (job.has_begun)
        memory_limit_end(job.held);
    if (!ok)
        return false;
    copy_rows(&job, pixels);
    flatten(&job);
    image->width = pixels->width;
    image->height = pixels->height;
    image->orientation = 1;
    return true;
}
