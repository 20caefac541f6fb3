#ifndef SERVER_WORK_POOL_H
#define SERVER_WORK_POOL_H

/* The workers: threads that take jobs from a queue. Each has one session for
 * each model that it has had a job for.
 *
 * A long job yields between its passes: its worker then runs one short job that
 * waits, in a session of its own, so that the two kinds take turns. Long jobs
 * wait for a worker that has no job, so that a worker never has more than two.
 *
 * A worker that has had no job for a while gives memory back: what its session
 * of the default model keeps from one image to the next, all its other
 * sessions, and what only they used of the models. The last one to do so trims
 * the heap. Nobody wakes up again until there is a job.
 *
 * To stop them, close the queue; pool_join returns when its last job is done.
 */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/work/models.h"
#include "server/work/queue.h"

struct pool;

struct pool_size {
    size_t num_workers;
    unsigned lone_threads; /* threads for a job while others are idle, including
                              its worker's (team.h) */
    unsigned idle_ms;      /* a worker without a job for so long gives back the
                              memory that it can do without */
};

/* Creates the workers' sessions of the default model, then starts the threads.
 * Sessions of other models, and of reloaded ones, are created when the first
 * job needs them. Models and queue are borrowed and must outlive the pool;
 * `size` and `limits` are copied. NULL: ERROR_MEMORY, ERROR_INTERNAL; the queue
 * is closed then if threads were started. */
struct pool *pool_new(struct models *models, struct queue *queue,
                      const struct pool_size *size,
                      const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* Frees the workers' sessions of retired models. Does not wait: a worker that
 * is running a job frees its own before its next one, or when the job yields. A
 * worker that later gets another job for such a model frees its session
 * afterwards. Any thread but a worker's. */
void pool_drop(struct pool *pool);

/* The number of workers that are running a job, and of those that are running a
 * long one. Any thread. */
size_t pool_num_busy(struct pool *pool);
size_t pool_num_long(struct pool *pool);

/* From now on, jobs that have not begun are refused. Any thread. */
void pool_abandon(struct pool *pool);

/* Waits for the workers to stop; the queue must be closed. Call it once, on the
 * thread that frees the pool. */
void pool_join(struct pool *pool);

/* After pool_join. */
void pool_free(struct pool *pool);

#endif
