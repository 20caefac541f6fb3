/* A form from a stranger: the Content-Type, a newline, the body. It is fed at
 * once, and in pieces; all must say the same. What it holds as a picture is
 * looked at as the handler does. */

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "server/http/not_image.h"
#include "server/http/request.h"
#include "server/http/upload.h"

enum { MAX_TYPE = 256, MAX_FIELDS = 64 };

struct input {
    const uint8_t *body; /* (len) */
    size_t len;
    char type[MAX_TYPE];
};

/* The length of the piece at `pos`: all, as many as `cut` says, or lengths that
 * differ, by the bytes themselves. */
static size_t piece_at(const struct input *input, size_t pos, size_t cut)
{
    size_t rest = input->len - pos;
    size_t len = cut > 0 ? cut : (size_t)1 + input->body[pos] % 11u;

    return len < rest ? len : rest;
}

static bool feed(struct upload *upload, const struct input *input, size_t cut)
{
    for (size_t pos = 0, len; pos < input->len; pos += len) {
        len = piece_at(input, pos, cut);
        if (!upload_feed(upload, (const char *)input->body + pos, len))
            return false;
    }
    return upload_end(upload);
}

static bool read_form(struct request *request, const struct input *input,
                      size_t cut)
{
    struct upload *upload;
    bool ok;

    request->content_type = input->type;
    request->max_fields = MAX_FIELDS;
    upload = upload_new(request);
    ok = upload && feed(upload, input, cut);
    upload_free(upload);
    if (ok != (request->err.kind == ERROR_NONE) ||
        request->image.len > input->len)
        __builtin_trap();
    return ok;
}

static bool equal(const struct buf *a, const struct buf *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void look_at(const struct buf *picture)
{
    char text[ERROR_TEXT_SIZE] = "";

    if (picture->len == 0)
        return;
    for (int place = NOT_IMAGE_BODY; place <= NOT_IMAGE_FILE; place++)
        if (not_image_say(text, picture->data, picture->len,
                          (enum not_image_place)place) != (text[0] != '\0'))
            __builtin_trap();
        else
            text[0] = '\0';
    if (not_image_is_stripped(picture->data, picture->len) &&
        picture->data[0] < 0x80)
        __builtin_trap();
}

/* The input's first line, without what would end a header. */
static void set_input(struct input *input, const uint8_t *bytes, size_t len)
{
    size_t type_len = 0;

    while (type_len < len && type_len < MAX_TYPE - 1 &&
           bytes[type_len] != '\n' && bytes[type_len] != '\r' &&
           bytes[type_len] != '\0')
        type_len++;
    memcpy(input->type, bytes, type_len);
    input->type[type_len] = '\0';
    if (type_len < len)
        type_len++;
    input->body = bytes + type_len;
    input->len = len - type_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const size_t cuts[] = {65536, 1, 7, 0};
    struct request requests[4] = {0};
    struct input input;
    bool ok[4];

    set_input(&input, bytes, len);
    for (int i = 0; i < 4; i++)
        ok[i] = read_form(&requests[i], &input, cuts[i]);
    for (int i = 1; i < 4; i++)
        if (ok[i] != ok[0] ||
            (ok[0] &&
             (!equal(&requests[0].image, &requests[i].image) ||
              requests[0].image_from != requests[i].image_from ||
              !equal(&requests[0].params.text, &requests[i].params.text))))
            __builtin_trap();
    look_at(&requests[0].image);
    for (int i = 0; i < 4; i++)
        request_release(&requests[i]);
    return 0;
}
