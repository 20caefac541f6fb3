#ifndef CLI_CMD_MODEL_H
#define CLI_CMD_MODEL_H

/* The subcommands of `wherefore model`, and what they share. Each gets the
 * arguments from its own name on, and returns the exit status. */

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/network/survey.h"

enum { CMD_MODEL_OK, CMD_MODEL_FAILED, CMD_MODEL_USAGE };

int cmd_model_info(int argc, char **argv);
int cmd_model_check(int argc, char **argv);
int cmd_model_add(int argc, char **argv);
int cmd_model_run(int argc, char **argv);

/* Calls take(data, option's val, argument) for every option, and leaves the
 * one operand that must follow in *file. *help: --help was given, and nothing
 * else counts. ERROR_INPUT, and what `take` says. */
bool cmd_model_parse(const char **file, bool *help, int argc, char **argv,
                     const struct option *options,
                     bool (*take)(void *data, int option, const char *argument,
                                  struct error *err),
                     void *data, struct error *err)
    __attribute__((warn_unused_result));

/* A whole number from 1 to max. ERROR_INPUT; `flag` is for the text. */
bool cmd_model_number(uint32_t *number, const char *flag, const char *text,
                      uint32_t max, struct error *err)
    __attribute__((warn_unused_result));

/* --scores: what makes scores of what comes out. ERROR_INPUT. */
bool cmd_model_scores(enum head_scores *scores, const char *text,
                      struct error *err) __attribute__((warn_unused_result));

/* Says what is wrong with a file, or, where `file` is NULL, with how `wherefore
 * model NAME` was called. Returns the exit status. */
int cmd_model_complain(const char *name, const char *file,
                       const struct error *err);

#endif
