#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct pool *pool; /* borrowed */
    pthread_t thread;
    struct engine_session *session; /* owned; the thread's while it runs */
    _Atomic uint64_t num_runs;      /* written by the thread only */
};

struct pool {
    const struct engine *engine; /* borrowed */
    struct queue *queue;         /* borrowed */
    struct image_limits limits;
    atomic_size_t num_busy;
    size_t num_workers;
    size_t num_started;      /* threads to be joined */
    struct worker workers[]; /* (num_workers) */
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    struct job *job;

    while ((job = queue_pop(pool->queue)) != NULL) {
        atomic_fetch_add(&pool->num_busy, 1);
        job_run(job, worker->session, pool->engine, &pool->limits);
        atomic_store(&worker->num_runs,
                     engine_session_num_runs(worker->session));
        atomic_fetch_sub(&pool->num_busy, 1);
        job->done(job);
    }
    return NULL;
}

static bool start(struct pool *pool, struct error *err)
{
    for (size_t i = 0; i < pool->num_workers; i++) {
        struct worker *worker = &pool->workers[i];
        int code;

        worker->pool = pool;
        code = pthread_create(&worker->thread, NULL, work, worker);
        if (code != 0)
            return fail(err, ERROR_INTERNAL, "cannot start worker %zu: %s",
                        i + 1, strerror(code));
        pool->num_started++;
    }
    return true;
}

struct pool *pool_new(const struct engine *engine, struct queue *queue,
                      size_t num_workers, const struct image_limits *limits,
                      struct error *err)
{
    struct pool *pool =
        calloc(1, sizeof *pool + num_workers * sizeof pool->workers[0]);

    if (!pool) {
        fail(err, ERROR_MEMORY, "no room for %zu workers", num_workers);
        return NULL;
    }
    pool->engine = engine;
    pool->queue = queue;
    pool->limits = *limits;
    pool->num_workers = num_workers;
    for (size_t i = 0; i < num_workers; i++) {
        pool->workers[i].session = engine_session_new(engine, 1, err);
        if (!pool->workers[i].session)
            goto out;
    }
    if (start(pool, err))
        return pool;
    queue_close(queue);
    pool_join(pool);
out:
    pool_free(pool);
    return NULL;
}

uint64_t pool_num_runs(struct pool *pool)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < pool->num_workers; i++)
        sum += atomic_load(&pool->workers[i].num_runs);
    return sum;
}

size_t pool_num_busy(struct pool *pool)
{
    return atomic_load(&pool->num_busy);
}

void pool_join(struct pool *pool)
{
    for (size_t i = 0; i < pool->num_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pool->num_started = 0;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->num_workers; i++)
        engine_session_free(pool->workers[i].session);
    free(pool);
}
