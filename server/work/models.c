#include "server/work/models.h"

#include <stdio.h>
#include <string.h>

/* Checks that no other model has this name. Reads `current` without the lock,
 * because only this thread writes to it. */
static bool check_name(const struct models *models, const struct model *model,
                       struct error *err)
{
    for (size_t i = 0; i < models->count; i++)
        if (i != model->slot && models->current[i] &&
            strcmp(models->current[i]->info.name, model->info.name) == 0)
            return fail(err, ERROR_INPUT,
                        "the name \"%s\" is already used by %s",
                        model->info.name, models->folders->items[i]);
    return true;
}

/* Opens the folder of model number i. */
static struct model *open_folder(const struct models *models, size_t i,
                                 uint64_t generation, struct error *err)
{
    const char *folder = models->folders->items[i];
    struct model *model =
        model_open(folder, &models->options, i, generation, err);

    if (model && check_name(models, model, err))
        return model;
    model_release(model);
    error_prefix(err, "model %s", folder);
    return NULL;
}

bool models_open(struct models *models, const struct config_list *folders,
                 const struct engine_options *options, struct error *err)
{
    *models = (struct models){
        .folders = folders, .options = *options, .count = folders->count};
    pthread_mutex_init(&models->lock, NULL);
    for (size_t i = 0; i < folders->count; i++) {
        models->current[i] = open_folder(models, i, 1, err);
        if (!models->current[i]) {
            models_close(models);
            return false;
        }
    }
    return true;
}

struct model *models_get(struct models *models, size_t i)
{
    struct model *model;

    pthread_mutex_lock(&models->lock);
    model = model_hold(models->current[i]);
    pthread_mutex_unlock(&models->lock);
    return model;
}

static struct model *fail_unknown(const struct models *models, const char *name,
                                  struct error *err)
{
    char known[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < models->count && len < sizeof known; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
                                i ? ", " : "", models->current[i]->info.name);
    fail(err, ERROR_INPUT,
         "option \"model\": \"%.60s\" is not served; the models are %s", name,
         known);
    return NULL;
}

struct model *models_find(struct models *models, const char *name,
                          struct error *err)
{
    struct model *found = NULL;

    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->count && !found; i++)
        if (!name || strcmp(models->current[i]->info.name, name) == 0)
            found = model_hold(models->current[i]);
    if (!found)
        found = fail_unknown(models, name, err);
    pthread_mutex_unlock(&models->lock);
    return found;
}

struct model *models_reload(struct models *models, size_t i, struct error *err)
{
    struct model *old = models->current[i]; /* written by this thread only */
    struct model *model = open_folder(models, i, old->generation + 1, err);

    if (!model) {
        atomic_fetch_add(&models->counts[i].failed_reloads, 1);
        return NULL;
    }
    pthread_mutex_lock(&models->lock);
    models->current[i] = model;
    pthread_mutex_unlock(&models->lock);
    atomic_store(&old->retired, true);
    return old;
}

void models_close(struct models *models)
{
    if (models->count == 0)
        return;
    for (size_t i = 0; i < models->count; i++)
        model_release(models->current[i]);
    pthread_mutex_destroy(&models->lock);
    memset(models, 0, sizeof *models);
}
