/* wherefore model: networks before they are served. */

#include "cli/cmd_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"
#include "cli/stumble.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct subcommand subcommands[] = {
    {"info", cmd_model_info, "what a network is, and what it costs"},
    {"check", cmd_model_check, "every node that is not supported, and why"},
    {"add", cmd_model_add, "make a model's folder of an ONNX file"},
    {"run", cmd_model_run, "run a network on NumPy arrays"},
};

enum { NUM_SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void print_help(FILE *out)
{
    fprintf(out, "usage: wherefore model COMMAND FILE [OPTION...]\n\n"
                 "commands:\n");
    for (size_t i = 0; i < NUM_SUBCOMMANDS; i++)
        fprintf(out, "  %-8s %s\n", subcommands[i].name, subcommands[i].help);
    fprintf(out, "\n`wherefore model COMMAND --help` says more.\n");
}

bool cmd_model_parse(const char **file, bool *help, int argc, char **argv,
                     const struct option *options,
                     bool (*take)(void *data, int option, const char *argument,
                                  struct error *err),
                     void *data, struct error *err)
{
    int found;

    optind = 0; /* GNU: begin anew, whatever was parsed before */
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (found == '?' || found == ':')
            return stumble_over(found, argv, options, err);
        if (found == 'h') {
            *help = true;
            return true;
        }
        if (!take(data, found, optarg, err))
            return false;
    }
    if (optind == argc)
        return fail(err, ERROR_INPUT, "no file is given; --help says more");
    if (optind + 1 < argc)
        return fail(err, ERROR_INPUT, "more than one file is given");
    *file = argv[optind];
    return true;
}

bool cmd_model_number(uint32_t *number, const char *flag, const char *text,
                      uint32_t max, struct error *err)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 ||
        value > max)
        return fail(err, ERROR_INPUT,
                    "--%s takes a whole number from 1 to %u, not \"%.40s\"",
                    flag, max, text);
    *number = (uint32_t)value;
    return true;
}

bool cmd_model_scores(enum head_scores *scores, const char *text,
                      struct error *err)
{
#define X(choice, name)            \
    if (strcmp(text, name) == 0) { \
        *scores = choice;          \
        return true;               \
    }
    HEAD_SCORES(X)
#undef X
    return fail(err, ERROR_INPUT,
                "--scores takes softmax or sigmoid, not \"%.40s\"", text);
}

int cmd_model_complain(const char *name, const char *file,
                       const struct error *err)
{
    char whole[64];

    snprintf(whole, sizeof whole, "model %s", name);
    complain_about(whole, file, err);
    return file ? CMD_MODEL_FAILED : CMD_MODEL_USAGE;
}

int cmd_model(int argc, char **argv)
{
    struct error err = {0};

    if (argc < 2) {
        print_help(stderr);
        return CMD_MODEL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return CMD_MODEL_OK;
    }
    for (size_t i = 0; i < NUM_SUBCOMMANDS; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    fail(&err, ERROR_INPUT, "unknown command \"%.40s\"; --help lists them",
         argv[1]);
    complain_about("model", NULL, &err);
    return CMD_MODEL_USAGE;
}
