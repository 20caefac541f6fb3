#include "server/work/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A worker's session of one model. */
struct seat {
    struct model *model;            /* held, or NULL: no session yet */
    struct engine_session *session; /* owned */
};

struct worker {
    struct pool *pool; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock;               /* held while a job is worked on */
    struct seat seats[CONFIG_MAX_LIST]; /* by the models' numbers; guarded by
                                           lock */
};

struct pool {
    struct models *models; /* borrowed */
    struct queue *queue;   /* borrowed */
    struct image_limits limits;
    struct team *team; /* owned: helps where a core is left */
    atomic_size_t num_busy;
    atomic_bool abandoned;
    size_t num_workers;
    size_t num_started;      /* threads to be joined */
    struct worker workers[]; /* (num_workers) */
};

static void leave(struct seat *seat)
{
    engine_session_free(seat->session);
    model_release(seat->model);
    *seat = (struct seat){0};
}

/* The worker's session of the model, made where there is none. */
static struct engine_session *sit(struct worker *worker, struct model *model,
                                  struct error *err)
{
    struct seat *seat = &worker->seats[model->slot];

    if (seat->model == model)
        return seat->session;
    leave(seat);
    seat->session = engine_session_new(model->engine, worker->pool->team, err);
    if (seat->session)
        seat->model = model_hold(model);
    return seat->session;
}

static void refuse(struct job *job, enum problem problem, const char *detail)
{
    struct error err = {0};

    fail(&err, ERROR_BUSY, "%s", detail);
    job->refuse(job, problem, &err);
}

/* Whether the job is still to be done; otherwise it has its response. */
static bool is_wanted(struct pool *pool, struct job *job)
{
    struct deferred *deferred = &job->deferred;

    if (atomic_load(&pool->abandoned))
        refuse(job, PROBLEM_DRAINING,
               "the service is shutting down, and has no time left");
    else if (deferred->cancelled && deferred->cancelled(deferred))
        refuse(job, PROBLEM_BUSY, "the client has left");
    else
        return true;
    return false;
}

/* Takes the job's model from it: what is left of the job is the response. */
static void work_on(struct worker *worker, struct job *job)
{
    struct pool *pool = worker->pool;
    struct model *model = job->model;
    struct error err = {0};
    bool wanted = is_wanted(pool, job);
    struct engine_session *session = wanted ? sit(worker, model, &err) : NULL;
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
        leave(&worker->seats[model->slot]);
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

static bool sit_all(struct pool *pool, struct error *err)
{
    struct model *model = models_get(pool->models, 0);
    bool ok = true;

    for (size_t i = 0; i < pool->num_workers && ok; i++)
        ok = sit(&pool->workers[i], model, err) != NULL;
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
        fail(err, ERROR_MEMORY, "no room for %zu workers", num_workers);
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
    if (!pool->team || !sit_all(pool, err))
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
        if (worker->seats[model->slot].model == model)
            leave(&worker->seats[model->slot]);
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
            leave(&pool->workers[i].seats[k]);
        pthread_mutex_destroy(&pool->workers[i].lock);
    }
    team_free(pool->team);
    free(pool);
}
