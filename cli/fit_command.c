#include "cli/fit_command.h"

enum { NUM_FOLDS = 5 };

#define FIELD(field) OPTION_FIELD(struct fit_command, field)

#define FORMAT_NAME(format, name, description) "|" #name
static const char formats[] = "auto" DATASET_FORMATS(FORMAT_NAME);

#define POOL_NAME(pool, name) "|" name
static const char pools[] = "auto" FIT_POOLS(POOL_NAME);

static const struct option own_rows[] = {
    {OPTION_TEXT, "to", "DIR", "the folder of the model that is made",
     .fallback = "", FIELD(to)},
    {OPTION_SWITCH, "force", NULL, "replace DIR if an earlier fit has made it",
     FIELD(force)},
    {OPTION_TEXT, "base", "DIR", "the model that gets a new head",
     .fallback =
         "efficientnet-lite0 in ./models or where wherefore is installed",
     FIELD(base)},
    {OPTION_TEXT, "layer", "LAYER",
     "the layer whose features the head is put on: a name, a unique end of "
     "one, or -1, -2 and so on for the last (wherefore model layers)",
     .fallback = "the last one before pooling or flattening", FIELD(layer)},
    {OPTION_CHOICE, "head", "NAME",
     "how features are pooled: gap, their mean over the picture; gmp, their "
     "maximum; auto, as the base does",
     pools, FIELD(pool)},
    {OPTION_SWITCH, "unbalanced", NULL,
     "let each photo weigh the same, instead of each class",
     FIELD(is_unbalanced)},
    {OPTION_NUMBER, "folds", "N",
     "parts into which photos are divided for cross-validation",
     .min = FIT_MIN_FOLDS, .max = FIT_MAX_FOLDS, FIELD(num_folds)},
    {OPTION_NUMBER, "seed", "N", "which of the possible divisions is used",
     .min = 0, .max = UINT32_MAX, FIELD(seed)},
    {OPTION_TEXT, "cache", "DIR",
     "the folder where features are kept for the next fit",
     .fallback = "that of --to with .cache behind its name", FIELD(cache)},
    {OPTION_CHOICE, "format", "NAME",
     "how PHOTOS is written (docs/evaluate.md); auto also takes train/ and "
     "val/",
     formats, FIELD(dataset.format)},
    {OPTION_TEXT, "photos", "DIR", "the folder of the photos of a CSV file",
     .fallback = "that of PHOTOS", FIELD(dataset.root)},
    {OPTION_SWITCH, "json", NULL, "print the result as JSON", FIELD(json)},
    {OPTION_SWITCH, "progress-lines", NULL,
     "for programs: lines such as \"progress 3/70\" on standard error instead "
     "of a bar",
     FIELD(progress_lines)},
};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
    run_options_add_limits(table);
}

static void init(struct fit_command *options)
{
    run_options_init(&options->run);
    options->num_folds = NUM_FOLDS;
}

static const char help_head[] =
    "usage: wherefore fit PHOTOS --to DIR [OPTION...]\n"
    "\n"
    "Makes a model of your own classes: a copy of a model, the base, with a "
    "new\n"
    "head. PHOTOS is a folder with a folder of photos for each class, a "
    "folder\n"
    "with train/ and val/ of this kind, or a CSV file (file,class). No "
    "graphics\n"
    "card and no other program is needed; 1000 photos take some seconds.\n"
    "\n"
    "The head is found by logistic regression. How strongly it is held back, "
    "and\n"
    "how good it is, is measured by cross-validation, with near-duplicates "
    "kept\n"
    "together. docs/fit.md says what makes a good set of photos.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "A photo that cannot be read is named on standard error and left out.\n"
    "Exit status: 0 the model was made, 1 it was not, 2 the command line is\n"
    "wrong.\n";

void fit_command_help(FILE *out)
{
    struct fit_command defaults = {0};
    struct run_options_table table;

    init(&defaults);
    fill_table(&table);
    options_print_manual(out, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool take_data(void *data, char *text, struct error *err)
{
    struct fit_command *options = data;

    if (options->data)
        return fail(err, ERROR_INPUT,
                    "\"%.100s\" is a second set of photos; one is taken", text);
    options->data = text;
    return true;
}

bool fit_command_parse(struct fit_command *options, int argc, char **argv,
                       struct error *err)
{
    struct run_options_table table;

    init(options);
    fill_table(&table);
    if (!options_parse(table.rows, table.count, options, take_data, argc - 1,
                       argv + 1, err))
        return false;
    if (options->run.help)
        return true;
    if (!options->data)
        return fail(err, ERROR_INPUT, "no photos are given; see --help");
    return options->to ||
           fail(err, ERROR_INPUT, "--to is missing: the folder for the model");
}

void fit_command_release(struct fit_command *options)
{
    run_options_release(&options->run);
    *options = (struct fit_command){0};
}
