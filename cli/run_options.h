#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

/* The options that all commands have that explain photos: the model, how it
 * runs, what is asked, as in POST /cam, and the limits. A command's struct
 * begins with these, so that it is the data of their rows. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/api/explain_options.h"
#include "server/api/request_options.h"
#include "server/config/options.h"
#include "server/http/params.h"

/* `= {0}` is empty. Texts are borrowed from argv. */
struct run_options {
    bool help;         /* only print the manual */
    const char *model; /* folder; NULL: the default model */
    struct engine_options engine;
    struct params asked; /* options shared with a request, whose own parser
                            checks their values */
    unsigned num_threads;
    struct image_limits limits;
    size_t max_bytes; /* of an image's file */
};

enum { RUN_OPTIONS_MAX_ROWS = 48 };

/* A command's rows, in the order in which --help prints them. `= {0}` is
 * empty. */
struct run_options_table {
    struct option rows[RUN_OPTIONS_MAX_ROWS];
    size_t count;
    struct request_option shared[RUN_OPTIONS_MAX_ROWS]; /* what rows point to */
    size_t num_shared;
};

/* Sets the defaults: all cores, and the limits of a service. */
void run_options_init(struct run_options *options);

/* Adds rows: those for the model; those of a request, such as POST /cam, but
 * for the flags in `left_out`, which ends with NULL; a command's own; those for
 * threads and limits, and --help. */
void run_options_add_model(struct run_options_table *table);
void run_options_add_shared(struct run_options_table *table,
                            const struct request_options *options,
                            const char *const *left_out);
void run_options_add(struct run_options_table *table, const struct option *rows,
                     size_t count);
void run_options_add_limits(struct run_options_table *table);

/* Keeps an option of a request under the name that it has there. For rows. */
bool run_options_take_shared(void *data, const struct option *option,
                             const char *value, struct error *err);

/* The folder of the model: the one that is given, or the default one. Returns
 * it or `path`, which it may write to, or a constant. */
const char *run_options_model(const struct run_options *options,
                              char path[PATH_MAX]);

void run_options_release(struct run_options *options);

#endif
