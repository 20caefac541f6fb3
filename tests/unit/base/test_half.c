/* Floats of 16 bits: all of them, and roundings worked out by hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>

#include "engine/base/half.h"

#include <cmocka.h>

static void every_half_survives(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 16; bits++) {
        const uint16_t half = (uint16_t)bits;
        const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
        uint16_t again;
        float value, expected;

        half_to_floats(&value, &half, 1);
        half_from_floats(&again, &value, 1);
        if (exponent == 31 && fraction > 0) {
            assert_true(isnan(value));
            continue;
        }
        assert_int_equal(again, half);
        expected = exponent == 31 ? INFINITY
                   : exponent == 0
                       ? ldexpf((float)fraction, -24)
                       : ldexpf((float)(1024 + fraction), (int)exponent - 25);
        assert_true(value == (bits >> 15 ? -expected : expected));
    }
}

static void floats_become_the_nearest_half(void **state)
{
    /* Halfway between two halves, the even one. */
    static const struct {
        float value;
        uint16_t half;
    } cases[] = {
        {1, 0x3c00},
        {1 + 0x1p-11f, 0x3c00},
        {1 + 3 * 0x1p-11f, 0x3c02},
        {1 + 0x1p-11f + 0x1p-20f, 0x3c01},
        {65504, 0x7bff},
        {65519.99f, 0x7bff},
        {65520, 0x7bff},
        {-1e10f, 0xfbff},
        {INFINITY, 0x7c00},
        {0x1p-25f, 0},
        {0x1p-25f + 0x1p-40f, 1},
        {3 * 0x1p-25f, 2},
        {0x1p-14f - 0x1p-26f, 0x0400},
        {0, 0},
        {-0.0f, 0x8000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint16_t half;

        half_from_floats(&half, &cases[i].value, 1);
        assert_int_equal(half, cases[i].half);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_survives),
        cmocka_unit_test(floats_become_the_nearest_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
