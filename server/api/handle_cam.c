#include "server/api/handle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/clock.h"
#include "server/api/admit.h"
#include "server/api/cam_job.h"
#include "server/api/explain_options.h"
#include "server/http/accept.h"
#include "server/http/not_image.h"
#include "server/http/request.h"
#include "server/work/service.h"

static const char *const formats[] = {
#define X(format, type) [format] = type,
    CAM_FORMATS(X)
#undef X
};

/* The format that the client likes best, or CAM_NUM_FORMATS. */
static enum cam_format format_of(const struct request *request)
{
    enum cam_format best = CAM_NUM_FORMATS;
    unsigned quality, most = 0;

    for (unsigned i = 0; i < CAM_NUM_FORMATS; i++) {
        quality = accept_quality(request->accept, formats[i]);
        if (quality > most) {
            most = quality;
            best = (enum cam_format)i;
        }
    }
    return best;
}

static bool check_accept(struct request *request)
{
    return format_of(request) != CAM_NUM_FORMATS ||
           request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "the response can only be application/json, image/png, "
                        "application/x-npy or application/x-ndjson");
}

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

/* Checks the options given so far. The model is NULL if a form field may still
 * name it. */
static bool check_options(struct admitted *admitted,
                          struct explain_request *asked,
                          const struct service *service,
                          struct request *request, const struct model *model,
                          bool is_whole)
{
    enum cam_format format = format_of(request);

    if (model && format != CAM_JSON && format != CAM_LINES &&
        !model->info.method)
        return request_fail(request, PROBLEM_REFUSED,
                            "there is no map for %s: %s", formats[format],
                            model->info.refusal);
    if (!explain_options_parse(asked, &request->params,
                               model ? model->engine : NULL, is_whole,
                               &request->err))
        return false;
    asked->only_heatmap = format == CAM_PNG;
    return admit_check(admitted, asked, service, request,
                       is_whole ? model : NULL);
}

bool handle_cam_check(struct service *service, struct request *request)
{
    const char *name = params_find(&request->params, "model");
    bool known =
        name || service->models.count == 1 || !has_type(request, form_type);
    struct model *model = NULL;
    struct explain_request asked;
    struct admitted admitted;
    bool ok;

    if (service_is_abandoned(service))
        return request_fail(request, PROBLEM_DRAINING,
                            "the service is shutting down");
    if (!check_accept(request) || !check_content_type(request) ||
        !check_content_encoding(request) || !check_query(request))
        return false;
    if (known) {
        model = models_find(&service->models, name, &request->err);
        if (!model)
            return false;
    }
    ok = check_options(&admitted, &asked, service, request, model,
                       !has_type(request, form_type));
    model_release(model);
    return ok;
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

static bool check_image(struct request *request,
                        const struct explain_request *asked)
{
    if (request->image_from == REQUEST_NO_IMAGE)
        return request_fail(request, PROBLEM_INPUT,
                            "the form has no field \"image\"");
    if (request->image.len == 0)
        return request_fail(request, PROBLEM_INPUT, "the image is empty");
    if (!check_bytes(request))
        return false;
    if (format_of(request) == CAM_PNG && asked->style.kind == RENDER_NONE)
        return request_fail(
            request, PROBLEM_INPUT,
            "option \"heatmap\": \"none\" leaves nothing to send "
            "as image/png");
    return true;
}

/* Makes the job for a checked request; the job holds its own reference to the
 * model. */
static bool make_job(struct service *service, struct request *request,
                     const struct explain_request *asked,
                     const struct admitted *admitted, struct model *model)
{
    struct cam_job *job = cam_job_new();
    enum cam_format format = format_of(request);
    bool streams = format == CAM_LINES;

    if (job && streams)
        job->base.deferred.stream = stream_new(formats[format]);
    if (!job || (streams && !job->base.deferred.stream)) {
        free(job);
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    }
    job->service = service;
    job->image = request->image; /* moved, not copied */
    request->image = (struct buf){0};
    job->base.model = model_hold(model);
    job->base.passes = admitted->passes;
    job->request = *asked;
    job->method = admitted->method;
    memcpy(job->id, request->id, sizeof job->id);
    job->base.deferred.response.id = job->id;
    job->format = format;
    if (format == CAM_NPY)
        job->request.style.kind = RENDER_NONE;
    job->queued_us = clock_now_us();
    job->deadline_us =
        job->queued_us + service->config->deadline_ms * UINT64_C(1000);
    request->deferred = &job->base.deferred;
    return true;
}

bool handle_cam(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    struct explain_request asked;
    struct admitted admitted;
    bool ok = model &&
              check_options(&admitted, &asked, service, request, model, true) &&
              check_image(request, &asked) &&
              make_job(service, request, &asked, &admitted, model);

    model_release(model);
    return ok;
}
