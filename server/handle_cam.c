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

static bool check_accept(const struct service *service, struct request *request)
{
    if (accept_quality(request->accept, "application/json") == 0 &&
        accept_quality(request->accept, "image/png") == 0)
        return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                            "the answer is application/json or image/png");
    if (wants_png(request) && service->info.refusal)
        return request_fail(request, PROBLEM_REFUSED,
                            "there is no heatmap to answer as image/png: %s",
                            service->info.refusal);
    return true;
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

bool handle_cam_check(struct service *service, struct request *request)
{
    struct ask ask;

    if (service_is_draining(service))
        return request_fail(request, PROBLEM_DRAINING,
                            "the service is shutting down");
    return check_accept(service, request) && check_content_type(request) &&
           ask_parse(&ask, &request->params, service->engine, &request->err);
}

bool handle_cam(struct service *service, struct request *request)
{
    struct ask ask;
    struct job *job;

    if (!ask_parse(&ask, &request->params, service->engine, &request->err))
        return false;
    if (!request->has_picture)
        return request_fail(request, PROBLEM_INPUT,
                            "the form has no field \"image\" with the picture");
    if (request->picture.len == 0)
        return request_fail(request, PROBLEM_INPUT, "the picture is empty");
    if (wants_png(request) && ask.heatmap == ASK_NONE)
        return request_fail(request, PROBLEM_INPUT,
                            "option \"heatmap\": \"none\" leaves nothing to "
                            "answer as image/png");
    job = job_new();
    if (!job)
        return request_fail(request, PROBLEM_MEMORY, "no room for the request");
    job->picture = request->picture; /* moved, not copied */
    request->picture = (struct buf){0};
    job->ask = ask;
    job->png = wants_png(request);
    job->queued_us = clock_now_us();
    job->deadline_us =
        job->queued_us + service->config->deadline_ms * UINT64_C(1000);
    request->job = job;
    return true;
}
