#include "server/work/exemplars.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/crc.h"
#include "server/observe/log.h"
#include "server/work/exemplars_read.h"

/* ---- one index ---- */

/* Whether it is of the model that is served. */
static bool check_model(const struct exemplars_index *index,
                        const struct model *model, struct error *err)
{
    const struct layers *layers = engine_layers(model->engine);
    const struct layer *layer = NULL;
    uint32_t checksum;
    struct crc crc;

    crc_init(&crc);
    if (!crc_file(&checksum, &crc, model->info.file, err))
        return error_prefix(err, "the model's file");
    if (checksum != index->checksum)
        return fail(err, ERROR_INPUT,
                    "it was made with another file of the model %.100s "
                    "(checksum %08x, not %08x)",
                    index->model, index->checksum, checksum);
    if (model->info.input_width != index->input_width ||
        model->info.input_height != index->input_height)
        return fail(err, ERROR_INPUT,
                    "it was made with an input of %ju x %ju pixels, not %zu x "
                    "%zu",
                    (uintmax_t)index->input_width,
                    (uintmax_t)index->input_height, model->info.input_width,
                    model->info.input_height);
    for (size_t i = 0; !layer && i < layers->count; i++)
        if (strcmp(layers->list[i].name, index->layer) == 0)
            layer = &layers->list[i];
    return (layer && layer->channels == index->layer_channels &&
            layer->height == index->layer_height &&
            layer->width == index->layer_width) ||
           fail(err, ERROR_INPUT, "the model %.100s has no such layer %.100s",
                index->model, index->layer);
}

static bool check(const struct exemplars_set *set,
                  const struct exemplars_index *index, struct models *models,
                  struct error *err)
{
    struct model *model = models_find(models, index->model, err);
    bool ok = model && check_model(index, model, err);

    model_release(model);
    return ok &&
           (!exemplars_find(set, index->model, index->layer) ||
            fail(err, ERROR_INPUT,
                 "another index is of the layer %.100s as well", index->layer));
}

/* Reads the index in a folder, if there is one, and adds it. Logs why it cannot
 * be offered. */
static void add(struct exemplars_set *set, const char *folder,
                struct models *models, unsigned log_format)
{
    struct exemplars_index *index = &set->list[set->count];
    struct buf bytes = {0};
    struct error err = {0};
    char path[PATH_MAX];
    bool ok;

    if (snprintf(path, sizeof path, "%s/%s", folder, EXEMPLARS_INDEX) >=
            (int)sizeof path ||
        access(path, F_OK) != 0)
        return;
    *index = (struct exemplars_index){0};
    index->folder = arena_text(&set->arena, folder, strlen(folder), &err);
    ok = index->folder &&
         (set->count < EXEMPLARS_MAX_INDICES - 1 ||
          error_limit(&err, EXEMPLARS_MAX_INDICES - 1,
                      "at most %d indices are offered",
                      EXEMPLARS_MAX_INDICES - 1)) &&
         buf_append_file(&bytes, path, EXEMPLARS_MAX_INDEX_BYTES, &err) &&
         exemplars_read(index, set, bytes.data, bytes.len, &err) &&
         check(set, index, models, &err);
    buf_release(&bytes);
    if (ok)
        set->count++;
    else
        log_notice((enum config_log_format)log_format,
                   "exemplars are not offered: %s: %s", path, err.text);
}

/* ---- all of them ---- */

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Adds the index in a folder, and those in the folders in it by name. */
static bool add_all(struct exemplars_set *set, const char *folder,
                    struct models *models, unsigned log_format,
                    struct error *err)
{
    struct dirent **entries;
    char path[PATH_MAX];
    int count = scandir(folder, &entries, is_shown, alphasort);

    if (count < 0)
        return fail(err, ERROR_IO, "the folder cannot be read: %s",
                    strerror(errno));
    add(set, folder, models, log_format);
    for (int i = 0; i < count; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) <
            (int)sizeof path)
            add(set, path, models, log_format);
        free(entries[i]);
    }
    free(entries);
    return true;
}

static void swap(struct exemplars *exemplars, struct exemplars_set *set)
{
    struct exemplars_set *old;

    pthread_mutex_lock(&exemplars->lock);
    old = exemplars->current;
    exemplars->current = set;
    pthread_mutex_unlock(&exemplars->lock);
    exemplars_release(old);
}

bool exemplars_reload(struct exemplars *exemplars, struct models *models,
                      unsigned log_format, struct error *err)
{
    struct exemplars_set *set;

    if (exemplars->folder[0] == '\0')
        return true;
    set = calloc(1, sizeof *set);
    if (set) {
        atomic_init(&set->num_holders, 1);
        if (!add_all(set, exemplars->folder, models, log_format, err)) {
            exemplars_release(set);
            set = NULL;
        }
    } else {
        fail(err, ERROR_MEMORY, "not enough memory for exemplars");
    }
    swap(exemplars, set);
    return set != NULL;
}

bool exemplars_open(struct exemplars *exemplars, const char *folder,
                    struct models *models, unsigned log_format,
                    struct error *err)
{
    *exemplars = (struct exemplars){.folder = folder};
    pthread_mutex_init(&exemplars->lock, NULL);
    if (exemplars_reload(exemplars, models, log_format, err))
        return true;
    exemplars_close(exemplars);
    return false;
}

struct exemplars_set *exemplars_get(struct exemplars *exemplars)
{
    struct exemplars_set *set;

    pthread_mutex_lock(&exemplars->lock);
    set = exemplars->current;
    if (set)
        atomic_fetch_add(&set->num_holders, 1);
    pthread_mutex_unlock(&exemplars->lock);
    return set;
}

void exemplars_release(struct exemplars_set *set)
{
    if (!set || atomic_fetch_sub(&set->num_holders, 1) > 1)
        return;
    arena_release(&set->arena);
    free(set);
}

const struct exemplars_index *exemplars_find(const struct exemplars_set *set,
                                             const char *model,
                                             const char *layer)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->list[i].model, model) == 0 &&
            strcmp(set->list[i].layer, layer) == 0)
            return &set->list[i];
    return NULL;
}

const struct exemplars_channel *
exemplars_find_channel(const struct exemplars_index *index, size_t channel)
{
    for (size_t i = 0; i < index->num_channels; i++)
        if (index->channels[i].index == channel)
            return &index->channels[i];
    return NULL;
}

void exemplars_close(struct exemplars *exemplars)
{
    if (!exemplars->folder)
        return;
    swap(exemplars, NULL);
    pthread_mutex_destroy(&exemplars->lock);
    *exemplars = (struct exemplars){0};
}
