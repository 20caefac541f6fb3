#ifndef ENGINE_IMAGE_IMAGE_JPEG_NOTES_H
#define ENGINE_IMAGE_IMAGE_JPEG_NOTES_H

/* What a JPEG's segments before its first scan say of its pixels: which way is
 * up, and the colour profile. For image_jpeg.c alone; one thread at a time. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum { IMAGE_JPEG_NOTES_PARTS = 256 /* that a profile may come in */ };

/* `= {0}` is nothing yet. All is borrowed from the file. */
struct image_jpeg_notes {
    struct bytes exif; /* the first */
    struct bytes xmp;  /* the last */
    /* Of the profile, by the numbers that they have. */
    struct bytes parts[IMAGE_JPEG_NOTES_PARTS];
    unsigned num_parts; /* segments; two may have the same number */
    unsigned count;     /* that there are to be, says the first */
};

/* Takes a segment by its marker: APP1 and APP2 are looked at. */
void image_jpeg_notes_take(struct image_jpeg_notes *notes, unsigned marker,
                           struct bytes segment);

/* 1..8; 1 where none is named. */
unsigned image_jpeg_notes_orientation(const struct image_jpeg_notes *notes);

/* *profile is in the file, or put together in `room`; empty where there is
 * none, a part is missing, or it is longer than any. ERROR_MEMORY. */
bool image_jpeg_notes_profile(struct bytes *profile, struct buf *room,
                              const struct image_jpeg_notes *notes,
                              struct error *err)
    __attribute__((warn_unused_result));

#endif
