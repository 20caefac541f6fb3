#ifndef SERVER_WORK_JOB_H
#define SERVER_WORK_JOB_H

/* Work for a worker and its session of a model. The HTTP thread makes it, gives
 * it away by queue_push, and has it back when `done` has been called. */

#include "engine/engine.h"
#include "server/http/deferred.h"
#include "server/http/problem.h"
#include "server/work/model.h"

struct job {
    struct deferred deferred; /* what it is for HTTP, with `done`; first */
    struct model *model;      /* held, until a worker is done with it */

    /* Does the work, and fills the response, with a problem where it fails. */
    void (*run)(struct job *job, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits);
    /* Makes a failure the response: it is not done. `problem` says what it is;
     * PROBLEM_NONE: what the kind of `err` says. */
    void (*refuse)(struct job *job, enum problem problem,
                   const struct error *err);

    struct job *next; /* the queue's, guarded by its lock */
};

#endif
