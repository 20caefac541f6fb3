#include "server/work/job.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "server/api/cam_json.h"
#include "server/api/cam_png.h"
#include "server/http/problem.h"

struct job *job_new(void)
{
    return calloc(1, sizeof(struct job));
}

/* Where a failure's place says more than its kind. */
static enum problem problem_at(const struct error *err, bool decoded)
{
    if (err->kind == ERROR_UNSUPPORTED && decoded)
        return PROBLEM_REFUSED; /* the picture is fine, the model has no map */
    return problem_of(err->kind);
}

/* Notes the times of the stages that were gone through, and tells the client.
 */
static void note_stages(struct job *job, const struct engine_session *session,
                        double queue_ms, size_t count)
{
    struct engine_timing t = {0};
    char text[STAGES_TEXT_SIZE];

    if (count > STAGES_DECODE)
        engine_session_timing(session, &t);
    job->stages = (struct stages){
        .ms = {queue_ms, t.decode, t.preprocess, t.infer, t.render},
        .count = count,
    };
    stages_header(text, &job->stages);
    response_header(&job->response, "Server-Timing", "%s", text);
}

static void fail_with(struct job *job, const struct error *err, bool decoded)
{
    job->err = *err;
    problem_response(&job->response, problem_at(err, decoded), err->text,
                     err->limit);
}

static bool nobody_waits(void *user)
{
    struct job *job = user;

    return job->is_gone && job->is_gone(job);
}

void job_run(struct job *job, struct engine_session *session,
             const struct engine *engine, const struct image_limits *limits)
{
    struct cam_json_timing timing = {.queue = clock_ms_since(job->queued_us)};
    struct error err = {0};
    bool ok;

    if (clock_now_us() > job->deadline_us) {
        job->late = true;
        buf_release(&job->picture);
        problem_response(&job->response, PROBLEM_BUSY,
                         "the request waited too long for a worker", 0);
        note_stages(job, session, timing.queue, STAGES_DECODE);
        return;
    }
    engine_session_watch(session, nobody_waits, job);
    ok = engine_sample(session, job->picture.data, job->picture.len, limits,
                       &err);
    engine_session_watch(session, NULL, NULL);
    buf_release(&job->picture);
    if (!ok) {
        fail_with(job, &err, false);
        note_stages(job, session, timing.queue, STAGES_DECODE);
        return;
    }
    ok = engine_session_run(session, &err);
    if (ok && job->png)
        ok = cam_png_write(&job->response, session, &job->ask, &err);
    else if (ok)
        ok = cam_json_write(&job->response, session, engine, &job->ask, &timing,
                            &err);
    if (ok)
        response_header(&job->response, "Cache-Control", "no-store");
    else
        fail_with(job, &err, true);
    note_stages(job, session, timing.queue, ok ? STAGES_COUNT : STAGES_INFER);
}

void job_fail(struct job *job, const struct error *err)
{
    buf_release(&job->picture);
    fail_with(job, err, true);
}

void job_refuse(struct job *job, enum problem problem, const char *detail)
{
    buf_release(&job->picture);
    problem_response(&job->response, problem, detail, 0);
}

void job_free(struct job *job)
{
    if (!job)
        return;
    model_release(job->model);
    buf_release(&job->picture);
    response_release(&job->response);
    free(job);
}
