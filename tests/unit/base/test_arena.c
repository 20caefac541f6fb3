/* The bump allocator. */

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/arena.h"

#include <cmocka.h>

static void what_is_taken_is_zeroed_and_aligned_for_any_type(void **state)
{
    struct arena arena = {0};
    struct error err = {0};

    (void)state;
    for (size_t size = 1; size < 100; size++) {
        unsigned char *bytes = arena_take(&arena, 3, size, &err);

        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
        for (size_t i = 0; i < 3 * size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, 3 * size); /* the next piece must not be here */
    }
    arena_release(&arena);
}

static void pieces_do_not_overlap(void **state)
{
    enum { PIECES = 200 };
    struct arena arena = {0};
    struct error err = {0};
    unsigned char *piece[PIECES];
    size_t len[PIECES];

    (void)state;
    for (size_t i = 0; i < PIECES; i++) {
        len[i] = 1 + i * 37 % 1000;
        piece[i] = arena_take(&arena, len[i], 1, &err);
        assert_non_null(piece[i]);
        memset(piece[i], (int)(i % 251), len[i]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < len[i]; j++)
            assert_int_equal(piece[i][j], i % 251);
    arena_release(&arena);
}

static void nothing_is_something_that_is_not_null(void **state)
{
    struct arena arena = {0};
    struct error err = {0};

    (void)state;
    assert_non_null(arena_take(&arena, 0, 8, &err));
    assert_non_null(arena_take(&arena, 8, 0, &err));
    assert_int_equal(err.kind, ERROR_NONE);
    arena_release(&arena);
}

static void a_piece_may_be_larger_than_a_block(void **state)
{
    enum { LEN = 1 << 20 };
    struct arena arena = {0};
    struct error err = {0};
    unsigned char *before = arena_take(&arena, 16, 1, &err);
    unsigned char *large = arena_take(&arena, LEN, 1, &err);
    unsigned char *after = arena_take(&arena, 16, 1, &err);

    (void)state;
    assert_non_null(before);
    assert_non_null(large);
    assert_non_null(after);
    memset(large, 1, LEN);
    for (int i = 0; i < 16; i++)
        assert_int_equal(before[i] | after[i], 0);
    arena_release(&arena);
}

static void a_size_that_overflows_is_out_of_memory(void **state)
{
    const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8 + 1,
                             SIZE_MAX / 16 + 2};
    struct arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct error err = {0};

        assert_null(arena_take(&arena, counts[i], 16, &err));
        assert_int_equal(err.kind, ERROR_MEMORY);
    }
    arena_release(&arena);
}

static void text_is_copied_and_ends(void **state)
{
    struct arena arena = {0};
    struct error err = {0};
    char text[] = "wherefore art thou";
    char *copy = arena_text(&arena, text, 9, &err);
    char *empty = arena_text(&arena, NULL, 0, &err);

    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_string_equal(copy, "wherefore");
    assert_string_equal(empty, "");
    arena_release(&arena);
}

static void text_too_long_for_its_end_is_out_of_memory(void **state)
{
    struct arena arena = {0};
    struct error err = {0};

    (void)state;
    assert_null(arena_text(&arena, "x", SIZE_MAX, &err));
    assert_int_equal(err.kind, ERROR_MEMORY);
    arena_release(&arena);
}

static void a_released_arena_is_empty_and_can_be_used_again(void **state)
{
    struct arena arena = {0};
    struct error err = {0};

    (void)state;
    arena_release(&arena);
    assert_non_null(arena_take(&arena, 1, 1, &err));
    arena_release(&arena);
    assert_null(arena.blocks);
    assert_non_null(arena_take(&arena, 1, 1, &err));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_zeroed_and_aligned_for_any_type),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(nothing_is_something_that_is_not_null),
        cmocka_unit_test(a_piece_may_be_larger_than_a_block),
        cmocka_unit_test(a_size_that_overflows_is_out_of_memory),
        cmocka_unit_test(text_is_copied_and_ends),
        cmocka_unit_test(text_too_long_for_its_end_is_out_of_memory),
        cmocka_unit_test(a_released_arena_is_empty_and_can_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
