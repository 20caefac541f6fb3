#include "server/api/posted_image.h"

#include <string.h>
#include <strings.h>

#include "server/http/accept.h"
#include "server/http/not_image.h"
#include "server/http/request.h"

/* The types that a body may have. The last two are types of text: curl -d uses
 * the first of them even for files, and other content is inspected so that the
 * error can say what it is. */
static const char form_type[] = "multipart/form-data";
static const char curl_type[] = "application/x-www-form-urlencoded";
static const char text_type[] = "text/plain";
static const char *const types[] = {
    form_type, "image/",  "application/octet-stream", "binary/octet-stream",
    curl_type, text_type,
};

static bool has_type(const struct request *request, const char *type)
{
    return accept_type_is(request->content_type, type);
}

static bool refuse_type(struct request *request)
{
    return request_fail(
        request, PROBLEM_MEDIA_TYPE,
        "the Content-Type \"%.60s\" is not supported: the body must "
        "be multipart/form-data with the image in the field "
        "\"image\" (curl -F image=@FILE), or the image itself "
        "as image/... or application/octet-stream",
        request->content_type);
}

static bool check_content_type(struct request *request)
{
    if (!request->content_type || request->content_type[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (has_type(request, types[i]))
            return true;
    return refuse_type(request);
}

static bool check_content_encoding(struct request *request)
{
    const char *coding = request->content_encoding;

    if (!coding || coding[0] == '\0' || strcasecmp(coding, "identity") == 0)
        return true;
    return request_fail(request, PROBLEM_CODING,
                        "the body has the Content-Encoding \"%.60s\"; only "
                        "identity is supported",
                        coding);
}

static bool check_query(struct request *request)
{
    if (!params_find(&request->params, "image"))
        return true;
    return request_fail(request, PROBLEM_INPUT,
                        "option \"image\": the image belongs in the body "
                        "(curl -F image=@FILE), not in the query");
}

bool posted_image_is_form(const struct request *request)
{
    return has_type(request, form_type);
}

bool posted_image_check_head(struct request *request)
{
    return check_content_type(request) && check_content_encoding(request) &&
           check_query(request);
}

bool posted_image_find_model(struct model **model, struct service *service,
                             struct request *request)
{
    const char *name = params_find(&request->params, "model");

    *model = NULL;
    if (!name && service->models.count != 1 && posted_image_is_form(request))
        return true;
    *model = models_find(&service->models, name, &request->err);
    return *model != NULL;
}

static enum not_image_place place_of(const struct request *request)
{
    return request->image_from == REQUEST_IMAGE_BODY    ? NOT_IMAGE_BODY
           : request->image_from == REQUEST_IMAGE_FIELD ? NOT_IMAGE_FIELD
                                                        : NOT_IMAGE_FILE;
}

/* A form that HTML sends without `enctype`, or `curl -d image=...`. */
static bool is_old_form(const struct request *request)
{
    return has_type(request, curl_type) && request->image.len > 5 &&
           memcmp(request->image.data, "image=", 6) == 0;
}

/* Whether the bytes may be an image file: not its name, its URL or a damaged
 * upload. The decoder checks the rest. */
static bool check_bytes(struct request *request)
{
    const struct buf *image = &request->image;
    char text[ERROR_TEXT_SIZE];

    if (is_old_form(request))
        return refuse_type(request);
    if (not_image_say(text, image->data, image->len, place_of(request)))
        return request_fail(request, PROBLEM_MEDIA_TYPE, "%s", text);
    if (not_image_is_stripped(image->data, image->len))
        return request_fail(request, PROBLEM_INPUT,
                            "the image has lost its zero bytes and line ends: "
                            "curl -d removes them, --data-binary sends a file "
                            "unchanged");
    if (has_type(request, text_type) ||
        (has_type(request, curl_type) &&
         not_image_is_text(image->data, image->len)))
        return refuse_type(request);
    return true;
}

bool posted_image_check(struct request *request)
{
    if (request->image_from == REQUEST_NO_IMAGE)
        return request_fail(request, PROBLEM_INPUT,
                            "the form has no field \"image\"");
    if (request->image.len == 0)
        return request_fail(request, PROBLEM_INPUT, "the image is empty");
    return check_bytes(request);
}
