#include "server/work/model.h"

#include <stdlib.h>
#include <time.h>

/* XNNPACK checks the details of a network only when a session is created. */
static bool try_session(const struct engine *engine, struct error *err)
{
    struct engine_session *session = engine_session_new(engine, NULL, err);

    engine_session_free(session);
    return session != NULL;
}

struct model *model_open(const char *folder,
                         const struct engine_options *options, size_t slot,
                         uint64_t generation, struct error *err)
{
    struct model *model = calloc(1, sizeof *model);
    time_t now = time(NULL);
    struct tm utc;

    if (!model) {
        fail(err, ERROR_MEMORY, "not enough memory for a model");
        return NULL;
    }
    model->slot = slot;
    model->generation = generation;
    atomic_init(&model->num_holders, 1);
    gmtime_r(&now, &utc);
    strftime(model->loaded, sizeof model->loaded, "%Y-%m-%dT%H:%M:%SZ", &utc);
    model->engine = engine_open(folder, options, err);
    if (!model->engine || !try_session(model->engine, err)) {
        model_release(model);
        return NULL;
    }
    engine_info(model->engine, &model->info);
    return model;
}

struct model *model_hold(struct model *model)
{
    atomic_fetch_add(&model->num_holders, 1);
    return model;
}

void model_release(struct model *model)
{
    if (!model || atomic_fetch_sub(&model->num_holders, 1) > 1)
        return;
    engine_free(model->engine);
    free(model);
}
