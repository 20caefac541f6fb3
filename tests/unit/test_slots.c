/* Memory that values have one after the other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "slots.h"

#include <cmocka.h>

static void a_chain_takes_two_slots(void **state)
{
    struct slots_life lives[] = {
        {.first = 0, .last = 1, .size = 10},
        {.first = 1, .last = 2, .size = 30},
        {.first = 2, .last = 3, .size = 20},
        {.first = 3, .last = 4, .size = 40},
    };
    struct slots_slot slots[4];

    (void)state;
    assert_int_equal(slots_assign(lives, 4, slots), 2);
    assert_int_equal(lives[0].slot, lives[2].slot);
    assert_int_equal(lives[1].slot, lives[3].slot);
    assert_int_equal(slots[lives[0].slot].size, 20);
    assert_int_equal(slots[lives[1].slot].size, 40);
}

static void what_is_wanted_for_long_keeps_its_slot(void **state)
{
    struct slots_life lives[] = {
        {.first = 0, .last = 3, .size = 5}, /* added again later */
        {.first = 1, .last = 2, .size = 10},
        {.first = 2, .last = 3, .size = 10},
        {.first = 4, .last = 5, .size = 5},
    };
    struct slots_slot slots[4];

    (void)state;
    assert_int_equal(slots_assign(lives, 4, slots), 3);
    assert_int_not_equal(lives[0].slot, lives[1].slot);
    assert_int_not_equal(lives[0].slot, lives[2].slot);
    assert_int_not_equal(lives[1].slot, lives[2].slot);
    assert_int_equal(lives[3].slot, lives[0].slot); /* the one that fits */
}

static void a_slot_that_fits_is_taken_before_one_that_must_grow(void **state)
{
    struct slots_life lives[] = {
        {.first = 0, .last = 0, .size = 50},
        {.first = 0, .last = 0, .size = 9},
        {.first = 0, .last = 0, .size = 20},
        {.first = 1, .last = 1, .size = 10},
        {.first = 1, .last = 1, .size = 60},
    };
    struct slots_slot slots[5];

    (void)state;
    assert_int_equal(slots_assign(lives, 5, slots), 3);
    assert_int_equal(lives[3].slot, lives[2].slot);
    assert_int_equal(lives[4].slot, lives[0].slot);
    assert_int_equal(slots[lives[0].slot].size, 60);
}

static void no_two_values_have_a_slot_at_a_time(void **state)
{
    enum { COUNT = 300 };
    static struct slots_life lives[COUNT];
    static struct slots_slot slots[COUNT];
    uint32_t random = 1;
    size_t num_slots;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        lives[i] = (struct slots_life){
            .first = i / 2,
            .last = i / 2 + (random >> 28),
            .size = 1 + (random >> 8) % 1000,
        };
    }
    num_slots = slots_assign(lives, COUNT, slots);
    assert_true(num_slots < 2 * 16 + 1);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(lives[i].slot < num_slots);
        assert_true(slots[lives[i].slot].size >= lives[i].size);
        for (size_t k = 0; k < i; k++)
            assert_true(lives[k].slot != lives[i].slot ||
                        lives[k].last < lives[i].first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_takes_two_slots),
        cmocka_unit_test(what_is_wanted_for_long_keeps_its_slot),
        cmocka_unit_test(a_slot_that_fits_is_taken_before_one_that_must_grow),
        cmocka_unit_test(no_two_values_have_a_slot_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
