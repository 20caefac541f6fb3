#include "cli/cam_options.h"

#include <string.h>

static bool take_heatmap(void *data, const struct option *option,
                         const char *value, struct error *err)
{
    struct cam_options *options = data;

    (void)option;
    options->heatmap = value;
    return strcmp(value, "-") != 0 ||
           fail(err, ERROR_INPUT, "standard output is taken by the results");
}

static bool take_lines(void *data, const struct option *option,
                       const char *value, struct error *err)
{
    struct cam_options *options = data;

    (void)option;
    (void)err;
    options->lines = value;
    return true;
}

static const struct option own_rows[] = {
    {OPTION_TEXT, "heatmap", "FILE",
     "write the heatmap of the first explained class as a PNG; a directory "
     "gets NAME-heatmap.png; several images need a directory or a pattern, in "
     "which %s is an image's name without its extension",
     .take = take_heatmap},
    {OPTION_WORD, "heatmap-kind", "KIND",
     "overlay (on the image), boxes (with their frames), colours (those of a "
     "gradient, with grey for 0), map (alone) or mask (white where it reaches "
     "half of its largest value)",
     "overlay|boxes|colours|map|mask", .fallback = "overlay",
     .take = run_options_take_shared},
    {OPTION_TEXT, "jsonl", "FILE",
     "instead of IMAGE: a file of lines, or - for standard input; each line is "
     "the path of an image, or an object with \"file\" or \"b64\", and "
     "perhaps an \"id\"",
     .take = take_lines},
};

/* "model" and "heatmap" have another meaning here: a folder and a file. */
static const char *const left_out[] = {"model", "heatmap", NULL};

static void fill_table(struct run_options_table *table)
{
    *table = (struct run_options_table){0};
    run_options_add_model(table);
    run_options_add_shared(table, explain_options_table(), left_out);
    run_options_add(table, own_rows, sizeof own_rows / sizeof own_rows[0]);
    run_options_add_limits(table);
}

static const char help_head[] =
    "usage: wherefore cam [OPTION...] IMAGE...\n"
    "       wherefore cam [OPTION...] --jsonl FILE\n"
    "\n"
    "Classifies each image and shows where the evidence is. Images are JPEG,\n"
    "PNG or WebP files; - is standard input. The result is JSON on standard\n"
    "output: one object for one image; for several images one object per\n"
    "line, in their order, each with the image's name as \"file\".\n"
    "\n";

static const char help_tail[] =
    "\n"
    "An image that fails is reported on standard error; the others are still\n"
    "explained. With --jsonl, each line has one line of output, in their\n"
    "order; one that fails has \"error\" in it. Exit status: 0 all images "
    "were\n"
    "explained, or all lines answered, 1 at least one was not, 2 the command\n"
    "line is wrong.\n";

void cam_options_help(FILE *stream)
{
    struct cam_options defaults = {0};
    struct run_options_table table;

    run_options_init(&defaults.run);
    fill_table(&table);
    options_print_manual(stream, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool take_image(void *data, char *text, struct error *err)
{
    struct cam_options *options = data;

    (void)err;
    options->images[options->num_images++] = text;
    return true;
}

static bool check_images(const struct cam_options *options, struct error *err)
{
    size_t num_stdin = 0;

    if (options->lines && options->num_images > 0)
        return fail(err, ERROR_INPUT, "--jsonl: there are images, too");
    if (options->lines && options->heatmap)
        return fail(err, ERROR_INPUT, "--jsonl: there is no --heatmap then");
    if (options->lines)
        return true;
    if (options->num_images == 0)
        return fail(err, ERROR_INPUT, "no image is given; see --help");
    for (size_t i = 0; i < options->num_images; i++)
        num_stdin += strcmp(options->images[i], "-") == 0;
    if (num_stdin > 1)
        return fail(err, ERROR_INPUT, "- is given more than once");
    return true;
}

bool cam_options_parse(struct cam_options *options, int argc, char **argv,
                       struct error *err)
{
    struct run_options_table table;

    run_options_init(&options->run);
    fill_table(&table);
    options->images = argv;
    return options_parse(table.rows, table.count, options, take_image, argc - 1,
                         argv + 1, err) &&
           (options->run.help || check_images(options, err));
}

void cam_options_release(struct cam_options *options)
{
    run_options_release(&options->run);
    *options = (struct cam_options){0};
}
