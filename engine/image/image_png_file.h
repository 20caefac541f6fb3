#ifndef ENGINE_IMAGE_IMAGE_PNG_FILE_H
#define ENGINE_IMAGE_IMAGE_PNG_FILE_H

/* The chunks of a PNG file, for image_png.c alone.
 *
 * DESIGN: the library sees only the chunks that make the pixels, and each of
 * them once. Text, profiles and the like, which may hold a gigabyte of zeros in
 * a few kilobytes, are noted (image_png_text.h), and cannot make a picture
 * fail. Data spread over a great many chunks become one. A file that lacks its
 * end gets one: it is for the library to say whether the pixels are whole.
 *
 * Apple's tools write PNGs for phones that have a chunk CgBI before the header.
 * Their data are packed without the two bytes that zlib has before them, and
 * its check sum; a pixel of 8 bits is blue, green, red, and these multiplied by
 * an alpha. The two bytes are put in, where data become one; the rest is for
 * who makes rows of it. One thread at a time. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/image/image_png_text.h"

enum { IMAGE_PNG_FILE_SIGNATURE = 8 /* bytes */ };

struct image_png_file {
    struct bytes signature;
    struct bytes header, palette, clear; /* IHDR, PLTE and tRNS, whole */
    struct bytes data;   /* from the first IDAT chunk on, if there is one */
    struct bytes tail;   /* data of a last IDAT chunk that is cut short */
    uint64_t data_len;   /* of all IDAT chunks together */
    size_t num_data;     /* IDAT chunks that are not empty */
    bool merged;         /* they are to become one */
    uint8_t data_sum[4]; /* the check sum that it has then */
    struct image_png_texts texts;
    bool apple; /* it has Apple's chunk CgBI: see there */
};

/* Finds the header of a file that begins with PNG's signature. ERROR_INPUT: it
 * is cut short; ERROR_UNSUPPORTED: a critical chunk that we do not know. */
bool image_png_file_begin(struct image_png_file *png, struct bytes file,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Walks over all chunks, up to the one that ends the file, or to where data are
 * not followed by a chunk. ERROR_INPUT: cut short before the data, chunks where
 * they must not be, or a wrong check sum of one that is merged;
 * ERROR_UNSUPPORTED as above. */
bool image_png_file_read(struct image_png_file *png, struct bytes file,
                         struct error *err) __attribute__((warn_unused_result));

/* What the library reads: signature and header, and once image_png_file_read
 * has been called, the rest. `= {.png = png}` is its beginning. */
struct image_png_file_source {
    const struct image_png_file *png; /* borrowed */
    unsigned step;                    /* of the parts, in their order */
    struct bytes part;                /* what is left of the one being read */
    struct bytes chunks;              /* of data, to come */
    uint8_t data_head[10]; /* length and type of the one chunk, zlib's two */
};

/* Copies `len` bytes to `out`. False: there are no more. */
bool image_png_file_feed(struct image_png_file_source *source, uint8_t *out,
                         size_t len) __attribute__((warn_unused_result));

#endif
