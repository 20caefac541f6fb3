#ifndef CLI_EVAL_OPTIONS_H
#define CLI_EVAL_OPTIONS_H

/* The command line of `wherefore eval`. */

#include <stdbool.h>
#include <stdio.h>

#include "cli/run_options.h"
#include "engine/base/error.h"
#include "engine/evaluate/dataset.h"

/* `= {0}` is empty. Texts are borrowed from argv. */
struct eval_options {
    struct run_options run;
    struct dataset_options dataset;
    const char *data;   /* the operand */
    const char *folder; /* where results are written */
    bool restart;       /* begin again, whatever is in the folder */
    bool progress_lines;
    uint32_t curve_steps;
};

/* Reads the arguments; argv[0] is the name of the command. `options` must be
 * empty; release it in any case. ERROR_INPUT: the text says what is wrong with
 * which option. ERROR_MEMORY. */
bool eval_options_parse(struct eval_options *options, int argc, char **argv,
                        struct error *err) __attribute__((warn_unused_result));

/* Fills a table for a command whose struct begins with these options: the
 * model's rows, those of POST /cam that are not left out, those about the data
 * set, its own, and the limits. */
void eval_options_fill(struct run_options_table *table,
                       const char *const *left_out, const struct option *rows,
                       size_t num_rows);

/* Takes the operand that is the data set, for the same commands. */
bool eval_options_take_data(void *data, char *text, struct error *err)
    __attribute__((warn_unused_result));

/* Prints the manual. */
void eval_options_help(FILE *stream);

void eval_options_release(struct eval_options *options);

#endif
