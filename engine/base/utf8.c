#include "engine/base/utf8.h"

/* The NUL at the end fails every comparison, so nothing behind it is read. */
size_t utf8_len(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t len;

    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0; /* smaller code points fit two bytes */
    else if (at[0] == 0xed)
        high = 0x9f; /* U+D800 to U+DFFF are surrogates */
    else if (at[0] == 0xf0)
        low = 0x90; /* smaller code points fit three bytes */
    else if (at[0] == 0xf4)
        high = 0x8f; /* U+10FFFF is the last */
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    return len;
}

bool utf8_append(struct buf *to, const char *text, struct error *err)
{
    while (*text) {
        size_t len = utf8_len(text);

        if (!(len > 0 ? buf_append(to, text, len, err)
                      : buf_append(to, "\xef\xbf\xbd", 3, err)))
            return false;
        text += len > 0 ? len : 1;
    }
    return true;
}
