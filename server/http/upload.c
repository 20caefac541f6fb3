#include "server/http/upload.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/http/accept.h"
#include "server/http/field_limit.h"
#include "server/http/multipart.h"

struct upload {
    struct request *request; /* borrowed */
    bool is_form;            /* otherwise the body is the image */
    bool in_image;           /* the current part is the image, not an option */
    struct multipart form;
};

/* Appends bytes of the image. The memory is reserved once: Content-Length was
 * checked, and untouched memory costs nothing. */
static bool add_image(struct request *request, const char *bytes, size_t len)
{
    if (request->image.cap == 0 && request->body_len > len &&
        !buf_reserve(&request->image, request->body_len, &request->err))
        return false;
    return buf_append(&request->image, bytes, len, &request->err);
}

/* RFC 7578, section 4.7: the encodings that leave the bytes unchanged. */
static bool is_plain(const char *encoding)
{
    static const char *const plain[] = {"", "binary", "8bit", "7bit"};

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcasecmp(encoding, plain[i]) == 0)
            return true;
    return false;
}

/* Checks that the content of a part is not encoded or nested. */
static bool check_form_of(struct request *request,
                          const struct multipart_part *part)
{
    if (!is_plain(part->encoding))
        return request_fail(
            request, PROBLEM_MEDIA_TYPE,
            "the field \"%.60s\" has the Content-Transfer-Encoding \"%.40s\"; "
            "only binary, 8bit and 7bit are supported",
            part->name, part->encoding);
    if (accept_type_is(part->type, "multipart/"))
        return request_fail(request, PROBLEM_MEDIA_TYPE,
                            "the field \"%.60s\" is a nested \"%.40s\"; a "
                            "field must be one image or one option",
                            part->name, part->type);
    return true;
}

static bool begin_image(struct request *request, bool is_file)
{
    if (request->image_from != REQUEST_NO_IMAGE)
        return request_fail(request, PROBLEM_INPUT,
                            "the field \"image\" is given twice");
    request->image_from = is_file ? REQUEST_IMAGE_FILE : REQUEST_IMAGE_FIELD;
    return true;
}

static bool begin_option(struct request *request, const char *name,
                         bool is_file)
{
    if (is_file)
        return request_fail(request, PROBLEM_INPUT,
                            "the field \"%.60s\" contains a file; the image "
                            "belongs in the field \"image\"",
                            name);
    return params_begin(&request->params, name, strlen(name), &request->err);
}

static bool begin_part(void *arg, const struct multipart_part *part)
{
    struct upload *upload = arg;
    struct request *request = upload->request;

    upload->in_image = strcmp(part->name, "image") == 0;
    if (!field_limit_count(request) || !check_form_of(request, part))
        return false;
    if (upload->in_image)
        return begin_image(request, part->is_file);
    return begin_option(request, part->name, part->is_file);
}

static bool add_data(void *arg, const char *bytes, size_t len)
{
    struct upload *upload = arg;
    struct request *request = upload->request;

    if (upload->in_image)
        return add_image(request, bytes, len);
    return params_extend(&request->params, bytes, len, &request->err);
}

/* Records the error of the form reader; returns false. */
static bool fail_form(struct upload *upload, const struct error *err)
{
    if (err->kind == ERROR_LIMIT)
        return error_limit(&upload->request->err, err->limit, "%s", err->text);
    return request_fail(upload->request, PROBLEM_MALFORMED, "%s", err->text);
}

struct upload *upload_new(struct request *request)
{
    struct upload *upload = calloc(1, sizeof *upload);
    struct multipart_sink sink = {upload, begin_part, add_data};
    struct error err = {0};

    if (!upload) {
        request_fail(request, PROBLEM_MEMORY, "not enough memory for the body");
        return NULL;
    }
    upload->request = request;
    upload->is_form =
        accept_type_is(request->content_type, "multipart/form-data");
    if (!upload->is_form) {
        request->image_from = REQUEST_IMAGE_BODY;
    } else if (!multipart_init(&upload->form, request->content_type, &sink,
                               &err)) {
        fail_form(upload, &err);
        upload_free(upload);
        return NULL;
    }
    return upload;
}

bool upload_feed(struct upload *upload, const char *bytes, size_t len)
{
    struct error err = {0};

    if (!upload->is_form)
        return add_image(upload->request, bytes, len);
    return multipart_feed(&upload->form, bytes, len, &err) ||
           (err.kind == ERROR_NONE ? false : fail_form(upload, &err));
}

bool upload_end(struct upload *upload)
{
    struct error err = {0};

    if (!upload->is_form || multipart_end(&upload->form, &err))
        return true;
    return fail_form(upload, &err);
}

void upload_free(struct upload *upload)
{
    free(upload);
}
