#ifndef CLI_CAM_OPTIONS_H
#define CLI_CAM_OPTIONS_H

/* The command line of `wherefore cam`. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/run_options.h"
#include "engine/base/error.h"

/* `= {0}` is empty. Texts are borrowed from argv. */
struct cam_options {
    struct run_options run;
    const char *heatmap; /* where to write, see outfile.h; or NULL */
    const char *lines;   /* a file of lines instead of images; or NULL */
    char **images;       /* (num_images), in argv */
    size_t num_images;
};

/* Reads the arguments; argv[0] is the name of the command; argv becomes the
 * images. `options` must be empty; release it in any case. ERROR_INPUT: the
 * text says what is wrong with which option. ERROR_MEMORY. */
bool cam_options_parse(struct cam_options *options, int argc, char **argv,
                       struct error *err) __attribute__((warn_unused_result));

/* Prints the manual. */
void cam_options_help(FILE *stream);

void cam_options_release(struct cam_options *options);

#endif
