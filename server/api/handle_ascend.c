#include "server/api/handle.h"

#include <stdlib.h>

#include "server/api/admit.h"
#include "server/api/ascend_job.h"
#include "server/api/ascend_options.h"
#include "server/api/posted_image.h"
#include "server/http/accept.h"
#include "server/http/request.h"
#include "server/work/service.h"

static const char *const formats[] = {
#define X(format, type) [format] = type,
    ASCEND_FORMATS(X)
#undef X
};

/* The format that the client likes best, or ASCEND_NUM_FORMATS. */
static enum ascend_format format_of(const struct request *request)
{
    return (enum ascend_format)accept_best(request->accept, formats,
                                           ASCEND_NUM_FORMATS);
}

static bool check_accept(struct request *request)
{
    return format_of(request) != ASCEND_NUM_FORMATS ||
           request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "the response can only be application/json, "
                        "application/x-ndjson or image/png");
}

static bool check_passes(const struct engine_ascend_request *asked,
                         const struct service *service, struct request *request)
{
    uint64_t max = service->config->max_passes;
    size_t passes = engine_ascend_passes(asked);

    if (passes <= max)
        return true;
    request->limit = max;
    return request_fail(request, PROBLEM_LIMIT,
                        "the ascent would take %zu passes of the network; at "
                        "most %ju are allowed",
                        passes, (uintmax_t)max);
}

/* Checks the options given so far. The model is NULL if a form field may still
 * name it. */
static bool check_options(struct engine_ascend_request *asked,
                          const struct service *service,
                          struct request *request, const struct model *model,
                          bool is_whole)
{
    if (!ascend_options_parse(asked, &request->params,
                              model ? model->engine : NULL, is_whole,
                              &request->err)) {
        if (request->err.kind == ERROR_UNSUPPORTED)
            request->problem = PROBLEM_REFUSED;
        return false;
    }
    return !is_whole || check_passes(asked, service, request);
}

bool handle_ascend_check(struct service *service, struct request *request)
{
    struct engine_ascend_request asked;
    struct model *model;
    bool ok;

    if (!admit_work(service, request) || !check_accept(request) ||
        !posted_image_check_head(request) ||
        !posted_image_find_model(&model, service, request))
        return false;
    ok = check_options(&asked, service, request, model,
                       !posted_image_is_form(request));
    model_release(model);
    return ok;
}

/* A form without the field `image`, or no body at all. */
static bool has_image(const struct request *request)
{
    return request->image_from != REQUEST_NO_IMAGE &&
           (request->image_from != REQUEST_IMAGE_BODY ||
            request->image.len > 0);
}

/* Gives a job its stream, unless the response is whole. */
static bool open_stream(struct ascend_job *job, const struct model *model)
{
    if (job->format != ASCEND_LINES)
        return true;
    job->cam.base.deferred.stream =
        stream_new(formats[ASCEND_LINES],
                   ascend_job_max_waiting(&job->request, model->engine));
    return job->cam.base.deferred.stream;
}

static bool make_job(struct service *service, struct request *request,
                     const struct engine_ascend_request *asked,
                     struct model *model)
{
    struct ascend_job *job = ascend_job_new();

    if (job) {
        job->request = *asked;
        job->format = format_of(request);
        job->cam.has_no_image = !has_image(request);
    }
    if (!job || !open_stream(job, model)) {
        free(job);
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    }
    cam_job_take(&job->cam, service, request, model,
                 engine_ascend_passes(asked));
    return true;
}

bool handle_ascend(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    struct engine_ascend_request asked;
    bool ok = model && check_options(&asked, service, request, model, true) &&
              ascend_options_check_photo(&request->params, has_image(request),
                                         &request->err) &&
              (!has_image(request) || posted_image_check(request)) &&
              make_job(service, request, &asked, model);

    model_release(model);
    return ok;
}
