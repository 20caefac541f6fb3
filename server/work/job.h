#ifndef SERVER_WORK_JOB_H
#define SERVER_WORK_JOB_H

/* A task for a worker and its session of a model. The HTTP thread creates it,
 * passes it on with queue_push, and owns it again when `done` has been called.
 *
 * A task of many passes is long. A short one does not wait until a long one has
 * finished: between two passes the long one lets the worker run it. */

#include "engine/engine.h"
#include "server/http/deferred.h"
#include "server/http/problem.h"
#include "server/work/model.h"

/* A job of more passes is long. */
enum { JOB_SHORT_PASSES = 8 };

struct job {
    struct deferred deferred; /* the HTTP side, with `done`; must be first */
    struct model *model;      /* held until a worker has finished */
    size_t passes;            /* of the network, that it takes at most */

    /* Does the work, and fills in the response; a failure becomes a problem. */
    void (*run)(struct job *job, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits);
    /* Makes a failure the response instead of running. `problem` is its
     * problem; PROBLEM_NONE: it follows from the kind of `err`. */
    void (*refuse)(struct job *job, enum problem problem,
                   const struct error *err);

    /* Set by the worker of a long job, which calls it between passes, on the
     * worker's thread: it runs one short job, if one waits. NULL: the job is
     * short, or not running. */
    void (*yield)(struct job *job);
    void *worker; /* for `yield` */

    struct job *next; /* of the queue, guarded by its lock */
};

static inline bool job_is_long(const struct job *job)
{
    return job->passes > JOB_SHORT_PASSES;
}

#endif
