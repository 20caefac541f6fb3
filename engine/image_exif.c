#include "image_exif.h"

enum {
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
    UPRIGHT = 1,
};

/* TIFF numbers, in the byte order that the file announces. */
static bool read_u16(struct bytes *bytes, uint16_t *value, bool big)
{
    return big ? bytes_u16be(bytes, value) : bytes_u16le(bytes, value);
}

static bool read_u32(struct bytes *bytes, uint32_t *value, bool big)
{
    return big ? bytes_u32be(bytes, value) : bytes_u32le(bytes, value);
}

/* A directory entry: tag, type, number of values, and 4 bytes that hold the
 * values where they fit. */
static bool read_entry(struct bytes *directory, uint16_t *tag, uint16_t *type,
                       uint32_t *count, struct bytes *values, bool big)
{
    return read_u16(directory, tag, big) && read_u16(directory, type, big) &&
           read_u32(directory, count, big) && bytes_take(directory, values, 4);
}

unsigned image_exif_orientation(struct bytes exif)
{
    struct bytes directory, values;
    uint16_t magic, num_entries, tag, type, orientation;
    uint32_t offset, count;
    bool big;

    if (bytes_begin_with(&exif, "Exif\0\0", 6) && !bytes_skip(&exif, 6))
        return UPRIGHT;
    directory = exif;
    big = bytes_begin_with(&exif, "MM", 2);
    if (!big && !bytes_begin_with(&exif, "II", 2))
        return UPRIGHT;
    if (!bytes_skip(&exif, 2) || !read_u16(&exif, &magic, big) || magic != 42 ||
        !read_u32(&exif, &offset, big))
        return UPRIGHT;
    if (!bytes_skip(&directory, offset) ||
        !read_u16(&directory, &num_entries, big))
        return UPRIGHT;

    while (num_entries-- > 0 &&
           read_entry(&directory, &tag, &type, &count, &values, big)) {
        if (tag != TAG_ORIENTATION)
            continue;
        if (type == TYPE_SHORT && count == 1 &&
            read_u16(&values, &orientation, big) && orientation >= 1 &&
            orientation <= 8)
            return orientation;
        return UPRIGHT;
    }
    return UPRIGHT;
}
