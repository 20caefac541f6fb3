#ifndef SERVER_WORK_MODELS_H
#define SERVER_WORK_MODELS_H

/* The models being served, by number and by name. Number 0 is the default.
 *
 *     model = models_find(&models, "efficientnet-lite0", &err);
 *     ...                         it stays as it is, whatever happens
 *     model_release(model);
 */

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
 * Fails as model_open does, and with ERROR_INPUT where two have the same name;
 * the text names the folder. On failure `models` is empty. */
bool models_open(struct models *models, const struct config_list *folders,
                 const struct engine_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Model number i < count as it is now. The caller holds it. Any thread. */
struct model *models_get(struct models *models, size_t i);

/* The model of that name as it is now; of NULL, the default. The caller holds
 * it. NULL: ERROR_INPUT, and the text lists the names. Any thread. */
struct model *models_find(struct models *models, const char *name,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Opens model number i anew and puts it in the old one's place, which is then
 * retired and returned; the caller holds it. NULL: it cannot be opened, or has
 * another model's name by now; the old one stays. One thread at a time, which
 * may be any. */
struct model *models_reload(struct models *models, size_t i, struct error *err)
    __attribute__((warn_unused_result));

/* Also of the empty list. */
void models_close(struct models *models);

#endif
