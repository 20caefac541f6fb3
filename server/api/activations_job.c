#include "server/api/activations_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/api/activations_json.h"
#include "server/work/service.h"

/* Moves the contact sheet into the response, and says whose it is. */
static void write_sheet(struct response *response,
                        const struct engine_activations *found)
{
    char text[RESPONSE_HEADER_SIZE];
    size_t len = 0;

    buf_release(&response->body);
    response->body = *found->sheet; /* moved, not copied */
    *found->sheet = (struct buf){0};
    response->status = 200;
    response->content_type = "image/png";
    /* As many as there is space for. */
    for (size_t i = 0; i < found->found->count && len + 24 < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%zu",
                                i ? "," : "", found->found->list[i].index);
    response_header(response, "X-Wherefore-Channels", "%s", text);
}

static bool respond(struct cam_job *base, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    struct activations_job *job = (struct activations_job *)base;
    struct response *response = &base->base.deferred.response;
    struct engine_activations found;
    uint64_t num_runs = engine_session_num_runs(session);
    bool ok =
        engine_activations_find(session, &found, &job->request, cancel, err);

    if (base->service)
        metrics_passes(&base->service->metrics, allowed_number(NULL),
                       engine_session_num_runs(session) - num_runs);
    if (!ok)
        return false;
    if (job->format != ACTIVATIONS_PNG)
        return activations_json_write(response, engine, &found, &job->request,
                                      NULL, queue_ms, err);
    write_sheet(response, &found);
    return true;
}

struct activations_job *activations_job_new(void)
{
    struct activations_job *job = calloc(1, sizeof *job);

    if (job)
        cam_job_init(&job->cam, respond);
    return job;
}
