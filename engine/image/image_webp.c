/* WebP through libwebp. Our own walk over the RIFF chunks finds what its
 * simple decoder leaves aside: EXIF, and the first frame of an animation; and
 * where its pictures are, so that what they would cost is known before it is
 * spent (image_vp8l.h). The library takes bits without a chunk around them,
 * too: not from us, or they would come by unchecked. */

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

    /* What lossy ones take: */
    NS_LOSSY_PIXEL = 4,  /* a pixel, however few bits it has */
    NS_LOSSY_BYTE = 128, /* a byte besides: photos have many */
};

/* The first frame of an animation, on its canvas. */
struct frame {
    uint32_t x, y, width, height;
    struct bytes file; /* its own little WebP, without the RIFF header */
};

/* Where a picture's bits are. */
struct picture {
    struct bytes data;  /* of VP8 or VP8L */
    struct bytes alpha; /* of ALPH, or empty */
    struct bytes whole; /* the chunks of both, and what is between them */
    bool lossless;
};

/* What the chunks say. Those about the picture count if VP8X announces them. */
struct outline {
    uint8_t flags; /* of VP8X: FLAG_… */
    bool open;     /* the file ends before the length it gives itself */
    struct bytes exif, xmp, profile;
    unsigned orientation;
    struct picture picture;
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

/* Takes a chunk on the way to the picture, as the library does: of several
 * alphas the last counts, of several pictures the first. */
static void read_picture(struct picture *picture, struct bytes tag,
                         struct bytes data)
{
    if (picture->data.len > 0)
        return;
    if (bytes_begin_with(&tag, "ALPH", RIFF_TAG_LEN)) {
        picture->alpha = data;
        if (picture->whole.len == 0)
            picture->whole = tag;
    }
    picture->lossless = bytes_begin_with(&tag, "VP8L", RIFF_TAG_LEN);
    if (data.len == 0 ||
        (!picture->lossless && !bytes_begin_with(&tag, "VP8 ", RIFF_TAG_LEN)))
        return;
    picture->data = data;
    if (picture->whole.len == 0)
        picture->whole = tag;
    picture->whole.len = (size_t)(data.data + data.len - picture->whole.data);
}

/* Takes what a chunk says of the picture: the first of each kind. */
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

/* Finds the picture in a frame's chunks. */
static bool find_picture(struct picture *picture, struct bytes chunks)
{
    struct bytes tag, data;

    *picture = (struct picture){0};
    if (!bytes_begin_with(&chunks, "ALPH", RIFF_TAG_LEN) &&
        !bytes_begin_with(&chunks, "VP8 ", RIFF_TAG_LEN) &&
        !bytes_begin_with(&chunks, "VP8L", RIFF_TAG_LEN))
        return false;
    while (picture->data.len == 0 && next_chunk(&chunks, &tag, &data))
        read_picture(picture, tag, data);
    return picture->data.len > 0;
}

/* An ALPH chunk's first byte: method, filter, preprocessing, reserved; two bits
 * each. False: it is none. */
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

/* Checks what a picture of these sides costs besides its pixels. */
static bool check_picture(struct image_codec_job *job,
                          const struct picture *picture, uint32_t width,
                          uint32_t height, struct error *err)
{
    const uint64_t pixels = (uint64_t)width * height;
    const bool has_alpha = !picture->lossless && picture->alpha.len > 0;
    struct bytes alpha = picture->alpha;
    bool lossless_alpha = false;
    unsigned ns_pixel = 0; /* of what is lossless */
    uint64_t ns = 0;

    job->coded_len = picture->data.len + (has_alpha ? alpha.len : 0);
    if (has_alpha && !read_alpha(&alpha, &lossless_alpha, pixels))
        return fail(err, ERROR_INPUT, "the WebP is broken");
    /* Whole pictures of 4 bytes a pixel where they are lossless. */
    job->held = (picture->lossless || lossless_alpha ? 4 * pixels : 0) +
                (has_alpha ? pixels : 0);
    if (!image_codec_allow_bytes(job, pixels, job->held, err))
        return false;
    if (!picture->lossless)
        ns = NS_LOSSY_PIXEL * pixels + NS_LOSSY_BYTE * picture->data.len;
    if ((picture->lossless && !image_vp8l_check(&ns_pixel, picture->data, width,
                                                height, true, err)) ||
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

/* Takes a chunk of the file. */
static bool read_chunk(struct outline *outline, struct bytes tag,
                       struct bytes data, struct error *err)
{
    read_picture(&outline->picture, tag, data);
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
    return outline->has_frame || outline->picture.data.len > 0;
}

/* A file that ends early is whole if its pixels are: browsers show it. */
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
        return fail(err, ERROR_INPUT, "the WebP begins with a strange chunk");
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
                               "the WebP has more than the %d chunks allowed",
                               MAX_CHUNKS);
        if (!read_chunk(outline, tag, data, err))
            return false;
    }
    find_orientation(outline);
    return true;
}

/* Takes a code of the library. */
static bool check_result(VP8StatusCode result, struct error *err)
{
    switch (result) {
    case VP8_STATUS_OK:
        return true;
    case VP8_STATUS_OUT_OF_MEMORY:
    case VP8_STATUS_USER_ABORT: /* no user of ours does: its setup failed */
        return fail(err, ERROR_MEMORY, "no memory to decode the WebP");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return fail_cut_short(err);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fail(err, ERROR_UNSUPPORTED,
                    "the WebP uses a feature we do not read");
    default:
        return fail(err, ERROR_INPUT, "the WebP is broken");
    }
}

/* Decodes one picture of job's layout to `x`, `y` in job->raw. `file` is as
 * big as `width` x `height` says, and fits. */
static bool decode_at(struct image_codec_job *job, const struct frame *frame,
                      struct error *err)
{
    const size_t stride = image_codec_row_len(job);
    const size_t offset = frame->y * stride + (size_t)frame->x * job->channels;
    WebPDecoderConfig config;

    if (!WebPInitDecoderConfig(&config))
        return fail(err, ERROR_INTERNAL, "libwebp is not the one we know");
    config.output.colorspace =
        job->layout == IMAGE_CODEC_RGBA ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = job->raw + offset;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = image_codec_raw_len(job) - offset;
    return check_result(WebPDecode(frame->file.data, frame->file.len, &config),
                        err);
}

/* The first frame over a transparent canvas, whatever background colour the
 * file asks for: as browsers and Pillow have it. */
static bool decode_animation(struct image_codec_job *job, uint32_t width,
                             uint32_t height, const struct outline *outline,
                             struct error *err)
{
    const struct frame *frame = &outline->frame;
    WebPBitstreamFeatures features;
    struct picture picture;

    if (!outline->has_frame)
        return fail(err, ERROR_INPUT, "the WebP is an animation of no frames");
    if (frame->x > width || frame->width > width - frame->x ||
        frame->y > height || frame->height > height - frame->y)
        return fail(err, ERROR_INPUT,
                    "the WebP has an animation frame beyond its canvas");
    if (!check_result(
            WebPGetFeatures(frame->file.data, frame->file.len, &features), err))
        return false;
    if ((uint32_t)features.width != frame->width ||
        (uint32_t)features.height != frame->height || features.has_animation ||
        !find_picture(&picture, frame->file))
        return fail(err, ERROR_INPUT, "the WebP has a broken animation frame");
    if (!check_picture(job, &picture, frame->width, frame->height, err))
        return false;
    if (!image_codec_begin(job, width, height, IMAGE_CODEC_RGBA,
                           outline->orientation, err))
        return false;
    memset(job->raw, 0, image_codec_raw_len(job));
    return decode_at(job, frame, err);
}

bool image_webp_decode(struct image_codec_job *job, const uint8_t *bytes,
                       size_t len, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    WebPBitstreamFeatures features;
    struct outline outline;

    /* The library walks over the chunks too, but as many as there are. */
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

    if (outline.picture.data.len == 0)
        return fail(err, ERROR_INPUT, "the WebP has no picture in it");
    if (!check_picture(job, &outline.picture, width, height, err))
        return false;
    /* The library would insist on the length that the file gives itself. */
    const struct frame whole = {
        .width = width,
        .height = height,
        .file = outline.open ? outline.picture.whole : file,
    };
    if (!image_codec_begin(job, width, height,
                           features.has_alpha ? IMAGE_CODEC_RGBA
                                              : IMAGE_CODEC_RGB,
                           outline.orientation, err))
        return false;
    return decode_at(job, &whole, err);
}
