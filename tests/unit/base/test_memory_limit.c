/* The limit of memory, and what is refused because of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/hugepages.h"
#include "engine/base/memory_limit.h"
#include "engine/base/scratch.h"

#include <cmocka.h>

#define MB ((size_t)1000000)

static void without_a_limit_everything_fits(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(memory_limit(), 0);
    assert_true(memory_limit_begin(SIZE_MAX / 4, &err));
    assert_true(memory_limit_begin(SIZE_MAX / 4, &err));
    memory_limit_end(SIZE_MAX / 4);
    memory_limit_end(SIZE_MAX / 4);
    assert_false(memory_limit_is_tight());
}

static void a_refusal_says_what_was_needed_and_what_there_was(void **state)
{
    struct error err = {0};

    (void)state;
    memory_limit_set(1000 * MB, NULL, NULL);
    assert_true(memory_limit_begin(100 * MB, &err));
    memory_limit_end(100 * MB);
    assert_false(memory_limit_is_tight());
    assert_false(memory_limit_begin(2000 * MB, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    assert_non_null(strstr(err.text, "2000 MB are needed"));
    assert_non_null(strstr(err.text, "of 1000 MB are left"));
    assert_true(memory_limit_begin(MEMORY_LIMIT_SMALL - 1, NULL));
    memory_limit_end(MEMORY_LIMIT_SMALL - 1);
    memory_limit_set(0, NULL, NULL);
}

static void what_has_begun_and_what_is_mapped_counts(void **state)
{
    void *block;

    (void)state;
    memory_limit_set(1000 * MB, NULL, NULL);
    block = hugepages_take(500 * MB);
    assert_non_null(block);
    assert_false(memory_limit_begin(500 * MB, NULL));
    assert_true(memory_limit_begin(300 * MB, NULL));
    assert_true(memory_limit_is_tight());
    /* The same thread takes that in pieces. */
    assert_true(memory_limit_begin(300 * MB, NULL));
    memory_limit_end(300 * MB);
    memory_limit_end(300 * MB);
    hugepages_give(block);
    assert_true(memory_limit_begin(500 * MB, NULL));
    memory_limit_end(500 * MB);
    memory_limit_set(0, NULL, NULL);
}

static void give(void *user)
{
    void **block = user;

    hugepages_give(*block);
    *block = NULL;
}

static void what_can_be_done_without_is_freed_first(void **state)
{
    void *block = hugepages_take(500 * MB);

    (void)state;
    assert_non_null(block);
    memory_limit_set(1000 * MB, give, &block);
    assert_true(memory_limit_begin(300 * MB, NULL));
    assert_non_null(block); /* it was not needed */
    memory_limit_end(300 * MB);
    assert_true(memory_limit_begin(600 * MB, NULL));
    assert_null(block);
    memory_limit_end(600 * MB);
    memory_limit_set(0, NULL, NULL);
}

static void buffers_and_scratch_ask(void **state)
{
    struct error err = {0};
    struct buf buf = {0};
    size_t cap = 0;

    (void)state;
    memory_limit_set(100 * MB, NULL, NULL);
    assert_false(buf_reserve(&buf, 200 * MB, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    err = (struct error){0};
    assert_null(scratch_reserve(NULL, &cap, 200, MB, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    assert_int_equal(cap, 0);
    memory_limit_set(0, NULL, NULL);
    assert_true(buf_reserve(&buf, 200 * MB, NULL));
    buf_release(&buf);
}

static void a_group_s_limit_is_a_number_of_bytes_or_none(void **state)
{
    uint64_t limit = memory_limit_of_group();

    (void)state;
    assert_true(limit == 0 || limit > MB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_everything_fits),
        cmocka_unit_test(a_refusal_says_what_was_needed_and_what_there_was),
        cmocka_unit_test(what_has_begun_and_what_is_mapped_counts),
        cmocka_unit_test(what_can_be_done_without_is_freed_first),
        cmocka_unit_test(buffers_and_scratch_ask),
        cmocka_unit_test(a_group_s_limit_is_a_number_of_bytes_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
