#ifndef TESTS_UNIT_ALLOC_SWEEP_H
#define TESTS_UNIT_ALLOC_SWEEP_H

/* Fails every allocation of a call once: the first, then the second, and so
 * on until the call succeeds. Each failure must be reported as ERROR_MEMORY
 * and leave nothing allocated.
 *
 *     static bool open_it(void *arg, struct error *err)
 *     {
 *         struct thing thing = {0};
 *         bool ok = thing_open(&thing, arg, err);
 *
 *         thing_release(&thing);
 *         return ok;
 *     }
 *     ...
 *     alloc_sweep(open_it, path);
 *
 * Include it in one file of a test program, after the engine's headers.
 *
 * It takes the place of malloc and its kin in the whole program, shared
 * libraries included, by defining them: no flag of the linker is needed. What
 * is behind them is glibc's, or under ASan the sanitizer's, each by the name
 * it has for that: dlsym is no way there, for it allocates itself, before the
 * sanitizer is ready. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/base/error.h"

#include <cmocka.h>

/* clang-format off */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t),
            *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void __interceptor_free(void *) __attribute__((weak));
/* clang-format on */

/* They are called before the sanitizer is ready to watch what they do. */
#define ALLOC_SWEEP_EARLY __attribute__((no_sanitize("address")))

static struct {
    bool on;
    bool failed;      /* whether one has */
    size_t countdown; /* allocations before the one that fails */
    long num_live;    /* allocated less freed while on */
} alloc_sweep_state;

ALLOC_SWEEP_EARLY static bool alloc_sweep_fails(void)
{
    if (!alloc_sweep_state.on || alloc_sweep_state.countdown-- != 0)
        return false;
    alloc_sweep_state.failed = true;
    errno = ENOMEM;
    return true;
}

ALLOC_SWEEP_EARLY static void *alloc_sweep_count(void *memory)
{
    if (alloc_sweep_state.on && memory)
        alloc_sweep_state.num_live++;
    return memory;
}

ALLOC_SWEEP_EARLY void *malloc(size_t len)
{
    if (alloc_sweep_fails())
        return NULL;
    return alloc_sweep_count(__interceptor_malloc ? __interceptor_malloc(len)
                                                  : __libc_malloc(len));
}

ALLOC_SWEEP_EARLY void *calloc(size_t num, size_t len)
{
    if (alloc_sweep_fails())
        return NULL;
    return alloc_sweep_count(__interceptor_calloc
                                 ? __interceptor_calloc(num, len)
                                 : __libc_calloc(num, len));
}

ALLOC_SWEEP_EARLY void *realloc(void *memory, size_t len)
{
    void *moved;

    if (alloc_sweep_fails())
        return NULL;
    moved = __interceptor_realloc ? __interceptor_realloc(memory, len)
                                  : __libc_realloc(memory, len);
    return memory ? moved : alloc_sweep_count(moved);
}

ALLOC_SWEEP_EARLY void free(void *memory)
{
    if (alloc_sweep_state.on && memory)
        alloc_sweep_state.num_live--;
    if (__interceptor_free)
        __interceptor_free(memory);
    else
        __libc_free(memory);
}

/* As alloc_sweep, for a call that goes through a library which reports a
 * failed allocation as something else: `other` is right too. */
__attribute__((unused)) static void
alloc_sweep_or(bool (*call)(void *arg, struct error *err), void *arg,
               enum error_kind other)
{
    enum { MAX_ALLOCATIONS = 100000 };
    size_t n = 0;
    bool ok;

    do {
        struct error err = {0};

        assert_true(n < MAX_ALLOCATIONS);
        alloc_sweep_state.failed = false;
        alloc_sweep_state.num_live = 0;
        alloc_sweep_state.countdown = n++;
        alloc_sweep_state.on = true;
        ok = call(arg, &err);
        alloc_sweep_state.on = false;
        /* under ASan the count is not whole (its strdup does not come by
         * here), and finding what is left is the sanitizer's work */
        if (!__interceptor_malloc)
            assert_int_equal(alloc_sweep_state.num_live, 0);
        assert_int_equal(err.kind == ERROR_NONE, ok);
        if (!ok && err.kind != other)
            assert_int_equal(err.kind, ERROR_MEMORY);
    } while (alloc_sweep_state.failed);
    assert_true(ok);
    assert_true(n > 1); /* else there was nothing to fail */
}

/* `call` does something and releases it again. That a failed allocation is
 * survived is right as well (qsort does), if nothing is left of it. */
__attribute__((unused)) static void
alloc_sweep(bool (*call)(void *arg, struct error *err), void *arg)
{
    alloc_sweep_or(call, arg, ERROR_MEMORY);
}

#endif
