#include "server/api/filters_job.h"

#include <stdlib.h>

#include "server/api/filters_json.h"

/* Moves the contact sheet into the response, and says what it is of. */
static void write_sheet(struct response *response, struct engine_filters *found)
{
    buf_release(&response->body);
    response->body = found->sheet; /* moved, not copied */
    found->sheet = (struct buf){0};
    response->status = 200;
    response->content_type = "image/png";
    response_header(response, "X-Wherefore-Filters", "%zu",
                    found->filters.count);
}

/* Finds, in a second attempt without what the session keeps for images. */
static bool find(struct engine_filters *found, struct engine_session *session,
                 const struct engine *engine,
                 const struct engine_filters_request *request,
                 struct error *err)
{
    struct error why = {0};

    return engine_filters_find(found, engine, request, &why) ||
           (engine_session_make_room(session, &why, true) &&
            engine_filters_find(found, engine, request, &why)) ||
           error_pass(err, &why);
}

static bool respond(struct cam_job *base, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    struct filters_job *job = (struct filters_job *)base;
    struct response *response = &base->base.deferred.response;
    struct engine_filters found = {0};
    bool ok;

    (void)queue_ms;
    ok = cancel_check(cancel, err) &&
         find(&found, session, engine, &job->request, err);
    if (ok && job->format == FILTERS_PNG)
        write_sheet(response, &found);
    else if (ok)
        ok = filters_json_write(response, engine, &found, &job->request, err);
    engine_filters_release(&found);
    return ok;
}

struct filters_job *filters_job_new(void)
{
    struct filters_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    cam_job_init(&job->cam, respond);
    job->cam.has_no_image = true;
    return job;
}
