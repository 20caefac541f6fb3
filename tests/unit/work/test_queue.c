/* The queue between the HTTP thread and the workers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/work/queue.h"

#include <cmocka.h>

static void jobs_come_out_in_the_order_they_went_in(void **state)
{
    struct queue queue;
    struct job jobs[3] = {0};

    (void)state;
    queue_init(&queue, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(queue_push(&queue, &jobs[i], NULL));
    assert_int_equal(queue_len(&queue), 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(queue_pop(&queue), &jobs[i]);
    assert_int_equal(queue_len(&queue), 0);
    queue_release(&queue);
}

static void
a_full_queue_refuses_and_takes_again_when_there_is_room(void **state)
{
    struct queue queue;
    struct job jobs[2] = {0};
    struct error err = {0};

    (void)state;
    queue_init(&queue, 1);
    assert_true(queue_push(&queue, &jobs[0], &err));
    assert_false(queue_push(&queue, &jobs[1], &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_ptr_equal(queue_pop(&queue), &jobs[0]);
    assert_true(queue_push(&queue, &jobs[1], NULL));
    assert_ptr_equal(queue_pop(&queue), &jobs[1]);
    queue_release(&queue);
}

static void a_closed_queue_hands_out_what_it_has_and_then_nothing(void **state)
{
    struct queue queue;
    struct job jobs[2] = {0};
    struct error err = {0};

    (void)state;
    queue_init(&queue, 2);
    assert_true(queue_push(&queue, &jobs[0], &err));
    queue_close(&queue);
    assert_false(queue_push(&queue, &jobs[1], &err));
    assert_int_equal(err.kind, ERROR_BUSY);
    assert_ptr_equal(queue_pop(&queue), &jobs[0]);
    assert_null(queue_pop(&queue));
    assert_null(queue_pop(&queue));
    queue_release(&queue);
}

static void *pop_until_closed(void *arg)
{
    size_t count = 0;

    while (queue_pop(arg))
        count++;
    return (void *)(uintptr_t)count;
}

static void every_job_goes_to_one_of_many_waiting_threads(void **state)
{
    enum { JOBS = 1000, THREADS = 4 };
    static struct job jobs[JOBS];
    pthread_t threads[THREADS];
    struct queue queue;
    size_t sum = 0;

    (void)state;
    queue_init(&queue, JOBS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, pop_until_closed, &queue), 0);
    for (size_t i = 0; i < JOBS; i++)
        assert_true(queue_push(&queue, &jobs[i], NULL));
    queue_close(&queue);
    for (size_t i = 0; i < THREADS; i++) {
        void *count;

        pthread_join(threads[i], &count);
        sum += (size_t)(uintptr_t)count;
    }
    assert_int_equal(sum, JOBS);
    queue_release(&queue);
}

static void a_short_job_passes_long_ones_and_nothing_else_moves(void **state)
{
    enum { LONG = JOB_SHORT_PASSES + 1 };
    struct job jobs[] = {{.passes = LONG},
                         {.passes = JOB_SHORT_PASSES},
                         {.passes = LONG},
                         {.passes = 1}};
    struct queue queue;

    (void)state;
    queue_init(&queue, 4);
    assert_null(queue_pop_short(&queue));
    for (size_t i = 0; i < 4; i++)
        assert_true(queue_push(&queue, &jobs[i], NULL));
    assert_ptr_equal(queue_pop_short(&queue), &jobs[1]);
    assert_ptr_equal(queue_pop_short(&queue), &jobs[3]); /* the last one */
    assert_null(queue_pop_short(&queue));
    assert_int_equal(queue_len(&queue), 2);
    assert_true(queue_push(&queue, &jobs[3], NULL));
    queue_close(&queue);
    assert_ptr_equal(queue_pop(&queue), &jobs[0]);
    assert_ptr_equal(queue_pop(&queue), &jobs[2]);
    assert_ptr_equal(queue_pop_short(&queue), &jobs[3]);
    assert_null(queue_pop_short(&queue));
    assert_null(queue_pop(&queue));
    queue_release(&queue);
}

static void who_waits_for_a_time_gets_a_job_the_end_or_neither(void **state)
{
    struct job job = {0};
    struct queue queue;
    bool timed_out = false;

    (void)state;
    queue_init(&queue, 1);
    assert_null(queue_pop_within(&queue, 1, &timed_out));
    assert_true(timed_out);
    assert_true(queue_push(&queue, &job, NULL));
    assert_ptr_equal(queue_pop_within(&queue, 60000, &timed_out), &job);
    assert_false(timed_out);
    queue_close(&queue);
    assert_null(queue_pop_within(&queue, 60000, &timed_out));
    assert_false(timed_out);
    queue_release(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_out_in_the_order_they_went_in),
        cmocka_unit_test(
            a_full_queue_refuses_and_takes_again_when_there_is_room),
        cmocka_unit_test(a_closed_queue_hands_out_what_it_has_and_then_nothing),
        cmocka_unit_test(every_job_goes_to_one_of_many_waiting_threads),
        cmocka_unit_test(a_short_job_passes_long_ones_and_nothing_else_moves),
        cmocka_unit_test(who_waits_for_a_time_gets_a_job_the_end_or_neither),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
