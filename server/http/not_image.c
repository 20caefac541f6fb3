#include "server/http/not_image.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    LOOK_LEN = 4096, /* bytes looked at, from the beginning */
    MAX_NAME = 1024, /* of a file, with its path */
    MIN_ENCODED = 64 /* shorter text may be a word */
};

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789+/-_";
static const char hex_digits[] = "0123456789abcdefABCDEF";

/* The first bytes of JPEG, PNG, WebP and GIF as text. */
static const char *const in_base64[] = {"/9j/", "_9j_", "iVBORw0KGgo", "UklGR",
                                        "R0lGOD"};
static const char *const in_hex[] = {"ffd8ff", "89504e47", "52494646",
                                     "47494638"};

/* A text without surrounding blanks. */
struct text {
    const char *at; /* (len) */
    size_t len;
};

static struct text trim(const uint8_t *bytes, size_t len)
{
    struct text text = {(const char *)bytes, len < LOOK_LEN ? len : LOOK_LEN};

    while (text.len > 0 && isspace((unsigned char)text.at[0]))
        text = (struct text){text.at + 1, text.len - 1};
    while (text.len > 0 && isspace((unsigned char)text.at[text.len - 1]))
        text.len--;
    return text;
}

static bool begins(struct text text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && strncasecmp(text.at, with, len) == 0;
}

static bool begins_as_one(struct text text, const char *const *of, size_t count,
                          bool any_case)
{
    for (size_t i = 0; i < count; i++)
        if (begins(text, of[i]) &&
            (any_case || memcmp(text.at, of[i], strlen(of[i])) == 0))
            return true;
    return false;
}

/* Whether the text consists of these digits, apart from line ends, padding and
 * quotes. */
static bool is_all(struct text text, const char *digits)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.at[i] ||
            (!strchr(digits, text.at[i]) && !strchr("=\r\n\"'", text.at[i])))
            return false;
    return true;
}

/* A string as Python and JSON write it: b'...', "...". */
static struct text unquote(struct text text)
{
    size_t skip = begins(text, "b'") || begins(text, "b\"") ? 2
                  : begins(text, "'") || begins(text, "\"") ? 1
                                                            : 0;

    return (struct text){text.at + skip, text.len - skip};
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_base64(struct text text)
{
    return is_all(text, base64_digits) &&
           (text.len >= MIN_ENCODED ||
            begins_as_one(text, in_base64, COUNT(in_base64), false));
}

static bool is_hex(struct text text)
{
    return is_all(text, hex_digits) &&
           (text.len >= MIN_ENCODED ||
            begins_as_one(text, in_hex, COUNT(in_hex), true));
}

static bool is_data_url(struct text text)
{
    return begins(text, "data:image/") ||
           (begins(text, "data:") &&
            memchr(text.at, ',', text.len < 256 ? text.len : 256));
}

static bool is_address(struct text text)
{
    return begins(text, "http://") || begins(text, "https://") ||
           begins(text, "blob:") || begins(text, "ftp://") ||
           begins(text, "s3://");
}

/* Whether it ends like photo.jpg does. */
static bool has_extension(struct text text)
{
    size_t len = 0;

    while (len < text.len &&
           isalnum((unsigned char)text.at[text.len - len - 1]))
        len++;
    return len >= 2 && len <= 5 && len + 1 < text.len &&
           text.at[text.len - len - 1] == '.';
}

static bool is_path(struct text text)
{
    return begins(text, "/") || begins(text, "./") || begins(text, "../") ||
           begins(text, "~/") || begins(text, "file:") ||
           (text.len > 3 && isalpha((unsigned char)text.at[0]) &&
            text.at[1] == ':' && strchr("/\\", text.at[2]));
}

static bool is_name(struct text text)
{
    return text.len <= MAX_NAME && !memchr(text.at, '\n', text.len) &&
           !memchr(text.at, '=', text.len) &&
           (has_extension(text) || is_path(text));
}

bool not_image_is_text(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && i < LOOK_LEN; i++)
        if ((bytes[i] < ' ' && !strchr("\t\n\r", bytes[i])) || !bytes[i])
            return false;
    return true;
}

/* The name as curl takes it: without file://, and without a sign that curl has
 * read or would read. */
static struct text bare_name(struct text text)
{
    static const char *const before[] = {"@", "<", "file://"};

    for (size_t i = 0; i < COUNT(before); i++)
        if (begins(text, before[i]))
            text = (struct text){text.at + strlen(before[i]),
                                 text.len - strlen(before[i])};
    return text;
}

static void say_name(char *out, const char *where, struct text text,
                     enum not_image_place place)
{
    text = bare_name(text);
    snprintf(out, ERROR_TEXT_SIZE,
             "%s contains a file name, not the file; with curl use %s@%.*s",
             where, place == NOT_IMAGE_BODY ? "--data-binary " : "-F image=",
             text.len < 60 ? (int)text.len : 60, text.at);
}

/* A form whose Content-Type says something else. */
static bool is_form(const uint8_t *bytes, size_t len)
{
    static const char word[] = "isposition:";

    return len > 2 && memcmp(bytes, "--", 2) == 0 &&
           memmem(bytes, len < LOOK_LEN ? len : LOOK_LEN, word, strlen(word));
}

bool not_image_say(char out[ERROR_TEXT_SIZE], const uint8_t *bytes, size_t len,
                   enum not_image_place place)
{
    const char *where =
        place == NOT_IMAGE_BODY ? "the body" : "the field \"image\"";
    struct text text = trim(bytes, len), bare = unquote(text);
    const char *what = NULL;

    if (place == NOT_IMAGE_BODY && is_form(bytes, len))
        what = "a form, but the Content-Type is not multipart/form-data with "
               "its boundary";
    else if (!not_image_is_text(bytes, len))
        return false;
    else if (is_data_url(bare))
        what = "a data URL, not the file; decode the part after the comma";
    else if (is_hex(bare))
        what = "hexadecimal digits, not the file; decode them first";
    else if (is_base64(bare))
        what = "base64, not the file; decode it first";
    else if (is_address(bare))
        what = "a URL, which the server does not fetch; send the file itself";
    if (what)
        snprintf(out, ERROR_TEXT_SIZE, "%s contains %s", where, what);
    else if (is_name(text))
        say_name(out, where, text, place);
    else if (place == NOT_IMAGE_FIELD)
        snprintf(out, ERROR_TEXT_SIZE,
                 "%s contains the text \"%.*s\", not an image", where,
                 text.len < 60 ? (int)text.len : 60, text.at);
    else
        return false;
    return true;
}

/* Intact files of both formats contain zeros, in lengths of two and four bytes.
 */
bool not_image_is_stripped(const uint8_t *bytes, size_t len)
{
    bool begins_as_image =
        len >= 64 && (memcmp(bytes, "\xff\xd8\xff", 3) == 0 ||
                      memcmp(bytes, "\x89PNG", 4) == 0);

    return begins_as_image && !memchr(bytes, '\0', len) &&
           !memchr(bytes, '\r', len) && !memchr(bytes, '\n', len);
}
