/* Many images: a column in, a column out. */
#include <pthread.h>

#include "engine/evaluate/workers.h"
#include "lib/arrow_in.h"
#include "lib/columns.h"
#include "lib/wherefore_internal.h"

struct batch {
    const struct wherefore_model *model;
    struct explain_request request;
    struct arrow_in images;
    struct columns columns;
    unsigned num_workers;
    struct team *team; /* for workers that are fewer than threads; owned */
    struct engine_session *sessions[TEAM_MAX_THREADS]; /* (num_workers) owned */
    atomic_bool is_cancelled;
    wherefore_progress_fn *progress; /* or NULL */
    void *user;
    pthread_mutex_t lock;
    size_t num_done; /* guarded by lock */
};

/* ---- what is asked ---- */

/* Keeps of a request what the columns have. */
static void trim_request(struct explain_request *request)
{
    request->top = 1;
    request->num_classes = request->num_classes > 0 ? 1 : 0;
    if (request->classes[0] == EXPLAIN_TOP)
        request->num_classes = 0;
    request->box.most = 1;
    request->style.kind = RENDER_NONE;
    request->values = EXPLAIN_VALUES_NONE;
    request->channels = 0;
}

/* The size of the maps, which all rows share; 0 x 0 if there are none. */
static void find_map_size(size_t *width, size_t *height,
                          const struct wherefore_model *model,
                          const struct explain_request *request)
{
    const struct engine *engine = model->served.engine;
    const struct layers *layers = engine_layers(engine);
    const char *refusal;
    const struct explain_method *method =
        engine_choose(engine, &refusal, request);
    const size_t layer = request->layer == EXPLAIN_LAYER_DEFAULT
                             ? layers->chosen
                             : request->layer;

    *width = *height = 0;
    if (method && method->of_pixels) {
        *width = model->served.info.input_width;
        *height = model->served.info.input_height;
    } else if (method && layer < layers->count) {
        *width = layers->list[layer].width;
        *height = layers->list[layer].height;
    }
}

static bool read_request(struct batch *batch,
                         const struct wherefore_option *options,
                         size_t num_options, struct error *err)
{
    size_t passes;

    if (!wherefore_read_request(&batch->request, batch->model, options,
                                num_options, err))
        return false;
    trim_request(&batch->request);
    if (batch->request.map == EXPLAIN_MAP_OBJECT)
        return fail(err, ERROR_UNSUPPORTED,
                    "option \"map\": maps that are refined to the object "
                    "differ in size, so a column cannot have them");
    return engine_passes(batch->model->served.engine, &passes, &batch->request,
                         err);
}

/* ---- rows ---- */

/* Fails if the row does. */
static bool explain_row(struct batch *batch, struct engine_session *session,
                        size_t i, struct error *err)
{
    const struct cancel cancel = {.is_cancelled = wherefore_is_set,
                                  .user = &batch->is_cancelled};
    const struct explain_watch watch = {.cancel = &cancel};
    struct explanation explanation;
    const uint8_t *bytes;
    size_t len;

    if (!arrow_in_row(&batch->images, i, &bytes, &len))
        return fail(err, ERROR_INPUT, "the row is null");
    return wherefore_check_len(batch->model, len, err) &&
           engine_session_sample(session, bytes, len, &batch->model->limits,
                                 &cancel, err) &&
           engine_session_explain(session, &explanation, &batch->request,
                                  &watch, err) &&
           columns_set(&batch->columns, i, &explanation, err);
}

static void note_done(struct batch *batch)
{
    if (!batch->progress)
        return;
    pthread_mutex_lock(&batch->lock);
    if (!atomic_load(&batch->is_cancelled) &&
        !batch->progress(batch->user, ++batch->num_done, batch->columns.count))
        atomic_store(&batch->is_cancelled, true);
    pthread_mutex_unlock(&batch->lock);
}

/* Sessions are made by the threads that use them, when they have a row. */
static bool open_session(struct batch *batch, size_t worker, struct error *err)
{
    struct engine_session **session = &batch->sessions[worker];

    if (*session)
        return true;
    *session =
        engine_session_new(batch->model->served.engine, batch->team, err);
    if (*session)
        engine_session_keep_all(*session);
    return *session != NULL;
}

static bool work(void *user, size_t worker, size_t i, struct error *err)
{
    struct batch *batch = user;
    struct error why = {0};

    if (!open_session(batch, worker, err))
        return false;
    if (batch->team)
        team_enter(batch->team);
    if (!explain_row(batch, batch->sessions[worker], i, &why) &&
        why.kind != ERROR_BUSY)
        columns_fail(&batch->columns, i, &why);
    if (batch->team)
        team_leave(batch->team);
    if (why.kind != ERROR_BUSY)
        note_done(batch);
    return !atomic_load(&batch->is_cancelled) ||
           fail(err, ERROR_BUSY, "cancelled");
}

static bool run(struct batch *batch, unsigned threads, struct error *err)
{
    const size_t count = batch->columns.count;

    if (count == 0)
        return true;
    batch->num_workers = count < threads ? (unsigned)count : threads;
    if (batch->num_workers < threads) {
        batch->team = team_new(threads, err);
        if (!batch->team)
            return false;
    }
    return workers_each(batch->num_workers, count, work, batch, err);
}

static void release(struct batch *batch)
{
    for (unsigned i = 0; i < batch->num_workers; i++)
        engine_session_free(batch->sessions[i]);
    team_free(batch->team);
    columns_release(&batch->columns);
    pthread_mutex_destroy(&batch->lock);
}

bool wherefore_explain_arrow(
    const wherefore_model *model, unsigned threads,
    const struct ArrowSchema *schema, const struct ArrowArray *images,
    const struct wherefore_option *options, size_t num_options,
    wherefore_progress_fn *progress, void *user, struct ArrowSchema *out_schema,
    struct ArrowArray *out, struct wherefore_error *err)
{
    struct batch batch = {.model = model, .progress = progress, .user = user};
    struct error why = {0};
    size_t width, height;
    bool ok = false;

    if (out_schema)
        *out_schema = (struct ArrowSchema){0};
    if (out)
        *out = (struct ArrowArray){0};
    pthread_mutex_init(&batch.lock, NULL);
    atomic_init(&batch.is_cancelled, false);
    if (!model || !out_schema || !out)
        fail(&why, ERROR_INPUT, "the model or an output is NULL");
    else if (read_request(&batch, options, num_options, &why) &&
             arrow_in_open(&batch.images, schema, images, &why)) {
        find_map_size(&width, &height, model, &batch.request);
        ok = columns_init(&batch.columns, model->served.engine,
                          batch.images.count, width, height, &why) &&
             run(&batch, wherefore_num_threads(threads), &why) &&
             columns_finish(&batch.columns, out_schema, out, &why);
    }
    release(&batch);
    return ok || wherefore_report(err, &why);
}
