#include "cli/plot.h"

#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 280, /* of a panel's axes */
    HEIGHT = 220,
    LEFT = 44,
    TOP = 34,
    GAP = 36,
    BELOW = 56, /* the axes: their texts */
    LINE_HEIGHT = 16,
};

/* Told apart also by those who see no red or green (Okabe and Ito, 2008). */
static const char *const colours[] = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7",
    "#e69f00", "#56b4e9", "#000000", "#999999",
};

enum { NUM_COLOURS = sizeof colours / sizeof colours[0] };

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

static bool draw_line(struct buf *out, double left, const struct plot *plot,
                      size_t panel, size_t line, struct error *err)
{
    if (!buf_printf(out, err, "<path stroke=\"%s\" d=\"",
                    colours[line % NUM_COLOURS]))
        return false;
    for (size_t i = 0; i < plot->num_points; i++)
        if (!buf_printf(
                out, err, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                left + WIDTH * plot->step * (double)i,
                TOP + HEIGHT * (1 - plot->value(plot->user, panel, line, i))))
            return false;
    return buf_printf(out, err, "\"/>\n");
}

static bool draw_panel(struct buf *out, const struct plot *plot, size_t panel,
                       struct error *err)
{
    double left = LEFT + (double)panel * (WIDTH + LEFT + GAP);

    if (!draw_axes(out, left, plot->titles[panel], err))
        return false;
    for (size_t line = 0; line < plot->num_lines; line++)
        if (!draw_line(out, left, plot, panel, line, err))
            return false;
    return true;
}

static bool draw_legend(struct buf *out, const struct plot *plot,
                        struct error *err)
{
    for (size_t line = 0; line < plot->num_lines; line++) {
        double y = TOP + HEIGHT + BELOW + (double)(line * LINE_HEIGHT);
        char name[PLOT_NAME_SIZE];

        plot->name(plot->user, name, line);
        if (!buf_printf(out, err, "<path stroke=\"%s\" d=\"M%d %.1fh24\"/>\n",
                        colours[line % NUM_COLOURS], LEFT, y - 4) ||
            !draw_text(out, LEFT + 32, y, "start", name, err))
            return false;
    }
    return true;
}

bool plot_draw(struct buf *out, const struct plot *plot, struct error *err)
{
    size_t width = LEFT + plot->num_panels * (WIDTH + LEFT + GAP) - GAP;
    size_t height = TOP + HEIGHT + BELOW + plot->num_lines * LINE_HEIGHT;

    if (!buf_printf(out, err,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
                    "%zu %zu\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<style>path{fill:none;stroke-width:1.5}"
                    ".grid{stroke:#ddd;stroke-width:1}</style>\n"
                    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                    width, height))
        return false;
    for (size_t panel = 0; panel < plot->num_panels; panel++)
        if (!draw_panel(out, plot, panel, err))
            return false;
    return draw_legend(out, plot, err) && buf_printf(out, err, "</svg>\n");
}
