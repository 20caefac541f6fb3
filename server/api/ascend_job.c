#include "server/api/ascend_job.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "server/api/ascend_json.h"
#include "server/work/service.h"

enum { LINE_US = 100000 }; /* between two lines without a picture */

/* Writes a line, unless it has no picture and the last one was a moment ago. A
 * line that there is no memory for is left out. */
static void write_line(struct ascend_job *job,
                       const struct engine_ascend_step *step)
{
    struct stream *stream = job->cam.base.deferred.stream;
    uint64_t now = clock_now_us();
    struct error ignored = {0};
    struct buf line = {0};

    if (!stream || (job->cam.line_us > 0 && !step->picture &&
                    now - job->cam.line_us < LINE_US))
        return;
    job->cam.line_us = now;
    if (ascend_json_step(&line, step, &ignored))
        stream_add(stream, (const char *)line.data, line.len);
    buf_release(&line);
}

static void note_step(void *user, const struct engine_ascend_step *step)
{
    struct ascend_job *job = user;

    job->cam.num_passes = step->done;
    write_line(job, step);
    if (job->cam.base.yield)
        job->cam.base.yield(&job->cam.base);
}

/* Moves the picture into the response. */
static void write_picture(struct response *response,
                          struct engine_ascend *found)
{
    buf_release(&response->body);
    response->body = found->picture; /* moved, not copied */
    found->picture = (struct buf){0};
    response->status = 200;
    response->content_type = "image/png";
    response_header(response, "X-Wherefore-Value", "%.9g", found->result.end);
}

static bool respond(struct cam_job *base, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    struct ascend_job *job = (struct ascend_job *)base;
    struct response *response = &base->base.deferred.response;
    struct stream *stream = base->base.deferred.stream;
    const struct engine_ascend_watch watch = {.cancel = cancel,
                                              .has_pictures = stream != NULL,
                                              .step = note_step,
                                              .user = job};
    struct engine_ascend found = {0};
    uint64_t num_runs = engine_session_num_runs(session);
    bool ok;

    base->is_explaining = true;
    if (base->service)
        base->deadline_us =
            base->queued_us +
            base->service->config->ascend_deadline_ms * UINT64_C(1000);
    ok = engine_ascend_find(session, &found, &job->request, !base->has_no_image,
                            &watch, err);
    if (base->service)
        metrics_passes(&base->service->metrics, allowed_number(NULL),
                       engine_session_num_runs(session) - num_runs);
    if (ok && job->format == ASCEND_PNG)
        write_picture(response, &found);
    else if (ok)
        ok = ascend_json_write(response, engine, &found, &job->request, true,
                               queue_ms, err);
    if (ok && stream)
        response->content_type = stream->content_type;
    engine_ascend_release(&found);
    return ok;
}

struct ascend_job *ascend_job_new(void)
{
    struct ascend_job *job = calloc(1, sizeof *job);

    if (job)
        cam_job_init(&job->cam, respond);
    return job;
}

size_t ascend_job_max_waiting(const struct engine_ascend_request *request,
                              const struct engine *engine)
{
    size_t height, width;

    engine_ascend_size(engine, request, &height, &width);
    /* Samples as they are in base64, and some space for the line. */
    return 2 * (height * (width * 3 + 1) / 3 * 4 + 4096);
}
