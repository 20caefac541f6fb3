#include "server/work/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A worker's session of one model. */
struct worker_session {
    struct model *model;            /* held, or NULL: no session yet */
    struct engine_session *session; /* owned */
};

struct worker {
    struct pool *pool; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock; /* held while a job is worked on */
    struct worker_session sessions[CONFIG_MAX_LIST]; /* by the models' numbers;
                                           guarded by lock */
};

struct pool {
    struct models *models; /* borrowed */
    struct queue *queue;   /* borrowed */
    struct image_limits limits;
    struct team *team; /* owned: helps while cores are idle */
    atomic_size_t num_busy;
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

/* The worker's session of the model, created if needed. */
static struct engine_session *
open_session(struct worker *worker, struct model *model, struct error *err)
{
    struct worker_session *current = &worker->sessions[model->slot];

    if (current->model == model)
        return current->session;
    drop_session(current);
    current->session =
        engine_session_new(model->engine, worker->pool->team, err);
    if (current->session)
        current->model = model_hold(model);
    return current->session;
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
    struct engine_session *session =
        wanted ? open_session(worker, model, &err) : NULL;
    uint64_t num_runs;

    if (session) {
        num_runs = engine_session_num_runs(session);
        job->run(job, session, model->engine, &pool->limits);
        num_runs = engine_session_num_runs(session) - num_runs;
        atomic_fetch_add(&pool->models->counts[model->slot].forward_passes,
                         num_runs);
    } else if (wanted) {
        job->refuse(job, PROBLEM_NONE, &err);
    }
    if (atomic_load(&model->retired))
        drop_session(&worker->sessions[model->slot]);
    job->model = NULL;
    model_release(model);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    struct job *job;

    while ((job = queue_pop(pool->queue)) != NULL) {
        atomic_fetch_add(&pool->num_busy, 1);
        team_enter(pool->team);
        pthread_mutex_lock(&worker->lock);
        work_on(worker, job);
        pthread_mutex_unlock(&worker->lock);
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
    pool->num_workers = num_workers;
    for (size_t i = 0; i < num_workers; i++) {
        pool->workers[i].pool = pool;
        pthread_mutex_init(&pool->workers[i].lock, NULL);
    }
    pool->team = team_new(size->lone_threads, err);
    if (!pool->team || !open_sessions(pool, err))
        goto out;
    if (start(pool, err))
        return pool;
    queue_close(queue);
    pool_join(pool);
out:
    pool_free(pool);
    return NULL;
}

void pool_drop(struct pool *pool, const struct model *model)
{
    for (size_t i = 0; i < pool->num_workers; i++) {
        struct worker *worker = &pool->workers[i];

        pthread_mutex_lock(&worker->lock);
        if (worker->sessions[model->slot].model == model)
            drop_session(&worker->sessions[model->slot]);
        pthread_mutex_unlock(&worker->lock);
    }
}

size_t pool_num_busy(struct pool *pool)
{
    return atomic_load(&pool->num_busy);
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
    for (size_t i = 0; i < pool->num_workers; i++) {
        for (size_t k = 0; k < CONFIG_MAX_LIST; k++)
            drop_session(&pool->workers[i].sessions[k]);
        pthread_mutex_destroy(&pool->workers[i].lock);
    }
    team_free(pool->team);
    free(pool);
}
