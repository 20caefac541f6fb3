/* wherefore model: looks at networks before they are served. */

#include "cli/cmd_model.h"

#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"
#include "engine/engine.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct subcommand subcommands[] = {
    {"info", cmd_model_info, "describe a network and measure its cost"},
    {"check", cmd_model_check, "list the nodes that are not supported"},
    {"layers", cmd_model_layers, "list the feature maps of a network"},
    {"add", cmd_model_add, "make a model folder from an ONNX file"},
    {"run", cmd_model_run, "run a network on NumPy arrays"},
};

enum { NUM_SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static void print_help(FILE *out)
{
    fprintf(out, "usage: wherefore model COMMAND FILE [OPTION...]\n\n"
                 "commands:\n");
    for (size_t i = 0; i < NUM_SUBCOMMANDS; i++)
        fprintf(out, "  %-8s %s\n", subcommands[i].name, subcommands[i].help);
    fprintf(out, "\nSee `wherefore model COMMAND --help` for the options of a "
                 "command.\n");
}

static bool take_file(void *data, char *text, struct error *err)
{
    struct cmd_model_call *call = data;

    if (call->file)
        return fail(err, ERROR_INPUT, "more than one file is given");
    call->file = text;
    return true;
}

bool cmd_model_parse(struct cmd_model_call *call, const struct option *rows,
                     size_t count, int argc, char **argv, struct error *err)
{
    if (!options_parse(rows, count, call, take_file, argc - 1, argv + 1, err))
        return false;
    return call->help || call->file ||
           fail(err, ERROR_INPUT, "no file is given; see --help");
}

/* The words are those of HEAD_SCORES, which begin after HEAD_OPEN. */
bool cmd_model_take_scores(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    uint64_t position;

    if (!options_check(&position, option, value, err))
        return false;
    options_store(data, option, position + HEAD_SOFTMAX);
    return true;
}

bool cmd_model_take_size(void *data, const struct option *option,
                         const char *value, struct error *err)
{
    struct engine_options size = {0};
    struct cmd_model_look *look = data;

    (void)option;
    if (!engine_options_parse_size(&size, value, err))
        return false;
    look->options.width = size.input_width;
    look->options.height = size.input_height;
    look->options.override = true;
    return true;
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
