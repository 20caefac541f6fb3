#include "cli/calibrate_report.h"

#include "cli/plot.h"

enum { STEP = 2 /* of the table: 0, .04, … */ };

static void print_setting(FILE *stream, const char *name,
                          const struct calibrate_setting *setting)
{
    fprintf(stream, "%-12s %9.2f %6.2f %+7.3f %+7.3f", name,
            (double)setting->threshold, (double)setting->scale,
            (double)setting->shift_x, (double)setting->shift_y);
}

/* The mean, and the share at .5. */
static void print_score(FILE *stream, const struct calibrate_score *score)
{
    fprintf(stream, "  %5.1f %%  %5.1f %%", 100 * score->mean,
            100 * score->right[CALIBRATE_HALF]);
}

static void print_found(FILE *stream, const char *name,
                        const struct calibrate_found *found)
{
    print_setting(stream, name, &found->setting);
    print_score(stream, &found->fitted);
    print_score(stream, &found->held_out);
    fputc('\n', stream);
}

void calibrate_report_print(FILE *stream, const struct calibrate_result *result)
{
    const struct calibrate_setting paper = {BOX_THRESHOLD, 1, 0, 0};
    char name[32];

    fprintf(
        stream,
        "%zu photos, %zu boxes to find. Right is the share of boxes that\n"
        "overlap a true one by at least .5 (intersection over union); the\n"
        "mean is that of the shares at .3, .5 and .7. Shifts are in cells\n"
        "of the map.\n\n"
        "%30s shift  %17s  %16s\n"
        "%-12s threshold  scale   right    down     mean    right     mean  "
        "  right\n",
        result->num_photos, result->num_items, "", "fitted", "held out", "");
    print_setting(stream, "rule paper", &paper);
    print_score(stream, &result->paper);
    fputc('\n', stream);
    for (size_t i = 0; i < result->num_folds; i++) {
        snprintf(name, sizeof name, "without %zu", i + 1);
        print_found(stream, name, &result->folds[i]);
    }
    print_found(stream, "all photos", &result->best);
    fprintf(stream,
            "\n%9s  %16s  with scale, shift\n"
            "threshold     mean    right     mean    right\n",
            "", "alone");
    for (size_t i = 0; i < CALIBRATE_THRESHOLDS; i += STEP) {
        fprintf(stream, "%9.2f", (double)calibrate_threshold(i));
        print_score(stream, &result->plain[i]);
        print_score(stream, &result->adjusted[i]);
        fputc('\n', stream);
    }
}

/* ---- the picture ---- */

static double value(const void *user, size_t panel, size_t line, size_t point)
{
    const struct calibrate_result *result = user;

    return (line == 0 ? result->plain : result->adjusted)[point].right[panel];
}

static void name_line(const void *user, char name[PLOT_NAME_SIZE], size_t line)
{
    const struct calibrate_result *result = user;
    const struct calibrate_setting *best = &result->best.setting;

    if (line == 0)
        snprintf(name, PLOT_NAME_SIZE, "threshold alone");
    else
        snprintf(name, PLOT_NAME_SIZE,
                 "with scale %.2f, shift %+.3f right and %+.3f down",
                 (double)best->scale, (double)best->shift_x,
                 (double)best->shift_y);
}

bool calibrate_report_draw(struct buf *out,
                           const struct calibrate_result *result,
                           struct error *err)
{
    static const char *const titles[] = {"IoU at least .3", "IoU at least .5",
                                         "IoU at least .7"};
    const struct plot plot = {
        .titles = titles,
        .num_panels = CALIBRATE_OVERLAPS,
        .num_lines = 2,
        .num_points = CALIBRATE_THRESHOLDS,
        .step = (double)calibrate_threshold(1),
        .value = value,
        .name = name_line,
        .user = result,
    };

    return plot_draw(out, &plot, err);
}
