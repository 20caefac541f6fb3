#include "cli/eval_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complain.h"

void eval_report_add(struct eval_report *report,
                     const struct result_photo *photo)
{
    report->num_items++;
    if (photo->error[0]) {
        if (report->num_broken < EVAL_REPORT_MAX_BROKEN) {
            struct eval_report_broken *broken =
                &report->broken[report->num_broken];

            snprintf(broken->name, sizeof broken->name, "%s", photo->name);
            snprintf(broken->error, sizeof broken->error, "%s", photo->error);
        }
        report->num_broken++;
        return;
    }
    for (size_t i = 0; i < report->num_rows; i++)
        tally_add(&report->tallies[i], photo, &photo->results[i]);
}

void eval_report_name(char *text, size_t size, const struct result_row *row,
                      bool with_box)
{
    const char *target = strcmp(row->target, "logit") == 0 ? "" : row->target;
    const char *box = with_box ? row->box : "";

    snprintf(text, size, "%s%s%s%s%s%s%s", row->method, *row->layer ? " " : "",
             row->layer, *target ? " " : "", target, *box ? ", " : "", box);
}

/* ---- the table ---- */

enum { MAX_COLUMNS = 16, CELL_SIZE = 24 };

struct line {
    char name[128];
    char cells[MAX_COLUMNS][CELL_SIZE];
    size_t num_cells;
};

static void add_cell(struct line *line, const char *text)
{
    snprintf(line->cells[line->num_cells++], CELL_SIZE, "%s", text);
}

/* Adds a number with so many digits behind the point; a dash for NAN. */
static void add_number(struct line *line, double number, int digits)
{
    char text[CELL_SIZE] = "-";

    if (!isnan(number))
        snprintf(text, sizeof text, "%.*f", digits, number);
    add_cell(line, text);
}

static void add_percent(struct line *line, double share)
{
    add_number(line, 100 * share, 1);
}

/* Adds the best accuracy of a curve and the threshold that it needs. */
static void add_best(struct line *line, const struct tally *tally,
                     enum result_curve curve)
{
    char text[CELL_SIZE] = "-";
    size_t level;
    double best = tally_best(tally, curve, &level);

    if (!isnan(best))
        snprintf(text, sizeof text, "%.1f @ %.2f", 100 * best,
                 (double)level / BOX_LEVELS);
    add_cell(line, text);
}

static const char *const right_heads[] = {
    "top-1",    "top-5",  "loc-1",  "loc-5",  "GT-known",
    "mean IoU", "points", "energy", "checks", "ms",
};

static void fill_right(struct line *line, const struct tally *tally)
{
    char text[CELL_SIZE] = "-";

    add_percent(line, tally_mean(&tally->top1));
    add_percent(line, tally_mean(&tally->top5));
    add_percent(line, tally_mean(&tally->loc_top1));
    add_percent(line, tally_mean(&tally->loc_top5));
    add_percent(line, tally_mean(&tally->gt_known));
    add_number(line, tally_mean(&tally->iou), 3);
    add_percent(line, tally_mean(&tally->pointing));
    add_percent(line, tally_mean(&tally->energy));
    if (tally->has_check)
        snprintf(text, sizeof text, "%.0e", tally->check);
    add_cell(line, text);
    add_number(line, tally_mean(&tally->ms), 1);
}

static const char *const box_heads[] = {
    "MaxBoxAcc", "V2",      "IoU .3", "IoU .5",   "IoU .7",    "<10 %",
    "10-25 %",   "25-50 %", ">50 %",  "deletion", "insertion",
};

static void fill_box(struct line *line, const struct tally *tally)
{
    add_best(line, tally, RESULT_LARGEST_50);
    add_percent(line, tally_v2(tally));
    add_best(line, tally, RESULT_ANY_30);
    add_best(line, tally, RESULT_ANY_50);
    add_best(line, tally, RESULT_ANY_70);
    for (size_t i = 0; i < TALLY_SIZES; i++)
        add_percent(line, tally_mean(&tally->by_size[i]));
    add_number(line, tally_mean(&tally->deletion), 3);
    add_number(line, tally_mean(&tally->insertion), 3);
}

/* Prints lines with their columns aligned, the first of which are the heads. */
static void print_lines(FILE *stream, const struct line *lines, size_t count)
{
    size_t widths[MAX_COLUMNS] = {0}, name_width = 0;

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(lines[i].name);

        name_width = len > name_width ? len : name_width;
        for (size_t k = 0; k < lines[i].num_cells; k++) {
            len = strlen(lines[i].cells[k]);
            widths[k] = len > widths[k] ? len : widths[k];
        }
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%-*s", (int)name_width, lines[i].name);
        for (size_t k = 0; k < lines[i].num_cells; k++)
            fprintf(stream, "  %*s", (int)widths[k], lines[i].cells[k]);
        fputc('\n', stream);
    }
}

/* Prints a table of all rows, of which `fill` makes the cells. */
static void print_table(FILE *stream, const struct eval_report *report,
                        const char *const *heads, size_t num_heads,
                        void (*fill)(struct line *line,
                                     const struct tally *tally))
{
    struct line *lines = calloc(report->num_rows + 1, sizeof *lines);

    if (!lines)
        return;
    for (size_t k = 0; k < num_heads; k++)
        add_cell(&lines[0], heads[k]);
    for (size_t i = 0; i < report->num_rows; i++) {
        eval_report_name(lines[i + 1].name, sizeof lines[i + 1].name,
                         &report->rows[i], true);
        fill(&lines[i + 1], &report->tallies[i]);
    }
    fputc('\n', stream);
    print_lines(stream, lines, report->num_rows + 1);
    free(lines);
}

static void print_broken(FILE *stream, const struct eval_report *report)
{
    size_t listed = report->num_broken < EVAL_REPORT_MAX_BROKEN
                        ? report->num_broken
                        : EVAL_REPORT_MAX_BROKEN;

    if (listed > 0)
        fputs("\nnot measured:\n", stream);
    for (size_t i = 0; i < listed; i++) {
        fputs("  ", stream);
        complain_print(stream, report->broken[i].name);
        fputs(": ", stream);
        complain_print(stream, report->broken[i].error);
        fputc('\n', stream);
    }
    if (listed < report->num_broken)
        fprintf(stream, "  and %zu more, which photos.csv names\n",
                report->num_broken - listed);
}

void eval_report_print(FILE *stream, const struct eval_report *report)
{
    fprintf(stream, "%s on ", report->model);
    complain_print(stream, report->data);
    fprintf(stream, ": %zu photos measured, %ju with boxes; %zu not measured\n",
            report->num_items - report->num_broken,
            (uintmax_t)report->tallies[0].num_boxed, report->num_broken);
    print_table(stream, report, right_heads,
                sizeof right_heads / sizeof right_heads[0], fill_right);
    if (report->tallies[0].num_boxed > 0 || report->curve_steps > 0)
        print_table(stream, report, box_heads,
                    sizeof box_heads / sizeof box_heads[0], fill_box);
    if (report->curve_steps > 0)
        fprintf(stream,
                "\ndeletion and insertion: %zu steps of %.2g %% of the pixels; "
                "deleted pixels are mid-grey to the network, and insertion "
                "begins with a Gaussian blur of 5 pixels\n",
                report->curve_steps, 100.0 / (double)report->curve_steps);
    print_broken(stream, report);
}

void eval_report_release(struct eval_report *report)
{
    free(report->tallies);
    *report = (struct eval_report){0};
}
