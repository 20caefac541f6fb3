#ifndef ENGINE_IMAGE_IMAGE_JPEG_NOTES_H
#define ENGINE_IMAGE_IMAGE_JPEG_NOTES_H

/* What the segments before a JPEG's first scan say about its pixels: the
 * orientation and the colour profile. For image_jpeg.c alone; one thread at a
 * time. */

#include "engine/base/buf.h"
#include "engine/base/bytes.h"
#include "engine/base/error.h"

enum { IMAGE_JPEG_NOTES_PARTS = 256 /* of a profile, at most */ };

/* `= {0}` is empty. Everything is borrowed from the file. */
struct image_jpeg_notes {
    struct bytes exif; /* the first EXIF segment */
    struct bytes xmp;  /* the last XMP segment */
    /* The parts of the profile by their number. */
    struct bytes parts[IMAGE_JPEG_NOTES_PARTS];
    unsigned num_parts; /* segments; two may have the same number */
    unsigned count;     /* the number of parts that the first one announces */
};

/* Records a segment; only those with the markers APP1 and APP2 are used. */
void image_jpeg_notes_take(struct image_jpeg_notes *notes, unsigned marker,
                           struct bytes segment);

/* Returns the EXIF orientation, 1..8; 1 if there is none. */
unsigned image_jpeg_notes_orientation(const struct image_jpeg_notes *notes);

/* Sets *profile to the colour profile, in the file or assembled in `storage`;
 * it is empty if there is none, a part is missing, or it is too long.
 * ERROR_MEMORY. */
bool image_jpeg_notes_profile(struct bytes *profile, struct buf *storage,
                              const struct image_jpeg_notes *notes,
                              struct error *err)
    __attribute__((warn_unused_result));

#endif
