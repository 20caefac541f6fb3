/* WebP through libwebp. Our own walk over the RIFF chunks finds what its simple
 * decoder ignores: EXIF, and the first frame of an animation. It also finds the
 * compressed images, so that their cost is known in advance (image_vp8l.h). The
 * library accepts images without a chunk around them too; we do not, because
 * they would be decoded unchecked. */

#include <string.h>
#include <webp/decode.h>

#include "engine/base/bytes.h"
#include "engine/image/image_codec.h"
#include "engine/image/image_exif.h"
#include "engine/image/image_vp8l.h"
#include "engine/image/image_xmp.h"

enum {
    RIFF_TAG_LEN = 4,
    CHUNK_HEAD_LEN = 8,
    MAX_CHUNKS = 65536, /* a long animation has thousands */

    FLAG_XMP = 0x04,
    FLAG_EXIF = 0x08,
    FLAG_PROFILE = 0x20,

    /* Estimated times for lossy images: */
    NS_LOSSY_PIXEL = 4,  /* per pixel, however few bits it has */
    NS_LOSSY_BYTE = 128, /* and per byte; photos have many */
};

/* The first frame of an animation, and its position on the canvas. */
struct frame {
    uint32_t x, y, width, height;
    struct bytes
        file; /* the frame as a WebP of its own, without a RIFF header */
};

/* The compressed data of an image. */
struct bitstream {
    struct bytes data;  /* from VP8 or VP8L */
    struct bytes alpha; /* from ALPH, or empty */
    struct bytes whole; /* both chunks, and what is between them */
    bool lossless;
};

/* What the chunks contain. Metadata chunks count only if VP8X announces
 * them. */
struct outline {
    uint8_t flags; /* from VP8X: FLAG_… */
    bool open;     /* the file ends before the length in its header */
    struct bytes exif, xmp, profile;
    unsigned orientation;
    struct bitstream bitstream;
    bool has_frame;
    struct frame frame;
};

static bool fail_cut_short(struct error *err)
{
    return fail(err, ERROR_INPUT, "the WebP is cut short");
}

/* Chunks are padded to an even length. */
static bool next_chunk(struct bytes *riff, struct bytes *tag,
                       struct bytes *data)
{
    uint32_t len;

    return bytes_take(riff, tag, RIFF_TAG_LEN) && bytes_u32le(riff, &len) &&
           bytes_take(riff, data, len) &&
           (len % 2 == 0 || riff->len == 0 || bytes_skip(riff, 1));
}

/* Takes a chunk on the way to the image data, like the library: the last of
 * several alphas counts, and the first of several images. */
static void read_bitstream(struct bitstream *bitstream, struct bytes tag,
                           struct bytes data)
{
    if (bitstream->data.len > 0)
        return;
    if (bytes_begin_with(&tag, "ALPH", RIFF_TAG_LEN)) {
        bitstream->alpha = data;
        if (bitstream->whole.len == 0)
            bitstream->whole = tag;
    }
    bitstream->lossless = bytes_begin_with(&tag, "VP8L", RIFF_TAG_LEN);
    if (data.len == 0 ||
        (!bitstream->lossless && !bytes_begin_with(&tag, "VP8 ", RIFF_TAG_LEN)))
        return;
    bitstream->data = data;
    if (bitstream->whole.len == 0)
        bitstream->whole = tag;
    bitstream->whole.len =
        (size_t)(data.data + data.len - bitstream->whole.data);
}

/* Takes a metadata chunk; the first of each kind counts. */
static void read_note(struct outline *outline, struct bytes tag,
                      struct bytes data)
{
    const struct {
        const char *tag;
        uint8_t flag;
        struct bytes *data;
    } notes[] = {
        {"EXIF", FLAG_EXIF, &outline->exif},
        {"XMP ", FLAG_XMP, &outline->xmp},
        {"ICCP", FLAG_PROFILE, &outline->profile},
    };

    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
        if (bytes_begin_with(&tag, notes[i].tag, RIFF_TAG_LEN) &&
            outline->flags & notes[i].flag && notes[i].data->len == 0)
            *notes[i].data = data;
}

static void find_orientation(struct outline *outline)
{
    outline->orientation = image_exif_orientation(outline->exif);
    if (outline->orientation == 0)
        outline->orientation = image_xmp_orientation(outline->xmp);
    if (outline->orientation == 0)
        outline->orientation = 1;
}

/* Finds the image data in a frame's chunks. */
static bool find_bitstream(struct bitstream *bitstream, struct bytes chunks)
{
    struct bytes tag, data;

    *bitstream = (struct bitstream){0};
    if (!bytes_begin_with(&chunks, "ALPH", RIFF_TAG_LEN) &&
        !bytes_begin_with(&chunks, "VP8 ", RIFF_TAG_LEN) &&
        !bytes_begin_with(&chunks, "VP8L", RIFF_TAG_LEN))
        return false;
    while (bitstream->data.len == 0 && next_chunk(&chunks, &tag, &data))
        read_bitstream(bitstream, tag, data);
    return bitstream->data.len > 0;
}

/* An ALPH chunk's first byte has two bits each for method, filter,
 * preprocessing and a reserved field. Returns false if it is not valid. */
static bool read_alpha(struct bytes *alpha, bool *lossless, uint64_t pixels)
{
    uint8_t head;

    *lossless = false;
    if (!bytes_u8(alpha, &head) || (head & 3) > 1 || (head >> 4 & 3) > 1 ||
        head >> 6 > 1)
        return false;
    *lossless = head & 1;
    return *lossless || alpha->len >= pixels;
}

/* Checks what an image with these sides costs besides its pixels. */
static bool check_bitstream(struct image_codec_job *job,
                            const struct bitstream *bitstream, uint32_t width,
                            uint32_t height, struct error *err)
{
    const uint64_t pixels = (uint64_t)width * height;
    const bool has_alpha = !bitstream->lossless && bitstream->alpha.len > 0;
    struct bytes alpha = bitstream->alpha;
    bool lossless_alpha = false;
    unsigned ns_pixel = 0; /* for the lossless parts */
    uint64_t ns = 0;

    job->coded_len = bitstream->data.len + (has_alpha ? alpha.len : 0);
    if (has_alpha && !read_alpha(&alpha, &lossless_alpha, pixels))
        return fail(err, ERROR_INPUT, "the WebP is broken");
    /* A lossless image is kept whole, with 4 bytes per pixel. */
    job->held = (bitstream->lossless || lossless_alpha ? 4 * pixels : 0) +
                (has_alpha ? pixels : 0);
    if (!image_codec_allow_bytes(job, pixels, job->held, err))
        return false;
    if (!bitstream->lossless)
        ns = NS_LOSSY_PIXEL * pixels + NS_LOSSY_BYTE * bitstream->data.len;
    if ((bitstream->lossless && !image_vp8l_check(&ns_pixel, bitstream->data,
                                                  width, height, true, err)) ||
        (lossless_alpha &&
         !image_vp8l_check(&ns_pixel, alpha, width, height, false, err)))
        return false;
    return image_codec_allow_time(job, pixels, ns + ns_pixel * pixels, err);
}

/* An ANMF chunk: x / 2, y / 2, width - 1, height - 1, duration, flags, then
 * the frame's own chunks. */
static bool read_frame(struct frame *frame, struct bytes data)
{
    uint32_t duration;
    uint8_t flags;

    if (!bytes_u24le(&data, &frame->x) || !bytes_u24le(&data, &frame->y) ||
        !bytes_u24le(&data, &frame->width) ||
        !bytes_u24le(&data, &frame->height) || !bytes_u24le(&data, &duration) ||
        !bytes_u8(&data, &flags))
        return false;
    frame->x *= 2;
    frame->y *= 2;
    frame->width++;
    frame->height++;
    frame->file = data;
    return true;
}

/* Reads one chunk of the file. */
static bool read_chunk(struct outline *outline, struct bytes tag,
                       struct bytes data, struct error *err)
{
    read_bitstream(&outline->bitstream, tag, data);
    read_note(outline, tag, data);
    if (bytes_begin_with(&tag, "ANMF", RIFF_TAG_LEN) && !outline->has_frame) {
        if (!read_frame(&outline->frame, data))
            return fail(err, ERROR_INPUT,
                        "the WebP has a broken animation frame");
        outline->has_frame = true;
    }
    return true;
}

static bool has_pixels(const struct outline *outline)
{
    return outline->has_frame || outline->bitstream.data.len > 0;
}

/* A file that ends early is accepted if its pixels are complete: browsers show
 * it. */
static bool read_outline(struct outline *outline, struct bytes file,
                         struct error *err)
{
    struct bytes riff, tag, data;
    uint32_t riff_len, num_chunks = 0;

    *outline = (struct outline){0};
    if (!bytes_skip(&file, RIFF_TAG_LEN) || !bytes_u32le(&file, &riff_len))
        return fail_cut_short(err);
    outline->open = riff_len > file.len;
    if (!bytes_take(&file, &riff, outline->open ? file.len : riff_len) ||
        !bytes_skip(&riff, RIFF_TAG_LEN) || riff.len < CHUNK_HEAD_LEN)
        return fail_cut_short(err);
    if (!bytes_begin_with(&riff, "VP8", 3))
        return fail(err, ERROR_INPUT,
                    "the WebP begins with an unexpected chunk");
    if (bytes_begin_with(&riff, "VP8X", RIFF_TAG_LEN) &&
        riff.len > CHUNK_HEAD_LEN)
        outline->flags = riff.data[CHUNK_HEAD_LEN];
    while (riff.len > 0) {
        if (!next_chunk(&riff, &tag, &data)) {
            if (outline->open && has_pixels(outline))
                break;
            return fail_cut_short(err);
        }
        if (++num_chunks > MAX_CHUNKS)
            return error_limit(err, MAX_CHUNKS,
                               "the WebP has more than %d chunks", MAX_CHUNKS);
        if (!read_chunk(outline, tag, data, err))
            return false;
    }
    find_orientation(outline);
    return true;
}

/* Takes a result code of the library. */
static bool check_result(VP8StatusCode result, struct error *err)
{
    switch (result) {
    case VP8_STATUS_OK:
        return true;
    case VP8_STATUS_OUT_OF_MEMORY:
    case VP8_STATUS_USER_ABORT: /* we never abort: its setup failed */
        return fail(err, ERROR_MEMORY, "not enough memory to decode the WebP");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return fail_cut_short(err);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fail(err, ERROR_UNSUPPORTED,
                    "the WebP uses an unsupported feature");
    default:
        return fail(err, ERROR_INPUT, "the WebP is broken");
    }
}

/* Decodes an image in job's layout to position `x`, `y` in job->samples. `file`
 * has the size `width` x `height`, and it fits. */
static bool decode_at(struct image_codec_job *job, const struct frame *frame,
                      struct error *err)
{
    const size_t stride = image_codec_row_len(job);
    const size_t offset = frame->y * stride + (size_t)frame->x * job->channels;
    WebPDecoderConfig config;

    if (!WebPInitDecoderConfig(&config))
        return fail(err, ERROR_INTERNAL, "libwebp has an incompatible version");
    config.output.colorspace =
        job->layout == IMAGE_CODEC_RGBA ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = job->samples + offset;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = image_codec_samples_len(job) - offset;
    return check_result(WebPDecode(frame->file.data, frame->file.len, &config),
                        err);
}

/* Draws the first frame on a transparent canvas, whatever background colour the
 * file asks for, like browsers and Pillow. */
static bool decode_animation(struct image_codec_job *job, uint32_t width,
                             uint32_t height, const struct outline *outline,
                             struct error *err)
{
    const struct frame *frame = &outline->frame;
    WebPBitstreamFeatures features;
    struct bitstream bitstream;

    if (!outline->has_frame)
        return fail(err, ERROR_INPUT, "the WebP animation has no frames");
    if (frame->x > width || frame->width > width - frame->x ||
        frame->y > height || frame->height > height - frame->y)
        return fail(err, ERROR_INPUT,
                    "the WebP has an animation frame outside its canvas");
    if (!check_result(
            WebPGetFeatures(frame->file.data, frame->file.len, &features), err))
        return false;
    if ((uint32_t)features.width != frame->width ||
        (uint32_t)features.height != frame->height || features.has_animation ||
        !find_bitstream(&bitstream, frame->file))
        return fail(err, ERROR_INPUT, "the WebP has a broken animation frame");
    if (!check_bitstream(job, &bitstream, frame->width, frame->height, err))
        return false;
    if (!image_codec_begin(job, width, height, IMAGE_CODEC_RGBA,
                           outline->orientation, err))
        return false;
    memset(job->samples, 0, image_codec_samples_len(job));
    return decode_at(job, frame, err);
}

bool image_webp_decode(struct image_codec_job *job, const uint8_t *bytes,
                       size_t len, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    WebPBitstreamFeatures features;
    struct outline outline;

    /* The library walks over the chunks too, but without a bound on their
     * number. */
    if (!read_outline(&outline, file, err) ||
        !check_result(WebPGetFeatures(bytes, len, &features), err))
        return false;
    const uint32_t width = (uint32_t)features.width;
    const uint32_t height = (uint32_t)features.height;
    if (!image_codec_check(job, width, height, err))
        return false;
    job->profile = outline.profile;
    if (features.has_animation)
        return decode_animation(job, width, height, &outline, err);

    if (outline.bitstream.data.len == 0)
        return fail(err, ERROR_INPUT, "the WebP contains no image");
    if (!check_bitstream(job, &outline.bitstream, width, height, err))
        return false;
    /* The library would insist on the length in the file's header. */
    const struct frame whole = {
        .width = width,
        .height = height,
        .file = outline.open ? outline.bitstream.whole : file,
    };
    if (!image_codec_begin(job, width, height,
                           features.has_alpha ? IMAGE_CODEC_RGBA
                                              : IMAGE_CODEC_RGB,
                           outline.orientation, err))
        return false;
    return decode_at(job, &whole, err);
}
