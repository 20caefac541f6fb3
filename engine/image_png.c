/* PNG through libspng.
 *
 * DESIGN: the library sees only the chunks that make the pixels. Text,
 * profiles and the like, which may hold a gigabyte of zeros in a few
 * kilobytes, are passed over unread, and cannot make a picture fail. */

#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "image_codec.h"
#include "image_exif.h"

enum {
    SIGNATURE_LEN = 8,
    CHUNK_HEADER_LEN = 8, /* length, type */
    CHUNK_CRC_LEN = 4,
};

/* One chunk of a file. */
struct chunk {
    uint8_t type[4];
    struct bytes data;  /* without the header */
    struct bytes whole; /* with header and CRC */
};

static bool next_chunk(struct bytes *file, struct chunk *chunk)
{
    struct bytes rest = *file, whole = *file, type;
    uint32_t len;

    if (!bytes_u32be(&rest, &len) || !bytes_take(&rest, &type, 4) ||
        !bytes_take(&rest, &chunk->data, len) ||
        !bytes_skip(&rest, CHUNK_CRC_LEN))
        return false;
    memcpy(chunk->type, type.data, 4);
    whole.len = CHUNK_HEADER_LEN + (size_t)len + CHUNK_CRC_LEN;
    chunk->whole = whole;
    *file = rest;
    return true;
}

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

/* Whether the library needs it: critical chunks have a capital first. */
static bool is_needed(const struct chunk *chunk)
{
    return !(chunk->type[0] & 0x20) || is_type(chunk, "tRNS");
}

/* What the chunks say. */
struct outline {
    bool has_trns;
    unsigned orientation;
};

/* Walks over the chunks up to the one that ends the file. */
static bool read_outline(struct outline *outline, struct bytes file,
                         struct error *err)
{
    struct chunk chunk;

    *outline = (struct outline){.orientation = 1};
    if (!bytes_skip(&file, SIGNATURE_LEN))
        return fail(err, ERROR_INPUT, "the PNG is cut short");
    do {
        if (!next_chunk(&file, &chunk))
            return fail(err, ERROR_INPUT, "the PNG is cut short");
        if (is_type(&chunk, "tRNS"))
            outline->has_trns = true;
        else if (is_type(&chunk, "eXIf"))
            outline->orientation = image_exif_orientation(chunk.data);
    } while (!is_type(&chunk, "IEND"));
    return true;
}

/* The needed chunks of a file, as a stream. */
struct source {
    struct bytes file; /* chunks to come */
    struct bytes part; /* what is left of the one being read */
};

static int read_source(spng_ctx *context, void *user, void *dest, size_t len)
{
    struct source *source = user;
    uint8_t *out = dest;
    struct bytes taken;

    (void)context;
    while (len > 0) {
        struct chunk chunk;

        while (source->part.len == 0) {
            if (!next_chunk(&source->file, &chunk))
                return SPNG_IO_EOF;
            if (is_needed(&chunk))
                source->part = chunk.whole;
        }
        const size_t count = len < source->part.len ? len : source->part.len;
        if (!bytes_take(&source->part, &taken, count))
            return SPNG_IO_ERROR;
        memcpy(out, taken.data, count);
        out += count;
        len -= count;
    }
    return 0;
}

/* Takes a code of the library; 0 is success. */
static bool check_result(int result, struct error *err)
{
    switch (result) {
    case 0:
        return true;
    case SPNG_EMEM:
    case SPNG_EZLIB_INIT:
        return fail(err, ERROR_MEMORY, "no memory to decode the PNG");
    case SPNG_EOVERFLOW: /* found in the header, before our own limits */
        return fail(err, ERROR_LIMIT, "the PNG has rows of more than 4 GB");
    case SPNG_IO_EOF:
    case SPNG_EIDAT_TOO_SHORT:
        return fail(err, ERROR_INPUT, "the PNG is cut short");
    case SPNG_ECHUNK_UNKNOWN_CRITICAL:
        return fail(err, ERROR_UNSUPPORTED,
                    "the PNG needs a chunk that we do not know");
    default:
        return fail(err, ERROR_INPUT, "the PNG is broken (%s)",
                    spng_strerror(result));
    }
}

static bool has_alpha(const struct spng_ihdr *header,
                      const struct outline *outline)
{
    return outline->has_trns ||
           header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
           header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
}

bool image_png_decode(struct image_codec_job *job, const uint8_t *bytes,
                      size_t len, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    struct source source = {
        .file = {.data = bytes + SIGNATURE_LEN, .len = len - SIGNATURE_LEN},
        .part = {.data = bytes, .len = SIGNATURE_LEN},
    };
    struct outline outline;
    struct spng_ihdr header;
    spng_ctx *context = NULL;
    bool ok = false;

    context = spng_ctx_new(0);
    if (!context) {
        fail(err, ERROR_MEMORY, "no memory to decode the PNG");
        goto out;
    }
    if (!check_result(spng_set_png_stream(context, read_source, &source),
                      err) ||
        !check_result(spng_get_ihdr(context, &header), err) ||
        !image_codec_check(job, header.width, header.height, err) ||
        !read_outline(&outline, file, err))
        goto out;
    const bool alpha = has_alpha(&header, &outline);
    if (!image_codec_begin(job, header.width, header.height,
                           alpha ? IMAGE_CODEC_RGBA : IMAGE_CODEC_RGB,
                           outline.orientation, err))
        goto out;
    /* 16-bit samples keep their high byte. The chunks after the picture are
     * read for the checksum of its last one. */
    ok = check_result(spng_decode_image(context, job->raw,
                                        image_codec_raw_len(job),
                                        alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8,
                                        alpha ? SPNG_DECODE_TRNS : 0),
                      err) &&
         check_result(spng_decode_chunks(context), err);
out:
    spng_ctx_free(context);
    return ok;
}
