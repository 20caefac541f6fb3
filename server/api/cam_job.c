#include "server/api/cam_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "server/api/cam_json.h"
#include "server/api/cam_npy.h"
#include "server/api/cam_png.h"
#include "server/work/service.h"

enum { LINE_US = 100000 }; /* between two lines about the passes */

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

/* ---- between passes ---- */

/* Why the job should stop, if it should. Until its image is decoded, if it
 * takes one pass, and after the last one, it would be done before anybody could
 * use the time. */
static enum cam_job_stop find_stop(struct cam_job *job)
{
    struct deferred *deferred = &job->base.deferred;

    if (deferred->cancelled && deferred->cancelled(deferred))
        return CAM_JOB_CLIENT_GONE;
    if (job_is_long(&job->base) && service_is_abandoned(job->service))
        return CAM_JOB_DRAINING;
    if (job->is_explaining && job->base.passes > 1 &&
        job->num_passes < job->base.passes && clock_now_us() > job->deadline_us)
        return CAM_JOB_DEADLINE;
    return CAM_JOB_GOES_ON;
}

static bool is_cancelled(void *user)
{
    struct cam_job *job = user;

    if (job->stop == CAM_JOB_GOES_ON)
        job->stop = find_stop(job);
    return job->stop != CAM_JOB_GOES_ON;
}

/* A network that is made for the job is kept, and who asks next finds it: if it
 * were given up with each job that is late, no job could be done in time. */
static bool is_abandoned(void *user)
{
    const struct cam_job *job = user;

    return job->service && service_is_abandoned(job->service);
}

/* Writes a line about the passes, unless the last one was a moment ago. */
static void write_line(struct cam_job *job, size_t total)
{
    struct stream *stream = job->base.deferred.stream;
    uint64_t now = clock_now_us();
    char line[80];
    int len;

    if (!stream || (job->line_us > 0 && job->num_passes < total &&
                    now - job->line_us < LINE_US))
        return;
    job->line_us = now;
    len = snprintf(line, sizeof line, "{\"passes\":%zu,\"of\":%zu}\n",
                   job->num_passes, total);
    stream_add(stream, line, (size_t)len);
}

/* `done` and `total` do not count the pass that has classified the image. */
static void note_passes(void *user, size_t done, size_t total)
{
    struct cam_job *job = user;

    job->num_passes = done + 1;
    write_line(job, total + 1);
    if (job->base.yield)
        job->base.yield(&job->base);
}

/* Makes a job that was stopped the problem that says why. */
static void fail_stopped(struct cam_job *job, const struct error *err)
{
    struct deferred *deferred = &job->base.deferred;
    char text[ERROR_TEXT_SIZE];

    if (job->stop == CAM_JOB_CLIENT_GONE) {
        fail_with(deferred, err, true);
        return;
    }
    deferred->late = job->stop == CAM_JOB_DEADLINE;
    snprintf(text, sizeof text, "%s after %zu of %zu passes of the network",
             deferred->late ? "the time for the request was up"
                            : "the service was shutting down",
             job->num_passes, job->base.passes);
    problem_response(&deferred->response,
                     deferred->late ? PROBLEM_BUSY : PROBLEM_DRAINING, text, 0);
}

/* ---- the work ---- */

/* Explains the image. */
static bool respond(struct cam_job *job, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    const struct cam_json_source source = {.queue_ms = queue_ms};
    const struct explain_watch watch = {
        .cancel = cancel, .progress = note_passes, .user = job};
    struct response *response = &job->base.deferred.response;
    struct explanation explanation;
    uint64_t num_runs = engine_session_num_runs(session);
    bool ok;

    job->is_explaining = true;
    ok = engine_session_explain(session, &explanation, &job->request, &watch,
                                err);
    if (job->service)
        metrics_passes(&job->service->metrics, allowed_number(job->method),
                       engine_session_num_runs(session) - num_runs);
    if (!ok)
        return false;
    switch (job->format) {
    case CAM_PNG:
        return cam_png_write(response, &explanation, err);
    case CAM_NPY:
        return cam_npy_write(response, &explanation, err);
    default:
        break;
    }
    ok = cam_json_write(response, engine, &explanation, &job->request, &source,
                        err);
    if (ok && job->base.deferred.stream)
        response->content_type = job->base.deferred.stream->content_type;
    return ok;
}

static void run(struct job *base, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits)
{
    struct cam_job *job = (struct cam_job *)base;
    struct deferred *deferred = &base->deferred;
    const struct cancel cancel = {.is_cancelled = is_cancelled,
                                  .user = job,
                                  .is_abandoned = is_abandoned};
    const double queue_ms = clock_ms_since(job->queued_us);
    struct error err = {0};
    bool ok;

    job->limits = limits;
    if (clock_now_us() > job->deadline_us) {
        deferred->late = true;
        buf_release(&job->image);
        problem_response(&deferred->response, PROBLEM_BUSY,
                         "the request waited too long for a worker", 0);
        note_stages(deferred, session, queue_ms, STAGES_DECODE);
        return;
    }
    ok = job->has_no_image ||
         engine_session_sample(session, job->image.data, job->image.len, limits,
                               &cancel, &err);
    buf_release(&job->image);
    if (ok && job->respond(job, session, engine, queue_ms, &cancel, &err)) {
        response_header(&deferred->response, "Cache-Control", "no-store");
        note_stages(deferred, session, queue_ms,
                    job->has_no_image ? STAGES_DECODE : STAGES_COUNT);
        return;
    }
    if (job->stop != CAM_JOB_GOES_ON)
        fail_stopped(job, &err);
    else
        fail_with(deferred, &err, ok);
    note_stages(deferred, session, queue_ms,
                ok && !job->has_no_image ? STAGES_INFER : STAGES_DECODE);
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

void cam_job_free(struct deferred *deferred)
{
    struct cam_job *job = (struct cam_job *)deferred;

    model_release(job->base.model);
    buf_release(&job->image);
    response_release(&deferred->response);
    stream_free(deferred->stream);
    free(job);
}

void cam_job_init(
    struct cam_job *job,
    bool (*respond_to)(struct cam_job *job, struct engine_session *session,
                       const struct engine *engine, double queue_ms,
                       const struct cancel *cancel, struct error *err))
{
    job->base.deferred.start = start;
    job->base.deferred.free = cam_job_free;
    job->base.run = run;
    job->base.refuse = refuse;
    job->respond = respond_to;
}

struct cam_job *cam_job_new(void)
{
    struct cam_job *job = calloc(1, sizeof *job);

    if (job)
        cam_job_init(job, respond);
    return job;
}

void cam_job_take(struct cam_job *job, struct service *service,
                  struct request *request, struct model *model, size_t passes)
{
    job->service = service;
    job->image = request->image; /* moved, not copied */
    request->image = (struct buf){0};
    job->base.model = model_hold(model);
    job->base.passes = passes;
    memcpy(job->id, request->id, sizeof job->id);
    job->base.deferred.response.id = job->id;
    job->base.deferred.response.shape = request->response.shape;
    job->queued_us = clock_now_us();
    job->deadline_us =
        job->queued_us + service->config->deadline_ms * UINT64_C(1000);
    request->deferred = &job->base.deferred;
}
