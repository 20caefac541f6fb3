/* Workers, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <unistd.h>

#include "engine/base/memory_limit.h"
#include "server/work/pool.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static atomic_size_t num_done;

/* Runs the network, and says so. */
struct fake_job {
    struct job job;
    enum problem problem; /* that it was refused with */
    enum error_kind kind; /* likewise */
};

static void count_done(struct deferred *deferred)
{
    (void)deferred;
    atomic_fetch_add(&num_done, 1);
}

static void run(struct job *job, struct engine_session *session,
                const struct engine *engine, const struct image_limits *limits)
{
    (void)engine;
    (void)limits;
    job->deferred.response.status =
        engine_session_run(session, NULL) ? 200 : 500;
}

static void refuse(struct job *job, enum problem problem,
                   const struct error *err)
{
    struct fake_job *fake = (struct fake_job *)job;

    fake->problem = problem;
    fake->kind = err->kind;
    job->deferred.response.status = 503;
}

static bool is_cancelled(struct deferred *deferred)
{
    (void)deferred;
    return true;
}

/* Two models and their workers. */
struct setup {
    struct config_list folders;
    struct models models;
    struct queue queue;
    struct pool *pool;
};

enum { WORKERS = 3, JOBS = 100 };

static unsigned idle_ms = 60000; /* longer than a test takes */

static void open_setup_of(struct setup *setup, size_t workers)
{
    static const struct engine_options options = {0};
    struct image_limits limits = {0};
    struct pool_size size = {.num_workers = workers,
                             .lone_threads = (unsigned)workers,
                             .idle_ms = idle_ms};

    *setup = (struct setup){.folders = {{"m/one", "m/two"}, 2, true}};
    atomic_store(&num_done, 0);
    assert_true(models_open(&setup->models, &setup->folders, &options, NULL));
    queue_init(&setup->queue, 10 * JOBS);
    setup->pool = pool_new(&setup->models, &setup->queue, &size, &limits, NULL);
    assert_non_null(setup->pool);
}

static void open_setup(struct setup *setup)
{
    open_setup_of(setup, WORKERS);
}

static void end_workers(struct setup *setup)
{
    queue_close(&setup->queue);
    pool_join(setup->pool);
    assert_int_equal(pool_num_busy(setup->pool), 0);
}

static void close_setup(struct setup *setup)
{
    pool_free(setup->pool);
    queue_release(&setup->queue);
    models_close(&setup->models);
    assert_int_equal(fake_num_sessions, 0);
    assert_int_equal(fake_num_open, 0);
}

/* `job` was not used before. */
static void push(struct setup *setup, struct fake_job *job, size_t model)
{
    job->job.deferred.done = count_done;
    job->job.run = run;
    job->job.refuse = refuse;
    job->job.model = models_get(&setup->models, model);
    assert_true(queue_push(&setup->queue, &job->job, NULL));
}

static void
closing_the_queue_finishes_the_jobs_and_ends_the_workers(void **state)
{
    struct setup setup;
    static struct fake_job jobs[JOBS];

    (void)state;
    open_setup(&setup);
    assert_int_equal(fake_num_sessions, WORKERS); /* of the default model */
    for (size_t i = 0; i < JOBS; i++)
        push(&setup, &jobs[i], i % 4 == 0);
    end_workers(&setup);
    assert_int_equal(num_done, JOBS);
    assert_int_equal(setup.models.counts[0].forward_passes, JOBS - JOBS / 4);
    assert_int_equal(setup.models.counts[1].forward_passes, JOBS / 4);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].job.deferred.response.status, 200);
        assert_null(jobs[i].job.model);
    }
    close_setup(&setup);
}

static void a_job_without_room_for_a_session_is_refused(void **state)
{
    struct fake_job job = {0}, other = {0};
    struct setup setup;

    (void)state;
    open_setup(&setup);
    atomic_store(&fake_no_room, true);
    push(&setup, &job, 1);
    push(&setup, &other, 0); /* its sessions are there already */
    end_workers(&setup);
    atomic_store(&fake_no_room, false);
    assert_int_equal(job.problem, PROBLEM_NONE);
    assert_int_equal(job.kind, ERROR_MEMORY);
    assert_int_equal(other.job.deferred.response.status, 200);
    close_setup(&setup);
}

static void a_cancelled_job_is_not_begun(void **state)
{
    struct fake_job job = {.job.deferred.cancelled = is_cancelled};
    struct setup setup;

    (void)state;
    open_setup(&setup);
    push(&setup, &job, 0);
    end_workers(&setup);
    assert_int_equal(job.problem, PROBLEM_BUSY);
    assert_int_equal(setup.models.counts[0].forward_passes, 0);
    close_setup(&setup);
}

static void an_abandoned_pool_refuses_what_is_not_begun(void **state)
{
    struct fake_job job = {0};
    struct setup setup;

    (void)state;
    open_setup(&setup);
    pool_abandon(setup.pool);
    push(&setup, &job, 0);
    end_workers(&setup);
    assert_int_equal(job.problem, PROBLEM_DRAINING);
    close_setup(&setup);
}

static void models_read_anew_under_load_drop_no_job_and_no_memory(void **state)
{
    enum { RELOADS = 50 };
    static struct fake_job jobs[RELOADS][8];
    struct setup setup;

    (void)state;
    open_setup(&setup);
    for (size_t r = 0; r < RELOADS; r++) {
        struct model *old;

        for (size_t i = 0; i < 8; i++)
            push(&setup, &jobs[r][i], i % 2);
        old = models_reload(&setup.models, r % 2, NULL);
        assert_non_null(old);
        assert_true(old->retired);
        pool_drop(setup.pool);
        model_release(old);
    }
    end_workers(&setup);
    assert_int_equal(num_done, RELOADS * 8);
    for (size_t r = 0; r < RELOADS; r++)
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(jobs[r][i].job.deferred.response.status, 200);
    /* What is retired is gone although every worker is still there. */
    assert_int_equal(fake_num_open, 2);
    assert_in_range(fake_num_sessions, 0, 2 * WORKERS);
    close_setup(&setup);
}

/* ---- memory ---- */

static void wait_until(const atomic_size_t *number, size_t value)
{
    while (atomic_load(number) < value)
        usleep(1000);
}

static void
a_pause_leaves_each_worker_one_session_and_trims_it_once(void **state)
{
    static struct fake_job jobs[JOBS];
    struct setup setup;

    (void)state;
    alarm(60); /* what is tested is whether it ends */
    idle_ms = 1;
    atomic_store(&fake_num_trims, 0);
    atomic_store(&fake_num_session_trims, 0);
    open_setup_of(&setup, 1);
    for (size_t i = 0; i < 2; i++)
        push(&setup, &jobs[i], i);
    /* A pause between the two jobs trims, too, so the jobs come first. */
    wait_until(&num_done, 2);
    while (atomic_load(&fake_num_sessions) > 1)
        usleep(1000);
    wait_until(&fake_num_trims, 2); /* both models */
    usleep(20 * 1000);
    assert_int_equal(fake_num_sessions, 1);
    assert_in_range(fake_num_session_trims, 1, 2); /* a pause may be between */
    assert_in_range(fake_num_trims, 2, 4);
    push(&setup, &jobs[2], 0);
    wait_until(&num_done, 3);
    assert_int_equal(jobs[2].job.deferred.response.status, 200);
    end_workers(&setup);
    close_setup(&setup);
    idle_ms = 60000;
    alarm(0);
}

static void a_worker_that_needs_memory_gets_that_of_idle_ones(void **state)
{
    static struct fake_job jobs[1];
    struct error err = {0};
    struct setup setup;

    (void)state;
    memory_limit_set(1 << 20, NULL, NULL); /* less than there is already */
    open_setup(&setup);
    push(&setup, &jobs[0], 1);
    wait_until(&num_done, 1);
    atomic_store(&fake_num_session_trims, 0);
    assert_false(memory_limit_begin(64 << 20, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    assert_true(fake_num_session_trims >= WORKERS - 1);
    end_workers(&setup);
    close_setup(&setup);
    memory_limit_set(0, NULL, NULL);
}

/* ---- long jobs ---- */

static atomic_bool long_may_end;
static atomic_size_t num_long_running, most_long_running, num_nested;

/* Passes and yields until it may end. */
static void run_long(struct job *job, struct engine_session *session,
                     const struct engine *engine,
                     const struct image_limits *limits)
{
    size_t running = atomic_fetch_add(&num_long_running, 1) + 1;

    (void)engine;
    (void)limits;
    if (running > atomic_load(&most_long_running))
        atomic_store(&most_long_running, running);
    do {
        assert_true(engine_session_run(session, NULL));
        job->yield(job);
    } while (!atomic_load(&long_may_end));
    job->deferred.response.status = 200;
    atomic_fetch_sub(&num_long_running, 1);
}

static void run_short(struct job *job, struct engine_session *session,
                      const struct engine *engine,
                      const struct image_limits *limits)
{
    assert_null(job->yield);
    assert_ptr_equal(session->engine, engine);
    assert_ptr_equal(job->model->engine, engine);
    atomic_fetch_add(&num_nested, atomic_load(&num_long_running) > 0);
    run(job, session, engine, limits);
}

static void begin_long(void)
{
    alarm(60); /* what is tested is whether it ends */
    atomic_store(&long_may_end, false);
    atomic_store(&most_long_running, 0);
    atomic_store(&num_nested, 0);
}

static void push_long(struct setup *setup, struct fake_job *job)
{
    job->job.passes = JOB_SHORT_PASSES + 1;
    job->job.run = run_long;
    job->job.deferred.done = count_done;
    job->job.refuse = refuse;
    job->job.model = models_get(&setup->models, 0);
    assert_true(queue_push(&setup->queue, &job->job, NULL));
}

static void push_short(struct setup *setup, struct fake_job *job, size_t model)
{
    job->job.run = run_short;
    job->job.deferred.done = count_done;
    job->job.refuse = refuse;
    job->job.model = models_get(&setup->models, model);
    assert_true(queue_push(&setup->queue, &job->job, NULL));
}

static void short_jobs_are_run_between_the_passes_of_a_long_one(void **state)
{
    enum { SHORT = 20 };
    struct fake_job first = {0}, second = {0};
    static struct fake_job jobs[SHORT];
    struct setup setup;

    (void)state;
    open_setup_of(&setup, 1);
    begin_long();
    push_long(&setup, &first);
    push_long(&setup, &second); /* has to wait */
    for (size_t i = 0; i < SHORT; i++)
        push_short(&setup, &jobs[i], i % 2);
    wait_until(&num_done, SHORT);
    assert_int_equal(num_nested, SHORT);
    assert_int_equal(pool_num_busy(setup.pool), 1);
    assert_int_equal(pool_num_long(setup.pool), 1);
    /* One of each model, and another of the long job's. */
    assert_int_equal(fake_num_sessions, 3);
    for (size_t i = 0; i < SHORT; i++)
        assert_int_equal(jobs[i].job.deferred.response.status, 200);
    atomic_store(&long_may_end, true);
    end_workers(&setup);
    assert_int_equal(num_done, SHORT + 2);
    assert_int_equal(most_long_running, 1);
    assert_int_equal(pool_num_long(setup.pool), 0);
    close_setup(&setup);
    alarm(0);
}

static void a_model_is_replaced_while_a_long_job_uses_it(void **state)
{
    struct fake_job job = {0}, old_short = {0}, new_short = {0};
    struct setup setup;
    struct model *old;

    (void)state;
    open_setup_of(&setup, 1);
    begin_long();
    push_long(&setup, &job);
    push_short(&setup, &old_short, 0);
    wait_until(&num_done, 1);
    old = models_reload(&setup.models, 0, NULL);
    assert_non_null(old);
    pool_drop(setup.pool); /* returns although the job goes on */
    model_release(old);
    push_short(&setup, &new_short, 0);
    wait_until(&num_done, 2);
    assert_int_equal(num_nested, 2);
    assert_int_equal(new_short.job.deferred.response.status, 200);
    assert_int_equal(fake_num_open, 3); /* the long job still has the old one */
    /* That and the new one's: the old model's second one is gone. */
    assert_int_equal(fake_num_sessions, 2);
    atomic_store(&long_may_end, true);
    end_workers(&setup);
    assert_int_equal(job.job.deferred.response.status, 200);
    assert_int_equal(fake_num_open, 2);
    close_setup(&setup);
    alarm(0);
}

static void an_abandoned_pool_refuses_between_passes_too(void **state)
{
    struct fake_job job = {0}, other = {0};
    struct setup setup;

    (void)state;
    open_setup_of(&setup, 1);
    begin_long();
    push_long(&setup, &job);
    wait_until(&num_long_running, 1);
    pool_abandon(setup.pool);
    push_short(&setup, &other, 0);
    wait_until(&num_done, 1);
    assert_int_equal(other.problem, PROBLEM_DRAINING);
    atomic_store(&long_may_end, true);
    end_workers(&setup);
    assert_int_equal(job.job.deferred.response.status, 200);
    close_setup(&setup);
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            closing_the_queue_finishes_the_jobs_and_ends_the_workers),
        cmocka_unit_test(a_job_without_room_for_a_session_is_refused),
        cmocka_unit_test(a_cancelled_job_is_not_begun),
        cmocka_unit_test(an_abandoned_pool_refuses_what_is_not_begun),
        cmocka_unit_test(
            a_pause_leaves_each_worker_one_session_and_trims_it_once),
        cmocka_unit_test(a_worker_that_needs_memory_gets_that_of_idle_ones),
        cmocka_unit_test(models_read_anew_under_load_drop_no_job_and_no_memory),
        cmocka_unit_test(short_jobs_are_run_between_the_passes_of_a_long_one),
        cmocka_unit_test(a_model_is_replaced_while_a_long_job_uses_it),
        cmocka_unit_test(an_abandoned_pool_refuses_between_passes_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
