/* Threads that share a list. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/evaluate/workers.h"

#include <cmocka.h>

enum { THREADS = 4, COUNT = 1000 };

struct counts {
    _Atomic unsigned calls[COUNT];
    _Atomic size_t total;
    size_t bad; /* fails */
};

static bool count(void *user, size_t worker, size_t i, struct error *err)
{
    struct counts *counts = user;

    assert_true(worker < THREADS);
    atomic_fetch_add(&counts->calls[i], 1);
    atomic_fetch_add(&counts->total, 1);
    return i != counts->bad || error_limit(err, i, "number %zu is bad", i);
}

static void each_is_called_once(void **state)
{
    static struct counts counts = {.bad = SIZE_MAX};
    struct error err = {0};

    (void)state;
    assert_true(workers_each(THREADS, COUNT, count, &counts, &err));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(atomic_load(&counts.calls[i]), 1);
    assert_true(workers_each(THREADS, 0, count, &counts, &err));
    assert_int_equal(atomic_load(&counts.total), COUNT);
}

static void nothing_is_begun_after_a_failure(void **state)
{
    static struct counts alone = {.bad = 10}, many = {.bad = 10};
    struct error err = {0};

    (void)state;
    assert_false(workers_each(1, COUNT, count, &alone, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_string_equal(err.text, "number 10 is bad");
    assert_int_equal(atomic_load(&alone.total), 11);
    err = (struct error){0};
    assert_false(workers_each(THREADS, COUNT, count, &many, &err));
    assert_string_equal(err.text, "number 10 is bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_called_once),
        cmocka_unit_test(nothing_is_begun_after_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
