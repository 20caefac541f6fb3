#ifndef SERVER_POOL_H
#define SERVER_POOL_H

/* The workers: threads that take jobs from a queue, one session each.
 *
 * The queue ends them: close it, and pool_join returns when the last job in
 * it is done. */

#include <stdint.h>

#include "engine.h"
#include "error.h"
#include "queue.h"

struct pool;

/* Makes the sessions, then starts the threads. Engine and queue are borrowed
 * and outlive the pool; `limits` is copied. NULL: ERROR_MEMORY,
 * ERROR_INTERNAL; the queue is closed then if threads had been started. */
struct pool *pool_new(const struct engine *engine, struct queue *queue,
                      size_t num_workers, const struct image_limits *limits,
                      struct error *err) __attribute__((warn_unused_result));

/* Forward passes of all workers so far. A job's pass is counted before its
 * `done` is called. Any thread. */
uint64_t pool_num_runs(struct pool *pool);

/* Workers that have a job in hand. Any thread. */
size_t pool_num_busy(struct pool *pool);

/* Waits for the workers to end; the queue must be closed. Once, by the thread
 * that will free the pool. */
void pool_join(struct pool *pool);

/* After pool_join. */
void pool_free(struct pool *pool);

#endif
