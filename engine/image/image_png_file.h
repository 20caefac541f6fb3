#ifndef ENGINE_IMAGE_IMAGE_PNG_FILE_H
#define ENGINE_IMAGE_IMAGE_PNG_FILE_H

/* The chunks of a PNG file, for image_png.c alone.
 *
 * DESIGN: The library sees only the chunks that make up the pixels, and each of
 * them once. Text, profiles and other chunks, which may hold a gigabyte of
 * zeros in a few kilobytes, are only noted (image_png_text.h) and cannot make
 * an image fail. Data spread over very many chunks is merged into one. A file
 * without an end gets one: the library decides whether the pixels are complete.
 *
 * Apple's tools write PNGs for phones that have a CgBI chunk before the header.
 * Their data is deflated without zlib's header of two bytes and without its
 * checksum; a pixel with 8-bit samples is stored as blue, green, red, and
 * multiplied by its alpha. The two bytes are inserted when the data is merged;
 * the rest is left to the conversion of rows. One thread at a time. */

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/image/image_png_text.h"

enum { IMAGE_PNG_FILE_SIGNATURE = 8 /* bytes */ };

struct image_png_file {
    struct bytes signature;
    struct bytes header, palette, clear; /* IHDR, PLTE and tRNS, complete */
    struct bytes data;   /* from the first IDAT chunk on, if there is one */
    struct bytes tail;   /* data of a last IDAT chunk that is cut short */
    uint64_t data_len;   /* of all IDAT chunks together */
    size_t num_data;     /* the number of non-empty IDAT chunks */
    bool merged;         /* the IDAT chunks are to be merged */
    uint8_t data_crc[4]; /* the checksum of the merged chunk */
    struct image_png_texts texts;
    bool apple; /* there is a CgBI chunk, see above */
};

/* Finds the header of a file that begins with PNG's signature. ERROR_INPUT: the
 * file is cut short; ERROR_UNSUPPORTED: it has an unknown critical chunk. */
bool image_png_file_begin(struct image_png_file *png, struct bytes file,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Walks over all chunks, up to the one that ends the file, or until no chunk
 * follows the data. ERROR_INPUT: the file is cut short before the data, a chunk
 * is misplaced, or a merged chunk has a wrong checksum; ERROR_UNSUPPORTED as
 * above. */
bool image_png_file_read(struct image_png_file *png, struct bytes file,
                         struct error *err) __attribute__((warn_unused_result));

/* What the library reads: signature and header, and after image_png_file_read
 * the rest. Initialize it with `= {.png = png}`. */
struct image_png_file_source {
    const struct image_png_file *png; /* borrowed */
    unsigned step;                    /* the part being read */
    struct bytes part;                /* what is left of it */
    struct bytes chunks;              /* data chunks still to come */
    uint8_t data_head[10]; /* length and type of the merged chunk, and zlib's
                              header */
};

/* Copies `len` bytes to `out`. Returns false if there are fewer. */
bool image_png_file_feed(struct image_png_file_source *source, uint8_t *out,
                         size_t len) __attribute__((warn_unused_result));

#endif
