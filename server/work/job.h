#ifndef SERVER_WORK_JOB_H
#define SERVER_WORK_JOB_H

/* A task for a worker and its session of a model. The HTTP thread creates it,
 * passes it on with queue_push, and owns it again when `done` has been called.
 */

#include "engine/engine.h"
#include "server/http/deferred.h"
#include "server/http/problem.h"
#include "server/work/model.h"

struct job {
    struct deferred deferred; /* the HTTP side, with `done`; must be first */
    struct model *model;      /* held until a worker has finished */

    /* Does the work, and fills in the response; a failure becomes a problem. */
    void (*run)(struct job *job, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits);
    /* Makes a failure the response instead of running. `problem` is its
     * problem; PROBLEM_NONE: it follows from the kind of `err`. */
    void (*refuse)(struct job *job, enum problem problem,
                   const struct error *err);

    struct job *next; /* of the queue, guarded by its lock */
};

#endif
