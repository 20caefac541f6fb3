#include "server/work/pool.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"
#include "engine/base/memory_limit.h"

/* A worker's session of one model. */
struct worker_session {
    struct model *model;            /* held, or NULL: no session yet */
    struct engine_session *session; /* owned */
    bool in_use;                    /* a job runs in it */
};

/* Sessions by the models' numbers. The second one is for a job that is run
 * while a long job uses the first. */
enum { SESSIONS_OF_MODEL = 2 };

struct worker {
    struct pool *pool; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock; /* held while a job is worked on */
    struct worker_session sessions[CONFIG_MAX_LIST]
                                  [SESSIONS_OF_MODEL]; /* guarded by lock */
    atomic_bool stale; /* some session may be of a retired model */
};

struct pool {
    struct models *models; /* borrowed */
    struct queue *queue;   /* borrowed */
    struct image_limits limits;
    struct team *team; /* owned: helps while cores are idle */
    unsigned idle_ms;
    atomic_size_t num_busy, num_long;
    atomic_size_t num_grown; /* workers that have memory to give back */
    atomic_bool abandoned;
    size_t num_workers;
    size_t num_started;      /* threads to be joined */
    struct worker workers[]; /* (num_workers) */
};

static void drop_session(struct worker_session *current)
{
    engine_session_free(current->session);
    model_release(current->model);
    *current = (struct worker_session){0};
}

/* Frees what no job uses of retired models, or of all of them. */
static void drop_sessions(struct worker *worker, bool all)
{
    for (size_t i = 0; i < CONFIG_MAX_LIST; i++)
        for (size_t k = 0; k < SESSIONS_OF_MODEL; k++) {
            struct worker_session *current = &worker->sessions[i][k];

            if (current->model && !current->in_use &&
                (all || atomic_load(&current->model->retired)))
                drop_session(current);
        }
}

/* Frees what sessions keep for images to come, and sessions but for one: the
 * default model's stays, so that no request waits for it. Call with the lock
 * held, without a job. */
static void trim_sessions(struct worker *worker)
{
    for (size_t i = 0; i < CONFIG_MAX_LIST; i++)
        for (size_t k = 0; k < SESSIONS_OF_MODEL; k++) {
            struct worker_session *current = &worker->sessions[i][k];

            if (current->model && i + k == 0)
                engine_session_trim(current->session);
            else if (current->model)
                drop_session(current);
        }
}

/* Frees what no session keeps. */
static void trim_models(struct pool *pool)
{
    for (size_t i = 0; i < pool->models->count; i++) {
        struct model *model = models_get(pool->models, i);

        engine_trim(model->engine);
        model_release(model);
    }
}

/* Frees what workers without a job keep: another one needs the memory. */
static void relieve(void *arg)
{
    struct pool *pool = arg;

    for (size_t i = 0; i < pool->num_workers; i++) {
        struct worker *worker = &pool->workers[i];

        if (pthread_mutex_trylock(&worker->lock) != 0)
            continue;
        trim_sessions(worker);
        pthread_mutex_unlock(&worker->lock);
    }
    trim_models(pool);
}

/* Gives memory back in a pause. The last one trims the heap. */
static void trim(struct worker *worker)
{
    struct pool *pool = worker->pool;

    pthread_mutex_lock(&worker->lock);
    trim_sessions(worker);
    pthread_mutex_unlock(&worker->lock);
    if (atomic_fetch_sub(&pool->num_grown, 1) > 1)
        return;
    trim_models(pool);
    hugepages_trim();
    malloc_trim(0);
}

/* A session of the model that no job uses, created if needed. NULL:
 * ERROR_MEMORY, ERROR_INTERNAL. */
static struct worker_session *
open_session(struct worker *worker, struct model *model, struct error *err)
{
    struct worker_session *current = worker->sessions[model->slot];

    current += current->in_use;
    if (current->model == model)
        return current;
    drop_session(current);
    current->session =
        engine_session_new(model->engine, worker->pool->team, err);
    if (!current->session)
        return NULL;
    current->model = model_hold(model);
    return current;
}

static void refuse(struct job *job, enum problem problem, const char *detail)
{
    struct error err = {0};

    fail(&err, ERROR_BUSY, "%s", detail);
    job->refuse(job, problem, &err);
}

/* Whether the job should run; if not, it gets its response here. */
static bool is_wanted(struct pool *pool, struct job *job)
{
    struct deferred *deferred = &job->deferred;

    if (atomic_load(&pool->abandoned))
        refuse(job, PROBLEM_DRAINING, "the service is shutting down");
    else if (deferred->cancelled && deferred->cancelled(deferred))
        refuse(job, PROBLEM_BUSY, "the client has disconnected");
    else
        return true;
    return false;
}

/* Runs or refuses the job, and gives back its model. */
static void work_on(struct worker *worker, struct job *job)
{
    struct pool *pool = worker->pool;
    struct model *model = job->model;
    struct error err = {0};
    bool wanted = is_wanted(pool, job);
    struct worker_session *current =
        wanted ? open_session(worker, model, &err) : NULL;
    uint64_t num_runs;

    if (current) {
        current->in_use = true;
        num_runs = engine_session_num_runs(current->session);
        job->run(job, current->session, model->engine, &pool->limits);
        num_runs = engine_session_num_runs(current->session) - num_runs;
        current->in_use = false;
        atomic_fetch_add(&pool->models->counts[model->slot].forward_passes,
                         num_runs);
    } else if (wanted) {
        job->refuse(job, PROBLEM_NONE, &err);
    }
    if (atomic_load(&model->retired))
        drop_sessions(worker, false);
    job->model = NULL;
    model_release(model);
}

/* Runs one short job, between two passes of a long one. More than one would
 * leave the long one little time where there are always some. */
static void yield(struct job *job)
{
    struct worker *worker = job->worker;
    struct job *other = queue_pop_short(worker->pool->queue);

    if (atomic_exchange(&worker->stale, false))
        drop_sessions(worker, false);
    if (!other)
        return;
    work_on(worker, other);
    other->deferred.done(&other->deferred);
}

static void work_on_long(struct worker *worker, struct job *job)
{
    struct pool *pool = worker->pool;

    job->worker = worker;
    job->yield = yield;
    atomic_fetch_add(&pool->num_long, 1);
    work_on(worker, job);
    atomic_fetch_sub(&pool->num_long, 1);
    job->yield = NULL;
}

/* Does what pool_drop could not do while a job was running. The flag is read
 * without the lock: pool_drop sets it before it tries to take the lock. */
static void drop_stale(struct worker *worker)
{
    if (!atomic_exchange(&worker->stale, false))
        return;
    pthread_mutex_lock(&worker->lock);
    drop_sessions(worker, false);
    pthread_mutex_unlock(&worker->lock);
}

/* Waits for the next job; after one, a worker does so twice: for a while, and
 * then without the memory. NULL: the queue is closed and empty. */
static struct job *next_job(struct worker *worker, bool has_grown)
{
    struct pool *pool = worker->pool;
    struct job *job;
    bool is_idle;

    if (has_grown) {
        job = queue_pop_within(pool->queue, pool->idle_ms, &is_idle);
        if (!is_idle)
            return job;
        trim(worker);
    }
    job = queue_pop(pool->queue);
    atomic_fetch_add(&pool->num_grown, 1);
    return job;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    bool has_worked = false;
    struct job *job;

    for (; (job = next_job(worker, has_worked)); has_worked = true) {
        atomic_fetch_add(&pool->num_busy, 1);
        team_enter(pool->team);
        pthread_mutex_lock(&worker->lock);
        if (job_is_long(job))
            work_on_long(worker, job);
        else
            work_on(worker, job);
        if (memory_limit_is_tight())
            trim_sessions(worker);
        pthread_mutex_unlock(&worker->lock);
        drop_stale(worker);
        team_leave(pool->team);
        atomic_fetch_sub(&pool->num_busy, 1);
        job->deferred.done(&job->deferred);
    }
    return NULL;
}

static bool start(struct pool *pool, struct error *err)
{
    for (size_t i = 0; i < pool->num_workers; i++) {
        struct worker *worker = &pool->workers[i];
        int code = pthread_create(&worker->thread, NULL, work, worker);

        if (code != 0)
            return fail(err, ERROR_INTERNAL, "cannot start worker %zu: %s",
                        i + 1, strerror(code));
        pool->num_started++;
    }
    return true;
}

static bool open_sessions(struct pool *pool, struct error *err)
{
    struct model *model = models_get(pool->models, 0);
    bool ok = true;

    for (size_t i = 0; i < pool->num_workers && ok; i++)
        ok = open_session(&pool->workers[i], model, err) != NULL;
    model_release(model);
    return ok;
}

struct pool *pool_new(struct models *models, struct queue *queue,
                      const struct pool_size *size,
                      const struct image_limits *limits, struct error *err)
{
    size_t num_workers = size->num_workers;
    struct pool *pool =
        calloc(1, sizeof *pool + num_workers * sizeof pool->workers[0]);

    if (!pool) {
        fail(err, ERROR_MEMORY, "not enough memory for %zu workers",
             num_workers);
        return NULL;
    }
    pool->models = models;
    pool->queue = queue;
    pool->limits = *limits;
    pool->idle_ms = size->idle_ms;
    pool->num_workers = num_workers;
    for (size_t i = 0; i < num_workers; i++) {
        pool->workers[i].pool = pool;
        pthread_mutex_init(&pool->workers[i].lock, NULL);
    }
    pool->team = team_new(size->lone_threads, err);
    if (!pool->team || !open_sessions(pool, err))
        goto out;
    memory_limit_set(memory_limit(), relieve, pool);
    if (start(pool, err))
        return pool;
    queue_close(queue);
    pool_join(pool);
out:
    pool_free(pool);
    return NULL;
}

void pool_drop(struct pool *pool)
{
    for (size_t i = 0; i < pool->num_workers; i++) {
        struct worker *worker = &pool->workers[i];

        atomic_store(&worker->stale, true);
        if (pthread_mutex_trylock(&worker->lock) != 0)
            continue; /* it sees `stale` when it unlocks, or before */
        drop_sessions(worker, false);
        pthread_mutex_unlock(&worker->lock);
    }
}

size_t pool_num_busy(struct pool *pool)
{
    return atomic_load(&pool->num_busy);
}

size_t pool_num_long(struct pool *pool)
{
    return atomic_load(&pool->num_long);
}

void pool_abandon(struct pool *pool)
{
    atomic_store(&pool->abandoned, true);
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
    memory_limit_set(memory_limit(), NULL, NULL);
    for (size_t i = 0; i < pool->num_workers; i++) {
        drop_sessions(&pool->workers[i], true);
        pthread_mutex_destroy(&pool->workers[i].lock);
    }
    team_free(pool->team);
    free(pool);
}
