#ifndef SERVER_WORK_MODEL_H
#define SERVER_WORK_MODEL_H

/* A model that is being served. It is reference counted, so that a reload can
 * replace it while jobs still use it. Immutable except for the atomics. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/engine.h"

enum { MODEL_TIME_SIZE = 24 };

struct model {
    struct engine *engine; /* owned */
    struct engine_info info;
    size_t slot;         /* its number among the models; 0: the default */
    uint64_t generation; /* 1, plus 1 for each reload */
    char loaded[MODEL_TIME_SIZE]; /* when, "2026-11-23T13:00:00Z" */
    atomic_bool retired;          /* a reload has replaced it */
    atomic_size_t num_holders;
};

/* Opens the model in `folder` with `options`, and checks that a session can be
 * created. The caller holds a reference. NULL: fails like engine_open and
 * engine_session_new. */
struct model *model_open(const char *folder,
                         const struct engine_options *options, size_t slot,
                         uint64_t generation, struct error *err)
    __attribute__((warn_unused_result));

/* Takes another reference. The caller must hold one already, or the lock of
 * struct models. */
struct model *model_hold(struct model *model);

/* Gives a reference back; the last one frees the model. NULL is ignored. Any
 * thread. */
void model_release(struct model *model);

#endif
