#include "engine/image/image_jpeg_notes.h"

#include "engine/image/image_colour.h"
#include "engine/image/image_exif.h"
#include "engine/image/image_xmp.h"

enum {
    MARKER_APP1 = 0xe1,
    MARKER_APP2 = 0xe2,
    EXIF_LEN = 6, /* bytes of "Exif\0\0" */
    UPRIGHT = 1,
};

/* The segment is "ICC_PROFILE\0", the part's number, the number of parts, and
 * the part itself. */
static void take_part(struct image_jpeg_notes *notes, struct bytes segment)
{
    static const char name[] = "ICC_PROFILE";
    uint8_t number, count;

    if (!bytes_begin_with(&segment, name, sizeof name) ||
        !bytes_skip(&segment, sizeof name) || !bytes_u8(&segment, &number) ||
        !bytes_u8(&segment, &count))
        return;
    notes->parts[number] = segment;
    if (notes->num_parts++ == 0)
        notes->count = count;
}

void image_jpeg_notes_take(struct image_jpeg_notes *notes, unsigned marker,
                           struct bytes segment)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";

    if (marker == MARKER_APP2) {
        take_part(notes, segment);
    } else if (marker == MARKER_APP1 &&
               bytes_begin_with(&segment, "Exif\0\0", EXIF_LEN)) {
        if (notes->exif.len <= EXIF_LEN)
            notes->exif = segment;
    } else if (marker == MARKER_APP1 &&
               bytes_begin_with(&segment, xmp, sizeof xmp)) {
        notes->xmp = segment;
    }
}

unsigned image_jpeg_notes_orientation(const struct image_jpeg_notes *notes)
{
    unsigned orientation = image_exif_orientation(notes->exif);

    if (orientation == 0)
        orientation = image_xmp_orientation(notes->xmp);
    return orientation == 0 ? UPRIGHT : orientation;
}

bool image_jpeg_notes_profile(struct bytes *profile, struct buf *storage,
                              const struct image_jpeg_notes *notes,
                              struct error *err)
{
    const struct bytes *only = NULL;
    unsigned num_parts = 0;
    size_t len = 0;

    *profile = (struct bytes){0};
    for (int i = 0; i < IMAGE_JPEG_NOTES_PARTS; i++)
        if (notes->parts[i].len > 0) {
            only = &notes->parts[i];
            num_parts++;
            len += only->len;
        }
    if (num_parts == 0 || num_parts != notes->num_parts ||
        num_parts != notes->count || len > IMAGE_COLOUR_MAX_LEN)
        return true;
    if (num_parts == 1) {
        *profile = *only;
        return true;
    }
    for (int i = 0; i < IMAGE_JPEG_NOTES_PARTS; i++)
        if (notes->parts[i].len > 0 &&
            !buf_append(storage, notes->parts[i].data, notes->parts[i].len,
                        err))
            return false;
    *profile = (struct bytes){.data = storage->data, .len = storage->len};
    return true;
}
