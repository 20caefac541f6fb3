/* Workers and jobs, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/clock.h"
#include "server/work/pool.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static atomic_size_t num_done;

static void count_done(struct job *job)
{
    (void)job;
    atomic_fetch_add(&num_done, 1);
}

static struct job *make_job(const char *picture)
{
    struct job *job = job_new();

    assert_non_null(job);
    assert_true(buf_append(&job->picture, picture, strlen(picture), NULL));
    job->ask = (struct ask){.top = 2, .heatmap = ASK_NONE};
    job->queued_us = clock_now_us();
    job->deadline_us = job->queued_us + 60000000;
    job->done = count_done;
    return job;
}

static void run_alone(struct job *job, const struct engine *engine)
{
    struct image_limits limits = {0};
    struct engine_session *session = engine_session_new(engine, NULL, NULL);

    job_run(job, session, engine, &limits);
    engine_session_free(session);
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

static struct job *push(struct setup *setup, size_t model)
{
    struct job *job = make_job("picture");

    job->model = models_get(&setup->models, model);
    assert_true(queue_push(&setup->queue, job, NULL));
    return job;
}

static void
closing_the_queue_finishes_the_jobs_and_ends_the_workers(void **state)
{
    struct setup setup;
    struct job *jobs[JOBS];

    (void)state;
    open_setup(&setup);
    assert_int_equal(fake_num_sessions, WORKERS); /* of the default model */
    for (size_t i = 0; i < JOBS; i++)
        jobs[i] = push(&setup, i % 4 == 0);
    end_workers(&setup);
    assert_int_equal(num_done, JOBS);
    assert_int_equal(setup.models.counts[0].forward_passes, JOBS - JOBS / 4);
    assert_int_equal(setup.models.counts[1].forward_passes, JOBS / 4);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i]->response.status, 200);
        assert_null(jobs[i]->picture.data);
        assert_null(jobs[i]->model);
        job_free(jobs[i]);
    }
    close_setup(&setup);
}

static void a_job_without_room_for_a_session_is_503(void **state)
{
    struct setup setup;
    struct job *job, *other;

    (void)state;
    open_setup(&setup);
    atomic_store(&fake_no_room, true);
    job = push(&setup, 1);
    other = push(&setup, 0); /* its sessions are there already */
    end_workers(&setup);
    atomic_store(&fake_no_room, false);
    assert_int_equal(job->response.status, 503);
    assert_null(job->picture.data);
    assert_int_equal(other->response.status, 200);
    job_free(job);
    job_free(other);
    close_setup(&setup);
}

static void models_read_anew_under_load_drop_no_job_and_no_memory(void **state)
{
    enum { RELOADS = 50 };
    static struct job *jobs[RELOADS][8];
    struct setup setup;

    (void)state;
    open_setup(&setup);
    for (size_t r = 0; r < RELOADS; r++) {
        struct model *old;

        for (size_t i = 0; i < 8; i++)
            jobs[r][i] = push(&setup, i % 2);
        old = models_reload(&setup.models, r % 2, NULL);
        assert_non_null(old);
        assert_true(old->retired);
        pool_drop(setup.pool, old);
        model_release(old);
    }
    end_workers(&setup);
    assert_int_equal(num_done, RELOADS * 8);
    for (size_t r = 0; r < RELOADS; r++)
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(jobs[r][i]->response.status, 200);
            job_free(jobs[r][i]);
        }
    /* What is retired is gone although every worker is still there. */
    assert_int_equal(fake_num_open, 2);
    assert_in_range(fake_num_sessions, 0, 2 * WORKERS);
    close_setup(&setup);
}

static void a_job_past_its_deadline_is_not_begun(void **state)
{
    struct engine engine = {.fail_run = true}; /* would be a 500 */
    struct job *job = make_job("picture");

    (void)state;
    job->deadline_us = clock_now_us() - 1;
    run_alone(job, &engine);
    assert_int_equal(job->response.status, 503);
    assert_null(job->picture.data);
    job_free(job);
}

static void what_goes_wrong_has_the_status_of_its_kind(void **state)
{
    static const struct {
        const char *picture;
        unsigned status;
    } cases[] = {{"x", 422}, {"u", 415}, {"l", 413}, {"fine", 500}};
    struct engine engine = {.fail_run = true};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job *job = make_job(cases[i].picture);

        run_alone(job, &engine);
        assert_int_equal(job->response.status, cases[i].status);
        assert_string_equal(job->response.content_type,
                            "application/problem+json");
        job_free(job);
    }
}

static void a_png_of_a_model_without_a_map_is_refused(void **state)
{
    struct engine engine = {.refusal = "no pooling layer"};
    struct job *job = make_job("picture");

    (void)state;
    job->png = true;
    run_alone(job, &engine);
    assert_int_equal(job->response.status, 422);
    job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            closing_the_queue_finishes_the_jobs_and_ends_the_workers),
        cmocka_unit_test(a_job_without_room_for_a_session_is_503),
        cmocka_unit_test(models_read_anew_under_load_drop_no_job_and_no_memory),
        cmocka_unit_test(a_job_past_its_deadline_is_not_begun),
        cmocka_unit_test(what_goes_wrong_has_the_status_of_its_kind),
        cmocka_unit_test(a_png_of_a_model_without_a_map_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
