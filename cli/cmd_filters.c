/* wherefore filters: the filters of a convolution of a model. */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"
#include "cli/outfile.h"
#include "cli/result.h"
#include "cli/run_options.h"
#include "engine/engine.h"
#include "engine/engine_filters.h"
#include "server/api/filters_json.h"
#include "server/api/filters_options.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct command {
    struct run_options run; /* first: the data of its rows */
    const char *sheet;      /* where to write; or NULL */
    struct engine_filters_request request;
    struct engine *engine;       /* owned */
    struct engine_filters found; /* owned */
    struct response response;    /* owned */
};

/* ---- the command line ---- */

static bool take_sheet(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct command *command = data;

    (void)option;
    command->sheet = value;
    return strcmp(value, "-") != 0 ||
           fail(err, ERROR_INPUT, "standard output is taken by the results");
}

static const struct option model_row = {
    OPTION_TEXT,
    "model",
    "DIR",
    "the model's folder",
    .fallback =
        "efficientnet-lite0 in ./models or where wherefore is installed",
    OPTION_FIELD(struct command, run.model)};

static const struct option own_rows[] = {
    {OPTION_TEXT, "sheet", "FILE",
     "write the filters as a picture, a PNG; a directory gets filters.png",
     .take = take_sheet},
    OPTION_HELP(struct command, run.help),
};

/* "model" has another meaning here: a folder. */
static const char *const left_out[] = {"model", NULL};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add(table, &model_row, 1);
    run_options_add_shared(table, filters_options_table(), left_out);
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
}

static const char help_head[] =
    "usage: wherefore filters [OPTION...]\n"
    "\n"
    "Shows the filters of a convolution: on standard output, as JSON, their\n"
    "norms, how many are dead (a norm below 1e-6 of the largest), and how "
    "many\n"
    "are nearly the same as an earlier one of their group (a cosine above\n"
    "0.99); and their weights as a picture.\n"
    "\n";

static const char help_tail[] =
    "\nExit status: 0 done, 1 it failed, 2 the command line is wrong.\n";

static void print_help(void)
{
    const struct command defaults = {0};
    struct run_options_table table;

    fill_table(&table);
    options_print_manual(stdout, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool refuse_operand(void *data, char *text, struct error *err)
{
    (void)data;
    return fail(err, ERROR_INPUT, "\"%.100s\" is not an option; see --help",
                text);
}

static bool parse(struct command *command, int argc, char **argv,
                  struct error *err)
{
    struct run_options_table table;

    fill_table(&table);
    return options_parse(table.rows, table.count, command, refuse_operand,
                         argc - 1, argv + 1, err);
}

/* ---- the filters ---- */

static bool write_sheet(const struct command *command, struct error *err)
{
    struct outfile file = {0};
    char nothing[] = "", *const none[] = {nothing};
    bool ok =
        outfile_plan(&file, command->sheet, "filters.png", none, 1, err) &&
        outfile_write(&file, 0, &command->found.sheet, err);

    outfile_release(&file);
    return ok || error_prefix(err, "--sheet");
}

/* Writes the sheet first, so that once a result is printed it exists. */
static bool show(struct command *command, struct error *err)
{
    if (!engine_filters_find(&command->found, command->engine,
                             &command->request, err) ||
        (command->sheet && !write_sheet(command, err)) ||
        !filters_json_write(&command->response, command->engine,
                            &command->found, &command->request, err))
        return false;
    return result_print(&command->response.body, err);
}

static int run(struct command *command)
{
    char path[PATH_MAX];
    const char *model = run_options_model(&command->run, path);
    struct error err = {0};

    command->engine = engine_open(model, NULL, &err);
    if (command->engine &&
        !filters_options_parse(&command->request, &command->run.asked,
                               command->engine, command->sheet != NULL, &err)) {
        complain_about("filters", NULL, &err);
        return STATUS_USAGE;
    }
    if (command->engine && show(command, &err))
        return STATUS_OK;
    complain_about("filters", model, &err);
    return STATUS_FAILED;
}

int cmd_filters(int argc, char **argv)
{
    struct command command = {0};
    struct error err = {0};
    int status = STATUS_OK;

    if (!parse(&command, argc, argv, &err)) {
        complain_about("filters", NULL, &err);
        status = STATUS_USAGE;
    } else if (command.run.help) {
        print_help();
    } else {
        status = run(&command);
    }
    engine_filters_release(&command.found);
    engine_free(command.engine);
    response_release(&command.response);
    run_options_release(&command.run);
    return status;
}
