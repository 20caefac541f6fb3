#include "server/api/batch_job.h"

#include <stdlib.h>

#include "server/api/admit.h"
#include "server/api/explain_options.h"
#include "server/api/float32.h"
#include "server/api/json_body.h"
#include "server/work/service.h"

struct batch_job {
    struct cam_job cam; /* first */
    struct batch batch;
    const struct batch_writer *writer;
    void *state;      /* of the writer; owned */
    size_t num_bytes; /* of heatmaps and maps so far */
};

/* ---- the images ---- */

bool batch_job_reserve(struct batch *batch, struct request *request,
                       size_t count)
{
    if (count == 0)
        return request_fail(request, PROBLEM_INPUT, "there is no image");
    if (count > BATCH_MAX_IMAGES) {
        request->limit = BATCH_MAX_IMAGES;
        return request_fail(request, PROBLEM_LIMIT,
                            "there are %zu images; at most %d are allowed",
                            count, BATCH_MAX_IMAGES);
    }
    batch->images = calloc(count, sizeof *batch->images);
    if (!batch->images)
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    batch->count = count;
    return true;
}

bool batch_job_decode(struct batch_image *image, struct request *request,
                      const json_t *text)
{
    return json_body_decode(&image->bytes, text, &image->why) ||
           image->why.kind == ERROR_INPUT ||
           error_pass(&request->err, &image->why);
}

void batch_job_release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        buf_release(&batch->images[i].bytes);
    free(batch->images);
    *batch = (struct batch){0};
}

/* ---- the work ---- */

/* Whether only this image fails; else all of them would, or the service. */
static bool is_of_image(const struct error *err)
{
    return err->kind == ERROR_INPUT || err->kind == ERROR_UNSUPPORTED ||
           err->kind == ERROR_LIMIT;
}

static void note_passes(void *user, size_t done, size_t total)
{
    struct batch_job *job = user;

    (void)done;
    (void)total;
    job->cam.num_passes++;
    if (job->cam.base.yield)
        job->cam.base.yield(&job->cam.base);
}

/* Counts what the response may contain of an explanation. */
static bool count_bytes(struct batch_job *job, const struct explanation *found,
                        struct error *err)
{
    job->num_bytes += found->heatmap->len;
    for (size_t i = 0; i < found->num_classes; i++)
        if (found->classes[i].map)
            job->num_bytes += found->classes[i].map->height *
                              found->classes[i].map->width * sizeof(float);
    return job->num_bytes <= BATCH_MAX_BYTES ||
           error_limit(err, BATCH_MAX_BYTES,
                       "the heatmaps and maps of all images are larger than "
                       "the %d bytes allowed; ask for smaller ones, or for "
                       "fewer images",
                       BATCH_MAX_BYTES);
}

/* Decodes an image, or takes what is decoded already. */
static bool sample(struct batch_job *job, struct engine_session *session,
                   struct batch_image *image, const struct cancel *cancel,
                   struct error *err)
{
    const struct batch *batch = &job->batch;
    const struct image_limits *limits = job->cam.limits;
    struct buf *bytes = &image->bytes;
    const struct image_pixels pixels = {.data = bytes->data,
                                        .width = batch->width,
                                        .height = batch->height,
                                        .channels = batch->channels,
                                        .stride = (size_t)batch->width *
                                                  batch->channels};

    switch (batch->kind) {
    case BATCH_FILES:
        break;
    case BATCH_PIXELS:
        return engine_session_sample_pixels(session, &pixels, limits, err);
    case BATCH_INPUTS:
        return engine_session_sample_input(
            session, float32_in_place(bytes->data, bytes->len / 4),
            batch->is_planar, limits, err);
    }
    return engine_session_sample(session, bytes->data, bytes->len, limits,
                                 cancel, err);
}

/* Explains one image. false: the failure is in `err`, of all images. */
static bool explain(struct batch_job *job, struct batch_row *row,
                    struct batch_image *image, struct error *err)
{
    const struct cancel *cancel = row->watch->cancel;
    struct error *why = &image->why;
    struct explanation found;

    if (!cancel_check(cancel, err))
        return false;
    if (why->kind == ERROR_NONE &&
        sample(job, row->session, image, cancel, why)) {
        if (!engine_session_explain(row->session, &found, row->request,
                                    row->watch, err) ||
            !count_bytes(job, &found, err))
            return false;
        job->cam.num_passes++;
        row->found = &found;
    } else if (!is_of_image(why)) {
        return error_pass(err, why);
    }
    row->why = why;
    return job->writer->add(job->state, row, err);
}

static bool respond(struct cam_job *cam, struct engine_session *session,
                    const struct engine *engine, double queue_ms,
                    const struct cancel *cancel, struct error *err)
{
    struct batch_job *job = (struct batch_job *)cam;
    const struct explain_watch watch = {
        .cancel = cancel, .progress = note_passes, .user = job};
    const uint64_t num_runs = engine_session_num_runs(session);
    size_t num_failed = 0;
    bool ok = true;

    (void)queue_ms;
    cam->is_explaining = true;
    for (size_t i = 0; ok && i < job->batch.count; i++) {
        struct batch_row row = {.engine = engine,
                                .session = session,
                                .request = &cam->request,
                                .watch = &watch};
        struct batch_image *image = &job->batch.images[i];

        ok = explain(job, &row, image, err);
        buf_release(&image->bytes);
        num_failed += image->why.kind != ERROR_NONE;
    }
    metrics_passes(&cam->service->metrics, allowed_number(cam->method),
                   engine_session_num_runs(session) - num_runs);
    if (ok && num_failed == job->batch.count)
        return error_pass(err, &job->batch.images[0].why);
    return ok && job->writer->finish(job->state, &cam->base.deferred.response,
                                     engine, err);
}

static void free_job(struct deferred *deferred)
{
    struct batch_job *job = (struct batch_job *)deferred;

    batch_job_release(&job->batch);
    job->writer->free(job->state);
    cam_job_free(deferred);
}

/* ---- the request ---- */

static bool check_passes(const struct service *service, struct request *request,
                         size_t passes, size_t count)
{
    const uint64_t max = service->config->max_passes;

    if (passes <= max / count)
        return true;
    request->limit = max;
    return request_fail(request, PROBLEM_LIMIT,
                        "%zu images would take %zu passes of the network; at "
                        "most %ju are allowed in a request",
                        count, passes * count, (uintmax_t)max);
}

static bool admit(struct explain_request *asked, struct admitted *admitted,
                  struct service *service, struct request *request,
                  const struct model *model, size_t count)
{
    return explain_options_parse(asked, &request->params, model->engine, true,
                                 &request->err) &&
           admit_check(admitted, asked, service, request, model) &&
           check_passes(service, request, admitted->passes, count);
}

bool batch_job_make(struct service *service, struct request *request,
                    struct model *model, struct batch *batch,
                    void (*settle)(struct explain_request *asked, void *state),
                    const struct batch_writer *writer, void *state)
{
    struct explain_request asked;
    struct admitted admitted;
    struct batch_job *job;

    if (!admit(&asked, &admitted, service, request, model, batch->count) ||
        !(job = calloc(1, sizeof *job))) {
        batch_job_release(batch);
        writer->free(state);
        return request_fail(request, PROBLEM_MEMORY,
                            "not enough memory for the request");
    }
    if (settle)
        settle(&asked, state);
    buf_release(&request->image);
    cam_job_init(&job->cam, respond);
    cam_job_take(&job->cam, service, request, model,
                 admitted.passes * batch->count);
    job->cam.base.deferred.free = free_job;
    job->cam.has_no_image = true;
    job->cam.request = asked;
    job->cam.method = admitted.method;
    job->batch = *batch;
    job->writer = writer;
    job->state = state;
    *batch = (struct batch){0};
    return true;
}
