#ifndef ENGINE_IMAGE_IMAGE_PNG_TEXT_H
#define ENGINE_IMAGE_IMAGE_PNG_TEXT_H

/* What a PNG's other chunks say about its pixels: the orientation and the
 * colour profile. For image_png_file.c and image_png.c.
 *
 * DESIGN: Chunks are noted while the file is read. Only the last one of each
 * kind counts and is inflated, so a file with thousands of them costs no more
 * than a file with one. One thread at a time. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* The text of a keyword, and whether it is compressed. */
struct image_png_text {
    struct bytes text;
    bool packed;
};

/* `= {0}` is empty. Everything is borrowed from the file. */
struct image_png_texts {
    struct bytes exif; /* eXIf, or a text with that keyword */
    bool has_exif;     /* even if it is empty */
    struct image_png_text
        raw_exif; /* "Raw profile type exif", written by ImageMagick */
    struct image_png_text xmp; /* "XML:com.adobe.xmp" */
    struct bytes profile;      /* from iCCP, compressed */
};

/* Take a chunk's data, one function for each type: eXIf, iCCP, tEXt, zTXt,
 * iTXt. */
void image_png_text_exif(struct image_png_texts *texts, struct bytes data);
void image_png_text_profile(struct image_png_texts *texts, struct bytes data);
void image_png_text_plain(struct image_png_texts *texts, struct bytes data);
void image_png_text_packed(struct image_png_texts *texts, struct bytes data);
void image_png_text_international(struct image_png_texts *texts,
                                  struct bytes data);

/* The orientation 1..8 from EXIF, or else from XMP; 1 if there is none.
 * ERROR_MEMORY. */
bool image_png_text_orientation(unsigned *orientation,
                                const struct image_png_texts *texts,
                                struct error *err)
    __attribute__((warn_unused_result));

/* Appends the colour profile to `out`, or nothing. ERROR_MEMORY. */
bool image_png_text_unpack_profile(struct buf *out,
                                   const struct image_png_texts *texts,
                                   struct error *err)
    __attribute__((warn_unused_result));

#endif
