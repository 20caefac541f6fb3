#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/* A progress bar on one line of a terminal.
 *
 *     struct progress progress;
 *
 *     progress_init(&progress, stderr, num_images);
 *     for (i = 0; i < num_images; i++) {
 *         ...
 *         progress_hide(&progress);   (before anything else is printed)
 *         ...
 *         progress_show(&progress, i + 1);
 *     }
 *     progress_hide(&progress);
 *
 * Nothing is written unless the stream is a terminal that can move the cursor
 * to the start of a line, and there are enough things to do. One thread at a
 * time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* With fewer things to do, no bar is shown. */
#define PROGRESS_MIN_TOTAL 4

/* The longest line that is drawn, including its NUL. */
#define PROGRESS_LINE_SIZE 256

/* `= {0}` is a bar that never shows. */
struct progress {
    FILE *stream;     /* borrowed; NULL if nothing is drawn */
    size_t total;     /* number of things to do */
    double started_s; /* monotonic clock */
    double drawn_s;   /* when the bar was last drawn */
    bool visible;
    bool has_lines; /* for programs, instead of a bar */
};

/* Starts the clock; draws nothing yet. */
void progress_init(struct progress *progress, FILE *stream, size_t total);

/* For programs: instead of a bar, lines such as "progress 3/70", at most ten a
 * second and one at the end, whatever the stream is. */
void progress_init_lines(struct progress *progress, FILE *stream, size_t total);

/* Reports that `done` things are done. Draws the bar if it is hidden, and
 * otherwise at most ten times a second. */
void progress_show(struct progress *progress, size_t done);

/* Clears the bar's line. */
void progress_hide(struct progress *progress);

/* Writes a bar of at most `columns` columns (ASCII, so as many bytes) into
 * `line`, NUL-terminated. Parts that do not fit are omitted: first the bar,
 * then the time left, then the rate; if not even the count fits, the line is
 * empty.
 *
 *     line       out  (PROGRESS_LINE_SIZE)
 *     done       at most total
 *     elapsed_s  seconds since the start; rate and time left need it positive
 */
void progress_format(char *line, size_t columns, size_t done, size_t total,
                     double elapsed_s);

#endif
