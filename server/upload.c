#include "upload.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"

enum { FORM_BUFFER_SIZE = 32768 };

struct upload {
    struct request *request;        /* borrowed */
    struct MHD_PostProcessor *form; /* owned; NULL: the body is the picture */
    size_t option_pos;              /* of the latest option in the params */
    bool has_option;
};

/* The picture's bytes. Room for all of it is taken once: Content-Length was
 * checked, and memory that is not written to costs nothing. */
static bool add_picture(struct request *request, const char *bytes, size_t len)
{
    request->has_picture = true;
    if (request->picture.cap == 0 && len > 0 && request->body_len > len &&
        !buf_reserve(&request->picture, request->body_len, &request->err))
        return false;
    return buf_append(&request->picture, bytes, len, &request->err);
}

/* Whether the latest option has this name and no value so far: the library
 * may announce a value with no bytes first, and then start at 0 again. */
static bool is_still_empty(const struct upload *upload, const char *name)
{
    const struct buf *text = &upload->request->params.text;

    if (!upload->has_option ||
        text->len != upload->option_pos + strlen(name) + 2)
        return false;
    return strcmp((const char *)text->data + upload->option_pos, name) == 0;
}

static bool add_option(struct upload *upload, const char *name,
                       const char *bytes, uint64_t offset, size_t len)
{
    struct request *request = upload->request;
    size_t pos = request->params.text.len;

    if (offset == 0 && !is_still_empty(upload, name)) {
        if (!request_add_field(request) ||
            !params_begin(&request->params, name, strlen(name), &request->err))
            return false;
        upload->option_pos = pos;
        upload->has_option = true;
    }
    return params_extend(&request->params, bytes, len, &request->err);
}

static bool add_field(struct upload *upload, const char *name,
                      const char *filename, const char *bytes, uint64_t offset,
                      size_t len)
{
    struct request *request = upload->request;

    if (!name)
        return request_fail(request, PROBLEM_MALFORMED,
                            "a part of the form has no name");
    if (strcmp(name, "image") == 0) {
        if (offset == 0 && request->picture.len > 0)
            return request_fail(request, PROBLEM_INPUT,
                                "the field \"image\" is given twice");
        if (!request->has_picture && !request_add_field(request))
            return false;
        return add_picture(request, bytes, len);
    }
    if (filename)
        return request_fail(request, PROBLEM_INPUT,
                            "the field \"%.60s\" has a file; the picture goes "
                            "in the field \"image\"",
                            name);
    return add_option(upload, name, bytes, offset, len);
}

static enum MHD_Result on_field(void *arg, enum MHD_ValueKind kind,
                                const char *name, const char *filename,
                                const char *content_type,
                                const char *transfer_encoding,
                                const char *bytes, uint64_t offset, size_t len)
{
    (void)kind;
    (void)content_type;
    (void)transfer_encoding;
    return add_field(arg, name, filename, bytes, offset, len) ? MHD_YES
                                                              : MHD_NO;
}

/* Why libmicrohttpd does not find the boundary, or takes another text for it:
 * it looks for the first `boundary=`, and takes all that follows, without
 * quotes around it. NULL: it finds it. */
static const char *boundary_problem(const char *content_type)
{
    static const char name[] = "boundary=";
    const char *found = strstr(content_type, name);
    const char *text = found ? found + strlen(name) : "";
    size_t len = strlen(text);
    bool quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';
    size_t inner = quoted ? len - 2 : len;

    if (inner == 0)
        return "the Content-Type names no boundary";
    if (len < 2)
        return "the boundary in the Content-Type has one character; without "
               "quotes it must have more";
    if (2 * len + 2 > FORM_BUFFER_SIZE)
        return "the boundary in the Content-Type is too long";
    if (memchr(text + quoted, '"', inner) ||
        (!quoted && (memchr(text, ';', len) || strchr(" \t", text[len - 1]))))
        return "the boundary must be the last in the Content-Type, and have no "
               "quotes in it";
    return NULL;
}

struct upload *upload_new(struct MHD_Connection *connection,
                          struct request *request)
{
    struct upload *upload = calloc(1, sizeof *upload);
    const char *problem;

    if (!upload) {
        request_fail(request, PROBLEM_MEMORY, "no room for the body");
        return NULL;
    }
    upload->request = request;
    if (!accept_type_is(request->content_type, "multipart/form-data")) {
        request->has_picture = true;
        return upload;
    }
    problem = boundary_problem(request->content_type);
    if (problem) {
        request_fail(request, PROBLEM_MALFORMED, "%s", problem);
        upload_free(upload);
        return NULL;
    }
    upload->form = MHD_create_post_processor(connection, FORM_BUFFER_SIZE,
                                             on_field, upload);
    if (upload->form)
        return upload;
    request_fail(request, PROBLEM_MEMORY, "no room for the form");
    upload_free(upload);
    return NULL;
}

bool upload_feed(struct upload *upload, const char *bytes, size_t len)
{
    if (!upload->form)
        return add_picture(upload->request, bytes, len);
    if (MHD_post_process(upload->form, bytes, len) == MHD_YES &&
        upload->request->err.kind == ERROR_NONE)
        return true;
    return request_fail(upload->request, PROBLEM_MALFORMED,
                        "the body is not well-formed multipart/form-data");
}

bool upload_end(struct upload *upload)
{
    enum MHD_Result result = MHD_YES;

    if (upload->form)
        result = MHD_destroy_post_processor(upload->form);
    upload->form = NULL;
    if (upload->request->err.kind != ERROR_NONE)
        return false;
    if (result != MHD_YES)
        return request_fail(upload->request, PROBLEM_MALFORMED,
                            "the form ends before its last boundary");
    return true;
}

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    if (upload->form)
        MHD_destroy_post_processor(upload->form);
    free(upload);
}
