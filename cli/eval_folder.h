#ifndef CLI_EVAL_FOLDER_H
#define CLI_EVAL_FOLDER_H

/* The folder of an evaluation's results:
 *
 *     settings.txt  what was evaluated, and how
 *     photos.csv    each photo's lines (result.h), appended as photos are done
 *     report.json, curves.svg
 *
 *     eval_folder_open(&folder, "out", &settings, &report, false, &err)
 *     eval_folder_append(&folder, &photo, &report, &err)     for each photo
 *     eval_folder_finish(&folder, &report, &err)
 *     eval_folder_release(&folder)
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/eval_report.h"
#include "engine/base/buf.h"
#include "engine/base/error.h"

/* `= {0}` is empty. */
struct eval_folder {
    const char *path; /* borrowed */
    FILE *photos;     /* photos.csv; owned */
    struct buf lines; /* scratch; owned */
};

/* Makes the folder, unless there is one. Adds to the report the photos that an
 * evaluation with the same settings has measured, and cuts off the lines of a
 * photo that was not complete: the next item is number report->num_items. With
 * `restart`, begins with an empty file in any case.
 *     ERROR_INPUT  the settings there are others, or a line is malformed
 *     ERROR_IO, ERROR_MEMORY */
bool eval_folder_open(struct eval_folder *folder, const char *path,
                      const struct buf *settings, struct eval_report *report,
                      bool restart, struct error *err)
    __attribute__((warn_unused_result));

/* Appends a photo's lines, so that they are kept if the program ends.
 * ERROR_IO, ERROR_MEMORY. */
bool eval_folder_append(struct eval_folder *folder,
                        const struct result_photo *photo,
                        const struct eval_report *report, struct error *err)
    __attribute__((warn_unused_result));

/* Writes report.json and curves.svg. ERROR_IO, ERROR_MEMORY. */
bool eval_folder_finish(struct eval_folder *folder,
                        const struct eval_report *report, struct error *err)
    __attribute__((warn_unused_result));

void eval_folder_release(struct eval_folder *folder);

#endif
