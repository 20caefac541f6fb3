#ifndef ENGINE_IMAGE_IMAGE_PNG_TEXT_H
#define ENGINE_IMAGE_IMAGE_PNG_TEXT_H

/* What a PNG's chunks besides its pixels say of them: which way is up, and the
 * colour profile. For image_png_file.c and image_png.c.
 *
 * DESIGN: chunks are noted as they come by, and only the last of each kind,
 * which is the one that counts, is unpacked: a file with thousands costs no
 * more than one with a single one. One thread at a time. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* A text by its keyword: where it is, and whether it is packed. */
struct image_png_text {
    struct bytes text;
    bool packed;
};

/* `= {0}` is nothing yet. All is borrowed from the file. */
struct image_png_texts {
    struct bytes exif;              /* eXIf, or a text by that name */
    bool has_exif;                  /* even if it is empty */
    struct image_png_text raw_exif; /* "Raw profile type exif", ImageMagick's */
    struct image_png_text xmp;      /* "XML:com.adobe.xmp" */
    struct bytes profile;           /* of iCCP, packed */
};

/* Takes a chunk's data by its type: eXIf, iCCP, tEXt, zTXt, iTXt. */
void image_png_text_exif(struct image_png_texts *texts, struct bytes data);
void image_png_text_profile(struct image_png_texts *texts, struct bytes data);
void image_png_text_plain(struct image_png_texts *texts, struct bytes data);
void image_png_text_packed(struct image_png_texts *texts, struct bytes data);
void image_png_text_international(struct image_png_texts *texts,
                                  struct bytes data);

/* The orientation 1..8 by EXIF, or else by XMP; 1 where there is none.
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
