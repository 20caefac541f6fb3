/* PNG through libspng, which sees only what image_png_file.c passes on, and
 * gives us rows as they are stored: they are converted to pixels here, one row
 * at a time. */

#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/image/image_codec.h"
#include "engine/image/image_png_file.h"
#include "engine/image/image_png_rows.h"

enum {
    NUM_PASSES = 7, /* of an interlaced image */
    BYTES_AT_A_TIME =
        1 << 20, /* inflated between two checks for cancellation */

    /* Estimated times. */
    NS_BYTE = 2,       /* to inflate a byte, however few bits it is coded in */
    NS_CONVERTED = 1,  /* to convert a pixel to RGB; half of it for 1 bit */
    NS_INTERLACED = 2, /* to copy a pixel to its position */
};

static int read_source(spng_ctx *context, void *user, void *dest, size_t len)
{
    (void)context;
    return image_png_file_feed(user, dest, len) ? 0 : SPNG_IO_EOF;
}

/* Takes a result code of the library; 0 is success. */
static bool check_result(int result, struct error *err)
{
    switch (result) {
    case 0:
        return true;
    case SPNG_EMEM:
    case SPNG_EZLIB_INIT:
        return fail(err, ERROR_MEMORY, "not enough memory to decode the PNG");
    case SPNG_EOVERFLOW: /* found in the header, before our own limits are
                            checked */
        return fail(err, ERROR_LIMIT, "the PNG has rows longer than 4 GB");
    case SPNG_IO_EOF:
    case SPNG_EIDAT_TOO_SHORT:
        return fail(err, ERROR_INPUT, "the PNG is cut short");
    case SPNG_ECHUNK_UNKNOWN_CRITICAL:
        return fail(err, ERROR_UNSUPPORTED,
                    "the PNG has an unknown critical chunk");
    default:
        return fail(err, ERROR_INPUT, "the PNG is broken (%s)",
                    spng_strerror(result));
    }
}

/* Bits per pixel. */
static unsigned pixel_bits(const struct spng_ihdr *header)
{
    static const unsigned channels[] = {1, 0, 3, 1, 2, 0, 4};

    return channels[header->color_type] * header->bit_depth;
}

/* The time per byte to undo a row's filter, besides NS_BYTE. Each byte depends
 * on that of the pixel before, so pixels of few bytes are slow. */
static unsigned ns_to_undo(int filter, bool thin)
{
    switch (filter) {
    case SPNG_FILTER_SUB:
    case SPNG_FILTER_AVERAGE:
        return thin ? 2 : 1;
    case SPNG_FILTER_PAETH:
        return thin ? 4 : 2;
    default:
        return 0;
    }
}

/* Palettes, and samples with alpha, are converted to sRGB here; all others
 * later. */
static bool find_colour(struct image_png_rows *rows,
                        struct image_codec_job *job,
                        const struct image_png_file *png,
                        const struct spng_ihdr *header, struct error *err)
{
    job->grey = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
                header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    if (!image_png_text_unpack_profile(&job->profile_storage, &png->texts, err))
        return false;
    job->profile = (struct bytes){.data = job->profile_storage.data,
                                  .len = job->profile_storage.len};
    if (png->apple || header->color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
        header->color_type == SPNG_COLOR_TYPE_TRUECOLOR)
        return true;
    if (!image_codec_find_colour(&rows->colour, job, err))
        return false;
    job->profile = (struct bytes){0};
    return true;
}

/* Reads from the chunks before the data how rows become pixels. */
static bool find_rows(struct image_png_rows *rows, spng_ctx *context,
                      const struct spng_ihdr *header, struct error *err)
{
    struct spng_plte palette;
    struct spng_trns clear;
    int result = spng_get_trns(context, &clear);
    const bool has_clear = result == 0;

    if (result && result != SPNG_ECHUNKAVAIL)
        return check_result(result, err);
    rows->kind = (enum image_png_rows_kind)header->color_type;
    rows->depth = header->bit_depth;
    if (rows->kind == IMAGE_PNG_ROWS_PALETTE) {
        if (!check_result(spng_get_plte(context, &palette), err))
            return false;
        for (size_t i = 0; i < 256; i++)
            rows->palette[i][3] =
                255; /* indices beyond the palette are black */
        for (size_t i = 0; i < palette.n_entries && i < 256; i++) {
            rows->palette[i][0] = palette.entries[i].red;
            rows->palette[i][1] = palette.entries[i].green;
            rows->palette[i][2] = palette.entries[i].blue;
        }
        for (size_t i = 0; has_clear && i < clear.n_type3_entries && i < 256;
             i++)
            rows->palette[i][3] = clear.type3_alpha[i];
        if (rows->colour)
            image_colour_convert(rows->colour, rows->palette[0], 256, 4);
    } else if (has_clear) {
        const bool grey = rows->kind == IMAGE_PNG_ROWS_GREY;

        rows->has_key = true;
        rows->key[0] = grey ? clear.gray : clear.red;
        rows->key[1] = clear.green;
        rows->key[2] = clear.blue;
    }
    image_png_rows_init(rows);
    return true;
}

/* Positions of a pass's pixels in an interlaced image: the first, and the steps
 * to the next (PNG, "Adam7"). */
static const struct pass {
    uint8_t x, step_x;
} passes[NUM_PASSES] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};

/* The state of decoding one image. */
struct decoding {
    struct image_codec_job *job;
    spng_ctx *context;
    struct image_png_rows rows;
    bool interlaced;
    bool as_stored; /* rows are RGB already and are decoded in place */
    bool thin;      /* a pixel has less than three bytes */
    uint64_t ns;    /* for all rows, and for the filters of the rows so far */
    size_t stored_len; /* bytes of a row as stored */
    uint8_t *stored;   /* (stored_len); borrowed from the image */
    uint8_t
        *pixels; /* (width, 3), one row of a pass; borrowed from the image */
};

/* Copies the pixels of a pass's row to their positions. */
static void place(const struct image_codec_job *job, const struct pass *pass,
                  uint32_t y, const uint8_t *pixels)
{
    uint8_t *row = job->samples + y * image_codec_row_len(job);

    for (uint32_t x = pass->x; x < job->width; x += pass->step_x, pixels += 3)
        memcpy(row + 3 * (size_t)x, pixels, 3);
}

/* A row goes one of three ways: pixels of a pass are copied to their positions;
 * other rows are stored in job->samples unchanged or converted. */
static bool decode_row(struct decoding *decoding, bool *done, struct error *err)
{
    const struct image_codec_job *job = decoding->job;
    struct spng_row_info info;
    uint8_t *stored = decoding->stored, *pixels = decoding->pixels;
    uint32_t width = job->width;
    int result = spng_get_row_info(decoding->context, &info);

    if (!check_result(result, err))
        return false;
    decoding->ns +=
        ns_to_undo(info.filter, decoding->thin) * decoding->stored_len;
    if (!image_codec_allow_time(job, (uint64_t)job->width * job->height,
                                decoding->ns, err))
        return false;
    if (!decoding->interlaced)
        pixels = job->samples + info.row_num * image_codec_row_len(job);
    if (decoding->as_stored)
        stored = pixels;
    result =
        spng_decode_scanline(decoding->context, stored, decoding->stored_len);
    *done = result == SPNG_EOI;
    if (result && !*done)
        return check_result(result, err);
    if (decoding->interlaced) {
        const struct pass *pass = &passes[info.pass];

        width = (width - pass->x + pass->step_x - 1) / pass->step_x;
        image_png_rows_convert(&decoding->rows, pixels, stored, width);
        place(job, pass, info.row_num, pixels);
    } else if (!decoding->as_stored) {
        image_png_rows_convert(&decoding->rows, pixels, stored, width);
    }
    return true;
}

static bool decode_rows(struct decoding *decoding, struct error *err)
{
    const size_t pause = BYTES_AT_A_TIME / decoding->stored_len + 1;
    bool done = false;
    int result = spng_decode_image(decoding->context, NULL, 0, SPNG_FMT_RAW,
                                   SPNG_DECODE_PROGRESSIVE);

    if (!check_result(result, err))
        return false;
    for (size_t i = 0; !done; i++)
        if ((i % pause == 0 && !image_codec_goes_on(decoding->job, err)) ||
            !decode_row(decoding, &done, err))
            return false;
    return true;
}

/* Allocates memory for a stored row and for its pixels. */
static bool reserve_rows(struct decoding *decoding, struct error *err)
{
    const struct image_codec_job *job = decoding->job;
    struct image *image = job->image;
    const size_t pixels_len = 3 * (size_t)job->width;

    decoding->as_stored =
        !decoding->interlaced && image_png_rows_are_rgb(&decoding->rows);
    image->rows = scratch_reserve(image->rows, &image->rows_cap,
                                  decoding->stored_len + pixels_len, 1, err);
    if (!image->rows)
        return false;
    decoding->stored = image->rows;
    decoding->pixels = image->rows + decoding->stored_len;
    return true;
}

/* The time for all rows, without filters. */
static uint64_t count_ns(const struct spng_ihdr *header, size_t row_len)
{
    const uint64_t pixels = (uint64_t)header->width * header->height;
    const uint64_t bytes = (uint64_t)row_len * header->height;
    const bool plain = header->bit_depth == 8 &&
                       (header->color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
                        header->color_type == SPNG_COLOR_TYPE_TRUECOLOR);
    uint64_t ns = NS_BYTE * bytes;

    if (!plain)
        ns += header->bit_depth == 1 ? pixels / 2 : NS_CONVERTED * pixels;
    if (header->interlace_method != 0)
        ns += NS_INTERLACED * pixels;
    return ns;
}

static bool decode(struct image_codec_job *job, spng_ctx *context,
                   struct bytes file, struct error *err)
{
    struct decoding decoding = {.job = job, .context = context};
    struct image_png_file png;
    struct image_png_file_source source = {.png = &png};
    struct spng_ihdr header;
    unsigned orientation;

    if (!image_png_file_begin(&png, file, err) ||
        !check_result(spng_set_png_stream(context, read_source, &source),
                      err) ||
        !check_result(spng_get_ihdr(context, &header), err) ||
        !image_codec_check(job, header.width, header.height, err) ||
        !image_png_file_read(&png, file, err))
        return false;
    decoding.stored_len = ((size_t)header.width * pixel_bits(&header) + 7) / 8;
    decoding.interlaced = header.interlace_method != 0;
    job->coded_len = (size_t)png.data_len;
    decoding.ns = count_ns(&header, decoding.stored_len);
    decoding.thin = pixel_bits(&header) < 24;
    decoding.rows.apple = png.apple;
    if (!image_png_text_orientation(&orientation, &png.texts, err))
        return false;
    if (!image_codec_allow_time(job, (uint64_t)header.width * header.height,
                                decoding.ns, err) ||
        !find_colour(&decoding.rows, job, &png, &header, err) ||
        !find_rows(&decoding.rows, context, &header, err) ||
        !image_codec_begin(job, header.width, header.height, IMAGE_CODEC_RGB,
                           orientation, err) ||
        !reserve_rows(&decoding, err))
        return false;
    /* The chunks after the pixel data are read to check the checksum of the
     * last data chunk. */
    return decode_rows(&decoding, err) &&
           check_result(spng_decode_chunks(context), err);
}

bool image_png_decode(struct image_codec_job *job, const uint8_t *bytes,
                      size_t len, struct error *err)
{
    const struct bytes file = {.data = bytes, .len = len};
    /* The Adler-32 checksum covers the same data as the chunks' checksums and
     * would cost a tenth of the time. */
    spng_ctx *context = spng_ctx_new(SPNG_CTX_IGNORE_ADLER32);
    bool ok;

    if (!context)
        return fail(err, ERROR_MEMORY, "not enough memory to decode the PNG");
    ok = decode(job, context, file, err);
    spng_ctx_free(context);
    return ok;
}
