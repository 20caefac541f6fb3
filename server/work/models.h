#ifndef SERVER_WORK_MODELS_H
#define SERVER_WORK_MODELS_H

/* The models being served, by number and by name. Number 0 is the default.
 *
 *     model = models_find(&models, "efficientnet-lite0", &err);
 *     ...                         it does not change meanwhile
 *     model_release(model); */

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config/config.h"
#include "server/work/model.h"

/* Counts that outlive a model's generations. */
struct models_counts {
    _Atomic uint64_t forward_passes;
    _Atomic uint64_t failed_reloads;
};

/* `= {0}` is empty. */
struct models {
    const struct config_list *folders; /* borrowed */
    struct engine_options options;
    size_t count;                                 /* immutable once open */
    struct models_counts counts[CONFIG_MAX_LIST]; /* (count) */
    pthread_mutex_t lock;
    struct model *current[CONFIG_MAX_LIST]; /* (count) held; guarded by lock */
};

/* Opens the models in `folders`, at least one, all with the same `options`.
 * Fails like model_open, and with ERROR_INPUT if two have the same name; the
 * text names the folder. On failure `models` is empty. */
bool models_open(struct models *models, const struct config_list *folders,
                 const struct engine_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* The current model number i < count. The caller gets a reference. Any thread.
 */
struct model *models_get(struct models *models, size_t i);

/* The current model of that name, or the default if `name` is NULL. The caller
 * gets a reference. NULL: ERROR_INPUT, and the text lists the names. Any
 * thread. */
struct model *models_find(struct models *models, const char *name,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Reloads model number i. Returns the old one, which is retired; the caller
 * gets its reference. NULL: it cannot be opened, or now has the name of another
 * model; the old one stays. One thread at a time. */
struct model *models_reload(struct models *models, size_t i, struct error *err)
    __attribute__((warn_unused_result));

/* Releases all; an empty list is fine. */
void models_close(struct models *models);

#endif
