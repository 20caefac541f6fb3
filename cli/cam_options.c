#include "cli/cam_options.h"

#include <getopt.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stumble.h"
#include "engine/base/digits.h"
#include "server/api/ask.h"
#include "server/config/config.h"

#define MAX_THREADS 256

/* X(option, flag, argument or NULL, parameter of POST /cam or NULL, help)
 *
 * An option with a parameter is checked and given its default by
 * server/api/ask.c, so that the command line and the service mean the same; the
 * help says the default, and where it is NULL it is that of the parameter. */
#define OPTIONS(X)                                                             \
    X(MODEL, "model", "DIR", NULL,                                             \
      "the model's folder (default: efficientnet-lite0 in ./models, or where " \
      "wherefore is installed)")                                               \
    X(INPUT_SIZE, "input-size", "SIZE", NULL,                                  \
      "another size of the network's input, such as 448 or 160x80, for finer " \
      "maps (default: the model's own)")                                       \
    X(PRECISION, "precision", "P", NULL,                                       \
      "what to compute with: fp32, int8 (faster, a little off; needs XNNPACK " \
      "of 2024) or auto, whichever a check finds fit (default: fp32)")         \
    X(TOP, "top", "N", "top", NULL)                                            \
    X(CLASS, "class", "CLASS", "class", NULL)                                  \
    X(THRESHOLD, "threshold", "T", "threshold", NULL)                          \
    X(VALUES, "values", NULL, NULL, "add the map's numbers to the answer")     \
    X(HEATMAP, "heatmap", "FILE", NULL,                                        \
      "write the heatmap of the first explained class as a PNG; a directory "  \
      "gets NAME-heatmap.png; several photos need a directory or a pattern, "  \
      "in which %s is a photo's name without its ending")                      \
    X(HEATMAP_KIND, "heatmap-kind", "KIND", "heatmap",                         \
      "overlay (over the photo) or map (alone)")                               \
    X(HEATMAP_SIZE, "heatmap-size", "N", "heatmap_size", NULL)                 \
    X(COLORMAP, "colormap", "NAME", "colormap", NULL)                          \
    X(ALPHA, "alpha", "A", "alpha", NULL)                                      \
    X(THREADS, "threads", "N", NULL,                                           \
      "threads to compute with (default: one a core)")                         \
    X(MAX_BYTES, "max-bytes", "N", NULL, "largest file that is read")          \
    X(MAX_WIDTH, "max-width", "N", NULL, "widest photo that is decoded")       \
    X(MAX_HEIGHT, "max-height", "N", NULL, "highest photo that is decoded")    \
    X(MAX_PIXELS, "max-pixels", "N", NULL,                                     \
      "largest width x height that is decoded")                                \
    X(HELP, "help", NULL, NULL, "print this and exit")

enum option_number {
#define X(option, flag, argument, parameter, help) OPTION_##option,
    OPTIONS(X)
#undef X
        NUM_OPTIONS
};

struct option_row {
    const char *flag, *argument, *parameter, *help;
};

static const struct option_row rows[NUM_OPTIONS] = {
#define X(option, flag, argument, parameter, help) \
    {flag, argument, parameter, help},
    OPTIONS(X)
#undef X
};

static const char help_head[] =
    "usage: wherefore cam [OPTION...] PHOTO...\n"
    "\n"
    "Says what is on each photo and where the evidence is. Photos are JPEG,\n"
    "PNG or WebP files; - is the standard input. The answer is JSON on the\n"
    "standard output: one object for one photo; for several one object a\n"
    "line, in the order of the photos, each with the photo as \"file\".\n"
    "\n";

static const char help_tail[] =
    "\n"
    "What is wrong with a photo is said on standard error, and the others\n"
    "are still answered. Exit status: 0 all photos were answered, 1 one was\n"
    "not, 2 the command line is wrong.\n";

static bool parse_number(uint64_t *number, enum option_number option,
                         const char *text, uint64_t max, struct error *err)
{
    uint64_t value;

    if (!digits_parse(&value, text) || value < 1 || value > max)
        return fail(err, ERROR_INPUT,
                    "--%s takes a whole number from 1 to %ju, not \"%.40s\"",
                    rows[option].flag, (uintmax_t)max, text);
    *number = value;
    return true;
}

/* Keeps an option for ask_parse. */
static bool ask(struct cam_options *options, const char *parameter,
                const char *value, struct error *err)
{
    return params_begin(&options->ask, parameter, strlen(parameter), err) &&
           params_extend(&options->ask, value, strlen(value), err);
}

static bool set(struct cam_options *options, enum option_number option,
                const char *text, struct error *err)
{
    uint64_t number = 0;
    bool ok = true;

    switch (option) {
    case OPTION_MODEL:
        options->model = text;
        break;
    case OPTION_INPUT_SIZE:
        ok = engine_options_parse_size(&options->engine, text, err) ||
             error_prefix(err, "--input-size");
        break;
    case OPTION_PRECISION:
        ok = engine_options_parse_precision(&options->engine, text, err) ||
             error_prefix(err, "--precision");
        break;
    case OPTION_VALUES:
        ok = ask(options, "values", "1", err);
        break;
    case OPTION_HEATMAP:
        options->heatmap = text;
        if (strcmp(text, "-") == 0)
            ok =
                fail(err, ERROR_INPUT,
                     "--heatmap cannot be \"-\": the answer is on the standard "
                     "output");
        break;
    case OPTION_HEATMAP_KIND:
        if (strcmp(text, "overlay") != 0 && strcmp(text, "map") != 0)
            ok = fail(err, ERROR_INPUT,
                      "--heatmap-kind takes overlay or map, not \"%.40s\"",
                      text);
        else
            ok = ask(options, rows[option].parameter, text, err);
        break;
    case OPTION_THREADS:
        ok = parse_number(&number, option, text, MAX_THREADS, err);
        options->num_threads = (unsigned)number;
        break;
    case OPTION_MAX_BYTES:
        ok = parse_number(&number, option, text, INT32_MAX, err);
        options->max_bytes = (size_t)number;
        break;
    case OPTION_MAX_WIDTH:
        ok = parse_number(&number, option, text, UINT16_MAX, err);
        options->limits.max_width = (uint32_t)number;
        break;
    case OPTION_MAX_HEIGHT:
        ok = parse_number(&number, option, text, UINT16_MAX, err);
        options->limits.max_height = (uint32_t)number;
        break;
    case OPTION_MAX_PIXELS:
        ok = parse_number(&number, option, text, UINT32_MAX, err);
        options->limits.max_pixels = number;
        break;
    case OPTION_HELP:
        options->help = true;
        break;
    case OPTION_TOP:
    case OPTION_CLASS:
    case OPTION_THRESHOLD:
    case OPTION_HEATMAP_SIZE:
    case OPTION_COLORMAP:
    case OPTION_ALPHA:
        ok = ask(options, rows[option].parameter, text, err);
        break;
    case NUM_OPTIONS:
        break;
    }
    return ok;
}

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

/* Words from column 22 on; the cursor is there. */
static void print_words(FILE *stream, const char *words)
{
    enum { START = 22, END = 79 };
    size_t column = START;

    while (*words) {
        size_t len = strcspn(words, " ");

        if (column > START && column + 1 + len > END) {
            fprintf(stream, "\n%*s", START, "");
            column = START;
        }
        column += (size_t)fprintf(stream, "%s%.*s", column > START ? " " : "",
                                  (int)len, words);
        words += len + (words[len] == ' ');
    }
    fputc('\n', stream);
}

/* The row of ask.c; its texts are empty where there is none. */
static struct ask_option parameter_of(const struct option_row *row)
{
    struct ask_option option;

    for (size_t i = 0; row->parameter && ask_option(&option, i); i++)
        if (strcmp(option.name, row->parameter) == 0)
            return option;
    return (struct ask_option){"", "", "", ""};
}

/* The default of a limit; 0 is none. */
static uint64_t limit_of(enum option_number number)
{
    struct cam_options options = {0};

    set_defaults(&options);
    switch (number) {
    case OPTION_MAX_BYTES:
        return options.max_bytes;
    case OPTION_MAX_WIDTH:
        return options.limits.max_width;
    case OPTION_MAX_HEIGHT:
        return options.limits.max_height;
    case OPTION_MAX_PIXELS:
        return options.limits.max_pixels;
    default:
        return 0;
    }
}

static void print_row(FILE *stream, enum option_number number)
{
    const struct option_row *row = &rows[number];
    struct ask_option parameter = parameter_of(row);
    uint64_t limit = limit_of(number);
    char text[512];

    snprintf(text, sizeof text, "--%s%s%s", row->flag, row->argument ? " " : "",
             row->argument ? row->argument : "");
    fprintf(stream, "  %-20s", text);
    if (row->parameter && row->help)
        snprintf(text, sizeof text, "%s (default: %s)", row->help,
                 parameter.fallback);
    else if (row->parameter)
        snprintf(text, sizeof text, "%s: %s (default: %s)", parameter.help,
                 parameter.accepts, parameter.fallback);
    else if (limit > 0)
        snprintf(text, sizeof text, "%s (default: %ju)", row->help,
                 (uintmax_t)limit);
    else
        snprintf(text, sizeof text, "%s", row->help);
    print_words(stream, text);
}

void cam_options_help(FILE *stream)
{
    fputs(help_head, stream);
    for (size_t i = 0; i < NUM_OPTIONS; i++)
        print_row(stream, (enum option_number)i);
    fputs(help_tail, stream);
}

static bool check_photos(const struct cam_options *options, struct error *err)
{
    size_t num_stdin = 0;

    if (options->num_photos == 0)
        return fail(err, ERROR_INPUT, "no photo is given; --help says more");
    for (size_t i = 0; i < options->num_photos; i++)
        num_stdin += strcmp(options->photos[i], "-") == 0;
    if (num_stdin > 1)
        return fail(err, ERROR_INPUT, "the photo - is given more than once");
    return true;
}

bool cam_options_parse(struct cam_options *options, int argc, char **argv,
                       struct error *err)
{
    struct option table[NUM_OPTIONS + 1] = {{0}};
    int found;

    set_defaults(options);
    /* An option's value is its number + 1, since 0 has a meaning. */
    for (int i = 0; i < NUM_OPTIONS; i++)
        table[i] = (struct option){
            .name = rows[i].flag,
            .has_arg = rows[i].argument ? required_argument : no_argument,
            .val = i + 1,
        };
    optind = 0; /* GNU: begin anew, whatever was parsed before */
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (found == '?' || found == ':')
            return stumble_over(found, argv, table, err);
        if (!set(options,
                 found == 'h' ? OPTION_HELP : (enum option_number)(found - 1),
                 optarg, err))
            return false;
        if (options->help)
            return true;
    }
    options->photos = argv + optind;
    options->num_photos = (size_t)(argc - optind);
    return check_photos(options, err);
}

void cam_options_release(struct cam_options *options)
{
    params_release(&options->ask);
    *options = (struct cam_options){0};
}
