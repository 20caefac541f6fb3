#ifndef ENGINE_IMAGE_IMAGE_PNG_ROWS_H
#define ENGINE_IMAGE_IMAGE_PNG_ROWS_H

/* Converts stored rows of a PNG to RGB, for image_png.c alone: samples of 1 to
 * 16 bits become 8 bits (16-bit samples keep their high byte), palettes are
 * applied, and alpha is composed on white. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/image/image_colour.h"

enum image_png_rows_kind {
    IMAGE_PNG_ROWS_GREY = 0, /* numbered as in PNG */
    IMAGE_PNG_ROWS_RGB = 2,
    IMAGE_PNG_ROWS_PALETTE = 3,
    IMAGE_PNG_ROWS_GREY_ALPHA = 4,
    IMAGE_PNG_ROWS_RGBA = 6,
};

struct image_png_rows {
    /* Set by the caller: */
    enum image_png_rows_kind kind;
    unsigned depth;          /* bits per sample: 1, 2, 4, 8, 16 */
    bool has_key;            /* for grey and RGB */
    uint16_t key[3];         /* the transparent sample, or three of them */
    uint8_t palette[256][4]; /* RGBA */
    bool apple;              /* Apple's own: see image_png_file.h */
    /* For kinds with alpha: the conversion of samples to sRGB, or NULL;
     * borrowed. */
    const struct image_colour *colour;
    /* For grey and palettes of up to 8 bits: the pixels in each byte. */
    uint8_t pixels[256][24];
    void (*convert)(const struct image_png_rows *rows, uint8_t *out,
                    const uint8_t *in, size_t width);
};

/* Sets the other members from those. */
void image_png_rows_init(struct image_png_rows *rows);

/* Whether stored rows are 8-bit RGB already. */
bool image_png_rows_are_rgb(const struct image_png_rows *rows);

/* `in` is a row of `width` pixels as stored, big-endian; `out` (width, 3). */
void image_png_rows_convert(const struct image_png_rows *rows, uint8_t *out,
                            const uint8_t *in, size_t width);

#endif
