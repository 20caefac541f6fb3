#include "cli/exemplars_command.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/digits.h"
#include "engine/evaluate/exemplify_sheets.h"

enum { TOP = 9, SIZE = 96 };

#define FIELD(field) OPTION_FIELD(struct exemplars_command, field)

/* Keeps the channels in ascending order, each once. */
static bool take_channel(void *data, const struct option *option,
                         const char *value, struct error *err)
{
    struct exemplars_command *options = data;
    size_t place = options->num_channels, *grown;
    uint64_t channel;

    (void)option;
    if (!digits_parse(&channel, value) || channel > UINT32_MAX)
        return fail(err, ERROR_INPUT, "\"%.60s\" is not the index of a channel",
                    value);
    grown =
        realloc(options->channels, (options->num_channels + 1) * sizeof *grown);
    if (!grown)
        return fail(err, ERROR_MEMORY, "not enough memory for channels");
    options->channels = grown;
    while (place > 0 && grown[place - 1] > channel)
        place--;
    if (place > 0 && grown[place - 1] == channel)
        return fail(err, ERROR_INPUT, "channel %ju is given twice",
                    (uintmax_t)channel);
    memmove(grown + place + 1, grown + place,
            (options->num_channels - place) * sizeof *grown);
    grown[place] = (size_t)channel;
    options->num_channels++;
    return true;
}

static const struct option own_rows[] = {
    {OPTION_TEXT, "layer", "LAYER",
     "the layer: a name, a unique end of one, or -1, -2 and so on for the last "
     "(wherefore model layers)",
     .fallback = "the last one before pooling or flattening", FIELD(layer)},
    {OPTION_LIST, "channel", "K",
     "the index of a channel to find photos for; may be repeated",
     .fallback = "all channels", .take = take_channel},
    {OPTION_NUMBER, "top", "N", "how many photos are found for each channel",
     .min = 1, .max = WINNERS_MAX_TOP, FIELD(top)},
    {OPTION_NUMBER, "size", "N",
     "longer side of each crop on a contact sheet, in pixels",
     .min = EXEMPLIFY_SHEETS_MIN_SIZE, .max = EXEMPLIFY_SHEETS_MAX_SIZE,
     FIELD(size)},
    {OPTION_TEXT, "to", "DIR",
     "the folder for the index and the contact sheets, which is made if it is "
     "not there",
     .fallback = "", FIELD(to)},
};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
    run_options_add_model(table);
    run_options_add_limits(table);
}

static void init(struct exemplars_command *options)
{
    run_options_init(&options->run);
    options->top = TOP;
    options->size = SIZE;
}

static const char help_head[] =
    "usage: wherefore exemplars FOLDER --to DIR [OPTION...]\n"
    "\n"
    "Finds, for each channel of a layer, the photos in FOLDER and in the "
    "folders\n"
    "in it that excite it most, and the part of each photo that its strongest\n"
    "cell sees. DIR gets an index, exemplars.json, and for each channel a "
    "contact\n"
    "sheet, channel-K.png. `wherefore serve --exemplars DIR` offers them.\n"
    "\n"
    "The value of a photo is the channel's largest cell. Of equal values, the\n"
    "larger mean comes first, then the file's name.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "A photo that cannot be read is reported on standard error and left out.\n"
    "Exit status: 0 the index was written, 1 it was not, 2 the command line "
    "is\n"
    "wrong.\n";

void exemplars_command_help(FILE *out)
{
    struct exemplars_command defaults = {0};
    struct run_options_table table;

    init(&defaults);
    fill_table(&table);
    options_print_manual(out, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool take_folder(void *data, char *text, struct error *err)
{
    struct exemplars_command *options = data;

    if (options->photos)
        return fail(err, ERROR_INPUT,
                    "\"%.100s\" is a second folder; one is "
                    "searched",
                    text);
    options->photos = text;
    return true;
}

bool exemplars_command_parse(struct exemplars_command *options, int argc,
                             char **argv, struct error *err)
{
    struct run_options_table table;

    init(options);
    fill_table(&table);
    if (!options_parse(table.rows, table.count, options, take_folder, argc - 1,
                       argv + 1, err))
        return false;
    if (options->run.help)
        return true;
    if (!options->photos)
        return fail(err, ERROR_INPUT,
                    "no folder of photos is given; see "
                    "--help");
    return options->to ||
           fail(err, ERROR_INPUT, "--to is missing: the folder for the index");
}

void exemplars_command_release(struct exemplars_command *options)
{
    free(options->channels);
    run_options_release(&options->run);
    *options = (struct exemplars_command){0};
}
