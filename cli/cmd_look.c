/* wherefore look: the activations of a layer, one image after another. */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/complain.h"
#include "cli/outfile.h"
#include "cli/photo_file.h"
#include "cli/result.h"
#include "cli/run_options.h"
#include "engine/base/buf.h"
#include "engine/engine.h"
#include "engine/engine_activations.h"
#include "server/api/activations_json.h"
#include "server/api/activations_options.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct look {
    struct run_options run; /* first: the data of its rows */
    const char *sheet;      /* where to write, see outfile.h; or NULL */
    char **images;          /* (num_images) in argv */
    size_t num_images;
    struct engine_activations_request request;
    struct engine *engine;          /* owned */
    struct team *team;              /* owned */
    struct engine_session *session; /* owned */
    struct outfile outfile;         /* empty unless a sheet is requested */
    struct buf image;               /* reused for each image; owned */
    struct response response;       /* likewise */
};

/* ---- the command line ---- */

static bool take_sheet(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct look *look = data;

    (void)option;
    look->sheet = value;
    return strcmp(value, "-") != 0 ||
           fail(err, ERROR_INPUT, "standard output is taken by the results");
}

static const struct option own_rows[] = {
    {OPTION_TEXT, "sheet", "FILE",
     "write the maps as a contact sheet, a PNG; a directory gets "
     "NAME-sheet.png; several images need a directory or a pattern, in which "
     "%s "
     "is an image's name without its extension",
     .take = take_sheet},
};

/* "model" has another meaning here: a folder. */
static const char *const left_out[] = {"model", NULL};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add_model(table);
    run_options_add_shared(table, activations_options_table(), left_out);
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
    run_options_add_limits(table);
}

static const char help_head[] =
    "usage: wherefore look [OPTION...] IMAGE...\n"
    "\n"
    "Shows what the channels of a layer see in each image: their means, their\n"
    "ranges and the share of cells above 0, and on a contact sheet their "
    "maps.\n"
    "Images are JPEG, PNG or WebP files; - is standard input. The result is\n"
    "JSON on standard output: one object per line and image, in their order,\n"
    "if there are several with the image's name as \"file\".\n"
    "\n";

static const char help_tail[] =
    "\n"
    "An image that fails is reported on standard error; the others are still\n"
    "looked at. Exit status: 0 all images were looked at, 1 at least one was\n"
    "not, 2 the command line is wrong.\n";

static void print_help(void)
{
    struct look defaults = {0};
    struct run_options_table table;

    run_options_init(&defaults.run);
    fill_table(&table);
    options_print_manual(stdout, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool take_image(void *data, char *text, struct error *err)
{
    struct look *look = data;

    (void)err;
    look->images[look->num_images++] = text;
    return true;
}

static bool check_images(const struct look *look, struct error *err)
{
    size_t num_stdin = 0;

    if (look->num_images == 0)
        return fail(err, ERROR_INPUT, "no image is given; see --help");
    for (size_t i = 0; i < look->num_images; i++)
        num_stdin += strcmp(look->images[i], "-") == 0;
    if (num_stdin > 1)
        return fail(err, ERROR_INPUT, "- is given more than once");
    return true;
}

static bool parse(struct look *look, int argc, char **argv, struct error *err)
{
    struct run_options_table table;

    run_options_init(&look->run);
    fill_table(&table);
    look->images = argv;
    return options_parse(table.rows, table.count, look, take_image, argc - 1,
                         argv + 1, err) &&
           (look->run.help || check_images(look, err));
}

/* ---- the images ---- */

/* Writes the sheet first, so that once a result is printed it exists. */
static bool show(struct look *look, size_t image, struct error *err)
{
    const char *name = look->images[image];
    struct engine_activations found;

    buf_clear(&look->response.body);
    return photo_file_read(&look->image, name, look->run.max_bytes, err) &&
           engine_session_sample(look->session, look->image.data,
                                 look->image.len, &look->run.limits, NULL,
                                 err) &&
           engine_activations_find(look->session, &found, &look->request, NULL,
                                   err) &&
           (!look->sheet ||
            outfile_write(&look->outfile, image, found.sheet, err)) &&
           activations_json_write(&look->response, look->engine, &found,
                                  &look->request,
                                  look->num_images > 1 ? name : NULL, 0, err);
}

/* Stops early only if the results cannot be written. */
static int show_all(struct look *look)
{
    int status = STATUS_OK;

    for (size_t i = 0; i < look->num_images; i++) {
        struct error err = {0};

        if (!show(look, i, &err)) {
            complain_about("look", look->images[i], &err);
            status = STATUS_FAILED;
        } else if (!result_print(&look->response.body, &err)) {
            complain_about("look", NULL, &err);
            return STATUS_FAILED;
        }
    }
    return status;
}

static int usage_error(const struct error *err)
{
    complain_about("look", NULL, err);
    return STATUS_USAGE;
}

/* Opens what all images need. Returns STATUS_OK or the exit status. */
static int open_all(struct look *look)
{
    char path[PATH_MAX];
    const char *model = run_options_model(&look->run, path);
    struct error err = {0};

    if (look->sheet && !outfile_plan(&look->outfile, look->sheet, "-sheet.png",
                                     look->images, look->num_images, &err)) {
        error_prefix(&err, "--sheet");
        return usage_error(&err);
    }
    look->engine = engine_open(model, &look->run.engine, &err);
    if (look->engine &&
        !activations_options_parse(&look->request, &look->run.asked,
                                   look->engine, look->sheet != NULL, true,
                                   &err) &&
        err.kind == ERROR_INPUT)
        return usage_error(&err);
    if (err.kind == ERROR_NONE)
        look->team = team_new(look->run.num_threads, &err);
    if (look->team)
        look->session = engine_session_new(look->engine, look->team, &err);
    if (!look->session) {
        complain_about("look", model, &err);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

int cmd_look(int argc, char **argv)
{
    struct look look = {0};
    struct error err = {0};
    int status;

    if (!parse(&look, argc, argv, &err)) {
        status = usage_error(&err);
    } else if (look.run.help) {
        print_help();
        status = STATUS_OK;
    } else {
        status = open_all(&look);
        if (status == STATUS_OK)
            status = show_all(&look);
    }
    engine_session_free(look.session);
    team_free(look.team);
    engine_free(look.engine);
    outfile_release(&look.outfile);
    buf_release(&look.image);
    response_release(&look.response);
    run_options_release(&look.run);
    return status;
}
