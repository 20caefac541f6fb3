#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hugepages.h"

#include <cmocka.h>

enum { COUNT = 48 };

/* Sizes around the bounds: nothing, small, large, larger than a mapping. */
static size_t size_of(size_t i)
{
    static const size_t sizes[] = {0,     1,          127,     16000,
                                   16384, 100 * 1000, 2097152, 5 * 1000 * 1000};

    return sizes[i % (sizeof sizes / sizeof sizes[0])];
}

/* Takes blocks, marks each with its number, gives every second one back and
 * takes it anew, and checks that no block has another's mark. Returns how many
 * are wrong. */
static void *use_blocks(void *arg)
{
    uint8_t *blocks[COUNT];
    size_t wrong = 0;

    (void)arg;
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = hugepages_take(size_of(i));
        wrong += !blocks[i] || (uintptr_t)blocks[i] % HUGEPAGES_ALIGNMENT != 0;
        memset(blocks[i], (int)i, size_of(i));
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        hugepages_give(blocks[i]);
        blocks[i] = hugepages_take(size_of(i));
        wrong += !blocks[i];
        memset(blocks[i], (int)i, size_of(i));
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t b = 0; b < size_of(i); b++)
            wrong += blocks[i][b] != (uint8_t)i;
        hugepages_give(blocks[i]);
    }
    return (void *)(uintptr_t)wrong;
}

static void blocks_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    assert_null(use_blocks(NULL));
    assert_null(use_blocks(NULL)); /* with what the first time left mapped */
    assert_int_equal(hugepages_in_use(), 0);
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_blocks, NULL),
                         0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong = &threads;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void large_blocks_are_counted_while_they_are_out(void **state)
{
    void *block = hugepages_take(1000 * 1000);

    (void)state;
    assert_non_null(block);
    assert_in_range(hugepages_in_use(), 1000 * 1000, 1001 * 1000);
    hugepages_give(block);
    assert_int_equal(hugepages_in_use(), 0);
}

static void equal_blocks_become_one_that_lives_as_long_as_either(void **state)
{
    uint8_t *blocks[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        blocks[i] = hugepages_take(100 * 1000);
        assert_non_null(blocks[i]);
        memset(blocks[i], i < 2, 100 * 1000);
    }
    assert_ptr_equal(hugepages_share(blocks[1], blocks[0], 100 * 1000),
                     blocks[0]);
    assert_ptr_equal(hugepages_share(blocks[2], blocks[0], 100 * 1000),
                     blocks[2]);
    assert_in_range(hugepages_in_use(), 200 * 1000, 201 * 1000);
    hugepages_give(blocks[0]);
    for (size_t i = 0; i < 100 * 1000; i++)
        assert_int_equal(blocks[0][i], 1);
    hugepages_give(blocks[0]);
    hugepages_give(blocks[2]);
    assert_int_equal(hugepages_in_use(), 0);
}

static void trimming_unmaps_what_no_block_is_in(void **state)
{
    void *block;

    (void)state;
    hugepages_trim();
    assert_int_equal(hugepages_mapped(), 0);
    block = hugepages_take(100 * 1000);
    hugepages_trim();
    assert_true(hugepages_mapped() >= 100 * 1000);
    hugepages_give(block);
    hugepages_trim();
    assert_int_equal(hugepages_mapped(), 0);
}

/* Blocks of both kinds are in different mappings, and what is given back
 * between two blocks is not counted. */
static void brief_blocks_lie_apart_and_leave_no_pages(void **state)
{
    enum { SIZE = 1000 * 1000 };
    uint8_t *lasting, *brief[3];
    size_t all;

    (void)state;
    hugepages_trim();
    lasting = hugepages_take(SIZE);
    for (size_t i = 0; i < 3; i++) {
        brief[i] = hugepages_take_brief(SIZE);
        assert_non_null(brief[i]);
        memset(brief[i], (int)i, SIZE);
    }
    all = hugepages_mapped();
    assert_true(brief[1] == brief[0] + (brief[2] - brief[1]));
    assert_true(lasting + SIZE <= brief[0] || brief[2] + SIZE <= lasting);
    hugepages_give(brief[1]);
    assert_in_range(all - hugepages_mapped(), SIZE - 2 * 65536, SIZE + 65536);
    assert_int_equal(brief[0][SIZE - 1], 0);
    assert_int_equal(brief[2][0], 2);
    hugepages_give(brief[0]);
    hugepages_give(brief[2]);
    brief[0] = hugepages_take_brief(SIZE); /* the mapping is used again */
    assert_int_equal(hugepages_mapped(), all);
    hugepages_give(brief[0]);
    hugepages_give(lasting);
    hugepages_trim();
    assert_int_equal(hugepages_mapped(), 0);
}

static void what_no_memory_holds_is_null(void **state)
{
    (void)state;
    assert_null(hugepages_take(SIZE_MAX));
    assert_null(hugepages_take(SIZE_MAX / 2));
    hugepages_give(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_do_not_overlap),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(large_blocks_are_counted_while_they_are_out),
        cmocka_unit_test(equal_blocks_become_one_that_lives_as_long_as_either),
        cmocka_unit_test(trimming_unmaps_what_no_block_is_in),
        cmocka_unit_test(brief_blocks_lie_apart_and_leave_no_pages),
        cmocka_unit_test(what_no_memory_holds_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
