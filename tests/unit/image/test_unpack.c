#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/image/unpack.h"

#include "tests/unit/alloc_sweep.h"

/* What zlib makes of those bytes. */
static struct bytes pack(uint8_t *room, size_t cap, const void *bytes,
                         size_t len)
{
    uLongf packed_len = cap;

    assert_int_equal(compress(room, &packed_len, bytes, len), Z_OK);
    return (struct bytes){.data = room, .len = packed_len};
}

static const char text[] = "hello, hello, hello";
enum { TEXT_LEN = sizeof text - 1, NUM_ZEROS = 1000000 };

static bool unpack_it(void *arg, struct error *err)
{
    const struct bytes *packed = arg;
    struct buf out = {0};
    const bool ok = unpack_zlib(&out, *packed, 1 << 20, err);

    buf_release(&out);
    return ok;
}

static void what_was_packed_comes_out(void **state)
{
    uint8_t room[100];
    const struct bytes packed = pack(room, sizeof room, text, TEXT_LEN);
    struct buf out = {0};

    (void)state;
    assert_true(buf_append(&out, "say ", 4, NULL));
    assert_true(unpack_zlib(&out, packed, TEXT_LEN, NULL));
    assert_int_equal(out.len, 4 + TEXT_LEN);
    assert_memory_equal(out.data, "say hello, hello, hello", out.len);
    buf_release(&out);
}

static void more_than_is_allowed_is_nothing(void **state)
{
    static const uint8_t zeros[NUM_ZEROS];
    uint8_t room[2000];
    struct bytes packed = pack(room, sizeof room, zeros, NUM_ZEROS);
    struct buf out = {0};

    (void)state;
    assert_true(unpack_zlib(&out, packed, NUM_ZEROS - 1, NULL));
    assert_int_equal(out.len, 0);
    assert_true(out.cap < 2 * NUM_ZEROS);
    assert_true(unpack_zlib(&out, packed, NUM_ZEROS, NULL));
    assert_int_equal(out.len, NUM_ZEROS);
    assert_memory_equal(out.data, zeros, NUM_ZEROS);
    buf_release(&out);
    alloc_sweep(unpack_it, &packed);
}

static void what_is_cut_or_broken_is_nothing(void **state)
{
    uint8_t room[100];
    const struct bytes packed = pack(room, sizeof room, text, TEXT_LEN);
    struct buf out = {0};

    (void)state;
    for (size_t len = 0; len < packed.len; len++) {
        const struct bytes cut = {.data = room, .len = len};

        assert_true(unpack_zlib(&out, cut, 100, NULL));
        assert_int_equal(out.len, 0);
    }
    room[packed.len - 1] ^= 1; /* the check sum */
    assert_true(unpack_zlib(&out, packed, 100, NULL));
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out),
        cmocka_unit_test(more_than_is_allowed_is_nothing),
        cmocka_unit_test(what_is_cut_or_broken_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
