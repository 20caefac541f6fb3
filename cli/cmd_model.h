#ifndef CLI_CMD_MODEL_H
#define CLI_CMD_MODEL_H

/* The subcommands of `wherefore model`, and what they share. Each gets the
 * arguments from its own name on, and returns the exit status. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/network/inspect.h"
#include "server/config/options.h"

enum { CMD_MODEL_OK, CMD_MODEL_FAILED, CMD_MODEL_USAGE };

enum { CMD_MODEL_MAX_SIDE = 4096 };

int cmd_model_info(int argc, char **argv);
int cmd_model_check(int argc, char **argv);
int cmd_model_layers(int argc, char **argv);
int cmd_model_add(int argc, char **argv);
int cmd_model_run(int argc, char **argv);

/* The arguments of each subcommand; their structs begin with it. */
struct cmd_model_call {
    const char *file; /* the operand */
    bool help;        /* only print the help */
};

/* Parses the options, and the one operand, which is required. ERROR_INPUT. */
bool cmd_model_parse(struct cmd_model_call *call, const struct option *rows,
                     size_t count, int argc, char **argv, struct error *err)
    __attribute__((warn_unused_result));

/* --scores: how the output becomes scores. For options_parse. */
#define CMD_MODEL_SCORES(owner, field, taker)                      \
    {                                                              \
        OPTION_WORD, "scores", "HOW",                              \
            "softmax or sigmoid, if FILE has neither",             \
            OPTION_WORDS(HEAD_SCORES), OPTION_FIELD(owner, field), \
            .take = taker                                          \
    }
bool cmd_model_take_scores(void *data, const struct option *option,
                           const char *value, struct error *err);

/* The arguments of the commands that inspect a file; their structs begin with
 * it. */
struct cmd_model_look {
    struct cmd_model_call call;
    struct inspect_options options;
    bool json;
};

/* Their options. */
#define CMD_MODEL_LOOK_ROWS                                       \
    {OPTION_NUMBER,                                               \
     "width",                                                     \
     "N",                                                         \
     "the input's, in pixels, if FILE leaves it open",            \
     .min = 1,                                                    \
     .max = CMD_MODEL_MAX_SIDE,                                   \
     OPTION_FIELD(struct cmd_model_look, options.width)},         \
        {OPTION_NUMBER,                                           \
         "height",                                                \
         "N",                                                     \
         "likewise",                                              \
         .min = 1,                                                \
         .max = CMD_MODEL_MAX_SIDE,                               \
         OPTION_FIELD(struct cmd_model_look, options.height)},    \
        {OPTION_TEXT,                                             \
         "input-size",                                            \
         "SIZE",                                                  \
         "N or WxH, instead of FILE's own",                       \
         .take = cmd_model_take_size,                             \
         .fallback = NULL},                                       \
        {OPTION_TEXT, "output", "NAME",                           \
         "the output that has the classes, if there are several", \
         OPTION_FIELD(struct cmd_model_look, options.output)},    \
        CMD_MODEL_SCORES(struct cmd_model_look, options.scores,   \
                         cmd_model_take_scores),                  \
        {OPTION_SWITCH, "json", NULL, "print one JSON object",    \
         OPTION_FIELD(struct cmd_model_look, json)},              \
        OPTION_HELP(struct cmd_model_look, call.help)

/* --input-size, of a struct cmd_model_look. For options_parse. */
bool cmd_model_take_size(void *data, const struct option *option,
                         const char *value, struct error *err);

/* Reports what is wrong with a file or, if `file` is NULL, with the arguments
 * of `wherefore model NAME`. Returns the exit status. */
int cmd_model_complain(const char *name, const char *file,
                       const struct error *err);

#endif
