/* The text of the progress bar. What a terminal gets is tested through a
 * pseudo-terminal in tests/cli/. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.c"

static void the_bar_shows_count_rate_and_time_left(void **state)
{
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_format(line, 79, 10, 40, 5.0);
    assert_string_equal(line, "[#########-----------------------------] "
                              "10/40, 2.0/s, 15 s left");
}

static void the_bar_is_full_when_all_is_done(void **state)
{
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_format(line, 45, 40, 40, 5.0);
    assert_string_equal(line, "[####################] 40/40, 8.0/s, 0 s left");
}

static void before_the_first_step_there_is_neither_rate_nor_time(void **state)
{
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_format(line, 20, 0, 7, 3.0);
    assert_string_equal(line, "[--------------] 0/7");
    progress_format(line, 20, 3, 7, 0.0);
    assert_string_equal(line, "[######--------] 3/7");
}

static void minutes_and_hours_are_left_as_a_clock_shows_them(void **state)
{
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_format(line, 25, 1, 126, 1.0);
    assert_string_equal(line, "1/126, 1.0/s, 2:05 left");
    progress_format(line, 30, 1, 7384, 1.0);
    assert_string_equal(line, "1/7384, 1.0/s, 2:03:03 left");
}

static void a_narrow_terminal_loses_the_bar_first_and_the_count_last(void **s)
{
    char line[PROGRESS_LINE_SIZE];

    (void)s;
    progress_format(line, 24, 10, 40, 5.0);
    assert_string_equal(line, "10/40, 2.0/s, 15 s left");
    progress_format(line, 22, 10, 40, 5.0);
    assert_string_equal(line, "10/40, 2.0/s");
    progress_format(line, 11, 10, 40, 5.0);
    assert_string_equal(line, "10/40");
    progress_format(line, 4, 10, 40, 5.0);
    assert_string_equal(line, "");
    progress_format(line, 0, 10, 40, 5.0);
    assert_string_equal(line, "");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    char line[PROGRESS_LINE_SIZE];
    const size_t totals[] = {1, 9, 1000, SIZE_MAX};
    const double elapsed_s[] = {0, 1e-300, 1e-9, 1, 1e300, INFINITY, NAN};

    (void)state;
    for (size_t columns = 0; columns < 2 * PROGRESS_LINE_SIZE; columns++)
        for (size_t t = 0; t < 4; t++)
            for (size_t e = 0; e < 7; e++)
                for (size_t done = 0; done < 3; done++) {
                    progress_format(line, columns, done ? totals[t] / done : 0,
                                    totals[t], elapsed_s[e]);
                    assert_true(strlen(line) <= columns);
                    assert_true(strlen(line) < PROGRESS_LINE_SIZE);
                }
}

static void a_stream_that_is_no_terminal_gets_nothing(void **state)
{
    struct progress progress;
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    progress_init(&progress, file, 1000);
    progress_show(&progress, 500);
    progress_hide(&progress);
    assert_int_equal(ftell(file), 0);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bar_shows_count_rate_and_time_left),
        cmocka_unit_test(the_bar_is_full_when_all_is_done),
        cmocka_unit_test(before_the_first_step_there_is_neither_rate_nor_time),
        cmocka_unit_test(minutes_and_hours_are_left_as_a_clock_shows_them),
        cmocka_unit_test(
            a_narrow_terminal_loses_the_bar_first_and_the_count_last),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(a_stream_that_is_no_terminal_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
