/* A response that is sent while it is being made. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>

#include "server/http/stream.h"

#include <cmocka.h>

/* What the stream has called. */
struct calls {
    atomic_size_t begun, paused, resumed, finished;
    atomic_bool client_gone;
};

static void begin(void *owner)
{
    atomic_fetch_add(&((struct calls *)owner)->begun, 1);
}

static void suspend(void *owner)
{
    atomic_fetch_add(&((struct calls *)owner)->paused, 1);
}

static void resume(void *owner)
{
    atomic_fetch_add(&((struct calls *)owner)->resumed, 1);
}

static void finish(void *owner)
{
    atomic_fetch_add(&((struct calls *)owner)->finished, 1);
}

static bool is_gone(void *owner)
{
    return atomic_load(&((struct calls *)owner)->client_gone);
}

static struct stream *make_stream(struct calls *owner)
{
    static const struct stream_calls calls = {begin, suspend, resume, finish,
                                              is_gone};
    struct stream *stream = stream_new("text/plain", STREAM_MAX_WAITING);

    assert_non_null(stream);
    memset(owner, 0, sizeof *owner);
    stream->calls = &calls;
    stream->owner = owner;
    return stream;
}

static void add(struct stream *stream, const char *line)
{
    stream_add(stream, line, strlen(line));
}

static void assert_read(struct stream *stream, size_t max, const char *text)
{
    char out[64];

    assert_int_equal(stream_read(stream, out, max), strlen(text));
    assert_memory_equal(out, text, strlen(text));
}

static enum stream_end end_with(struct stream *stream, const char *text)
{
    return stream_end(stream, (const uint8_t *)text, strlen(text));
}

static void lines_and_the_end_are_read_in_order(void **state)
{
    struct calls calls;
    struct stream *stream = make_stream(&calls);
    struct stream_left left;
    char out[8];

    (void)state;
    assert_false(stream_has_begun(stream));
    add(stream, "one\n");
    add(stream, "two\n");
    assert_true(stream_has_begun(stream));
    assert_int_equal(calls.begun, 1);
    assert_read(stream, 6, "one\ntw");
    assert_read(stream, 6, "o\n");
    assert_int_equal(stream_read(stream, out, 8), 0);
    assert_int_equal(calls.paused, 1);
    assert_int_equal(calls.resumed, 0);
    add(stream, "3\n");
    add(stream, "4\n");
    assert_int_equal(calls.resumed, 1); /* once is enough */
    assert_int_equal(end_with(stream, "end"), STREAM_ENDED);
    assert_int_equal(calls.finished, 1);
    assert_read(stream, 6, "3\n4\nen");
    assert_read(stream, 6, "d");
    assert_int_equal(stream_read(stream, out, 8), -1);
    left = stream_leave(stream);
    assert_true(left.is_owner);
    assert_false(left.is_cancelled);
    assert_int_equal(left.sent, 15);
    stream_free(stream);
}

static void a_stream_without_lines_does_not_begin(void **state)
{
    struct calls calls;
    struct stream *stream = make_stream(&calls);
    bool begun = true;

    (void)state;
    assert_false(stream_is_cancelled(stream, &begun));
    assert_false(begun);
    assert_int_equal(end_with(stream, "end"), STREAM_NOT_BEGUN);
    assert_false(stream_has_begun(stream));
    assert_int_equal(calls.begun + calls.finished, 0);
    assert_true(stream_leave(stream).is_owner);
    stream_free(stream);
}

static void what_does_not_fit_is_dropped_but_not_the_end(void **state)
{
    static const char line[] = "0123456789012345678901234567890123456789\n";
    static uint8_t end[3 * STREAM_MAX_WAITING];
    struct calls calls;
    struct stream *stream = make_stream(&calls);
    size_t len = 0, num_lines = STREAM_MAX_WAITING / (sizeof line - 1);
    char out[100];
    long got;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        add(stream, line);
    memset(end, 'e', sizeof end);
    assert_int_equal(stream_end(stream, end, sizeof end), STREAM_ENDED);
    while ((got = stream_read(stream, out, sizeof out)) > 0)
        len += (size_t)got;
    assert_int_equal(got, -1);
    assert_int_equal(len, num_lines * (sizeof line - 1) + sizeof end);
    stream_free(stream);
}

static void a_reader_that_leaves_early_cancels_the_work(void **state)
{
    struct calls calls;
    struct stream *stream = make_stream(&calls);
    struct stream_left left;
    bool begun;

    (void)state;
    add(stream, "one\n");
    assert_false(stream_is_cancelled(stream, &begun));
    assert_true(begun);
    left = stream_leave(stream);
    assert_false(left.is_owner);
    assert_true(left.is_cancelled);
    assert_true(stream_is_cancelled(stream, &begun));
    assert_true(begun);
    add(stream, "two\n"); /* nobody is called */
    assert_int_equal(end_with(stream, "end"), STREAM_NOBODY);
    assert_int_equal(calls.finished + calls.resumed, 0);
    stream_free(stream);
}

static void a_client_that_is_gone_stays_gone(void **state)
{
    struct calls calls;
    struct stream *stream = make_stream(&calls);
    bool begun;

    (void)state;
    atomic_store(&calls.client_gone, true);
    assert_false(stream_is_cancelled(stream, &begun)); /* not asked yet */
    add(stream, "one\n");
    assert_true(stream_is_cancelled(stream, &begun));
    atomic_store(&calls.client_gone, false);
    assert_true(stream_is_cancelled(stream, &begun));
    assert_int_equal(end_with(stream, "end"), STREAM_ENDED);
    assert_true(stream_leave(stream).is_cancelled);
    stream_free(stream);
}

enum { NUM_LINES = 20000 };

static void *write_lines(void *arg)
{
    for (size_t i = 0; i < NUM_LINES; i++)
        add(arg, "line\n");
    if (end_with(arg, "end\n") == STREAM_NOBODY)
        stream_free(arg);
    return NULL;
}

/* Reads to the end, or until `max` bytes are read; returns how many there were.
 * Checks that no line is torn. */
static size_t read_lines(struct stream *stream, size_t max)
{
    static const char *const parts = "line\nend\n";
    size_t count = 0, at = 0;
    char out[7];
    long got;

    while (count < max && (got = stream_read(stream, out, sizeof out)) >= 0)
        for (long i = 0; i < got; i++, count++) {
            if (at == 0 && out[i] == 'e')
                at = 5;
            assert_int_equal(out[i], parts[at]);
            at = (at + 1) % 9;
            if (at == 5)
                at = 0;
        }
    return count;
}

static void two_threads_share_it(void **state)
{
    (void)state;
    for (size_t max = SIZE_MAX, i = 0; i < 20; i++, max = i * 500) {
        struct calls calls;
        struct stream *stream = make_stream(&calls);
        pthread_t writer;

        assert_int_equal(pthread_create(&writer, NULL, write_lines, stream), 0);
        while (!stream_has_begun(stream))
            continue;
        assert_true(read_lines(stream, max) >= (max < 10 ? 0 : 4));
        if (stream_leave(stream).is_owner) {
            pthread_join(writer, NULL);
            stream_free(stream);
        } else {
            pthread_join(writer, NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_the_end_are_read_in_order),
        cmocka_unit_test(a_stream_without_lines_does_not_begin),
        cmocka_unit_test(what_does_not_fit_is_dropped_but_not_the_end),
        cmocka_unit_test(a_reader_that_leaves_early_cancels_the_work),
        cmocka_unit_test(a_client_that_is_gone_stays_gone),
        cmocka_unit_test(two_threads_share_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
