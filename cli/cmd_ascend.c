/* wherefore ascend: the picture that a class or a channel wants to see. */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"
#include "cli/outfile.h"
#include "cli/photo_file.h"
#include "cli/progress.h"
#include "cli/result.h"
#include "cli/run_options.h"
#include "engine/base/buf.h"
#include "engine/engine.h"
#include "engine/engine_ascend.h"
#include "server/api/ascend_json.h"
#include "server/api/ascend_options.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct command {
    struct run_options run; /* first: the data of its rows */
    const char *from, *to;  /* files, or NULL */
    struct engine_ascend_request request;
    struct engine *engine;          /* owned */
    struct team *team;              /* owned */
    struct engine_session *session; /* owned */
    struct engine_ascend found;     /* owned */
    struct buf photo;               /* owned */
    struct outfile outfile;         /* owned */
    struct response response;       /* owned */
    struct progress progress;
};

/* ---- the command line ---- */

static bool take_to(void *data, const struct option *option, const char *value,
                    struct error *err)
{
    struct command *command = data;

    (void)option;
    command->to = value;
    return strcmp(value, "-") != 0 ||
           fail(err, ERROR_INPUT, "standard output is taken by the results");
}

static const struct option own_rows[] = {
    {OPTION_TEXT, "from", "PHOTO",
     "begin with this photo instead of noise, and stay near it; - is standard "
     "input",
     OPTION_FIELD(struct command, from)},
    {OPTION_TEXT, "to", "FILE",
     "write the picture, a PNG; a directory gets ascend.png",
     .fallback = "it is in the result", .take = take_to},
};

/* "model" has another meaning here, a folder; pictures on the way are not
 * shown. */
static const char *const left_out[] = {"model", "every", NULL};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add_model(table);
    run_options_add_shared(table, ascend_options_table(), left_out);
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
    run_options_add_limits(table);
}

static const char help_head[] =
    "usage: wherefore ascend (--class C | --layer L --channel N [--cell X,Y])\n"
    "                        [OPTION...]\n"
    "\n"
    "Makes the picture that excites a class, a channel of a layer, or one of\n"
    "its cells most, by gradient ascent from noise or from a photo. The "
    "result\n"
    "is a line of JSON on standard output: the value at the start and at the\n"
    "end, before a ReLU's clamp, and all that makes the same picture again.\n"
    "\n";

static const char help_tail[] =
    "\nExit status: 0 done, 1 it failed, 2 the command line is wrong.\n";

static void print_help(void)
{
    struct command defaults = {0};
    struct run_options_table table;

    run_options_init(&defaults.run);
    fill_table(&table);
    options_print_manual(stdout, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool refuse_operand(void *data, char *text, struct error *err)
{
    (void)data;
    return fail(err, ERROR_INPUT,
                "\"%.100s\" is not an option; --from takes a photo", text);
}

static bool parse(struct command *command, int argc, char **argv,
                  struct error *err)
{
    struct run_options_table table;

    run_options_init(&command->run);
    fill_table(&table);
    return options_parse(table.rows, table.count, command, refuse_operand,
                         argc - 1, argv + 1, err);
}

/* ---- the ascent ---- */

static void show_step(void *user, const struct engine_ascend_step *step)
{
    struct command *command = user;

    progress_show(&command->progress, step->done);
}

static bool ascend(struct command *command, struct error *err)
{
    const struct engine_ascend_watch watch = {.step = show_step,
                                              .user = command};
    bool ok;

    progress_init(&command->progress, stderr, command->request.steps);
    ok =
        engine_ascend_find(command->session, &command->found, &command->request,
                           command->from != NULL, &watch, err);
    progress_hide(&command->progress);
    return ok;
}

static bool read_photo(struct command *command, struct error *err)
{
    return !command->from ||
           ((photo_file_read(&command->photo, command->from,
                             command->run.max_bytes, err) &&
             engine_session_sample(command->session, command->photo.data,
                                   command->photo.len, &command->run.limits,
                                   NULL, err)) ||
            error_prefix(err, "%.100s", command->from));
}

/* Writes the picture first, so that once a result is printed it exists. */
static bool show(struct command *command, struct error *err)
{
    if (!read_photo(command, err) || !ascend(command, err) ||
        (command->to &&
         !outfile_write(&command->outfile, 0, &command->found.picture, err)) ||
        !ascend_json_write(&command->response, command->engine, &command->found,
                           &command->request, command->to == NULL, 0, err))
        return false;
    return result_print(&command->response.body, err);
}

static bool plan_outfile(struct command *command, struct error *err)
{
    char nothing[] = "", *const none[] = {nothing};

    return !command->to ||
           outfile_plan(&command->outfile, command->to, "ascend.png", none, 1,
                        err) ||
           error_prefix(err, "--to");
}

static int run(struct command *command)
{
    char path[PATH_MAX];
    const char *model = run_options_model(&command->run, path);
    struct error err = {0};

    command->engine = engine_open(model, &command->run.engine, &err);
    if (command->engine &&
        (!ascend_options_parse(&command->request, &command->run.asked,
                               command->engine, true, &err) ||
         !ascend_options_check_photo(&command->run.asked, command->from,
                                     &err) ||
         !plan_outfile(command, &err)) &&
        err.kind == ERROR_INPUT) {
        complain_about("ascend", NULL, &err);
        return STATUS_USAGE;
    }
    if (err.kind == ERROR_NONE)
        command->team = team_new(command->run.num_threads, &err);
    if (command->team)
        command->session =
            engine_session_new(command->engine, command->team, &err);
    if (command->session && show(command, &err))
        return STATUS_OK;
    complain_about("ascend", command->session ? NULL : model, &err);
    return STATUS_FAILED;
}

int cmd_ascend(int argc, char **argv)
{
    struct command command = {0};
    struct error err = {0};
    int status = STATUS_OK;

    if (!parse(&command, argc, argv, &err)) {
        complain_about("ascend", NULL, &err);
        status = STATUS_USAGE;
    } else if (command.run.help) {
        print_help();
    } else {
        status = run(&command);
    }
    engine_ascend_release(&command.found);
    engine_session_free(command.session);
    team_free(command.team);
    engine_free(command.engine);
    outfile_release(&command.outfile);
    buf_release(&command.photo);
    response_release(&command.response);
    run_options_release(&command.run);
    return status;
}
