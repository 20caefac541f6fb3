#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/* A progress bar on one line of a terminal.
 *
 *     struct progress progress;
 *
 *     progress_init(&progress, stderr, num_photos);
 *     for (i = 0; i < num_photos; i++) {
 *         ...
 *         progress_hide(&progress);   (before anything else is printed)
 *         ...
 *         progress_show(&progress, i + 1);
 *     }
 *     progress_hide(&progress);
 *
 * Nothing is ever written where the stream is not a terminal that can go back
 * to the start of a line, or where the work is too little to watch. One thread
 * at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Fewer things than this are done before anyone reads a bar. */
#define PROGRESS_MIN_TOTAL 4

/* The longest line that is drawn, its NUL included. */
#define PROGRESS_LINE_SIZE 256

/* `= {0}` is a bar that never shows. */
struct progress {
    FILE *stream;     /* borrowed; NULL where there is nothing to draw on */
    size_t total;     /* things to do */
    double started_s; /* monotonic clock */
    double drawn_s;   /* when the bar was last drawn */
    bool visible;
};

/* Starts the clock; draws nothing yet. */
void progress_init(struct progress *progress, FILE *stream, size_t total);

/* Says that `done` of the things are done. Draws the bar where it is hidden,
 * and otherwise at most ten times a second. */
void progress_show(struct progress *progress, size_t done);

/* Clears the bar's line. */
void progress_hide(struct progress *progress);

/* Writes the text of a bar of at most `columns` columns (ASCII, so as many
 * bytes) into `line`, NUL-terminated. What does not fit is left out: first the
 * bar, then the time left, then the rate; where not even the count fits the
 * line is empty.
 *
 * line       out  (PROGRESS_LINE_SIZE)
 * done       at most total
 * elapsed_s  seconds since the start; rate and time left need it positive */
void progress_format(char *line, size_t columns, size_t done, size_t total,
                     double elapsed_s);

#endif
