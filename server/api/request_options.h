#ifndef SERVER_API_REQUEST_OPTIONS_H
#define SERVER_API_REQUEST_OPTIONS_H

/* The options of a request by a table with one row per option, as on command
 * lines (options.h): query parameters and form fields are read by the same
 * rows. An option's name is its flag with underscores. Any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/engine.h"
#include "server/config/options.h"
#include "server/http/params.h"

/* Immutable. */
struct request_options {
    const struct option *rows; /* (count) */
    size_t count;
    const void *defaults; /* what the rows' fields are in */
};

/* What the rows' fields are in begins with this. */
struct request_reading {
    const struct engine *engine; /* that is asked; NULL: not known yet */
};

/* A row in words (GET /model). */
struct request_option {
    char name[32];
    char fallback[64]; /* the default */
    char accepts[512];
    const char *help;
};

/* Describes row i < count. */
void request_options_describe(struct request_option *about,
                              const struct request_options *options, size_t i);

/* The option that a flag is: heatmap_size of heatmap-size. */
void request_options_name(char name[32], const char *flag);

/* Reads all options into `data`. ERROR_INPUT names the option and what it
 * accepts, or what the row's `take` says if it sets an error; of an unknown
 * one, the options there are.
 *
 * seen  inout  (count) which rows are given */
bool request_options_parse(const struct request_options *options, void *data,
                           bool *seen, const struct params *params,
                           struct error *err)
    __attribute__((warn_unused_result));

/* Whether the row with a flag is given. */
bool request_options_given(const struct request_options *options,
                           const bool *seen, const char *flag);

/* The row that all tables have. Its value is only checked to be there once at
 * most: which models there are is not known here (models.h). */
#define REQUEST_OPTIONS_MODEL                               \
    {                                                       \
        OPTION_TEXT, "model", "NAME", "which model to ask", \
            "a name out of GET /models", "the first one",   \
            .take = request_options_take_model              \
    }

bool request_options_take_model(void *data, const struct option *option,
                                const char *value, struct error *err);

/* The row of a layer, whose field is a size_t: its index in engine_layers(). */
#define REQUEST_OPTIONS_LAYER(help, fallback, ...)                          \
    {                                                                       \
        OPTION_TEXT, "layer", "LAYER", help,                                \
            "a layer's name, a unique end of one, or -1, -2 and so on for " \
            "the last",                                                     \
            fallback, .take = request_options_take_layer, __VA_ARGS__       \
    }

bool request_options_take_layer(void *data, const struct option *option,
                                const char *value, struct error *err);

/* Reads a number, of which at most UINT32_MAX is kept, and steps behind it.
 * Returns whether there is one. */
bool request_options_read_index(size_t *index, const char **text);

#endif
