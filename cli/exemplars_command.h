#ifndef CLI_EXEMPLARS_COMMAND_H
#define CLI_EXEMPLARS_COMMAND_H

/* The command line of `wherefore exemplars`. */

#include <stdio.h>

#include "cli/run_options.h"
#include "engine/evaluate/exemplify.h"

/* `= {0}` is empty. Texts are borrowed from argv. */
struct exemplars_command {
    struct run_options run; /* first: the data of its rows */
    const char *photos;     /* the folder */
    const char *to;         /* the folder for what is found */
    const char *layer;      /* NULL: the default */
    size_t *channels;       /* (num_channels) ascending; owned */
    size_t num_channels;    /* 0: all */
    uint32_t top, size;
};

/* ERROR_INPUT: the command line is wrong; ERROR_MEMORY. */
bool exemplars_command_parse(struct exemplars_command *options, int argc,
                             char **argv, struct error *err)
    __attribute__((warn_unused_result));

/* Prints the manual. */
void exemplars_command_help(FILE *out);

void exemplars_command_release(struct exemplars_command *options);

#endif
