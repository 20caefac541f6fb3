/* Contact sheets: where pictures and their numbers stand. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/render/sheet.h"

#include "tests/unit/alloc_sweep.h"

static const uint8_t *pixel(const struct sheet *sheet, size_t x, size_t y)
{
    return sheet->pixels + 3 * (y * sheet->width + x);
}

static bool is_black(const struct sheet *sheet, size_t x, size_t y)
{
    return pixel(sheet, x, y)[0] == 0 && pixel(sheet, x, y)[2] == 0;
}

static void pictures_stand_in_a_grid_on_white(void **state)
{
    const struct sheet_grid grid = {.count = 5, .width = 10, .height = 4};
    struct sheet sheet = {0};

    (void)state;
    assert_true(sheet_begin(&sheet, &grid, NULL));
    assert_int_equal(sheet.grid.columns, 3);
    assert_int_equal(sheet.width, 2 + 3 * (10 + 2));
    assert_int_equal(sheet.height, 2 + 2 * (4 + 2));
    assert_ptr_equal(sheet_tile(&sheet, 0), pixel(&sheet, 2, 2));
    assert_ptr_equal(sheet_tile(&sheet, 2), pixel(&sheet, 26, 2));
    assert_ptr_equal(sheet_tile(&sheet, 4), pixel(&sheet, 14, 8));
    for (size_t i = 0; i < (size_t)3 * sheet.width * sheet.height; i++)
        assert_int_equal(sheet.pixels[i], 255);
    sheet_release(&sheet);
}

static void columns_may_be_chosen_but_none_is_empty(void **state)
{
    struct sheet_grid grid = {
        .count = 5, .columns = 2, .width = 1, .height = 1};
    struct sheet sheet = {0};

    (void)state;
    assert_true(sheet_begin(&sheet, &grid, NULL));
    assert_int_equal(sheet.height, 2 + 3 * 3);
    grid.columns = 9;
    assert_true(sheet_begin(&sheet, &grid, NULL));
    assert_int_equal(sheet.width, 2 + 5 * 3);
    assert_int_equal(sheet.height, 2 + 3);
    sheet_release(&sheet);
}

/* Each digit is 3 x 5, drawn twice as large where the number fits. */
static void a_number_can_be_read_below_its_picture(void **state)
{
    static const char *const seven_six[] = {"### ###", "  # #  ", "  # ###",
                                            "  # # #", "  # ###"};
    const struct sheet_grid grid = {
        .count = 1, .width = 20, .height = 3, .has_labels = true};
    struct sheet sheet = {0};

    (void)state;
    assert_true(sheet_begin(&sheet, &grid, NULL));
    sheet_label(&sheet, 0, 76);
    for (size_t y = 0; y < 10; y++)
        for (size_t x = 0; x < 14; x++)
            assert_int_equal(is_black(&sheet, 2 + x, 2 + 3 + 2 + y),
                             seven_six[y / 2][x / 2] == '#');
    sheet_release(&sheet);
}

static void a_number_never_leaves_its_column(void **state)
{
    const struct sheet_grid grid = {
        .count = 4, .columns = 2, .width = 9, .height = 1, .has_labels = true};
    struct sheet sheet = {0};

    (void)state;
    assert_true(sheet_begin(&sheet, &grid, NULL));
    for (size_t i = 0; i < 4; i++)
        sheet_label(&sheet, i, SIZE_MAX);
    for (size_t y = 0; y < sheet.height; y++)
        for (size_t x = 0; x < 2; x++) {
            assert_false(is_black(&sheet, x, y));
            assert_false(is_black(&sheet, 11 + x, y));
            assert_false(is_black(&sheet, 22 + x, y));
        }
    sheet_release(&sheet);
}

static void a_sheet_that_is_too_large_is_refused(void **state)
{
    struct sheet_grid grid = {
        .count = 4096, .width = 1 << 20, .height = 1 << 20};
    struct sheet sheet = {0};
    struct error err = {0};

    (void)state;
    assert_false(sheet_begin(&sheet, &grid, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    assert_null(sheet.pixels);
    sheet_release(&sheet);
}

static bool make(void *arg, struct error *err)
{
    const struct sheet_grid grid = {.count = 2, .width = 30, .height = 3};
    struct sheet sheet = {0};
    struct buf png = {0};
    bool ok = sheet_begin(&sheet, &grid, err) && sheet_png(&sheet, &png, err);

    (void)arg;
    sheet_release(&sheet);
    buf_release(&png);
    return ok;
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    alloc_sweep(make, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_stand_in_a_grid_on_white),
        cmocka_unit_test(columns_may_be_chosen_but_none_is_empty),
        cmocka_unit_test(a_number_can_be_read_below_its_picture),
        cmocka_unit_test(a_number_never_leaves_its_column),
        cmocka_unit_test(a_sheet_that_is_too_large_is_refused),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
