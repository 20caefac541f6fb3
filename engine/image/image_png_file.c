#include "engine/image/image_png_file.h"

#include <stdint.h>
#include <string.h>

#include "engine/base/crc.h"

enum {
    CHUNK_HEAD_LEN = 8, /* length, type */
    CHUNK_CRC_LEN = 4,
    CHUNK_LEN = CHUNK_HEAD_LEN + CHUNK_CRC_LEN, /* besides the data */

    /* IDAT chunks shorter than this on average are merged. Encoders write
     * several kilobytes each; with a byte in each, reading them one by one
     * would take a hundred times as long. */
    SHORT_DATA = 256,
    MAX_MERGED = INT32_MAX - 64, /* bytes */
};

/* A chunk's type as an integer, big-endian like in the file. */
#define TYPE(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

enum {
    TYPE_IHDR = TYPE('I', 'H', 'D', 'R'),
    TYPE_PLTE = TYPE('P', 'L', 'T', 'E'),
    TYPE_IDAT = TYPE('I', 'D', 'A', 'T'),
    TYPE_IEND = TYPE('I', 'E', 'N', 'D'),
    TYPE_EXIF = TYPE('e', 'X', 'I', 'f'),
    TYPE_ICCP = TYPE('i', 'C', 'C', 'P'),
    TYPE_TEXT = TYPE('t', 'E', 'X', 't'),
    TYPE_ZTXT = TYPE('z', 'T', 'X', 't'),
    TYPE_ITXT = TYPE('i', 'T', 'X', 't'),
    TYPE_CGBI = TYPE('C', 'g', 'B', 'I'),
    TYPE_TRNS = TYPE('t', 'R', 'N', 'S'),
    TYPE_ANCILLARY = 0x20000000, /* the first letter is lower case */
};

/* One chunk of a file. */
struct chunk {
    uint32_t type;
    struct bytes data;  /* without header and checksum */
    struct bytes whole; /* with both */
};

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

/* There may be millions of chunks, so no function is called for each number. */
static inline bool next_chunk(struct bytes *file, struct chunk *chunk)
{
    const uint8_t *at = file->data;
    uint32_t len;

    if (file->len < CHUNK_LEN)
        return false;
    len = read_u32(at);
    if (len > file->len - CHUNK_LEN)
        return false;
    chunk->type = read_u32(at + 4);
    chunk->data = (struct bytes){.data = at + CHUNK_HEAD_LEN, .len = len};
    chunk->whole = (struct bytes){.data = at, .len = CHUNK_LEN + (size_t)len};
    file->data += chunk->whole.len;
    file->len -= chunk->whole.len;
    return true;
}

static bool fail_cut_short(struct error *err)
{
    return fail(err, ERROR_INPUT, "the PNG is cut short");
}

static bool fail_order(struct error *err)
{
    return fail(err, ERROR_INPUT, "the PNG is broken (misplaced chunk)");
}

static bool fail_unknown(struct error *err)
{
    return fail(err, ERROR_UNSUPPORTED,
                "the PNG has an unknown critical chunk");
}

bool image_png_file_begin(struct image_png_file *png, struct bytes file,
                          struct error *err)
{
    struct chunk chunk;

    *png = (struct image_png_file){0};
    if (!bytes_take(&file, &png->signature, IMAGE_PNG_FILE_SIGNATURE))
        return fail_cut_short(err);
    do {
        if (!next_chunk(&file, &chunk))
            return fail_cut_short(err);
        png->apple = png->apple || chunk.type == TYPE_CGBI;
    } while (chunk.type & TYPE_ANCILLARY || chunk.type == TYPE_CGBI);
    png->header = chunk.whole;
    return true;
}

/* `from` is the rest of the file from this chunk on. */
static bool read_chunk(struct image_png_file *png, const struct chunk *chunk,
                       struct bytes from, struct error *err)
{
    switch (chunk->type) {
    case TYPE_IHDR:
        return chunk->whole.data == png->header.data ? true : fail_order(err);
    case TYPE_PLTE: /* the last one before the data counts, like in Pillow */
        if (png->data.len == 0)
            png->palette = chunk->whole;
        return true;
    case TYPE_TRNS:
        if (png->data.len == 0)
            png->clear = chunk->whole;
        return true;
    case TYPE_IDAT:
        if (png->data.len == 0)
            png->data = from;
        png->data_len += chunk->data.len;
        png->num_data += chunk->data.len > 0;
        return true;
    case TYPE_IEND:
        return true;
    case TYPE_CGBI: /* only counts before the header */
        return true;
    case TYPE_ICCP:
        if (png->data.len == 0)
            image_png_text_profile(&png->texts, chunk->data);
        return true;
    case TYPE_EXIF:
        image_png_text_exif(&png->texts, chunk->data);
        return true;
    case TYPE_TEXT:
        image_png_text_plain(&png->texts, chunk->data);
        return true;
    case TYPE_ZTXT:
        image_png_text_packed(&png->texts, chunk->data);
        return true;
    case TYPE_ITXT:
        image_png_text_international(&png->texts, chunk->data);
        return true;
    default:
        return chunk->type & TYPE_ANCILLARY ? true : fail_unknown(err);
    }
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The next chunk of data in `chunks`, which has been checked before. */
static bool next_data(struct bytes *chunks, struct chunk *chunk)
{
    while (next_chunk(chunks, chunk) && chunk->type != TYPE_IEND)
        if (chunk->type == TYPE_IDAT && chunk->data.len > 0)
            return true;
    return false;
}

/* A zlib header with the largest window. */
static const uint8_t zlib_head[2] = {0x78, 0x01};

/* Checks each chunk's checksum, and computes the checksum of the merged
 * chunk. */
static bool merge(struct image_png_file *png, struct error *err)
{
    struct bytes chunks = png->data;
    struct chunk chunk;
    struct crc crc;
    uint32_t checksum;

    crc_init(&crc);
    checksum = crc_of(&crc, (const uint8_t *)"IDAT", 4);
    if (png->apple) {
        checksum = crc_more(&crc, checksum, zlib_head, sizeof zlib_head);
        png->data_len += sizeof zlib_head;
    }
    while (next_data(&chunks, &chunk)) {
        const uint8_t *data = chunk.data.data;
        const size_t len = chunk.data.len;

        if (crc_of(&crc, data - 4, len + 4) != read_u32(data + len))
            return fail(err, ERROR_INPUT, "the PNG is broken (wrong checksum)");
        checksum = crc_more(&crc, checksum, data, len);
    }
    checksum = crc_more(&crc, checksum, png->tail.data, png->tail.len);
    write_u32(png->data_crc, checksum);
    png->merged = true;
    return true;
}

static bool is_letter(uint32_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_type(uint32_t type)
{
    return is_letter(type >> 24) && is_letter(type >> 16 & 255) &&
           is_letter(type >> 8 & 255) && is_letter(type & 255);
}

/* Takes the data that is left of a chunk that is cut short. */
static void read_tail(struct image_png_file *png, struct bytes file)
{
    const struct bytes from = file;
    struct bytes head;
    size_t len;

    if (!bytes_take(&file, &head, CHUNK_HEAD_LEN) ||
        read_u32(head.data + 4) != TYPE_IDAT)
        return;
    len = read_u32(head.data);
    if (len > file.len)
        len = file.len;
    if (len == 0)
        return;
    if (png->data.len == 0)
        png->data = from;
    png->tail = (struct bytes){.data = file.data, .len = len};
    png->data_len += len;
    png->num_data++;
}

bool image_png_file_read(struct image_png_file *png, struct bytes file,
                         struct error *err)
{
    struct bytes from;
    struct chunk chunk;

    if (!bytes_skip(&file, IMAGE_PNG_FILE_SIGNATURE))
        return fail_cut_short(err);
    do {
        from = file;
        if (!next_chunk(&file, &chunk)) {
            read_tail(png, from);
            if (png->data.len == 0)
                return fail_cut_short(err);
            break;
        }
        if (png->data.len > 0 && !is_type(chunk.type))
            break;
        if (!read_chunk(png, &chunk, from, err))
            return false;
    } while (chunk.type != TYPE_IEND);
    if (png->data_len > MAX_MERGED)
        return true;
    if (png->data_len / SHORT_DATA < png->num_data || png->tail.len > 0 ||
        png->apple)
        return merge(png, err);
    return true;
}

/* Moves on to the next part, which may be empty. Returns false after the
 * last. */
static bool next_part(struct image_png_file_source *source)
{
    static const uint8_t end[] = "\0\0\0\0IEND\xae\x42\x60\x82";
    const struct image_png_file *png = source->png;
    struct bytes part = {0};
    struct chunk chunk;

    switch (source->step) {
    case 0:
        part = png->signature;
        break;
    case 1:
        part = png->header;
        break;
    case 2:
        part = png->palette;
        break;
    case 3:
        part = png->clear;
        source->chunks = png->data;
        break;
    case 4:
        write_u32(source->data_head, (uint32_t)png->data_len);
        memcpy(source->data_head + 4, "IDAT", 4);
        memcpy(source->data_head + CHUNK_HEAD_LEN, zlib_head, sizeof zlib_head);
        if (png->merged)
            part = (struct bytes){source->data_head,
                                  CHUNK_HEAD_LEN +
                                      (png->apple ? sizeof zlib_head : 0)};
        break;
    case 5:
        if (next_data(&source->chunks, &chunk)) {
            source->part = png->merged ? chunk.data : chunk.whole;
            return true; /* and there are more */
        }
        part = png->tail;
        break;
    case 6:
        if (png->merged)
            part = (struct bytes){png->data_crc, CHUNK_CRC_LEN};
        break;
    case 7:
        part = (struct bytes){end, sizeof end - 1};
        break;
    default:
        return false;
    }
    source->part = part;
    source->step++;
    return true;
}

bool image_png_file_feed(struct image_png_file_source *source, uint8_t *out,
                         size_t len)
{
    struct bytes taken;

    while (len > 0) {
        while (source->part.len == 0)
            if (!next_part(source))
                return false;
        const size_t count = len < source->part.len ? len : source->part.len;
        if (!bytes_take(&source->part, &taken, count))
            return false;
        memcpy(out, taken.data, count);
        out += count;
        len -= count;
    }
    return true;
}
