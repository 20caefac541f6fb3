/* The work of POST /cam, with an engine that has no network. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/clock.h"
#include "server/api/cam_job.h"
#include "server/work/service.h"
#include "tests/unit/fake_engine.h"

#include <cmocka.h>

static struct cam_job *make_job(const char *picture)
{
    struct cam_job *job = cam_job_new();

    assert_non_null(job);
    assert_true(buf_append(&job->image, picture, strlen(picture), NULL));
    job->request =
        (struct explain_request){.top = 2, .style = {.kind = RENDER_NONE}};
    job->queued_us = clock_now_us();
    job->deadline_us = job->queued_us + 60000000;
    return job;
}

static const struct response *response_of(const struct cam_job *job)
{
    return &job->base.deferred.response;
}

static void free_job(struct cam_job *job)
{
    job->base.deferred.free(&job->base.deferred);
}

static void run_alone(struct cam_job *job, const struct engine *engine)
{
    struct image_limits limits = {0};
    struct engine_session *session = engine_session_new(engine, NULL, NULL);

    job->base.run(&job->base, session, engine, &limits);
    engine_session_free(session);
}

static void an_answer_gives_the_picture_back(void **state)
{
    struct engine engine = {0};
    struct cam_job *job = make_job("picture");

    (void)state;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 200);
    assert_int_equal(job->base.deferred.stages.count, STAGES_COUNT);
    assert_null(job->image.data);
    free_job(job);
}

static void a_refused_job_has_the_problem_and_no_picture(void **state)
{
    static const struct error err = {.kind = ERROR_MEMORY, .text = "no room"};
    struct cam_job *job = make_job("picture"), *other = make_job("picture");

    (void)state;
    job->base.refuse(&job->base, PROBLEM_NONE, &err);
    assert_int_equal(response_of(job)->status, 503);
    assert_string_equal(response_of(job)->kind, "no-memory");
    assert_null(job->image.data);
    other->base.refuse(&other->base, PROBLEM_DRAINING, &err);
    assert_string_equal(response_of(other)->kind, "draining");
    free_job(job);
    free_job(other);
}

static void a_job_past_its_deadline_is_not_begun(void **state)
{
    struct engine engine = {.fail_run = true}; /* would be a 500 */
    struct cam_job *job = make_job("picture");

    (void)state;
    job->deadline_us = clock_now_us() - 1;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 503);
    assert_null(job->image.data);
    free_job(job);
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
        struct cam_job *job = make_job(cases[i].picture);

        run_alone(job, &engine);
        assert_int_equal(response_of(job)->status, cases[i].status);
        assert_string_equal(response_of(job)->content_type,
                            "application/problem+json");
        free_job(job);
    }
}

static void a_png_of_a_model_without_a_map_is_refused(void **state)
{
    struct engine engine = {.refusal = "no pooling layer"};
    struct cam_job *job = make_job("picture");

    (void)state;
    job->request.only_heatmap = true;
    job->format = CAM_PNG;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 422);
    free_job(job);
}

/* The map of class 0 is 2 x 2 cells of 4; that of class 2 of 2. */
static void an_array_has_a_header_and_the_floats(void **state)
{
    static const char head[] = "{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (2, 2, 2), }";
    struct engine engine = {0};
    struct cam_job *job = make_job("picture");
    const struct response *response = response_of(job);
    const uint8_t *body;

    (void)state;
    job->format = CAM_NPY;
    job->request.num_classes = 2;
    job->request.classes[0] = 2;
    job->request.classes[1] = 0;
    run_alone(job, &engine);
    body = response->body.data;
    assert_int_equal(response->status, 200);
    assert_string_equal(response->content_type, "application/x-npy");
    assert_memory_equal(body, "\x93NUMPY\x01\x00", 8);
    assert_int_equal((10 + body[8]) % 64, 0);
    assert_memory_equal(body + 10, head, sizeof head - 1);
    assert_int_equal(body[10 + body[8] - 1], '\n');
    assert_int_equal(response->body.len, 10 + body[8] + 8 * 4);
    for (size_t i = 0; i < 8; i++) /* 4 is 0x40800000, 2 is 0x40000000 */
        assert_memory_equal(body + 10 + body[8] + 4 * i,
                            i < 4 ? "\0\0\x80\x40" : "\0\0\0\x40", 4);
    free_job(job);
}

/* ---- many passes ---- */

enum { PASSES = 20 };

static struct service service;
static size_t num_yields;
static void (*at_third)(struct cam_job *job);

/* Lets something happen after three passes, the first one included. */
static void count_yield(struct job *base)
{
    if (++num_yields == 2 && at_third)
        at_third((struct cam_job *)base);
}

static struct cam_job *make_long_job(void (*event)(struct cam_job *job))
{
    struct cam_job *job = make_job("picture");

    memset(&service, 0, sizeof service);
    num_yields = 0;
    at_third = event;
    job->service = &service;
    job->method = explain_method(0);
    job->base.passes = PASSES + 1;
    job->base.yield = count_yield;
    return job;
}

static void pass_deadline(struct cam_job *job)
{
    job->deadline_us = clock_now_us() - 1;
}

static void abandon(struct cam_job *job)
{
    atomic_store(&job->service->abandoned, true);
}

static bool is_cancelled(struct deferred *deferred)
{
    (void)deferred;
    return true;
}

static void leave(struct cam_job *job)
{
    job->base.deferred.cancelled = is_cancelled;
}

static void assert_detail(const struct cam_job *job, const char *part)
{
    char text[512];

    snprintf(text, sizeof text, "%.*s", (int)response_of(job)->body.len,
             (const char *)response_of(job)->body.data);
    assert_non_null(strstr(text, part));
}

static void a_long_job_yields_after_each_pass_and_counts_them(void **state)
{
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(NULL);

    (void)state;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 200);
    assert_int_equal(num_yields, PASSES);
    assert_int_equal(service.metrics.passes[0], PASSES + 1);
    free_job(job);
}

static void a_deadline_ends_a_job_between_two_passes(void **state)
{
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(pass_deadline);

    (void)state;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 503);
    assert_string_equal(response_of(job)->kind, "busy");
    assert_detail(job, "after 3 of 21 passes");
    assert_true(job->base.deferred.late);
    assert_int_equal(num_yields, 2);
    assert_int_equal(service.metrics.passes[0], 3);
    free_job(job);
}

static void a_deadline_that_passes_later_ends_no_job_of_one_pass(void **state)
{
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(pass_deadline);

    (void)state;
    job->base.passes = 1; /* as it was announced */
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 200);
    free_job(job);
}

static void a_job_whose_passes_are_done_is_answered(void **state)
{
    struct engine engine = {.num_passes = 2};
    struct cam_job *job = make_long_job(pass_deadline);

    (void)state;
    job->base.passes = 3; /* the last of which is done then */
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 200);
    free_job(job);
}

static void an_abandoned_service_ends_long_jobs_only(void **state)
{
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(abandon);
    struct cam_job *other;

    (void)state;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 503);
    assert_string_equal(response_of(job)->kind, "draining");
    free_job(job);
    other = make_long_job(abandon);
    other->base.passes = JOB_SHORT_PASSES;
    run_alone(other, &engine);
    assert_int_equal(response_of(other)->status, 200);
    free_job(other);
}

static void a_client_that_leaves_ends_its_job(void **state)
{
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(leave);

    (void)state;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 503);
    assert_int_equal(num_yields, 2);
    free_job(job);
}

static void nothing(void *owner)
{
    (void)owner;
}

static void lines_tell_the_first_pass_and_the_last(void **state)
{
    static const struct stream_calls calls = {nothing, nothing, nothing,
                                              nothing, NULL};
    static const char first[] = "{\"passes\":2,\"of\":21}\n";
    static const char last[] = "{\"passes\":21,\"of\":21}\n";
    struct engine engine = {.num_passes = PASSES};
    struct cam_job *job = make_long_job(NULL);
    struct stream *stream =
        stream_new("application/x-ndjson", STREAM_MAX_WAITING);
    char text[1024];
    long len;

    (void)state;
    assert_non_null(stream);
    stream->calls = &calls;
    job->base.deferred.stream = stream;
    run_alone(job, &engine);
    assert_int_equal(response_of(job)->status, 200);
    assert_string_equal(response_of(job)->content_type, "application/x-ndjson");
    len = stream_read(stream, text, sizeof text - 1);
    /* Those between them are at most ten a second: none, in this time. */
    assert_true(len >= (long)(sizeof first + sizeof last - 2));
    text[len] = '\0';
    assert_memory_equal(text, first, sizeof first - 1);
    assert_string_equal(text + len - (sizeof last - 1), last);
    free_job(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_gives_the_picture_back),
        cmocka_unit_test(a_refused_job_has_the_problem_and_no_picture),
        cmocka_unit_test(a_job_past_its_deadline_is_not_begun),
        cmocka_unit_test(what_goes_wrong_has_the_status_of_its_kind),
        cmocka_unit_test(a_png_of_a_model_without_a_map_is_refused),
        cmocka_unit_test(a_long_job_yields_after_each_pass_and_counts_them),
        cmocka_unit_test(a_deadline_ends_a_job_between_two_passes),
        cmocka_unit_test(a_deadline_that_passes_later_ends_no_job_of_one_pass),
        cmocka_unit_test(a_job_whose_passes_are_done_is_answered),
        cmocka_unit_test(an_abandoned_service_ends_long_jobs_only),
        cmocka_unit_test(a_client_that_leaves_ends_its_job),
        cmocka_unit_test(lines_tell_the_first_pass_and_the_last),
        cmocka_unit_test(an_array_has_a_header_and_the_floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
