/* The report's curves as SVG: accuracy over the threshold, a panel for each
 * overlap and a line for each map. */
#include "cli/eval_report.h"

#include <string.h>

#include "cli/plot.h"

static const enum result_curve panels[] = {RESULT_ANY_30, RESULT_ANY_50,
                                           RESULT_ANY_70};
static const char *const titles[] = {"IoU at least .3", "IoU at least .5",
                                     "IoU at least .7"};

/* Whether row i is of another map than the one before, and so has a line. */
static bool has_line(const struct eval_report *report, size_t i)
{
    const struct result_row *row = &report->rows[i], *last = row - 1;

    return i == 0 || strcmp(row->method, last->method) != 0 ||
           strcmp(row->layer, last->layer) != 0 ||
           strcmp(row->target, last->target) != 0;
}

/* The row that has this line. */
static size_t row_of(const struct eval_report *report, size_t line)
{
    size_t i = 0;

    for (;; i++)
        if (has_line(report, i) && line-- == 0)
            return i;
}

static double value(const void *user, size_t panel, size_t line, size_t point)
{
    const struct eval_report *report = user;

    return tally_accuracy(&report->tallies[row_of(report, line)], panels[panel],
                          point);
}

static void name(const void *user, char text[PLOT_NAME_SIZE], size_t line)
{
    const struct eval_report *report = user;

    eval_report_name(text, PLOT_NAME_SIZE, &report->rows[row_of(report, line)],
                     false);
}

bool eval_report_draw(struct buf *out, const struct eval_report *report,
                      struct error *err)
{
    struct plot plot = {
        .titles = titles,
        .num_panels = sizeof panels / sizeof panels[0],
        .num_points = BOX_LEVELS,
        .step = 1.0 / BOX_LEVELS,
        .value = value,
        .name = name,
        .user = report,
    };

    for (size_t i = 0; i < report->num_rows; i++)
        plot.num_lines += has_line(report, i);
    return plot_draw(out, &plot, err);
}
