#include "cli/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MIN_BAR_COLUMNS 10 /* a shorter bar is useless */
#define MAX_BAR_COLUMNS 40
#define REDRAW_S 0.1
#define DEFAULT_COLUMNS 80

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The usable columns: one less than the terminal has, because some terminals go
 * to the next line when the cursor is after the last column. */
static size_t usable_columns(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return DEFAULT_COLUMNS - 1;
    return (size_t)size.ws_col - 1;
}

void progress_init(struct progress *progress, FILE *stream, size_t total)
{
    const char *term = getenv("TERM");
    bool dumb = !term || !*term || strcmp(term, "dumb") == 0;

    *progress = (struct progress){.total = total, .started_s = now_s()};
    if (!dumb && total >= PROGRESS_MIN_TOTAL && isatty(fileno(stream)))
        progress->stream = stream;
}

void progress_init_lines(struct progress *progress, FILE *stream, size_t total)
{
    *progress = (struct progress){.stream = stream,
                                  .total = total,
                                  .started_s = now_s(),
                                  .has_lines = true};
}

static void show_line(struct progress *progress, size_t done)
{
    const double now = now_s();

    if (done < progress->total && progress->drawn_s > 0 &&
        now - progress->drawn_s < REDRAW_S)
        return;
    fprintf(progress->stream, "progress %zu/%zu\n", done, progress->total);
    fflush(progress->stream);
    progress->drawn_s = now;
}

void progress_show(struct progress *progress, size_t done)
{
    char line[PROGRESS_LINE_SIZE];
    double now;

    if (!progress->stream)
        return;
    if (progress->has_lines) {
        show_line(progress, done);
        return;
    }
    now = now_s();
    if (progress->visible && now - progress->drawn_s < REDRAW_S)
        return;
    progress_format(line, usable_columns(progress->stream), done,
                    progress->total, now - progress->started_s);
    /* ESC [ K clears the rest of an earlier, longer line. */
    fprintf(progress->stream, "\r%s\033[K", line);
    fflush(progress->stream);
    progress->drawn_s = now;
    progress->visible = true;
}

void progress_hide(struct progress *progress)
{
    if (!progress->visible)
        return;
    fputs("\r\033[K", progress->stream);
    fflush(progress->stream);
    progress->visible = false;
}

/* "12 s", "3:05", "2:03:05"; "" if it is not known. */
static void format_duration(char text[32], double seconds)
{
    unsigned long whole;

    text[0] = '\0';
    if (!(seconds >= 0) || seconds >= 100 * 3600.0)
        return;
    whole = (unsigned long)(seconds + 0.5);
    if (whole < 60)
        snprintf(text, 32, "%lu s", whole);
    else if (whole < 3600)
        snprintf(text, 32, "%lu:%02lu", whole / 60, whole % 60);
    else
        snprintf(text, 32, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60,
                 whole % 60);
}

/* "[######------] " with `columns` columns, including the brackets. */
static void format_bar(char text[MAX_BAR_COLUMNS + 2], size_t columns,
                       size_t done, size_t total)
{
    size_t cells = columns - 2;
    size_t full = (size_t)((double)done / (double)total * (double)cells);

    memset(text, '-', columns);
    memset(text, '#', full + 1);
    text[0] = '[';
    text[columns - 1] = ']';
    text[columns] = ' ';
    text[columns + 1] = '\0';
}

void progress_format(char *line, size_t columns, size_t done, size_t total,
                     double elapsed_s)
{
    char bar[MAX_BAR_COLUMNS + 2] = "", count[64], rate[32] = "";
    char left[40] = "", duration[32];
    size_t used, room;

    if (columns > PROGRESS_LINE_SIZE - 1)
        columns = PROGRESS_LINE_SIZE - 1;
    snprintf(count, sizeof count, "%zu/%zu", done, total);
    if (done > 0 && elapsed_s > 0) {
        double per_s = (double)done / elapsed_s;

        snprintf(rate, sizeof rate, ", %.*f/s", per_s < 100 ? 1 : 0,
                 fmin(per_s, 1e9));
        format_duration(duration, (double)(total - done) / per_s);
        if (duration[0])
            snprintf(left, sizeof left, ", %s left", duration);
    }

    used = strlen(count);
    if (used > columns) {
        line[0] = '\0';
        return;
    }
    if (used + strlen(rate) > columns)
        rate[0] = left[0] = '\0';
    used += strlen(rate);
    if (used + strlen(left) > columns)
        left[0] = '\0';
    used += strlen(left);
    room = columns - used;
    if (total > 0 && room > MIN_BAR_COLUMNS)
        format_bar(bar, room > MAX_BAR_COLUMNS ? MAX_BAR_COLUMNS : room - 1,
                   done, total);
    snprintf(line, PROGRESS_LINE_SIZE, "%s%s%s%s", bar, count, rate, left);
}
