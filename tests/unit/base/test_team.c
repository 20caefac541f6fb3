/* Threads that help: every tile once, whoever is there; and XNNPACK's loops
 * really are the team's. */

#include <float.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/team.h"
#include "engine/engine.h"
#include "engine/xnn/pthreadpool_of.h"

#include <cmocka.h>

enum { THREADS = 4, WIDTH = 7, HEIGHT = 5, DEPTH = 33 };

/* How often each cell of a grid was called for. */
struct grid {
    atomic_uint calls[WIDTH][HEIGHT][DEPTH];
    atomic_bool bad_thread;
};

static void count_calls(const struct team_task *task, size_t thread,
                        const size_t *at, const size_t *len)
{
    struct grid *grid = task->context;

    if (thread >= THREADS)
        atomic_store(&grid->bad_thread, true);
    for (size_t i = at[0]; i < at[0] + len[0]; i++)
        for (size_t j = at[1]; j < at[1] + len[1]; j++)
            for (size_t k = at[2]; k < at[2] + len[2]; k++)
                atomic_fetch_add(&grid->calls[i][j][k], 1);
}

static void run_grid(struct team_member *member, const size_t *steps)
{
    struct grid grid;
    struct team_task task = {
        .call = count_calls,
        .context = &grid,
        .num_dimensions = 3,
        .ranges = {WIDTH, HEIGHT, DEPTH},
        .steps = {steps[0], steps[1], steps[2]},
    };

    memset(&grid, 0, sizeof grid);
    team_run(member, &task);
    assert_false(grid.bad_thread);
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < HEIGHT; j++)
            for (size_t k = 0; k < DEPTH; k++)
                assert_int_equal(grid.calls[i][j][k], 1);
}

static const size_t steps[][3] = {{1, 1, 1}, {1, 2, 8},  {7, 5, 33},
                                  {3, 3, 5}, {9, 9, 40}, {1, 5, 10}};
enum { NUM_STEPS = sizeof steps / sizeof steps[0] };

static void each_tile_is_called_once(void **state)
{
    struct team *team = team_new(THREADS, NULL);
    struct team_member member, alone = {0};

    (void)state;
    assert_non_null(team);
    team_member_init(&member, team);
    for (size_t round = 0; round < 200; round++)
        for (size_t i = 0; i < NUM_STEPS; i++)
            run_grid(&member, steps[i]);
    team_rest(&member);
    for (size_t i = 0; i < NUM_STEPS; i++)
        run_grid(&alone, steps[i]);
    run_grid(NULL, steps[0]);
    team_free(team);
}

static void a_task_without_tiles_calls_nobody(void **state)
{
    struct team_task task = {.num_dimensions = 2, .steps = {1, 1}};

    (void)state;
    team_run(NULL, &task);
}

/* Somebody who computes while others do, as the server's workers. */
static void *compute(void *arg)
{
    struct team *team = arg;
    struct team_member member;

    team_member_init(&member, team);
    for (size_t round = 0; round < 100; round++) {
        team_enter(team);
        for (size_t i = 0; i < NUM_STEPS; i++)
            run_grid(&member, steps[i]);
        team_rest(&member);
        team_leave(team);
    }
    return NULL;
}

static void members_that_come_and_go_do_not_disturb_each_other(void **state)
{
    enum { MEMBERS = 5 }; /* more than there are cores to be had */
    struct team *team = team_new(THREADS, NULL);
    pthread_t threads[MEMBERS];

    (void)state;
    assert_non_null(team);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compute, team), 0);
    for (size_t i = 0; i < MEMBERS; i++)
        pthread_join(threads[i], NULL);
    team_free(team);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct patience {
    atomic_bool helped;
    uint64_t until_ms;
};

/* Tells a helper from whoever has called team_run, which waits for one. */
static void wait_for_help(const struct team_task *task, size_t thread,
                          const size_t *at, const size_t *len)
{
    struct patience *patience = task->context;

    (void)at;
    (void)len;
    if (thread > 0)
        atomic_store(&patience->helped, true);
    while (!atomic_load(&patience->helped) && now_ms() < patience->until_ms)
        continue;
}

/* Whether help comes within this time. */
static bool is_helped(struct team *team, unsigned wait_ms)
{
    struct patience patience = {.until_ms = now_ms() + wait_ms};
    struct team_task task = {.call = wait_for_help,
                             .context = &patience,
                             .num_dimensions = 1,
                             .ranges = {2},
                             .steps = {1}};
    struct team_member member;

    team_member_init(&member, team);
    team_run(&member, &task);
    team_rest(&member);
    return patience.helped;
}

static void helpers_help_where_a_core_is_left(void **state)
{
    enum { LONG_MS = 30000, SHORT_MS = 500 };
    struct team *team = team_new(2, NULL);

    (void)state;
    assert_non_null(team);
    team_enter(team);
    assert_true(is_helped(team, LONG_MS));
    assert_true(team_num_helped(team) > 0);
    team_enter(team); /* another takes the second core */
    assert_false(is_helped(team, SHORT_MS));
    team_leave(team);
    assert_true(is_helped(team, LONG_MS));
    team_free(team);
}

/* A product that is too small for a normal number. */
static void multiply(const struct team_task *task, size_t thread,
                     const size_t *at, const size_t *len)
{
    volatile float *product = task->context;
    volatile float small = FLT_MIN;

    (void)thread;
    (void)at;
    (void)len;
    *product = small * 0.5F;
}

static void what_is_nearly_zero_is_zero_where_a_task_says_so(void **state)
{
    float product = -1;
    struct team_task task = {.call = multiply,
                             .context = &product,
                             .num_dimensions = 1,
                             .ranges = {1},
                             .steps = {1}};

    (void)state;
    team_run(NULL, &task);
    assert_true(product > 0);
    task.flush_denormals = true;
    team_run(NULL, &task);
#if defined __SSE2__ || defined __aarch64__
    assert_true(product == 0);
#endif
    multiply(&task, 0, NULL, NULL); /* the caller's own arithmetic */
    assert_true(product > 0);
}

static void note_2d(void *context, size_t i, size_t j, size_t step)
{
    char(*cells)[10] = context;

    memset(&cells[i][j], 'x', step);
}

static void pthreadpool_counts_as_the_library_does(void **state)
{
    char cells[3][10] = {{0}};

    (void)state;
    assert_int_equal(pthreadpool_get_threads_count(NULL), 1);
    pthreadpool_parallelize_2d_tile_1d(NULL, note_2d, cells, 3, 10, 4, 0);
    for (size_t i = 0; i < sizeof cells; i++)
        assert_int_equal(cells[i / 10][i % 10], 'x');
}

/* A network on random input, by a session with the team or without. */
static void run_network(float *logits, const struct engine *engine,
                        struct team *team, size_t num_runs)
{
    struct engine_session *session = engine_session_new(engine, team, NULL);
    struct engine_info info;
    float *input;
    uint32_t random = 1;

    assert_non_null(session);
    engine_info(engine, &info);
    input = engine_session_input(session);
    for (size_t i = 0; i < (size_t)info.input_width * info.input_height * 3;
         i++) {
        random = random * 1664525 + 1013904223;
        input[i] = (float)(random >> 8) / (1 << 23) - 1;
    }
    for (size_t i = 0; i < num_runs; i++)
        assert_true(engine_session_run(session, NULL));
    memcpy(logits, engine_session_logits(session),
           info.num_classes * sizeof *logits);
    engine_session_free(session);
}

static void helpers_run_a_part_of_a_network_and_change_no_number(void **state)
{
    enum { CLASSES = 1000, RUNS = 20 };
    struct team *team = team_new(2, NULL);
    struct engine *engine =
        engine_open("models/efficientnet-lite0", NULL, NULL);
    float *alone = calloc(CLASSES, sizeof *alone);
    float *helped = calloc(CLASSES, sizeof *helped);

    (void)state;
    assert_non_null(team);
    if (!engine)
        skip();
    run_network(alone, engine, NULL, 1);
    run_network(helped, engine, team, RUNS);
    assert_true(team_num_helped(team) > 0);
    assert_memory_equal(alone, helped, CLASSES * sizeof *alone);
    free(alone);
    free(helped);
    engine_free(engine);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tile_is_called_once),
        cmocka_unit_test(a_task_without_tiles_calls_nobody),
        cmocka_unit_test(members_that_come_and_go_do_not_disturb_each_other),
        cmocka_unit_test(helpers_help_where_a_core_is_left),
        cmocka_unit_test(what_is_nearly_zero_is_zero_where_a_task_says_so),
        cmocka_unit_test(pthreadpool_counts_as_the_library_does),
        cmocka_unit_test(helpers_run_a_part_of_a_network_and_change_no_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
