#include "server/api/cam_job.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "server/api/cam_json.h"
#include "server/api/cam_npy.h"
#include "server/api/cam_png.h"
#include "server/http/request.h"
#include "server/work/service.h"

/* The problem for an error; it may depend on whether decoding succeeded. */
static enum problem problem_at(const struct error *err, bool decoded)
{
    if (err->kind == ERROR_UNSUPPORTED && decoded)
        return PROBLEM_REFUSED; /* the image is valid, but the model has no map
                                 */
    return problem_of(err->kind);
}

/* Records the times of the first `count` stages, and adds the Server-Timing
 * header. */
static void note_stages(struct deferred *deferred,
                        const struct engine_session *session, double queue_ms,
                        size_t count)
{
    struct engine_timing t = {0};
    char text[STAGES_TEXT_SIZE];

    if (count > STAGES_DECODE)
        engine_session_timing(session, &t);
    deferred->stages = (struct stages){
        .ms = {queue_ms, t.decode, t.preprocess, t.infer, t.render},
        .count = count,
    };
    stages_header(text, &deferred->stages);
    response_header(&deferred->response, "Server-Timing", "%s", text);
}

static void fail_with(struct deferred *deferred, const struct error *err,
                      bool decoded)
{
    deferred->err = *err;
    problem_response(&deferred->response, problem_at(err, decoded), err->text,
                     err->limit);
}

static bool is_cancelled(void *user)
{
    struct deferred *deferred = user;

    return deferred->cancelled && deferred->cancelled(deferred);
}

/* Makes the response for a decoded image. */
static bool respond(struct cam_job *job, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    const struct cam_json_source source = {.queue_ms = queue_ms};
    const struct explain_watch watch = {.cancel = cancel};
    struct response *response = &job->base.deferred.response;
    struct explanation explanation;

    if (!engine_session_explain(session, &explanation, &job->request, &watch,
                                err))
        return false;
    switch (job->format) {
    case CAM_PNG:
        return cam_png_write(response, &explanation, err);
    case CAM_NPY:
        return cam_npy_write(response, &explanation, err);
    default:
        return cam_json_write(response, engine, &explanation, &job->request,
                              &source, err);
    }
}

static void run(struct job *base, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits)
{
    struct cam_job *job = (struct cam_job *)base;
    struct deferred *deferred = &base->deferred;
    const struct cancel cancel = {is_cancelled, deferred};
    const double queue_ms = clock_ms_since(job->queued_us);
    struct error err = {0};
    bool ok;

    if (clock_now_us() > job->deadline_us) {
        deferred->late = true;
        buf_release(&job->image);
        problem_response(&deferred->response, PROBLEM_BUSY,
                         "the request waited too long for a worker", 0);
        note_stages(deferred, session, queue_ms, STAGES_DECODE);
        return;
    }
    ok = engine_session_sample(session, job->image.data, job->image.len, limits,
                               &cancel, &err);
    buf_release(&job->image);
    if (!ok) {
        fail_with(deferred, &err, false);
        note_stages(deferred, session, queue_ms, STAGES_DECODE);
        return;
    }
    ok = respond(job, session, engine, queue_ms, &cancel, &err);
    if (ok)
        response_header(&deferred->response, "Cache-Control", "no-store");
    else
        fail_with(deferred, &err, true);
    note_stages(deferred, session, queue_ms, ok ? STAGES_COUNT : STAGES_INFER);
}

static void refuse(struct job *base, enum problem problem,
                   const struct error *err)
{
    struct cam_job *job = (struct cam_job *)base;

    buf_release(&job->image);
    if (problem == PROBLEM_NONE)
        fail_with(&base->deferred, err, true);
    else
        problem_response(&base->deferred.response, problem, err->text, 0);
}

static bool start(struct deferred *deferred, struct request *request)
{
    struct cam_job *job = (struct cam_job *)deferred;
    struct service *service = job->service;

    /* After a successful push, this thread must not access the job. */
    if (queue_push(&service->queue, &job->base, &request->err))
        return true;
    if (service_is_abandoned(service))
        request->problem = PROBLEM_DRAINING;
    else
        metrics_reject(&service->metrics, METRICS_QUEUE_FULL);
    return false;
}

static void free_job(struct deferred *deferred)
{
    struct cam_job *job = (struct cam_job *)deferred;

    model_release(job->base.model);
    buf_release(&job->image);
    response_release(&deferred->response);
    free(job);
}

struct cam_job *cam_job_new(void)
{
    struct cam_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->base.deferred.start = start;
    job->base.deferred.free = free_job;
    job->base.run = run;
    job->base.refuse = refuse;
    return job;
}
