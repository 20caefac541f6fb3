#include "cli/cam_options.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/ask.h"
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

/* The option of POST /cam that a flag is: heatmap_size of --heatmap-size. */
static const char *name_parameter(char name[32], const char *flag)
{
    size_t i;

    if (strcmp(flag, "heatmap-kind") == 0)
        flag = "heatmap";
    for (i = 0; flag[i] && i < 31; i++)
        name[i] = flag[i] == '-' ? '_' : flag[i];
    name[i] = '\0';
    return name;
}

/* Keeps an option of POST /cam for ask_parse. */
static bool take_parameter(void *data, const struct option *option,
                           const char *value, struct error *err)
{
    struct cam_options *options = data;
    uint64_t position;
    char name[32];

    if (!value)
        value = "1";
    name_parameter(name, option->flag);
    return options_check(&position, option, value, err) &&
           params_begin(&options->ask, name, strlen(name), err) &&
           params_extend(&options->ask, value, strlen(value), err);
}

/* PARAMETER rows are options of POST /cam: checked, explained and given their
 * defaults by server/api/ask.c, so that the command line and the service mean
 * the same. */
#define PARAMETER(name, value)                           \
    {                                                    \
        OPTION_TEXT, name, value, .take = take_parameter \
    }
#define NUMBER(name, field, most, help)                                     \
    {                                                                       \
        OPTION_NUMBER, name, "N", help, .min = 1, .max = most, FIELD(field) \
    }
static const struct option rows[] = {
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
    PARAMETER("top", "N"),
    PARAMETER("class", "CLASS"),
    PARAMETER("threshold", "T"),
    {OPTION_SWITCH, "values", NULL, "add the map's numbers to the result",
     .take = take_parameter},
    {OPTION_TEXT, "heatmap", "FILE",
     "write the heatmap of the first explained class as a PNG; a directory "
     "gets NAME-heatmap.png; several images need a directory or a pattern, in "
     "which %s is an image's name without its extension",
     .take = take_heatmap},
    {OPTION_WORD, "heatmap-kind", "KIND",
     "overlay (on the image) or map (alone)", "overlay|map",
     .fallback = "overlay", .take = take_parameter},
    PARAMETER("heatmap-size", "N"),
    PARAMETER("colormap", "NAME"),
    PARAMETER("alpha", "A"),
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

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

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

/* The cores this process may use. */
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

/* A row with what ask.c says of it. */
static struct option fill_row(const struct option *row)
{
    struct option filled = *row;
    struct ask_option parameter;
    char name[32];

    name_parameter(name, row->flag);
    for (size_t i = 0; !row->help && ask_option(&parameter, i); i++)
        if (strcmp(parameter.name, name) == 0) {
            filled.help = parameter.help;
            filled.accepts = parameter.accepts;
            filled.fallback = parameter.fallback;
        }
    return filled;
}

void cam_options_help(FILE *stream)
{
    struct cam_options defaults = {0};
    struct option filled[NUM_ROWS];

    set_defaults(&defaults);
    for (size_t i = 0; i < NUM_ROWS; i++)
        filled[i] = fill_row(&rows[i]);
    fputs(help_head, stream);
    options_print(stream, filled, NUM_ROWS, &defaults);
    fputs(help_tail, stream);
}

static bool take_photo(void *data, char *text, struct error *err)
{
    struct cam_options *options = data;

    (void)err;
    options->photos[options->num_photos++] = text;
    return true;
}

static bool check_photos(const struct cam_options *options, struct error *err)
{
    size_t num_stdin = 0;

    if (options->num_photos == 0)
        return fail(err, ERROR_INPUT, "no image is given; see --help");
    for (size_t i = 0; i < options->num_photos; i++)
        num_stdin += strcmp(options->photos[i], "-") == 0;
    if (num_stdin > 1)
        return fail(err, ERROR_INPUT, "- is given more than once");
    return true;
}

bool cam_options_parse(struct cam_options *options, int argc, char **argv,
                       struct error *err)
{
    set_defaults(options);
    options->photos = argv;
    return options_parse(rows, NUM_ROWS, options, take_photo, argc - 1,
                         argv + 1, err) &&
           (options->help || check_photos(options, err));
}

void cam_options_release(struct cam_options *options)
{
    params_release(&options->ask);
    *options = (struct cam_options){0};
}
