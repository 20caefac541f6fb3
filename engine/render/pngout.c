/* The container is written here (PNG, third edition): a signature and chunks.
 * Rows are filtered, compressed and checksummed a block at a time, while they
 * are in the cache; each block is an IDAT chunk. */
#include "engine/render/pngout.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/crc.h"
#include "engine/base/scratch.h"
#include "engine/base/wide.h"
#include "engine/render/deflate.h"

enum {
    COLOR_RGB = 2,
    COLOR_PALETTE = 3,
    FILTER_SUB = 1,
    FILTER_PAETH = 4,
    CHUNK_BYTES = 12, /* overhead of a chunk */
    BLOCK_BYTES = 128 << 10
};

/* An image to be written. */
struct source {
    const uint8_t *pixels; /* (height, row_len) */
    uint32_t width, height;
    size_t pixel_len, row_len;
    uint8_t color; /* IHDR's color type */
};

static void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Completes a chunk with its data at chunk + 8; returns its end. */
static uint8_t *end_chunk(uint8_t *chunk, const struct crc *crc,
                          const char *type, size_t len)
{
    put32(chunk, (uint32_t)len);
    memcpy(chunk + 4, type, 4);
    put32(chunk + 8 + len, crc_of(crc, chunk + 4, len + 4));
    return chunk + CHUNK_BYTES + len;
}

/* Writes the signature, IHDR and, if there is a palette, PLTE. */
static bool put_head(struct buf *png, const struct crc *crc,
                     const struct source *source, const uint8_t *palette,
                     struct error *err)
{
    static const uint8_t signature[8] = {0x89, 'P',  'N',  'G',
                                         '\r', '\n', 0x1a, '\n'};
    uint8_t *at;

    if (!buf_reserve(png, 8 + CHUNK_BYTES + 13 + CHUNK_BYTES + 768, err))
        return false;
    at = png->data + png->len;
    memcpy(at, signature, 8);
    at += 8;
    put32(at + 8, source->width);
    put32(at + 12, source->height);
    memcpy(at + 16, (const uint8_t[]){8, source->color, 0, 0, 0}, 5);
    at = end_chunk(at, crc, "IHDR", 13);
    if (palette) {
        memcpy(at + 8, palette, 768);
        at = end_chunk(at, crc, "PLTE", 768);
    }
    png->len = (size_t)(at - png->data);
    return true;
}

/* The filters. All rows use the same one: trying all five costs more than it
 * saves. As the only filter, Paeth gives the smallest overlays, 0.94 of
 * Average's. `row` and `above` have `len` bytes; `pixel_len` is the distance to
 * the pixel on the left. */

static void filter_sub(uint8_t *restrict out, const uint8_t *row, size_t len,
                       size_t pixel_len)
{
    memcpy(out, row, pixel_len);
    for (size_t i = pixel_len; i < len; i++)
        out[i] = (uint8_t)(row[i] - row[i - pixel_len]);
}

/* The distance of two samples, in eight bits. */
static inline uint8_t apart(uint8_t a, uint8_t b)
{
    return (uint8_t)((a > b ? a : b) - (a > b ? b : a));
}

/* Subtracts the one of the samples on the left, above and in the corner that is
 * closest to left + above - corner. All fits eight bits: that sum is as far
 * from the left as the corner is from above, and the other way round; and from
 * the corner it is as far as both together if both lie on one side of it, which
 * is never less, else as their difference. */
WIDE_BODY(subtract_paeth)
(uint8_t *restrict out, const uint8_t *row, const uint8_t *above, size_t len,
 size_t pixel_len)
{
    for (size_t i = pixel_len; i < len; i++) {
        uint8_t left = row[i - pixel_len], up = above[i];
        uint8_t corner = above[i - pixel_len];
        uint8_t to_left = apart(up, corner), to_up = apart(left, corner);
        uint8_t nearer = to_left < to_up ? to_left : to_up;
        uint8_t to_corner =
            (up > corner) == (left > corner) ? 255 : apart(to_left, to_up);
        uint8_t best = to_left <= to_up ? left : up;

        out[i] = (uint8_t)(row[i] - (nearer <= to_corner ? best : corner));
    }
}
WIDE_INTEGERS(subtract_paeth,
              (uint8_t *restrict out, const uint8_t *row, const uint8_t *above,
               size_t len, size_t pixel_len),
              (out, row, above, len, pixel_len))

static void filter_paeth(uint8_t *restrict out, const uint8_t *row,
                         const uint8_t *above, size_t len, size_t pixel_len)
{
    for (size_t i = 0; i < pixel_len; i++)
        out[i] = (uint8_t)(row[i] - above[i]);
    subtract_paeth(out, row, above, len, pixel_len);
}

/* Writes row y after its filter type. The first row has no row above and is
 * filtered by Sub. */
static void filter_row(uint8_t *restrict out, const struct source *source,
                       size_t y)
{
    const uint8_t *row = source->pixels + y * source->row_len;

    out[0] = y > 0 ? FILTER_PAETH : FILTER_SUB;
    if (y > 0)
        filter_paeth(out + 1, row, row - source->row_len, source->row_len,
                     source->pixel_len);
    else
        filter_sub(out + 1, row, source->row_len, source->pixel_len);
}

static bool put_rows(struct buf *png, struct pngout_scratch *scratch,
                     const struct crc *crc, const struct source *source,
                     struct error *err)
{
    size_t len = source->row_len + 1;
    size_t rows_a_block = len < BLOCK_BYTES ? BLOCK_BYTES / len : 1;
    struct deflate deflate = {0};

    scratch->rows =
        scratch_reserve(scratch->rows, &scratch->cap, rows_a_block, len, err);
    if (!scratch->rows)
        return false;
    for (size_t y = 0; y < source->height;) {
        size_t left = source->height - y;
        size_t num = left < rows_a_block ? left : rows_a_block;
        uint8_t *chunk, *end;

        if (!buf_reserve(png, CHUNK_BYTES + deflate_bound(num * len), err))
            return false;
        for (size_t i = 0; i < num; i++)
            filter_row(scratch->rows + i * len, source, y + i);
        chunk = png->data + png->len;
        end = deflate_block(&deflate, chunk + 8, scratch->rows, num * len,
                            num == left);
        end = end_chunk(chunk, crc, "IDAT", (size_t)(end - chunk) - 8);
        png->len = (size_t)(end - png->data);
        y += num;
    }
    return true;
}

static bool put_tail(struct buf *png, const struct crc *crc, struct error *err)
{
    if (!buf_reserve(png, CHUNK_BYTES, err))
        return false;
    end_chunk(png->data + png->len, crc, "IEND", 0);
    png->len += CHUNK_BYTES;
    return true;
}

static bool encode(struct buf *png, struct pngout_scratch *scratch,
                   struct source *source, const uint8_t *palette,
                   struct error *err)
{
    size_t start = png->len;
    struct crc crc;

    if (source->width == 0 || source->height == 0)
        return fail(err, ERROR_INTERNAL, "a PNG of %u x %u pixels",
                    source->width, source->height);
    if (source->height > INT32_MAX ||
        source->width > (DEFLATE_MAX_BLOCK - 1) / source->pixel_len)
        return fail(err, ERROR_INTERNAL,
                    "an image of %u x %u pixels is too large for a PNG",
                    source->width, source->height);
    source->row_len = source->width * source->pixel_len;
    crc_init(&crc);
    if (put_head(png, &crc, source, palette, err) &&
        put_rows(png, scratch, &crc, source, err) && put_tail(png, &crc, err))
        return true;
    png->len = start;
    return false;
}

bool pngout_rgb(struct buf *png, struct pngout_scratch *scratch,
                const uint8_t *pixels, uint32_t width, uint32_t height,
                struct error *err)
{
    struct source source = {.pixels = pixels,
                            .width = width,
                            .height = height,
                            .pixel_len = 3,
                            .color = COLOR_RGB};

    return encode(png, scratch, &source, NULL, err);
}

bool pngout_palette(struct buf *png, struct pngout_scratch *scratch,
                    const uint8_t *indices, const uint8_t *palette,
                    uint32_t width, uint32_t height, struct error *err)
{
    struct source source = {.pixels = indices,
                            .width = width,
                            .height = height,
                            .pixel_len = 1,
                            .color = COLOR_PALETTE};

    return encode(png, scratch, &source, palette, err);
}

void pngout_scratch_release(struct pngout_scratch *scratch)
{
    free(scratch->rows);
    *scratch = (struct pngout_scratch){0};
}
