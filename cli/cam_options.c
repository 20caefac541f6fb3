#include "cli/cam_options.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/explain_options.h"
#include "server/config/config.h"
#include "server/config/options.h"

#define MAX_THREADS 256

#define FIELD(field) OPTION_FIELD(struct cam_options, field)

static bool take_input_size(void *data, const struct option *option,
                            const char *value, struct error *err)
{
    struct cam_options *options = data;

    (void)option;
    return engine_options_parse_size(&options->engine, value, err);
}

static bool take_precision(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    struct cam_options *options = data;

    (void)option;
    return engine_options_parse_precision(&options->engine, value, err);
}

static bool take_heatmap(void *data, const struct option *option,
                         const char *value, struct error *err)
{
    struct cam_options *options = data;

    (void)option;
    options->heatmap = value;
    return strcmp(value, "-") != 0 ||
           fail(err, ERROR_INPUT, "standard output is taken by the results");
}

/* Keeps an option of POST /cam for explain_options_parse. */
static bool take_parameter(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    struct cam_options *options = data;
    uint64_t position;
    char name[32];

    explain_options_name(name, strcmp(option->flag, "heatmap-kind") == 0
                                   ? "heatmap"
                                   : option->flag);
    return options_check(&position, option, value, err) &&
           params_begin(&options->asked, name, strlen(name), err) &&
           params_extend(&options->asked, value, strlen(value), err);
}

#define NUMBER(name, field, most, help)                                     \
    {                                                                       \
        OPTION_NUMBER, name, "N", help, .min = 1, .max = most, FIELD(field) \
    }
/* The rows before and after those of POST /cam. */
static const struct option first_rows[] = {
    {OPTION_TEXT, "model", "DIR", "the model's folder",
     .fallback =
         "efficientnet-lite0 in ./models or where wherefore is installed",
     FIELD(model)},
    {OPTION_TEXT, "input-size", "SIZE",
     "another size of the network's input, such as 448 or 160x80, for finer "
     "maps",
     .fallback = "the model's own", .take = take_input_size},
    {OPTION_TEXT, "precision", "P",
     "precision to compute in: fp32, int8 (faster, slightly less accurate; "
     "needs XNNPACK from 2024) or auto (int8 where a check finds it accurate "
     "enough)",
     .fallback = "fp32", .take = take_precision},
};
static const struct option last_rows[] = {
    {OPTION_TEXT, "heatmap", "FILE",
     "write the heatmap of the first explained class as a PNG; a directory "
     "gets NAME-heatmap.png; several images need a directory or a pattern, in "
     "which %s is an image's name without its extension",
     .take = take_heatmap},
    {OPTION_WORD, "heatmap-kind", "KIND",
     "overlay (on the image), boxes (with their frames) or map (alone)",
     "overlay|boxes|map", .fallback = "overlay", .take = take_parameter},
    {OPTION_NUMBER, "threads", "N", "number of threads to compute with",
     .fallback = "one per core", .min = 1, .max = MAX_THREADS,
     FIELD(num_threads)},
    NUMBER("max-bytes", max_bytes, INT32_MAX,
           "largest file that is read, in bytes"),
    NUMBER("max-width", limits.max_width, UINT16_MAX,
           "widest image that is decoded"),
    NUMBER("max-height", limits.max_height, UINT16_MAX,
           "tallest image that is decoded"),
    NUMBER("max-pixels", limits.max_pixels, UINT32_MAX,
           "largest width x height that is decoded"),
    OPTION_HELP(struct cam_options, help),
};

enum {
    NUM_FIRST = sizeof first_rows / sizeof first_rows[0],
    NUM_LAST = sizeof last_rows / sizeof last_rows[0],
    MAX_SHARED = 32,
};

/* All rows, and the descriptions of the shared ones. */
struct table {
    struct option rows[NUM_FIRST + MAX_SHARED + NUM_LAST];
    struct explain_option shared[MAX_SHARED];
    size_t count;
};

/* Adds an option of POST /cam. explain_options_parse checks its value, so that
 * the command line and the service accept the same values. */
static void add_shared(struct table *table, const struct option *row)
{
    struct explain_option *about = &table->shared[table->count - NUM_FIRST];
    struct option *added = &table->rows[table->count++];

    explain_options_describe(about, row);
    *added = *row;
    added->take = take_parameter;
    added->type = OPTION_TEXT;
    added->accepts = about->accepts;
    added->fallback = about->fallback;
}

/* "model" and "heatmap" have another meaning here: a folder and a file. */
static void fill_table(struct table *table)
{
    const struct option *row;

    memcpy(table->rows, first_rows, sizeof first_rows);
    table->count = NUM_FIRST;
    for (size_t i = 0; (row = explain_options_row(i)); i++)
        if (strcmp(row->flag, "model") != 0 &&
            strcmp(row->flag, "heatmap") != 0)
            add_shared(table, row);
    memcpy(table->rows + table->count, last_rows, sizeof last_rows);
    table->count += NUM_LAST;
}

static const char help_head[] =
    "usage: wherefore cam [OPTION...] IMAGE...\n"
    "\n"
    "Classifies each image and shows where the evidence is. Images are JPEG,\n"
    "PNG or WebP files; - is standard input. The result is JSON on standard\n"
    "output: one object for one image; for several images one object per\n"
    "line, in their order, each with the image's name as \"file\".\n"
    "\n";

static const char help_tail[] =
    "\n"
    "An image that fails is reported on standard error; the others are still\n"
    "explained. Exit status: 0 all images were explained, 1 at least one was\n"
    "not, 2 the command line is wrong.\n";

/* The number of cores that this process may use. */
static unsigned num_cores(void)
{
    cpu_set_t cores;
    int count;

    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    count = CPU_COUNT(&cores);
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : (unsigned)count;
}

static void set_defaults(struct cam_options *options)
{
    struct config config;

    config_init(&config);
    options->num_threads = num_cores();
    options->max_bytes = (size_t)config.max_body_bytes;
    options->limits.max_width = (uint32_t)config.max_width;
    options->limits.max_height = (uint32_t)config.max_height;
    options->limits.max_pixels = config.max_pixels;
}

void cam_options_help(FILE *stream)
{
    struct cam_options defaults = {0};
    struct table table;

    set_defaults(&defaults);
    fill_table(&table);
    fputs(help_head, stream);
    options_print(stream, table.rows, table.count, &defaults);
    fputs(help_tail, stream);
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
    struct table table;

    set_defaults(options);
    fill_table(&table);
    options->images = argv;
    return options_parse(table.rows, table.count, options, take_image, argc - 1,
                         argv + 1, err) &&
           (options->help || check_images(options, err));
}

void cam_options_release(struct cam_options *options)
{
    params_release(&options->asked);
    *options = (struct cam_options){0};
}
