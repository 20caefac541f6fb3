#ifndef SERVER_WORK_MODEL_H
#define SERVER_WORK_MODEL_H

/* A model that is being served. Whoever uses it holds it, and the last to let
 * go frees it: so a newer one may take its place while work goes on. Immutable
 * but for the atomics. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"

enum { MODEL_TIME_SIZE = 24 };

struct model {
    struct engine *engine; /* owned */
    struct engine_info info;
    size_t slot; /* its number among the models served; 0: the default */
    uint64_t generation; /* 1, and one more each time it is read anew */
    char loaded[MODEL_TIME_SIZE]; /* when, "2026-11-23T13:00:00Z" */
    atomic_bool retired;          /* a newer one has taken its place */
    atomic_size_t num_holders;
};

/* Opens the model in `folder` with `options` and tries whether a session of it
 * can be had. The caller holds it. NULL: as engine_open and engine_session_new
 * fail. */
struct model *model_open(const char *folder,
                         const struct engine_options *options, size_t slot,
                         uint64_t generation, struct error *err)
    __attribute__((warn_unused_result));

/* Any thread that holds it already, or the lock it is found under. */
struct model *model_hold(struct model *model);

/* Lets go; NULL does nothing. Any thread. */
void model_release(struct model *model);

#endif
