/* Workers and jobs, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_engine.h"
#include "server/clock.h"
#include "server/pool.h"

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
    struct engine_session *session = engine_session_new(engine, 1, NULL);

    job_run(job, session, engine, &limits);
    engine_session_free(session);
}

static void
closing_the_queue_finishes_the_jobs_and_ends_the_workers(void **state)
{
    enum { JOBS = 100 };
    struct engine engine = {0};
    struct image_limits limits = {0};
    struct job *jobs[JOBS];
    struct queue queue;
    struct pool *pool;

    (void)state;
    atomic_store(&num_done, 0);
    queue_init(&queue, JOBS);
    pool = pool_new(&engine, &queue, 3, &limits, NULL);
    assert_non_null(pool);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = make_job("picture");
        assert_true(queue_push(&queue, jobs[i], NULL));
    }
    queue_close(&queue);
    pool_join(pool);
    assert_int_equal(num_done, JOBS);
    assert_int_equal(pool_num_runs(pool), JOBS);
    assert_int_equal(pool_num_busy(pool), 0);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i]->reply.status, 200);
        assert_null(jobs[i]->picture.data);
        job_free(jobs[i]);
    }
    pool_free(pool);
    queue_release(&queue);
}

static void a_job_past_its_deadline_is_not_begun(void **state)
{
    struct engine engine = {.fail_run = true}; /* would be a 500 */
    struct job *job = make_job("picture");

    (void)state;
    job->deadline_us = clock_now_us() - 1;
    run_alone(job, &engine);
    assert_int_equal(job->reply.status, 503);
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
        assert_int_equal(job->reply.status, cases[i].status);
        assert_string_equal(job->reply.content_type,
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
    assert_int_equal(job->reply.status, 422);
    job_free(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            closing_the_queue_finishes_the_jobs_and_ends_the_workers),
        cmocka_unit_test(a_job_past_its_deadline_is_not_begun),
        cmocka_unit_test(what_goes_wrong_has_the_status_of_its_kind),
        cmocka_unit_test(a_png_of_a_model_without_a_map_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
