#ifndef SERVER_WORK_JOB_H
#define SERVER_WORK_JOB_H

/* One request's work: a picture and what is asked about it; afterwards, the
 * response.
 *
 * Ownership: a job belongs to exactly one thread at a time. The HTTP thread
 * makes it, gives it away by queue_push, and has it back when `done` has been
 * called; in between it must not look at it. */

#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/engine.h"
#include "server/api/ask.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/observe/stages.h"
#include "server/work/model.h"

struct job {
    struct buf picture;   /* the file; given back as soon as it is decoded */
    struct model *model;  /* asked; held, until a worker is done with it */
    struct ask ask;       /* about that model */
    bool png;             /* the answer is the heatmap itself, not JSON */
    uint64_t queued_us;   /* when it was pushed */
    uint64_t deadline_us; /* not begun after this */
    struct response response; /* the answer, once done */
    struct stages stages;     /* its times, once done */
    struct error
        err;   /* why the response is a problem, where a worker says so */
    bool late; /* the deadline had passed before it was begun */

    /* Called by the worker when the response is there, as the last thing it
     * does with the job: in it the job changes hands. */
    void (*done)(struct job *job);
    /* Whether nobody waits for the response any more, asked by the worker
     * before it begins and while it decodes, until it is so; may be NULL. */
    bool (*is_gone)(struct job *job);
    void *owner; /* for both */

    struct job *next; /* the queue's, guarded by its lock */
};

/* NULL without memory. */
struct job *job_new(void);

/* Does the work with a worker's session and fills job->response, with a problem
 * where it fails. Runs the network at most once. */
void job_run(struct job *job, struct engine_session *session,
             const struct engine *engine, const struct image_limits *limits);

/* Makes a failure the response: there is no session for the job. */
void job_fail(struct job *job, const struct error *err);

/* Likewise, with what the failure is. */
void job_refuse(struct job *job, enum problem problem, const char *detail);

void job_free(struct job *job);

#endif
