/* Workers, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

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

static void open_setup(struct setup *setup)
{
    static const struct engine_options options = {0};
    struct image_limits limits = {0};
    struct pool_size size = {.num_workers = WORKERS, .lone_threads = WORKERS};

    *setup = (struct setup){.folders = {{"m/one", "m/two"}, 2, true}};
    atomic_store(&num_done, 0);
    assert_true(models_open(&setup->models, &setup->folders, &options, NULL));
    queue_init(&setup->queue, 10 * JOBS);
    setup->pool = pool_new(&setup->models, &setup->queue, &size, &limits, NULL);
    assert_non_null(setup->pool);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            closing_the_queue_finishes_the_jobs_and_ends_the_workers),
        cmocka_unit_test(a_job_without_room_for_a_session_is_refused),
        cmocka_unit_test(a_cancelled_job_is_not_begun),
        cmocka_unit_test(an_abandoned_pool_refuses_what_is_not_begun),
        cmocka_unit_test(models_read_anew_under_load_drop_no_job_and_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
