#ifndef CLI_FIT_COMMAND_H
#define CLI_FIT_COMMAND_H

/* The command line of `wherefore fit`. */

#include <stdio.h>

#include "cli/run_options.h"
#include "engine/fit/fit.h"

/* `= {0}` is empty. Texts are borrowed from argv. */
struct fit_command {
    struct run_options run; /* first: the data of its rows */
    const char *data;       /* the photos */
    struct dataset_options dataset;
    const char *base;  /* NULL: the default model */
    const char *to;    /* the folder to make */
    const char *cache; /* NULL: beside it */
    const char *layer; /* NULL: the default */
    enum fit_pool pool;
    uint32_t seed, num_folds;
    bool is_unbalanced, force, json, progress_lines;
};

/* ERROR_INPUT: the command line is wrong; ERROR_MEMORY. */
bool fit_command_parse(struct fit_command *options, int argc, char **argv,
                       struct error *err) __attribute__((warn_unused_result));

/* Prints the manual. */
void fit_command_help(FILE *out);

void fit_command_release(struct fit_command *options);

#endif
