/* wherefore exemplars: the photos of a folder that excite the channels of a
 * layer most. */

#include "cli/cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/complain.h"
#include "cli/exemplars_command.h"
#include "cli/exemplars_index.h"
#include "cli/folder.h"
#include "cli/progress.h"
#include "cli/whole_file.h"
#include "engine/evaluate/exemplify_sheets.h"
#include "server/work/exemplars.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct command {
    struct exemplars_command options;
    char default_path[PATH_MAX];
    const char *model;     /* its folder */
    struct engine *engine; /* owned */
    size_t layer;
    struct exemplify found; /* owned */
    struct progress progress;
    size_t num_sheets;      /* that are written */
    struct buf head, index; /* owned */
};

static int usage_error(const struct error *err)
{
    complain_about("exemplars", NULL, err);
    return STATUS_USAGE;
}

static int failure(const char *name, const struct error *err)
{
    complain_about("exemplars", name, err);
    return STATUS_FAILED;
}

/* ---- the search ---- */

/* Folders that cannot be read, and files that are new, were not counted. */
static void show_progress(void *user, size_t done)
{
    struct command *command = user;
    const size_t total = command->progress.total;

    progress_show(&command->progress, done < total ? done : total);
}

static void tell(void *user, const char *file, const struct error *err)
{
    struct command *command = user;

    progress_hide(&command->progress);
    complain_about("exemplars", file, err);
}

static struct exemplify_options search_options(struct command *command)
{
    const struct exemplars_command *options = &command->options;
    const unsigned threads = options->run.num_threads;

    return (struct exemplify_options){
        .layer = command->layer,
        .channels = options->channels,
        .num_channels = options->num_channels,
        .top = options->top,
        .limits = options->run.limits,
        .max_bytes = options->run.max_bytes,
        .num_threads = threads < TEAM_MAX_THREADS ? threads : TEAM_MAX_THREADS,
        .progress = show_progress,
        .trouble = tell,
        .user = command,
    };
}

static bool search(struct command *command, const struct exemplify_options *how,
                   struct error *err)
{
    const char *folder = command->options.photos;
    size_t total;
    bool ok;

    if (!exemplify_count(&total, folder, err))
        return false;
    progress_init(&command->progress, stderr, total);
    ok = exemplify_find(&command->found, how, command->engine, folder, err);
    progress_hide(&command->progress);
    return ok &&
           (command->found.num_photos > 0 ||
            fail(err, ERROR_INPUT, "there is no photo in it that can be read"));
}

/* ---- what is written ---- */

static bool take_sheet(void *user, size_t i, const struct buf *png,
                       struct error *err)
{
    struct command *command = user;
    char name[48];

    snprintf(name, sizeof name, EXEMPLARS_SHEET,
             command->found.winners.channels[i]);
    if (!whole_file_write(command->options.to, name, png, err))
        return false;
    progress_show(&command->progress, ++command->num_sheets);
    return true;
}

/* An index stands for sheets that are complete, so an old one goes first. */
static bool make_folder(const struct command *command, struct error *err)
{
    const char *folder = command->options.to;
    char path[PATH_MAX];

    if (!folder_make(folder, err))
        return false;
    if (snprintf(path, sizeof path, "%s/%s", folder, EXEMPLARS_INDEX) >=
        (int)sizeof path)
        return fail(err, ERROR_INPUT, "the folder's path is too long");
    return unlink(path) == 0 || errno == ENOENT ||
           fail(err, ERROR_IO, "%s cannot be replaced: %s", EXEMPLARS_INDEX,
                strerror(errno));
}

static bool write_all(struct command *command,
                      const struct exemplify_options *how, struct error *err)
{
    const struct exemplars_command *options = &command->options;
    const struct exemplify_sheets sheets = {
        .size = options->size, .take = take_sheet, .user = command};
    bool ok;

    progress_init(&command->progress, stderr,
                  command->found.winners.num_channels);
    ok = exemplify_sheets_draw(&sheets, &command->found, how, command->engine,
                               options->photos, err);
    progress_hide(&command->progress);
    return ok &&
           buf_append(&command->index, command->head.data, command->head.len,
                      err) &&
           exemplars_index_channels(&command->index, command->engine,
                                    command->layer, &command->found, err) &&
           whole_file_write(options->to, EXEMPLARS_INDEX, &command->index, err);
}

/* ---- the command ---- */

/* Checks the options that depend on the model. */
static bool choose(struct command *command, struct error *err)
{
    const struct exemplars_command *options = &command->options;
    const struct layers *layers = engine_layers(command->engine);
    const struct layer *layer;

    command->layer = layers->chosen;
    if (options->layer && !engine_find_layer(command->engine, &command->layer,
                                             options->layer, err))
        return error_prefix(err, "--layer");
    if (command->layer >= layers->count)
        return fail(err, ERROR_UNSUPPORTED, "the network has no feature maps");
    layer = &layers->list[command->layer];
    return options->num_channels == 0 ||
           options->channels[options->num_channels - 1] < layer->channels ||
           fail(err, ERROR_INPUT,
                "--channel: there is no channel %zu; the layer %.100s has the "
                "channels 0 to %zu",
                options->channels[options->num_channels - 1], layer->name,
                layer->channels - 1);
}

static bool print_head(const struct command *command, struct error *err)
{
    return (printf("%.*s}\n", (int)command->head.len,
                   (const char *)command->head.data) > 0 &&
            fflush(stdout) == 0) ||
           fail(err, ERROR_IO, "cannot be written: %s", strerror(errno));
}

static int run(struct command *command)
{
    const struct exemplars_command *options = &command->options;
    struct exemplify_options how;
    struct error err = {0};

    command->model = run_options_model(&options->run, command->default_path);
    command->engine = engine_open(command->model, &options->run.engine, &err);
    if (!command->engine)
        return failure(command->model, &err);
    if (!choose(command, &err))
        return err.kind == ERROR_INPUT ? usage_error(&err)
                                       : failure(command->model, &err);
    if (!make_folder(command, &err))
        return failure(options->to, &err);
    how = search_options(command);
    if (!search(command, &how, &err))
        return failure(options->photos, &err);
    if (!exemplars_index_head(&command->head, command->engine, command->layer,
                              &command->found, &err))
        return failure(NULL, &err);
    if (!write_all(command, &how, &err))
        return failure(options->to, &err);
    return print_head(command, &err) ? STATUS_OK : failure("the result", &err);
}

int cmd_exemplars(int argc, char **argv)
{
    struct command command = {0};
    struct error err = {0};
    int status = STATUS_OK;

    if (!exemplars_command_parse(&command.options, argc, argv, &err))
        status = usage_error(&err);
    else if (command.options.run.help)
        exemplars_command_help(stdout);
    else
        status = run(&command);
    exemplify_release(&command.found);
    engine_free(command.engine);
    buf_release(&command.head);
    buf_release(&command.index);
    exemplars_command_release(&command.options);
    return status;
}
