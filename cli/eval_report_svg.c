/* The report's curves as SVG: accuracy over the threshold, a panel for each
 * overlap and a line for each map. */
#include "cli/eval_report.h"

#include <string.h>

enum {
    WIDTH = 280, /* of a panel's axes */
    HEIGHT = 220,
    LEFT = 44,
    TOP = 34,
    GAP = 36,
    LINE_HEIGHT = 16,
};

static const struct {
    enum result_curve curve;
    const char *title;
} panels[] = {
    {RESULT_ANY_30, "IoU at least .3"},
    {RESULT_ANY_50, "IoU at least .5"},
    {RESULT_ANY_70, "IoU at least .7"},
};

enum { NUM_PANELS = sizeof panels / sizeof panels[0] };

/* Told apart also by those who see no red or green (Okabe and Ito, 2008). */
static const char *const colours[] = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7",
    "#e69f00", "#56b4e9", "#000000", "#999999",
};

enum { NUM_COLOURS = sizeof colours / sizeof colours[0] };

/* Whether row i is of another map than the one before, and so has a line. */
static bool has_line(const struct eval_report *report, size_t i)
{
    const struct result_row *row = &report->rows[i], *last = row - 1;

    return i == 0 || strcmp(row->method, last->method) != 0 ||
           strcmp(row->layer, last->layer) != 0 ||
           strcmp(row->target, last->target) != 0;
}

static bool draw_text(struct buf *out, double x, double y, const char *anchor,
                      const char *text, struct error *err)
{
    if (!buf_printf(out, err, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
                    x, y, anchor))
        return false;
    for (; *text; text++) {
        const char *safe = *text == '<'   ? "&lt;"
                           : *text == '&' ? "&amp;"
                                          : NULL;

        if (!buf_append(out, safe ? safe : text, safe ? strlen(safe) : 1, err))
            return false;
    }
    return buf_printf(out, err, "</text>\n");
}

/* The axes, with a line at each quarter. */
static bool draw_axes(struct buf *out, double left, const char *title,
                      struct error *err)
{
    if (!draw_text(out, left + WIDTH / 2.0, TOP - 12, "middle", title, err) ||
        !draw_text(out, left + WIDTH / 2.0, TOP + HEIGHT + 32, "middle",
                   "threshold", err))
        return false;
    for (int i = 0; i <= 4; i++) {
        double x = left + WIDTH * i / 4.0, y = TOP + HEIGHT * (1 - i / 4.0);
        char text[16];

        snprintf(text, sizeof text, "%.2g", i / 4.0);
        if (!buf_printf(
                out, err,
                "<path class=\"grid\" d=\"M%.1f %.1fh%dM%.1f %dv%d\"/>\n", left,
                y, WIDTH, x, TOP, HEIGHT) ||
            !draw_text(out, x, TOP + HEIGHT + 15, "middle", text, err))
            return false;
        snprintf(text, sizeof text, "%d %%", 25 * i);
        if (!draw_text(out, left - 4, y + 4, "end", text, err))
            return false;
    }
    return true;
}

static bool draw_curve(struct buf *out, double left, const char *colour,
                       const struct tally *tally, enum result_curve curve,
                       struct error *err)
{
    if (!buf_printf(out, err, "<path stroke=\"%s\" d=\"", colour))
        return false;
    for (size_t level = 0; level < BOX_LEVELS; level++)
        if (!buf_printf(out, err, "%c%.1f %.1f", level == 0 ? 'M' : 'L',
                        left + (double)WIDTH * (double)level / BOX_LEVELS,
                        TOP +
                            HEIGHT * (1 - tally_accuracy(tally, curve, level))))
            return false;
    return buf_printf(out, err, "\"/>\n");
}

static bool draw_panel(struct buf *out, size_t panel,
                       const struct eval_report *report, struct error *err)
{
    double left = LEFT + (double)panel * (WIDTH + LEFT + GAP);
    size_t line = 0;

    if (!draw_axes(out, left, panels[panel].title, err))
        return false;
    for (size_t i = 0; i < report->num_rows; i++)
        if (has_line(report, i) &&
            !draw_curve(out, left, colours[line++ % NUM_COLOURS],
                        &report->tallies[i], panels[panel].curve, err))
            return false;
    return true;
}

static bool draw_legend(struct buf *out, const struct eval_report *report,
                        struct error *err)
{
    size_t line = 0;

    for (size_t i = 0; i < report->num_rows; i++) {
        double y = TOP + HEIGHT + 56 + (double)(line * LINE_HEIGHT);
        char name[128];

        if (!has_line(report, i))
            continue;
        eval_report_name(name, sizeof name, &report->rows[i], false);
        if (!buf_printf(out, err, "<path stroke=\"%s\" d=\"M%d %.1fh24\"/>\n",
                        colours[line++ % NUM_COLOURS], LEFT, y - 4) ||
            !draw_text(out, LEFT + 32, y, "start", name, err))
            return false;
    }
    return true;
}

bool eval_report_draw(struct buf *out, const struct eval_report *report,
                      struct error *err)
{
    int width = LEFT + NUM_PANELS * (WIDTH + LEFT + GAP) - GAP;
    size_t num_lines = 0;

    for (size_t i = 0; i < report->num_rows; i++)
        num_lines += has_line(report, i);
    if (!buf_printf(out, err,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
                    "%d %zu\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<style>path{fill:none;stroke-width:1.5}"
                    ".grid{stroke:#ddd;stroke-width:1}</style>\n"
                    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                    width, TOP + HEIGHT + 56 + num_lines * LINE_HEIGHT))
        return false;
    for (size_t panel = 0; panel < NUM_PANELS; panel++)
        if (!draw_panel(out, panel, report, err))
            return false;
    return draw_legend(out, report, err) && buf_printf(out, err, "</svg>\n");
}
