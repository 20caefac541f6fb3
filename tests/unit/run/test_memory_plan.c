/* Values in one block of memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/run/memory_plan.h"

#include "tests/unit/alloc_sweep.h"

static size_t find(struct memory_block *blocks, size_t count)
{
    struct error err = {0};
    size_t size;

    if (!memory_plan(blocks, count, &size, &err))
        fail_msg("%s", err.text);
    return size;
}

static void expect_no_two_at_a_time(const struct memory_block *blocks,
                                    size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(blocks[i].offset + blocks[i].size <= size);
        for (size_t k = 0; k < i; k++)
            assert_true(blocks[k].last < blocks[i].first ||
                        blocks[i].last < blocks[k].first ||
                        blocks[k].offset + blocks[k].size <= blocks[i].offset ||
                        blocks[i].offset + blocks[i].size <= blocks[k].offset);
    }
}

static void a_chain_takes_what_two_neighbours_take(void **state)
{
    struct memory_block blocks[] = {
        {.first = 0, .last = 1, .size = 10},
        {.first = 1, .last = 2, .size = 30},
        {.first = 2, .last = 3, .size = 20},
        {.first = 3, .last = 4, .size = 40},
        {.first = 4, .last = 5, .size = 5},
    };
    size_t size = find(blocks, 5);

    (void)state;
    assert_int_equal(size, 60);
    expect_no_two_at_a_time(blocks, 5, size);
}

static void what_is_wanted_for_long_is_not_written_over(void **state)
{
    struct memory_block blocks[] = {
        {.first = 0, .last = 3, .size = 5}, /* added again later */
        {.first = 1, .last = 2, .size = 10},
        {.first = 2, .last = 3, .size = 10},
        {.first = 4, .last = 5, .size = 25},
    };
    size_t size = find(blocks, 4);

    (void)state;
    assert_int_equal(size, 25);
    expect_no_two_at_a_time(blocks, 4, size);
}

static void a_gap_between_two_is_used(void **state)
{
    struct memory_block blocks[] = {
        {.first = 0, .last = 9, .size = 50},
        {.first = 0, .last = 1, .size = 40},
        {.first = 0, .last = 9, .size = 30},
        {.first = 2, .last = 9, .size = 20}, /* where the 40 was */
    };
    size_t size = find(blocks, 4);

    (void)state;
    assert_int_equal(size, 120);
    assert_int_equal(blocks[3].offset, blocks[1].offset);
    expect_no_two_at_a_time(blocks, 4, size);
}

static void nothing_needs_nothing(void **state)
{
    (void)state;
    assert_int_equal(find(NULL, 0), 0);
}

static void no_two_lie_on_each_other_at_a_time(void **state)
{
    enum { COUNT = 300 };
    static struct memory_block blocks[COUNT];
    uint32_t random = 1;
    size_t live = 0, size;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        blocks[i] = (struct memory_block){
            .first = i / 2,
            .last = i / 2 + (random >> 28),
            .size = 1 + (random >> 8) % 1000,
        };
    }
    for (size_t step = 0; step < COUNT; step++) {
        size_t sum = 0;

        for (size_t i = 0; i < COUNT; i++)
            if (blocks[i].first <= step && step <= blocks[i].last)
                sum += blocks[i].size;
        live = sum > live ? sum : live;
    }
    size = find(blocks, COUNT);
    expect_no_two_at_a_time(blocks, COUNT, size);
    assert_true(size >= live);
    assert_true(size <= live + live / 4);
}

static bool find_once(void *arg, struct error *err)
{
    struct memory_block blocks[2] = {{.size = 1}, {.size = 2}};
    size_t size;

    (void)arg;
    return memory_plan(blocks, 2, &size, err);
}

static void a_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    alloc_sweep(find_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_takes_what_two_neighbours_take),
        cmocka_unit_test(what_is_wanted_for_long_is_not_written_over),
        cmocka_unit_test(a_gap_between_two_is_used),
        cmocka_unit_test(nothing_needs_nothing),
        cmocka_unit_test(no_two_lie_on_each_other_at_a_time),
        cmocka_unit_test(a_failed_allocation_is_reported_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
