#include "server/api/handle.h"

#include <stdlib.h>

#include "server/api/admit.h"
#include "server/api/cam_job.h"
#include "server/api/explain_options.h"
#include "server/api/posted_image.h"
#include "server/http/accept.h"
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
    return (enum cam_format)accept_best(request->accept, formats,
                                        CAM_NUM_FORMATS);
}

static bool check_accept(struct request *request)
{
    return format_of(request) != CAM_NUM_FORMATS ||
           request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "the response can only be application/json, image/png, "
                        "application/x-npy or application/x-ndjson");
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
    struct model *model;
    struct explain_request asked;
    struct admitted admitted;
    bool ok;

    if (!admit_work(service, request) || !check_accept(request) ||
        !posted_image_check_head(request) ||
        !posted_image_find_model(&model, service, request))
        return false;
    ok = check_options(&admitted, &asked, service, request, model,
                       !posted_image_is_form(request));
    model_release(model);
    return ok;
}

static bool check_image(struct request *request,
                        const struct explain_request *asked)
{
    if (!posted_image_check(request))
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
        job->base.deferred.stream =
            stream_new(formats[format], STREAM_MAX_WAITING);
    if (!job || (streams && !job->base.deferred.stream)) {
        free(job);
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    }
    cam_job_take(job, service, request, model, admitted->passes);
    job->request = *asked;
    job->method = admitted->method;
    job->format = format;
    if (format == CAM_NPY)
        job->request.style.kind = RENDER_NONE;
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
