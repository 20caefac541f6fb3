#ifndef SERVER_WORK_POOL_H
#define SERVER_WORK_POOL_H

/* The workers: threads that take jobs from a queue, with one session for each
 * model that they have had a job for.
 *
 * The queue ends them: close it, and pool_join returns when the last job in
 * it is done. */

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/work/models.h"
#include "server/work/queue.h"

struct pool;

struct pool_size {
    size_t num_workers;
    unsigned lone_threads; /* for a picture that is alone, its worker's
                              included: team.h */
};

/* Makes the workers' sessions of the default model, then starts the threads;
 * sessions of other models, and of those that are read anew, are made when the
 * first job needs one. Models and queue are borrowed and outlive the pool;
 * `size` and `limits` are copied. NULL: ERROR_MEMORY, ERROR_INTERNAL; the queue
 * is closed then if threads had been started. */
struct pool *pool_new(struct models *models, struct queue *queue,
                      const struct pool_size *size,
                      const struct image_limits *limits, struct error *err)
    __attribute__((warn_unused_result));

/* Frees the sessions of a retired model, waiting for the jobs in hand; a
 * worker that meets a later job of it frees its own afterwards. Any thread but
 * a worker's. */
void pool_drop(struct pool *pool, const struct model *model);

/* Workers that have a job in hand. Any thread. */
size_t pool_num_busy(struct pool *pool);

/* From now on jobs that are not begun are refused, and not done. Any thread. */
void pool_abandon(struct pool *pool);

/* Waits for the workers to end; the queue must be closed. Once, by the thread
 * that will free the pool. */
void pool_join(struct pool *pool);

/* After pool_join. */
void pool_free(struct pool *pool);

#endif
