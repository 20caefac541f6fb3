#include "engine/evaluate/exemplify.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/team.h"
#include "engine/engine_exemplars.h"
#include "engine/evaluate/walk.h"
#include "engine/evaluate/workers.h"

/* What a thread has for itself. */
struct worker {
    struct engine_session *session; /* owned */
    struct peaks peaks;
    struct buf file;
    char path[PATH_MAX]; /* of the photo at work */
    size_t name;         /* where in it the folder's own path ends */
};

struct search {
    const struct exemplify_options *options;
    const struct engine *engine;
    struct worker workers[TEAM_MAX_THREADS];
    pthread_mutex_t lock;
    struct walk walk;        /* guarded by lock */
    struct exemplify *found; /* guarded by lock */
    struct error failure;    /* that ends the search; guarded by lock */
};

bool exemplify_count(size_t *count, const char *folder, struct error *err)
{
    struct walk walk = {0};
    enum walk_step step;

    *count = 0;
    if (!walk_begin(&walk, folder, err))
        return false;
    do {
        struct error ignored = {0};

        step = walk_next(&walk, &ignored);
        *count += step == WALK_PHOTO;
    } while (step != WALK_END);
    walk_release(&walk);
    return true;
}

/* ---- one photo ---- */

/* Tells of a photo or folder that is left out. The lock is held. */
static void tell(struct search *search, const char *name,
                 const struct error *err)
{
    const struct exemplify_options *options = search->options;

    search->found->num_failed++;
    if (options->trouble)
        options->trouble(options->user, name, err);
}

/* Takes the next photo's path. */
static bool claim(struct search *search, struct worker *worker)
{
    struct walk *walk = &search->walk;
    enum walk_step step = WALK_END;

    pthread_mutex_lock(&search->lock);
    while (search->failure.kind == ERROR_NONE) {
        struct error why = {0};

        step = walk_next(walk, &why);
        if (step != WALK_TROUBLE)
            break;
        tell(search, walk->name, &why);
    }
    if (step == WALK_PHOTO) {
        memcpy(worker->path, walk->path, strlen(walk->path) + 1);
        worker->name = (size_t)(walk->name - walk->path);
    }
    pthread_mutex_unlock(&search->lock);
    return step == WALK_PHOTO;
}

/* Measures the photo. *is_fatal: no other photo will fare better. */
static bool measure(struct search *search, struct worker *worker,
                    struct crop_frame *frame, bool *is_fatal, struct error *err)
{
    const struct exemplify_options *options = search->options;

    *is_fatal = false;
    buf_clear(&worker->file);
    if (!buf_append_file(&worker->file, worker->path, options->max_bytes,
                         err) ||
        !engine_session_sample(worker->session, worker->file.data,
                               worker->file.len, &options->limits, NULL, err))
        return false;
    if (engine_exemplars_find(worker->session, &worker->peaks, frame,
                              options->layer, NULL, err))
        return true;
    *is_fatal = err->kind != ERROR_INTERNAL;
    return false;
}

static void work(void *user, size_t number)
{
    struct search *search = user;
    const struct exemplify_options *options = search->options;
    struct worker *worker = &search->workers[number];

    while (claim(search, worker)) {
        struct exemplify *found = search->found;
        const char *name = worker->path + worker->name;
        struct crop_frame frame;
        struct error why = {0};
        bool is_fatal, ok = measure(search, worker, &frame, &is_fatal, &why);

        pthread_mutex_lock(&search->lock);
        if (ok) {
            found->num_photos++;
            is_fatal = !winners_add(&found->winners, name, &frame,
                                    &worker->peaks, &why);
        } else if (!is_fatal) {
            tell(search, name, &why);
        }
        if (is_fatal)
            error_pass(&search->failure, &why);
        if (options->progress)
            options->progress(options->user,
                              found->num_photos + found->num_failed);
        pthread_mutex_unlock(&search->lock);
    }
}

/* ---- all photos ---- */

static bool open_workers(struct search *search, struct error *err)
{
    for (unsigned i = 0; i < search->options->num_threads; i++) {
        struct worker *worker = &search->workers[i];

        worker->session = engine_session_new(search->engine, NULL, err);
        if (!worker->session)
            return false;
        engine_session_keep_all(worker->session);
    }
    return true;
}

static void close_workers(struct search *search)
{
    for (unsigned i = 0; i < search->options->num_threads; i++) {
        struct worker *worker = &search->workers[i];

        engine_session_free(worker->session);
        peaks_release(&worker->peaks);
        buf_release(&worker->file);
    }
}

bool exemplify_find(struct exemplify *found,
                    const struct exemplify_options *options,
                    const struct engine *engine, const char *folder,
                    struct error *err)
{
    const struct layer *layer = &engine_layers(engine)->list[options->layer];
    size_t count = options->channels ? options->num_channels : layer->channels;
    struct search *search = calloc(1, sizeof *search);
    bool ok;

    if (!search)
        return fail(err, ERROR_MEMORY, "not enough memory for a search");
    search->options = options;
    search->engine = engine;
    search->found = found;
    pthread_mutex_init(&search->lock, NULL);
    ok = winners_init(&found->winners, options->channels, count, options->top,
                      err) &&
         walk_begin(&search->walk, folder, err) && open_workers(search, err) &&
         workers_run(options->num_threads, work, search, err) &&
         (search->failure.kind == ERROR_NONE ||
          error_pass(err, &search->failure));
    close_workers(search);
    walk_release(&search->walk);
    pthread_mutex_destroy(&search->lock);
    free(search);
    return ok;
}

void exemplify_release(struct exemplify *found)
{
    winners_release(&found->winners);
    *found = (struct exemplify){0};
}
