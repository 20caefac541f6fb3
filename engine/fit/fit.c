#include "engine/fit/fit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/fit/fit_work.h"

bool fit_work_trouble(struct fit_work *work, const char *name,
                      const struct error *why, struct error *err)
{
    const struct fit_options *options = work->options;
    struct fit *fit = work->fit;
    struct fit_internal *own = fit->internal;
    char *copy = arena_text(&own->arena, name, strlen(name), err);

    if (!copy)
        return false;
    if (fit->num_troubles == own->cap_troubles) {
        const size_t cap = own->cap_troubles > 0 ? 2 * own->cap_troubles : 16;
        struct fit_trouble *grown =
            realloc(fit->troubles, cap * sizeof *fit->troubles);

        if (!grown)
            return fail(err, ERROR_MEMORY, "not enough memory for a list");
        fit->troubles = grown;
        own->cap_troubles = cap;
    }
    fit->troubles[fit->num_troubles++] =
        (struct fit_trouble){.name = copy, .why = *why};
    if (options->trouble)
        options->trouble(options->user, name, why);
    return true;
}

void fit_work_release(struct fit_work *work)
{
    free(work->entries);
    free(work->pooled);
    free(work->classes);
    free(work->groups);
    free(work->folds);
    free(work->weights);
    free(work->solution);
    logistic_rows_release(&work->rows);
}

bool fit_run(struct fit *fit, const struct fit_options *options,
             struct error *err)
{
    const uint64_t start = clock_now_us();
    struct fit_work work = {.fit = fit, .options = options};
    bool ok;

    fit->internal = calloc(1, sizeof *fit->internal);
    if (!fit->internal)
        return fail(err, ERROR_MEMORY, "not enough memory for a fit");
    fit->internal->limits = options->limits;
    fit->internal->max_bytes = options->max_bytes;
    ok = fit_work_open(&work, err) && fit_work_read_set(&work, err) &&
         fit_work_find_features(&work, err) && fit_work_solve(&work, err) &&
         fit_work_measure(&work, err);
    fit_work_release(&work);
    fit->rest_s = clock_ms_since(start) / 1e3 - fit->features_s;
    return ok;
}

bool fit_read_map(const struct fit *fit, float *map, size_t photo,
                  struct error *err)
{
    const struct fit_internal *own = fit->internal;
    struct buf file = {0};
    struct fit_cache_photo about;
    bool ok = fit_cache_read(&own->cache, &about, NULL, map, NULL, &file,
                             own->hashes[photo]) ||
              fail(err, ERROR_IO, "the cache has lost the features of %.150s",
                   fit->photos[photo].name);

    buf_release(&file);
    return ok;
}

bool fit_read_image(const struct fit *fit, struct image *image, size_t photo,
                    struct error *err)
{
    static const struct image_limits none = {0};
    const struct fit_internal *own = fit->internal;
    struct buf file = {0};
    struct fit_cache_photo about = {0};
    const uint8_t *thumb = NULL;
    bool ok = fit_cache_read(&own->cache, &about, NULL, NULL, &thumb, &file,
                             own->hashes[photo]) ||
              fail(err, ERROR_IO, "the cache has lost the photo %.150s",
                   fit->photos[photo].name);

    ok = ok && image_take(image,
                          &(struct image_pixels){
                              .data = thumb,
                              .width = about.thumb_width,
                              .height = about.thumb_height,
                              .channels = 3,
                              .stride = (size_t)about.thumb_width * 3},
                          &none, err);
    buf_release(&file);
    return ok;
}

static void release_internal(struct fit_internal *own)
{
    if (!own)
        return;
    dataset_free(own->training);
    dataset_free(own->validation);
    engine_free(own->engine);
    fit_cache_release(&own->cache);
    buf_release(&own->file);
    arena_release(&own->arena);
    free(own->hashes);
    free(own->logits);
    free(own->probabilities);
    free(own);
}

void fit_release(struct fit *fit)
{
    free(fit->classes);
    free(fit->photos);
    free(fit->pairs);
    free(fit->troubles);
    free(fit->weights);
    free(fit->bias);
    free(fit->strengths);
    release_internal(fit->internal);
    *fit = (struct fit){0};
}
