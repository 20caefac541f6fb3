#include "server/api/exemplars_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool respond(struct cam_job *base, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    static const char signature[] = "\x89PNG\r\n\x1a\n";
    const size_t len = sizeof signature - 1;
    const struct exemplars_job *job = (struct exemplars_job *)base;
    struct response *response = &base->base.deferred.response;
    struct buf *sheet = &response->body;

    (void)session;
    (void)engine;
    (void)queue_ms;
    if (!cancel_check(cancel, err))
        return false;
    if (!buf_append_file(sheet, job->path, EXEMPLARS_MAX_SHEET_BYTES, err))
        return error_prefix(err, "the channel's contact sheet");
    if (sheet->len < len || memcmp(sheet->data, signature, len) != 0)
        return fail(err, ERROR_IO, "the channel's contact sheet is not a PNG");
    response->status = 200;
    response->content_type = "image/png";
    return true;
}

struct exemplars_job *exemplars_job_new(const struct exemplars_index *index,
                                        size_t channel)
{
    struct exemplars_job *job = calloc(1, sizeof *job);
    int len;

    if (!job)
        return NULL;
    cam_job_init(&job->cam, respond);
    job->cam.has_no_image = true;
    len = snprintf(job->path, sizeof job->path, "%s/" EXEMPLARS_SHEET,
                   index->folder, channel);
    if (len >= (int)sizeof job->path)
        job->path[0] = '\0'; /* there is no such file */
    return job;
}
