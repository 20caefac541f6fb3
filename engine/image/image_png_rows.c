#include "engine/image/image_png_rows.h"

#include <string.h>

#include "engine/image/image_codec.h"

static inline unsigned read_u16(const uint8_t *in)
{
    return (unsigned)in[0] << 8 | in[1];
}

/* Converts whole bytes by table, then the pixels of the last byte. Pixels are
 * copied in pairs with two extra bytes, which the next ones overwrite. */
static inline void convert_packed(const struct image_png_rows *rows,
                                  uint8_t *out, const uint8_t *in, size_t width,
                                  size_t per_byte)
{
    const size_t len = per_byte == 2 ? 8 : 3 * per_byte;

    for (; width > per_byte; width -= per_byte, out += 3 * per_byte)
        memcpy(out, rows->pixels[*in++], len);
    if (width > 0)
        memcpy(out, rows->pixels[*in], 3 * width);
}

static void convert_1(const struct image_png_rows *rows, uint8_t *out,
                      const uint8_t *in, size_t width)
{
    convert_packed(rows, out, in, width, 8);
}

static void convert_2(const struct image_png_rows *rows, uint8_t *out,
                      const uint8_t *in, size_t width)
{
    convert_packed(rows, out, in, width, 4);
}

static void convert_4(const struct image_png_rows *rows, uint8_t *out,
                      const uint8_t *in, size_t width)
{
    convert_packed(rows, out, in, width, 2);
}

/* Copies a pixel and an extra byte, which the next one overwrites. */
static void convert_8(const struct image_png_rows *rows, uint8_t *out,
                      const uint8_t *in, size_t width)
{
    for (; width > 1; width--, out += 3)
        memcpy(out, rows->pixels[*in++], 4);
    if (width > 0)
        memcpy(out, rows->pixels[*in], 3);
}

static void convert_grey_16(const struct image_png_rows *rows, uint8_t *out,
                            const uint8_t *in, size_t width)
{
    for (size_t i = 0; i < width; i++, in += 2, out += 3) {
        const bool clear = rows->has_key && read_u16(in) == rows->key[0];

        out[0] = out[1] = out[2] = clear ? 255 : in[0];
    }
}

static void convert_grey_alpha(const struct image_png_rows *rows, uint8_t *out,
                               const uint8_t *in, size_t width)
{
    const size_t step = rows->depth / 8; /* bytes per sample */

    for (size_t i = 0; i < width; i++, in += 2 * step, out += 3)
        out[0] = out[1] = out[2] = image_codec_on_white(in[0], in[step]);
}

static void convert_rgb_8(const struct image_png_rows *rows, uint8_t *out,
                          const uint8_t *in, size_t width)
{
    const uint16_t *key = rows->key;

    memcpy(out, in, 3 * width);
    if (!rows->has_key)
        return;
    for (size_t i = 0; i < width; i++, in += 3, out += 3)
        if (in[0] == key[0] && in[1] == key[1] && in[2] == key[2])
            memset(out, 255, 3);
}

static void convert_rgb_16(const struct image_png_rows *rows, uint8_t *out,
                           const uint8_t *in, size_t width)
{
    const uint16_t *key = rows->key;

    for (size_t i = 0; i < width; i++, in += 6, out += 3) {
        if (rows->has_key && read_u16(in) == key[0] &&
            read_u16(in + 2) == key[1] && read_u16(in + 4) == key[2]) {
            memset(out, 255, 3);
            continue;
        }
        for (size_t c = 0; c < 3; c++)
            out[c] = in[2 * c];
    }
}

static void convert_rgba_8(const struct image_png_rows *rows, uint8_t *out,
                           const uint8_t *in, size_t width)
{
    (void)rows;
    for (size_t i = 0; i < width; i++, in += 4, out += 3)
        for (size_t c = 0; c < 3; c++)
            out[c] = image_codec_on_white(in[c], in[3]);
}

static void convert_rgba_16(const struct image_png_rows *rows, uint8_t *out,
                            const uint8_t *in, size_t width)
{
    (void)rows;
    for (size_t i = 0; i < width; i++, in += 8, out += 3)
        for (size_t c = 0; c < 3; c++)
            out[c] = image_codec_on_white(in[2 * c], in[6]);
}

/* 8-bit samples: blue, green, red. */
static void convert_apple_rgb(const struct image_png_rows *rows, uint8_t *out,
                              const uint8_t *in, size_t width)
{
    (void)rows;
    for (size_t i = 0; i < width; i++, in += 3, out += 3)
        for (size_t c = 0; c < 3; c++)
            out[c] = in[2 - c];
}

/* Already multiplied by alpha; if the file is wrong about that, sums above
 * white are clamped. */
static void convert_apple_rgba(const struct image_png_rows *rows, uint8_t *out,
                               const uint8_t *in, size_t width)
{
    (void)rows;
    for (size_t i = 0; i < width; i++, in += 4, out += 3)
        for (size_t c = 0; c < 3; c++) {
            const unsigned level = in[2 - c] + 255u - in[3];

            out[c] = (uint8_t)(level > 255 ? 255 : level);
        }
}

/* Takes samples, converts their colours, then composes on white. */
static void convert_coloured(const struct image_png_rows *rows, uint8_t *out,
                             const uint8_t *in, size_t width)
{
    const size_t step = rows->depth / 8; /* bytes per sample */
    const size_t next = rows->kind == IMAGE_PNG_ROWS_RGBA ? step : 0;
    const size_t alpha_at = next * 2 + step;
    const size_t pixel = alpha_at + step;

    for (size_t i = 0; i < width; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = in[pixel * i + next * c];
    image_colour_convert(rows->colour, out, width, 3);
    for (size_t i = 0; i < width; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] =
                image_codec_on_white(out[3 * i + c], in[pixel * i + alpha_at]);
}

/* The colour of each grey sample of up to 8 bits. */
static void make_grey_palette(struct image_png_rows *rows)
{
    const unsigned max = (1u << rows->depth) - 1;

    for (unsigned i = 0; i <= max; i++) {
        memset(rows->palette[i], (int)(i * 255 / max), 3);
        rows->palette[i][3] = rows->has_key && rows->key[0] == i ? 0 : 255;
    }
}

static void make_pixels(struct image_png_rows *rows)
{
    const unsigned depth = rows->depth;
    const unsigned mask = (1u << depth) - 1;

    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t *out = rows->pixels[byte];

        for (unsigned i = 0; i < 8 / depth; i++, out += 3) {
            const unsigned sample = byte >> (8 - depth * (i + 1)) & mask;
            const uint8_t *colour = rows->palette[sample];

            for (int c = 0; c < 3; c++)
                out[c] = image_codec_on_white(colour[c], colour[3]);
        }
    }
}

void image_png_rows_init(struct image_png_rows *rows)
{
    const bool deep = rows->depth == 16;

    /* Only as many of the key's 16 bits count as a sample has. */
    for (int c = 0; c < 3 && !deep; c++)
        rows->key[c] &= (uint16_t)((1u << rows->depth) - 1);
    switch (rows->kind) {
    case IMAGE_PNG_ROWS_GREY:
    case IMAGE_PNG_ROWS_PALETTE:
        rows->convert = rows->depth == 1   ? convert_1
                        : rows->depth == 2 ? convert_2
                        : rows->depth == 4 ? convert_4
                        : deep             ? convert_grey_16
                                           : convert_8;
        if (deep)
            break;
        if (rows->kind == IMAGE_PNG_ROWS_GREY)
            make_grey_palette(rows);
        make_pixels(rows);
        break;
    case IMAGE_PNG_ROWS_RGB:
        rows->convert = deep ? convert_rgb_16 : convert_rgb_8;
        break;
    case IMAGE_PNG_ROWS_GREY_ALPHA:
        rows->convert = convert_grey_alpha;
        break;
    case IMAGE_PNG_ROWS_RGBA:
        rows->convert = deep ? convert_rgba_16 : convert_rgba_8;
        break;
    }
    if (rows->colour && (rows->kind == IMAGE_PNG_ROWS_RGBA ||
                         rows->kind == IMAGE_PNG_ROWS_GREY_ALPHA))
        rows->convert = convert_coloured;
    if (rows->apple && rows->depth == 8 && rows->kind == IMAGE_PNG_ROWS_RGB)
        rows->convert = convert_apple_rgb;
    if (rows->apple && rows->depth == 8 && rows->kind == IMAGE_PNG_ROWS_RGBA)
        rows->convert = convert_apple_rgba;
}

bool image_png_rows_are_rgb(const struct image_png_rows *rows)
{
    return rows->kind == IMAGE_PNG_ROWS_RGB && rows->depth == 8 &&
           !rows->has_key && !rows->apple;
}

void image_png_rows_convert(const struct image_png_rows *rows, uint8_t *out,
                            const uint8_t *in, size_t width)
{
    rows->convert(rows, out, in, width);
}
