#include "cli/jsonl.h"

#include <stdio.h>
#include <string.h>

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The bytes of the UTF-8 character that the text begins with; 0 where it
 * begins with none. The ranges are those of RFC 3629, section 4. */
static size_t utf8_len(const unsigned char *text)
{
    unsigned char a = text[0], b = a ? text[1] : 0;

    if (a < 0x80)
        return 1;
    if (a < 0xc2 || a > 0xf4 || !is_tail(b))
        return 0;
    if (a < 0xe0)
        return 2;
    if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ||
        (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) || !is_tail(text[2]))
        return 0;
    if (a < 0xf0)
        return 3;
    return is_tail(text[3]) ? 4 : 0;
}

static bool append_string(struct buf *line, const char *file, struct error *err)
{
    const unsigned char *rest = (const unsigned char *)file;

    while (*rest) {
        size_t len = utf8_len(rest);
        char escape[8];
        bool ok;

        if (len == 0) {
            ok = buf_append(line, "\xef\xbf\xbd", 3, err);
            len = 1;
        } else if (*rest == '"' || *rest == '\\') {
            escape[0] = '\\';
            escape[1] = (char)*rest;
            ok = buf_append(line, escape, 2, err);
        } else if (*rest < ' ' || *rest == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", *rest);
            ok = buf_append(line, escape, 6, err);
        } else {
            ok = buf_append(line, rest, len, err);
        }
        if (!ok)
            return false;
        rest += len;
    }
    return true;
}

bool jsonl_append(struct buf *line, const uint8_t *object, size_t object_len,
                  const char *file, struct error *err)
{
    static const char head[] = "{\"file\":\"";
    size_t len = line->len;

    if (buf_append(line, head, sizeof head - 1, err) &&
        append_string(line, file, err) && buf_append(line, "\",", 2, err) &&
        buf_append(line, object + 1, object_len - 1, err))
        return true;
    line->len = len;
    return false;
}
