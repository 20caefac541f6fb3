/* Finds the pooled features of all photos, on all cores, in the cache or by the
 * network. */

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/team.h"
#include "engine/engine_features.h"
#include "engine/evaluate/workers.h"
#include "engine/fit/alike.h"
#include "engine/fit/fit_work.h"
#include "engine/render/render.h"

/* The most features of all photos together: 1 GiB of floats. */
#define MAX_FEATURES ((size_t)1 << 28)

enum { MAX_LENGTH = 16 * FIT_IMAGE_SHORT }; /* of a reduced photo */

/* What a thread has for itself. */
struct worker {
    struct engine_session *session; /* owned; NULL until it is needed */
    struct buf file, kept;          /* owned */
    struct render render;
    float *pooled; /* (fit_cache_num_pooled) owned */
};

struct search {
    struct fit_work *work;
    struct worker workers[TEAM_MAX_THREADS];
    pthread_mutex_t lock;
    size_t next, done;    /* guarded by lock, like what follows */
    struct error failure; /* that ends the search */
};

/* ---- one photo ---- */

static bool open_session(struct worker *worker, const struct search *search,
                         struct error *err)
{
    if (worker->session)
        return true;
    worker->session =
        engine_session_new(search->work->fit->internal->engine, NULL, err);
    if (worker->session)
        engine_session_keep_all(worker->session);
    return worker->session != NULL;
}

/* The means of the channels, then their maxima. Returns whether all values are
 * numbers. */
static bool pool(float *pooled, const struct engine_features *features)
{
    const size_t channels = features->channels;
    const size_t cells = features->height * features->width;
    float *means = pooled, *maxima = pooled + channels;
    bool are_finite = true;

    for (size_t c = 0; c < channels; c++) {
        means[c] = 0;
        maxima[c] = features->values[c];
    }
    for (size_t i = 0; i < cells; i++)
        for (size_t c = 0; c < channels; c++) {
            const float value = features->values[i * channels + c];

            means[c] += value;
            maxima[c] = value > maxima[c] ? value : maxima[c];
        }
    for (size_t c = 0; c < channels; c++) {
        means[c] /= (float)cells;
        are_finite &= isfinite(means[c]) && isfinite(maxima[c]);
    }
    return are_finite;
}

/* The size of the reduced photo. Of one that is very long, it is reduced
 * further. */
static void choose_size(struct fit_cache_photo *about)
{
    const struct preprocess_region *region = &about->region;
    const double across =
        fmin(about->width, region->x + region->width) - fmax(0, region->x);
    const double down =
        fmin(about->height, region->y + region->height) - fmax(0, region->y);
    const double longest = fmax(about->width, about->height);
    double scale =
        fmax(FIT_IMAGE_SHORT / fmin(across, down), FIT_IMAGE_LONG / longest);

    /* Also of a part that is none. */
    if (!(scale * longest <= MAX_LENGTH))
        scale = MAX_LENGTH / longest;
    scale = fmin(scale, 1);
    about->thumb_width = (uint32_t)fmax(1, round(about->width * scale));
    about->thumb_height = (uint32_t)fmax(1, round(about->height * scale));
}

/* Pools and keeps the features that the network has given. */
static bool keep(const struct search *search, struct worker *worker,
                 struct fit_entry *entry,
                 const struct engine_features *features, bool *is_fatal,
                 struct error *err)
{
    const uint8_t *thumb;

    entry->about.width = features->image_width;
    entry->about.height = features->image_height;
    entry->about.region = features->region;
    choose_size(&entry->about);
    if (!pool(worker->pooled, features))
        return fail(err, ERROR_UNSUPPORTED,
                    "the network's features are not numbers");
    *is_fatal = true;
    thumb = render_picture(
        &worker->render, engine_session_image(worker->session),
        entry->about.thumb_width, entry->about.thumb_height, err);
    return thumb &&
           fit_cache_write(&search->work->fit->internal->cache, &entry->about,
                           worker->pooled, features->values, thumb,
                           &worker->kept, entry->hash, err);
}

/* Runs the network on the photo whose file was read, and keeps the features.
 * *is_fatal: no other photo will fare better. */
static bool run(const struct search *search, struct worker *worker,
                struct fit_entry *entry, bool *is_fatal, struct error *err)
{
    const struct fit_options *options = search->work->options;
    const struct fit_internal *own = search->work->fit->internal;
    const struct preprocess_spec *input = engine_features_input(own->engine);
    struct engine_features features;
    bool ok;

    if (!engine_session_sample(worker->session, worker->file.data,
                               worker->file.len, &options->limits, NULL, err))
        return false;
    entry->about.hash =
        alike_hash(engine_session_input(worker->session), input->height,
                   input->width, input->grey ? 1 : 3);
    if (!engine_features_find(worker->session, &features, own->layer, NULL,
                              err)) {
        *is_fatal = err->kind != ERROR_INTERNAL;
        return false;
    }
    ok = keep(search, worker, entry, &features, is_fatal, err);
    engine_features_end(worker->session);
    return ok;
}

/* Finds a photo's features. */
static bool find(const struct search *search, struct worker *worker,
                 struct fit_entry *entry, bool *is_cached, bool *is_fatal,
                 struct error *err)
{
    const struct fit_options *options = search->work->options;
    const struct fit_internal *own = search->work->fit->internal;

    *is_cached = *is_fatal = false;
    buf_clear(&worker->file);
    if (!buf_append_file(&worker->file, entry->file, options->max_bytes, err))
        return false;
    digest_sha256(entry->hash, worker->file.data, worker->file.len);
    *is_cached = fit_cache_read(&own->cache, &entry->about, worker->pooled,
                                NULL, NULL, &worker->kept, entry->hash);
    if (*is_cached)
        return true;
    if (!open_session(worker, search, err)) {
        *is_fatal = true;
        return false;
    }
    return run(search, worker, entry, is_fatal, err);
}

/* ---- all photos ---- */

static struct fit_entry *claim(struct search *search)
{
    struct fit_work *work = search->work;
    struct fit_entry *entry = NULL;

    pthread_mutex_lock(&search->lock);
    if (search->failure.kind == ERROR_NONE &&
        search->next < work->num_entries &&
        cancel_check(work->options->cancel, &search->failure))
        entry = &work->entries[search->next++];
    pthread_mutex_unlock(&search->lock);
    return entry;
}

/* Takes what was found of a photo. The lock is held. */
static void take(struct search *search, const struct worker *worker,
                 struct fit_entry *entry)
{
    struct fit_work *work = search->work;
    const size_t size = work->fit->num_features;
    const size_t index = (size_t)(entry - work->entries);

    entry->is_read = true;
    memcpy(work->pooled + index * size,
           worker->pooled + (work->fit->pool == FIT_GMP ? size : 0),
           size * sizeof *work->pooled);
}

static void work_on(void *user, size_t number)
{
    struct search *search = user;
    struct worker *worker = &search->workers[number];
    const struct fit_options *options = search->work->options;
    struct fit_entry *entry;

    while ((entry = claim(search))) {
        struct error why = {0};
        bool is_cached, is_fatal;
        const bool ok =
            find(search, worker, entry, &is_cached, &is_fatal, &why);

        pthread_mutex_lock(&search->lock);
        search->work->fit->num_cached += is_cached;
        if (ok)
            take(search, worker, entry);
        else if (is_fatal || !fit_work_trouble(search->work, entry->name, &why,
                                               &search->failure))
            error_pass(&search->failure, &why);
        search->done++;
        if (options->progress)
            options->progress(options->user, search->done,
                              search->work->num_entries);
        pthread_mutex_unlock(&search->lock);
    }
}

static bool run_all(struct search *search, struct error *err)
{
    const struct fit_options *options = search->work->options;
    const struct fit_cache *cache = &search->work->fit->internal->cache;
    bool ok = true;

    pthread_mutex_init(&search->lock, NULL);
    for (unsigned i = 0; ok && i < options->num_threads; i++) {
        search->workers[i].pooled =
            malloc((fit_cache_num_pooled(cache) + 1) * sizeof(float));
        ok = search->workers[i].pooled ||
             fail(err, ERROR_MEMORY, "not enough memory for features");
    }
    ok = ok && workers_run(options->num_threads, work_on, search, err) &&
         (search->failure.kind == ERROR_NONE ||
          error_pass(err, &search->failure));
    for (unsigned i = 0; i < options->num_threads; i++) {
        struct worker *worker = &search->workers[i];

        engine_session_free(worker->session);
        buf_release(&worker->file);
        buf_release(&worker->kept);
        render_release(&worker->render);
        free(worker->pooled);
    }
    pthread_mutex_destroy(&search->lock);
    return ok;
}

/* ---- what is left ---- */

static bool list_photos(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    struct fit_internal *own = fit->internal;
    const size_t size = fit->num_features;

    fit->photos = calloc(work->num_entries + 1, sizeof *fit->photos);
    own->hashes = calloc(work->num_entries + 1, sizeof *own->hashes);
    if (!fit->photos || !own->hashes)
        return fail(err, ERROR_MEMORY, "not enough memory for photos");
    for (size_t i = 0; i < work->num_entries; i++) {
        const struct fit_entry *entry = &work->entries[i];
        const size_t at = fit->num_photos;

        if (!entry->is_read)
            continue;
        fit->photos[at] = (struct fit_photo){
            .file = entry->file,
            .name = entry->name,
            .class = entry->class,
            .fold = entry->is_validation ? FIT_VALIDATION : 0,
            .is_measured = true,
            .width = entry->about.width,
            .height = entry->about.height,
            .region = entry->about.region,
        };
        own->hashes[at] =
            arena_text(&own->arena, entry->hash, DIGEST_TEXT - 1, err);
        if (!own->hashes[at])
            return false;
        memmove(work->pooled + at * size, work->pooled + i * size,
                size * sizeof *work->pooled);
        work->entries[at] = *entry;
        fit->num_validation += entry->is_validation;
        if (entry->is_validation)
            fit->classes[entry->class].num_validation++;
        else
            fit->classes[entry->class].num_photos++;
        fit->num_photos++;
    }
    return true;
}

bool fit_work_find_features(struct fit_work *work, struct error *err)
{
    const uint64_t start = clock_now_us();
    const size_t size = work->fit->num_features;
    struct search *search;
    bool ok;

    if (size > 0 && work->num_entries > MAX_FEATURES / size)
        return error_limit(err, MAX_FEATURES / size,
                           "there are %zu photos; with %zu features each, at "
                           "most %zu are allowed",
                           work->num_entries, size, MAX_FEATURES / size);
    search = calloc(1, sizeof *search);
    work->pooled = malloc((work->num_entries * size + 1) * sizeof(float));
    if (!search || !work->pooled) {
        free(search);
        return fail(err, ERROR_MEMORY, "not enough memory for features");
    }
    search->work = work;
    ok = run_all(search, err) && list_photos(work, err);
    free(search);
    work->fit->features_s = clock_ms_since(start) / 1e3;
    return ok;
}
