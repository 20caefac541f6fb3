#include "handle.h"

#include "accept.h"
#include "clock.h"
#include "request.h"
#include "service.h"

static bool wants_png(const struct request *request)
{
    return accept_quality(request->accept, "image/png") >
           accept_quality(request->accept, "application/json");
}

static bool check_accept(struct request *request)
{
    if (accept_quality(request->accept, "application/json") > 0 ||
        accept_quality(request->accept, "image/png") > 0)
        return true;
    return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "the answer is application/json or image/png");
}

static bool check_content_type(struct request *request)
{
    if (accept_type_is(request->content_type, "multipart/form-data") ||
        accept_type_is(request->content_type, "image/"))
        return true;
    return request_fail(request, PROBLEM_MEDIA_TYPE,
                        "the body must be multipart/form-data with the picture "
                        "in the field \"image\", or the picture itself with "
                        "its image/... type");
}

/* What the options, as far as they are there, ask of the model; NULL is one
 * that a form field may still name. */
static bool check_options(struct request *request, struct ask *ask,
                          const struct model *model)
{
    if (model && wants_png(request) && model->info.refusal)
        return request_fail(request, PROBLEM_REFUSED,
                            "there is no heatmap to answer as image/png: %s",
                            model->info.refusal);
    return ask_parse(ask, &request->params, model ? model->engine : NULL,
                     &request->err);
}

bool handle_cam_check(struct service *service, struct request *request)
{
    const char *name = params_find(&request->params, "model");
    bool known = name || service->models.count == 1 ||
                 !accept_type_is(request->content_type, "multipart/form-data");
    struct model *model = NULL;
    struct ask ask;
    bool ok;

    if (service_is_abandoned(service))
        return request_fail(request, PROBLEM_DRAINING,
                            "the service is shutting down, and has no time "
                            "left");
    if (!check_accept(request) || !check_content_type(request))
        return false;
    if (known) {
        model = models_find(&service->models, name, &request->err);
        if (!model)
            return false;
    }
    ok = check_options(request, &ask, model);
    model_release(model);
    return ok;
}

static bool check_picture(struct request *request, const struct ask *ask)
{
    if (!request->has_picture)
        return request_fail(request, PROBLEM_INPUT,
                            "the form has no field \"image\" with the picture");
    if (request->picture.len == 0)
        return request_fail(request, PROBLEM_INPUT, "the picture is empty");
    if (wants_png(request) && ask->heatmap == ASK_NONE)
        return request_fail(request, PROBLEM_INPUT,
                            "option \"heatmap\": \"none\" leaves nothing to "
                            "answer as image/png");
    return true;
}

/* Makes the job of a checked request; it holds the model on its own. */
static bool make_job(const struct service *service, struct request *request,
                     const struct ask *ask, struct model *model)
{
    struct job *job = job_new();

    if (!job)
        return request_fail(request, PROBLEM_MEMORY, "no room for the request");
    job->picture = request->picture; /* moved, not copied */
    request->picture = (struct buf){0};
    job->model = model_hold(model);
    job->ask = *ask;
    job->reply.id = request->id;
    job->png = wants_png(request);
    job->queued_us = clock_now_us();
    job->deadline_us =
        job->queued_us + service->config->deadline_ms * UINT64_C(1000);
    request->job = job;
    return true;
}

bool handle_cam(struct service *service, struct request *request)
{
    struct model *model =
        models_find(&service->models, params_find(&request->params, "model"),
                    &request->err);
    struct ask ask;
    bool ok = model && check_options(request, &ask, model) &&
              check_picture(request, &ask) &&
              make_job(service, request, &ask, model);

    model_release(model);
    return ok;
}
