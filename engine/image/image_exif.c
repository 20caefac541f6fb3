#include "engine/image/image_exif.h"

enum {
    TAG_ORIENTATION = 0x0112,
    UPRIGHT = 1,
    MAGIC = 42,
    ENTRY_LEN = 4, /* bytes of values that fit into the entry itself */
};

/* TIFF's value types: the length of a value, and how it is read. */
static const struct type {
    uint8_t len; /* 0: there is no type with this number */
    enum { NO_NUMBER, WHOLE, RATIO } is;
} types[] = {
    [1] = {1, NO_NUMBER}, /* bytes */
    [2] = {1, NO_NUMBER}, /* text */
    [3] = {2, WHOLE},     /* the type that the standard demands */
    [4] = {4, WHOLE},      [5] = {8, RATIO},      [6] = {1, WHOLE},
    [7] = {1, NO_NUMBER},  [8] = {2, WHOLE},      [9] = {4, WHOLE},
    [10] = {8, RATIO},     [11] = {4, NO_NUMBER}, /* floats */
    [12] = {8, NO_NUMBER}, [13] = {4, WHOLE},
};

enum { NUM_TYPES = sizeof types / sizeof types[0] };

/* TIFF integers, in the byte order that the file announces. */
static bool read_u16(struct bytes *bytes, uint16_t *value, bool big)
{
    return big ? bytes_u16be(bytes, value) : bytes_u16le(bytes, value);
}

static bool read_u32(struct bytes *bytes, uint32_t *value, bool big)
{
    return big ? bytes_u32be(bytes, value) : bytes_u32le(bytes, value);
}

static bool read_whole(struct bytes *bytes, uint32_t *value, size_t len,
                       bool big)
{
    uint8_t byte;
    uint16_t half;

    if (len == 4)
        return read_u32(bytes, value, big);
    if (len == 2) {
        if (!read_u16(bytes, &half, big))
            return false;
        *value = half;
        return true;
    }
    if (!bytes_u8(bytes, &byte))
        return false;
    *value = byte;
    return true;
}

/* A directory entry: tag, type, number of values, and 4 bytes that hold the
 * values if they fit, or else their offset. */
static bool read_entry(struct bytes *directory, uint16_t *tag, uint16_t *type,
                       uint32_t *count, struct bytes *values, bool big)
{
    return read_u16(directory, tag, big) && read_u16(directory, type, big) &&
           read_u32(directory, count, big) &&
           bytes_take(directory, values, ENTRY_LEN);
}

/* The first of an entry's values; false if it cannot be read. */
static bool read_value(unsigned *orientation, struct bytes exif,
                       const struct type *type, uint32_t count,
                       struct bytes values, bool big)
{
    const uint64_t len = (uint64_t)type->len * count;
    uint32_t value = 0, divisor = 1, offset;

    if (len == 0)
        return false;
    if (len > ENTRY_LEN) {
        if (!read_u32(&values, &offset, big) || !bytes_skip(&exif, offset) ||
            exif.len < len)
            return false;
        values = exif;
    }
    if (type->is == WHOLE && !read_whole(&values, &value, type->len, big))
        return false;
    if (type->is == RATIO &&
        (!read_u32(&values, &value, big) || !read_u32(&values, &divisor, big)))
        return false;
    *orientation = UPRIGHT;
    if (divisor != 0 && value % divisor == 0 && value / divisor >= 1 &&
        value / divisor <= 8)
        *orientation = value / divisor;
    return true;
}

/* Finds the byte order and the first directory. Some writers store the 42 in
 * the other byte order. */
static bool open_tiff(struct bytes exif, struct bytes *directory, bool *big)
{
    struct bytes at = exif;
    uint16_t magic;
    uint32_t offset;

    *big = bytes_begin_with(&exif, "MM", 2);
    if (!*big && !bytes_begin_with(&exif, "II", 2))
        return false;
    if (!bytes_skip(&at, 2) || !read_u16(&at, &magic, *big) ||
        (magic != MAGIC && magic != MAGIC << 8) ||
        !read_u32(&at, &offset, *big))
        return false;
    *directory = exif;
    return bytes_skip(directory, offset);
}

unsigned image_exif_orientation(struct bytes exif)
{
    struct bytes directory, values;
    uint16_t num_entries, tag, type;
    uint32_t count;
    unsigned orientation;
    bool big;

    for (int i = 0; i < 2; i++) /* some files have it twice */
        if (bytes_begin_with(&exif, "Exif\0\0", 6) && !bytes_skip(&exif, 6))
            return 0;
    if (!open_tiff(exif, &directory, &big) ||
        !read_u16(&directory, &num_entries, big))
        return 0;
    while (num_entries-- > 0 &&
           read_entry(&directory, &tag, &type, &count, &values, big))
        if (tag == TAG_ORIENTATION && type < NUM_TYPES &&
            read_value(&orientation, exif, &types[type], count, values, big))
            return orientation;
    return 0;
}
