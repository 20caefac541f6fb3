#include "engine/image/image_png_text.h"

#include <string.h>

#include "engine/image/image_colour.h"
#include "engine/image/image_exif.h"
#include "engine/image/image_xmp.h"
#include "engine/image/unpack.h"

enum {
    MAX_TEXT = 1 << 20, /* bytes after inflating, the same limit as Pillow's */
    UPRIGHT = 1,
};

/* Takes what precedes the next NUL, and skips the NUL. */
static bool take_string(struct bytes *data, struct bytes *string)
{
    const uint8_t *end =
        data->len > 0 ? memchr(data->data, 0, data->len) : NULL;

    return end && bytes_take(data, string, (size_t)(end - data->data)) &&
           bytes_skip(data, 1);
}

static bool is(struct bytes keyword, const char *name)
{
    return keyword.len == strlen(name) &&
           bytes_begin_with(&keyword, name, keyword.len);
}

static void note(struct image_png_texts *texts, struct bytes keyword,
                 struct bytes text, bool packed)
{
    const struct image_png_text found = {.text = text, .packed = packed};

    if (is(keyword, "Raw profile type exif"))
        texts->raw_exif = found;
    else if (is(keyword, "XML:com.adobe.xmp"))
        texts->xmp = found;
}

void image_png_text_exif(struct image_png_texts *texts, struct bytes data)
{
    texts->exif = data;
    texts->has_exif = true;
}

/* The data is a name, a compression method (there is only one), and the
 * profile. */
void image_png_text_profile(struct image_png_texts *texts, struct bytes data)
{
    struct bytes name;
    uint8_t method;

    if (take_string(&data, &name) && bytes_u8(&data, &method) && method == 0)
        texts->profile = data;
}

void image_png_text_plain(struct image_png_texts *texts, struct bytes data)
{
    struct bytes keyword;

    if (!take_string(&data, &keyword))
        return;
    if (is(keyword, "exif"))
        image_png_text_exif(texts, data);
    else
        note(texts, keyword, data, false);
}

void image_png_text_packed(struct image_png_texts *texts, struct bytes data)
{
    struct bytes keyword;
    uint8_t method;

    if (take_string(&data, &keyword) && bytes_u8(&data, &method) && method == 0)
        note(texts, keyword, data, true);
}

/* The data is a keyword, a compression flag, a method, a language, the
 * translated keyword, and text. */
void image_png_text_international(struct image_png_texts *texts,
                                  struct bytes data)
{
    struct bytes keyword, language, translated;
    uint8_t packed, method;

    if (take_string(&data, &keyword) && bytes_u8(&data, &packed) &&
        bytes_u8(&data, &method) && (packed == 0 || method == 0) &&
        take_string(&data, &language) && take_string(&data, &translated))
        note(texts, keyword, data, packed != 0);
}

/* *text points into the file or into `storage`; it is empty if it cannot be
 * inflated. */
static bool open_text(struct bytes *text, struct buf *storage,
                      const struct image_png_text *from, struct error *err)
{
    *text = from->text;
    if (!from->packed)
        return true;
    buf_clear(storage);
    if (!unpack_zlib(storage, from->text, MAX_TEXT, err))
        return false;
    *text = (struct bytes){.data = storage->data, .len = storage->len};
    return true;
}

static int hex_digit(uint8_t c)
{
    const uint8_t small = c | 0x20;

    if (c >= '0' && c <= '9')
        return c - '0';
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "\nexif\n      32\n457869…\n": the bytes in hexadecimal from the fourth line
 * on. Appends them to `exif`, or nothing if there are other characters. */
static bool read_hex(struct buf *exif, struct bytes text, struct error *err)
{
    const size_t start = exif->len;
    uint8_t c, low;

    for (int line = 0; line < 3;)
        if (!bytes_u8(&text, &c))
            return true;
        else if (c == '\n')
            line++;
    if (!buf_reserve(exif, text.len / 2, err))
        return false;
    while (bytes_u8(&text, &c)) {
        if (is_space(c))
            continue;
        if (!bytes_u8(&text, &low) || hex_digit(c) < 0 || hex_digit(low) < 0) {
            exif->len = start;
            break;
        }
        exif->data[exif->len++] = (uint8_t)(hex_digit(c) << 4 | hex_digit(low));
    }
    return true;
}

static bool read_raw_exif(unsigned *orientation,
                          const struct image_png_text *from, struct error *err)
{
    struct buf storage = {0}, exif = {0};
    struct bytes text;
    bool ok = open_text(&text, &storage, from, err) &&
              (text.len > MAX_TEXT || read_hex(&exif, text, err));

    if (ok)
        *orientation = image_exif_orientation(
            (struct bytes){.data = exif.data, .len = exif.len});
    buf_release(&storage);
    buf_release(&exif);
    return ok;
}

static bool read_xmp(unsigned *orientation, const struct image_png_text *from,
                     struct error *err)
{
    struct buf storage = {0};
    struct bytes text;
    const bool ok = open_text(&text, &storage, from, err);

    if (ok)
        *orientation = image_xmp_orientation(text);
    buf_release(&storage);
    return ok;
}

bool image_png_text_orientation(unsigned *orientation,
                                const struct image_png_texts *texts,
                                struct error *err)
{
    *orientation = 0;
    if (texts->has_exif)
        *orientation = image_exif_orientation(texts->exif);
    else if (texts->raw_exif.text.len > 0 &&
             !read_raw_exif(orientation, &texts->raw_exif, err))
        return false;
    if (*orientation == 0 && texts->xmp.text.len > 0 &&
        !read_xmp(orientation, &texts->xmp, err))
        return false;
    if (*orientation == 0)
        *orientation = UPRIGHT;
    return true;
}

bool image_png_text_unpack_profile(struct buf *out,
                                   const struct image_png_texts *texts,
                                   struct error *err)
{
    if (texts->profile.len == 0)
        return true;
    return unpack_zlib(out, texts->profile, IMAGE_COLOUR_MAX_LEN, err);
}
