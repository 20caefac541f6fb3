/* Every allocation on a request's way fails once, the network's run apart: the
 * picture, the options, the answer. What is read at the start has its sweeps
 * beside its other tests; all of it at random, in the real server, is
 * tests/http/test_memory.py. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <webp/decode.h>

#include "engine/image/image.h"
#include "server/api/cam_json.h"
#include "server/http/access.h"
#include "server/http/params.h"
#include "server/observe/metrics.h"
#include "tests/unit/fake_engine.h"

#include "tests/unit/alloc_sweep.h" /* and cmocka, whose fail is not ours */

#define IMAGES "tests/cases/images"

static bool decode_once(void *arg, struct error *err)
{
    static const struct image_limits no_limits = {0};
    const struct buf *file = arg;
    struct image image = {0};
    bool ok = image_decode(&image, file->data, file->len, &no_limits, err);

    if (!ok)
        assert_true(image.width == 0 && image.height == 0);
    image_release(&image);
    return ok;
}

/* Before 1.5 libwebp's lossless decoder follows a pointer that it has not set
 * where there is no room for a table of 512 bytes; alpha is lossless too. */
static bool would_crash(const char *name)
{
    return strncmp(name, "webp", 4) == 0 && !strstr(name, "lossy.") &&
           WebPGetDecoderVersion() < 0x010500;
}

/* libspng has no other word for what zlib has no room for, nor has libwebp for
 * what its lossless decoder has none for. */
static void a_picture_of_any_kind_is_decoded_or_there_is_no_room(void **state)
{
    DIR *folder = opendir(IMAGES);
    size_t num_files = 0;

    (void)state;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct buf file = {0};
        struct error err = {0};
        char path[512];

        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".ppm") ||
            would_crash(entry->d_name))
            continue;
        snprintf(path, sizeof path, IMAGES "/%s", entry->d_name);
        assert_true(buf_append_file(&file, path, 1 << 20, &err));
        alloc_sweep_or(decode_once, &file,
                       strncmp(entry->d_name, "jpeg", 4) == 0 ? ERROR_MEMORY
                                                              : ERROR_INPUT);
        buf_release(&file);
        num_files++;
    }
    closedir(folder);
    assert_true(num_files > 50);
}

static bool read_options(void *arg, struct error *err)
{
    struct params params = {0};
    bool ok = true;

    (void)arg;
    for (int i = 0; ok && i < 20; i++)
        ok = params_begin(&params, "class", 5, err) &&
             params_extend(&params, "Egyptian", 8, err) &&
             params_extend(&params, " cat", 4, err);
    params_release(&params);
    return ok;
}

static void options_are_kept_or_there_is_no_room(void **state)
{
    (void)state;
    alloc_sweep(read_options, NULL);
}

static bool read_tokens(void *arg, struct error *err)
{
    static const char text[] =
        "0123456789abcdef\n# another\nfedcba9876543210\n";
    struct access_list list = {0};
    bool ok = access_parse(&list, text, sizeof text - 1, err);

    (void)arg;
    access_list_release(&list);
    return ok;
}

static void tokens_are_read_or_there_is_no_room(void **state)
{
    (void)state;
    alloc_sweep(read_tokens, NULL);
}

struct question {
    struct engine engine;
    struct engine_session *session;
    struct explain_request request;
    struct buf answer; /* with room for everything */
};

static bool answer_once(void *arg, struct error *err)
{
    static const struct cam_json_source source = {.queue_ms = 0.5};
    struct question *question = arg;
    struct response response = {0};
    struct explanation explanation;
    bool ok = engine_session_explain(question->session, &explanation,
                                     &question->request, NULL, err) &&
              cam_json_write(&response, &question->engine, &explanation,
                             &question->request, &source, err);

    if (ok && question->answer.len > 0) {
        assert_int_equal(response.body.len, question->answer.len);
        assert_memory_equal(response.body.data, question->answer.data,
                            response.body.len);
    } else if (ok) {
        question->answer = response.body; /* moved */
        response.body = (struct buf){0};
    }
    response_release(&response);
    return ok;
}

static void an_answer_is_whole_or_there_is_no_room(void **state)
{
    struct image_limits limits = {0};
    struct question question = {
        .request = {.top = 3,
                    .classes = {3, 0},
                    .num_classes = 2,
                    .values = true},
    };

    (void)state;
    question.session = engine_session_new(&question.engine, NULL, NULL);
    assert_true(engine_session_sample(question.session, (const uint8_t *)"p", 1,
                                      &limits, NULL, NULL));
    assert_true(answer_once(&question, NULL)); /* the session has its room */
    alloc_sweep(answer_once, &question);
    buf_release(&question.answer);
    engine_session_free(question.session);
}

static bool render_metrics(void *arg, struct error *err)
{
    static const char *const routes[] = {"/cam", "/healthz"};
    static const struct metrics_model model = {.name = "a", .method = "cam"};
    const struct metrics_numbers numbers = {
        .xnnpack = "2022", .models = &model, .num_models = 1};
    struct buf text = {0};
    bool ok = metrics_render(&text, arg, routes, 2, &numbers, err);

    buf_release(&text);
    return ok;
}

static void metrics_are_whole_or_there_is_no_room(void **state)
{
    struct metrics metrics = {0};

    (void)state;
    metrics_count(&metrics, 0, 200);
    metrics_count(&metrics, 1, 503);
    alloc_sweep(render_metrics, &metrics);
}

int main(void)
{
    tzset(); /* which gmtime does once, in a colour profile's way */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_of_any_kind_is_decoded_or_there_is_no_room),
        cmocka_unit_test(options_are_kept_or_there_is_no_room),
        cmocka_unit_test(tokens_are_read_or_there_is_no_room),
        cmocka_unit_test(an_answer_is_whole_or_there_is_no_room),
        cmocka_unit_test(metrics_are_whole_or_there_is_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
