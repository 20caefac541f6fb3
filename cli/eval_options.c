#include "cli/eval_options.h"

#define FIELD(field) OPTION_FIELD(struct eval_options, field)

#define FORMAT_NAME(format, name, description) "|" #name
static const char formats[] = "auto" DATASET_FORMATS(FORMAT_NAME);

static const struct option data_rows[] = {
    {OPTION_CHOICE, "format", "NAME", "how DATA is written (docs/evaluate.md)",
     formats, FIELD(dataset.format)},
    {OPTION_TEXT, "photos", "DIR", "the folder of the photos",
     .fallback = "that of DATA", FIELD(dataset.root)},
};

static const struct option own_rows[] = {
    {OPTION_TEXT, "out", "DIR",
     "where results are written; an evaluation that was interrupted goes on "
     "from there",
     FIELD(folder)},
    {OPTION_SWITCH, "restart", NULL, "begin again, and overwrite what is there",
     FIELD(restart)},
    {OPTION_SWITCH, "progress-lines", NULL,
     "for programs: lines such as \"progress 3/70\" on standard error instead "
     "of a bar",
     FIELD(progress_lines)},
    {OPTION_NUMBER, "curves", "STEPS",
     "also measure deletion and insertion, in so many steps, each of which "
     "takes two passes for each map; 0: no",
     .min = 0, .max = 1000, FIELD(curve_steps)},
};

void eval_options_fill(struct run_options_table *table,
                       const char *const *left_out, const struct option *rows,
                       size_t num_rows)
{
    *table = (struct run_options_table){0};
    run_options_add_model(table);
    run_options_add_shared(table, explain_options_table(), left_out);
    run_options_add(table, data_rows, sizeof data_rows / sizeof data_rows[0]);
    run_options_add(table, rows, num_rows);
    run_options_add_limits(table);
}

/* What is drawn, and what the data set says. */
static const char *const left_out[] = {
    "model",        "top",    "class", "heatmap",  "colormap", "alpha",
    "heatmap-size", "values", "boxes", "channels", NULL,
};

static void fill_table(struct run_options_table *table)
{
    eval_options_fill(table, left_out, own_rows,
                      sizeof own_rows / sizeof own_rows[0]);
}

static void set_defaults(struct eval_options *options)
{
    run_options_init(&options->run);
    options->folder = "wherefore-eval";
}

static const char help_head[] =
    "usage: wherefore eval [OPTION...] DATA\n"
    "\n"
    "Measures how often the model is right, and how well its maps find the\n"
    "objects, on photos with known classes and boxes. DATA is a CSV file\n"
    "(file,class,x0,y0,x1,y1), a COCO file, a folder of Pascal VOC's XML\n"
    "files, of the WSOL evaluation's metadata, or of class folders. Prints a\n"
    "table, and writes report.json, photos.csv and curves.svg.\n"
    "\n"
    "The options for methods, layers, targets and boxes take several values\n"
    "with commas between, such as --method gradcam,layercam --layer -1,-2:\n"
    "each combination is a row. A photo is classified once for all of them.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "A photo that cannot be measured is named in the report; the others are\n"
    "still measured. Exit status: 0 all photos were measured, 1 at least one\n"
    "was not, 2 the command line is wrong.\n";

void eval_options_help(FILE *stream)
{
    struct eval_options defaults = {0};
    struct run_options_table table;

    set_defaults(&defaults);
    fill_table(&table);
    options_print_manual(stream, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

bool eval_options_take_data(void *data, char *text, struct error *err)
{
    struct eval_options *options = data;

    if (options->data)
        return fail(err, ERROR_INPUT, "\"%.60s\": only one data set is taken",
                    text);
    options->data = text;
    return true;
}

bool eval_options_parse(struct eval_options *options, int argc, char **argv,
                        struct error *err)
{
    struct run_options_table table;

    set_defaults(options);
    fill_table(&table);
    return options_parse(table.rows, table.count, options,
                         eval_options_take_data, argc - 1, argv + 1, err) &&
           (options->run.help || options->data ||
            fail(err, ERROR_INPUT, "no data set is given; see --help"));
}

void eval_options_release(struct eval_options *options)
{
    run_options_release(&options->run);
    *options = (struct eval_options){0};
}
