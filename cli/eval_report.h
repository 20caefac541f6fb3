#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

/* What an evaluation reports, and its forms: a table, JSON and a picture. */

#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/evaluate/tally.h"

enum { EVAL_REPORT_MAX_BROKEN = 20 /* that are named; all are counted */ };

struct eval_report_broken {
    char name[128];
    char error[ERROR_TEXT_SIZE];
};

/* `= {0}` is empty. */
struct eval_report {
    const char *model, *data;      /* borrowed */
    const struct result_row *rows; /* (num_rows) borrowed */
    size_t num_rows;
    struct tally *tallies; /* (num_rows) owned */
    struct eval_report_broken broken[EVAL_REPORT_MAX_BROKEN];
    size_t num_items, num_broken;
    size_t curve_steps;
};

/* Adds a photo. */
void eval_report_add(struct eval_report *report,
                     const struct result_photo *photo);

/* Prints the table. */
void eval_report_print(FILE *stream, const struct eval_report *report);

/* Appends the report as JSON. ERROR_MEMORY. */
bool eval_report_write_json(struct buf *out, const struct eval_report *report,
                            struct error *err)
    __attribute__((warn_unused_result));

/* Appends a picture, SVG, of accuracy over threshold for each map.
 * ERROR_MEMORY. */
bool eval_report_draw(struct buf *out, const struct eval_report *report,
                      struct error *err) __attribute__((warn_unused_result));

/* A row's name: method, layer, target and box. */
void eval_report_name(char *text, size_t size, const struct result_row *row,
                      bool with_box);

void eval_report_release(struct eval_report *report);

#endif
