/* wherefore model add: makes a model's folder from an ONNX file. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd_model.h"
#include "cli/complain.h"
#include "engine/base/buf.h"
#include "engine/engine.h"
#include "engine/model/model_write.h"
#include "engine/network/inspect.h"

enum { MAX_SIDE = 4096, PATH_SIZE = 4096, MAX_LABEL_BYTES = 16 << 20 };

/* `= {0}` is empty. */
struct add {
    struct cmd_model_call call;
    struct model_dir_recipe recipe;
    const char *labels, *to;
    enum head_scores scores;
    bool has_mean, has_std;
    char name[256], folder[PATH_SIZE];
    char onnx_folder[PATH_SIZE];
    struct buf onnx_bytes, label_bytes; /* owned */
};

/* ---- the command line ---- */

/* Parses "a,b,c", or one number for all channels. */
static bool parse_three(double numbers[3], const char *text, struct error *err)
{
    const char *at = text;
    size_t count = 0;
    char *end;

    do {
        numbers[count] = strtod(at, &end);
        if (end == at || !isfinite(numbers[count]) || (*end && *end != ','))
            break;
        at = end + 1;
        count++;
    } while (*end && count < 3);
    if ((count != 3 && count != 1) || *end)
        return fail(err, ERROR_INPUT,
                    "\"%.40s\" is neither a number nor three numbers separated "
                    "by commas",
                    text);
    if (count == 1)
        numbers[1] = numbers[2] = numbers[0];
    return true;
}

static bool take_mean(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct add *add = data;

    (void)option;
    add->has_mean = true;
    return parse_three(add->recipe.mean, value, err);
}

static bool take_std(void *data, const struct option *option, const char *value,
                     struct error *err)
{
    struct add *add = data;
    double *std = add->recipe.std;

    (void)option;
    add->has_std = true;
    if (!parse_three(std, value, err))
        return false;
    return (std[0] > 0 && std[1] > 0 && std[2] > 0) ||
           fail(err, ERROR_INPUT, "\"%.40s\" is not positive", value);
}

static bool take_size(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct engine_options size = {0};
    struct add *add = data;

    (void)option;
    if (!engine_options_parse_size(&size, value, err))
        return false;
    add->recipe.width = size.input_width;
    add->recipe.height = size.input_height;
    return true;
}

static bool take_scores(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct add *add = data;

    add->recipe.scores = value;
    return cmd_model_take_scores(data, option, value, err);
}

static bool take_fraction(void *data, const struct option *option,
                          const char *value, struct error *err)
{
    struct add *add = data;
    char *end;
    double fraction = strtod(value, &end);

    (void)option;
    add->recipe.crop_fraction = fraction;
    return (end > value && !*end && fraction >= 0.01 && fraction <= 1) ||
           fail(err, ERROR_INPUT, "\"%.40s\" is not a number from 0.01 to 1",
                value);
}

#define FIELD(field) OPTION_FIELD(struct add, field)
#define TEXT(flag, argument, field, help)               \
    {                                                   \
        OPTION_TEXT, flag, argument, help, FIELD(field) \
    }
#define SIDE(flag, field, help)                                            \
    {                                                                      \
        OPTION_NUMBER, flag, "N", help, .min = 1, .max = MAX_SIDE,         \
                                        .fallback = "FILE's", FIELD(field) \
    }
#define WORD(flag, argument, field, words, help)               \
    {                                                          \
        OPTION_WORD, flag, argument, help, words, FIELD(field) \
    }
static const struct option rows[] = {
    {OPTION_TEXT, "name", "NAME", "the model's name", .fallback = "FILE's name",
     FIELD(recipe.name)},
    TEXT("labels", "FILE", labels,
         "one line per class: the label, or id and label separated by a tab"),
    SIDE("width", recipe.width, "the input's, in pixels"),
    SIDE("height", recipe.height, "likewise"),
    {OPTION_TEXT, "input-size", "SIZE", "both: N or WxH", .fallback = "FILE's",
     .take = take_size},
    TEXT("output", "NAME", recipe.output,
         "the output that has the classes, if there are several"),
    CMD_MODEL_SCORES(struct add, scores, take_scores),
    WORD("resize", "HOW", recipe.resize, OPTION_WORDS(PREPROCESS_RESIZES),
         "stretch, crop or letterbox"),
    {OPTION_TEXT, "crop-fraction", "F",
     "how much of the image a center crop keeps", .take = take_fraction},
    WORD("interpolation", "HOW", recipe.interpolation,
         OPTION_WORDS(RESIZE_FILTERS), "bicubic, bilinear or nearest"),
    {OPTION_TEXT, "mean", "R,G,B", "subtracted from each channel (0 to 255)",
     .fallback = "ImageNet's, or 0 where FILE takes uint8", .take = take_mean},
    {OPTION_TEXT, "std", "R,G,B", "divides each channel afterwards",
     .fallback = "ImageNet's, or 1", .take = take_std},
    WORD("channels", "ORDER", recipe.channels, "RGB|BGR|L",
         "RGB, BGR or L (grey)"),
    TEXT("source", "TEXT", recipe.source, "where the weights come from"),
    TEXT("license", "TEXT", recipe.license, "the weights' license"),
    {OPTION_TEXT, "to", "DIR", "the folder to make", .fallback = "models/NAME",
     FIELD(to)},
    OPTION_HELP(struct add, call.help),
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static void print_help(const struct add *add)
{
    puts(
        "usage: wherefore model add FILE.onnx [OPTION...]\n\n"
        "Makes the folder that `serve` and `cam` take: model.onnx, labels.txt\n"
        "and model.json. The network is checked before the folder is created;\n"
        "an existing folder is never changed.\n");
    options_print(stdout, rows, NUM_ROWS, add);
    puts("\nExit status: 0 done, 1 it failed, 2 the command line is wrong.");
}

/* ---- making it ---- */

/* Chooses the model's name, by default the file's name without folder and
 * extension, and the folder to make. */
static bool choose_names(struct add *add, struct error *err)
{
    const char *slash = strrchr(add->call.file, '/');
    const char *base = slash ? slash + 1 : add->call.file;
    size_t len = strlen(base);

    if (len > 5 && strcmp(base + len - 5, ".onnx") == 0)
        len -= 5;
    if (!add->recipe.name) {
        snprintf(add->name, sizeof add->name, "%.*s", (int)len, base);
        add->recipe.name = add->name;
    }
    if (!add->to && (strchr(add->recipe.name, '/') ||
                     add->recipe.name[0] == '.' || !*add->recipe.name))
        return fail(err, ERROR_INPUT,
                    "\"%.100s\" is not a valid folder name; give --to",
                    add->recipe.name);
    if (snprintf(add->folder, sizeof add->folder - 16, "%s%s",
                 add->to ? "" : "models/",
                 add->to ? add->to : add->recipe.name) >=
        (int)sizeof add->folder - 16)
        return fail(err, ERROR_INPUT, "--to is too long");
    for (len = strlen(add->folder); len > 1 && add->folder[len - 1] == '/';)
        add->folder[--len] = '\0';
    return true;
}

static bool check_channels(const struct add *add, size_t channels,
                           struct error *err)
{
    bool is_grey = strcmp(add->recipe.channels, "L") == 0;

    if (channels == 1 && !is_grey)
        return fail(err, ERROR_INPUT,
                    "it takes images with one channel; give --channels L, and "
                    "one number each for --mean and --std");
    if (channels == 3 && is_grey)
        return fail(
            err, ERROR_INPUT,
            "it takes images with three channels; give --channels RGB or BGR");
    return true;
}

/* Checks that the network can be used, and takes its input size. */
static bool look(struct add *add, struct error *err)
{
    struct inspect_options look_for = {
        .width = add->recipe.width,
        .height = add->recipe.height,
        .output = add->recipe.output,
        .scores = add->scores,
        .labels = add->labels,
    };
    struct inspection inspection = {0};
    bool ok = inspect_open(&inspection, add->call.file, &look_for, err);
    const struct graph_problem *first = inspection.problems.first;

    if (ok && first)
        ok = fail(err, first->why.kind, "%s \"%.60s\": %.160s%s",
                  *first->onnx_op ? "node" : "input", first->node,
                  first->why.text,
                  first->next ? "; `wherefore model check` lists all" : "");
    else if (ok && inspection.failure.kind != ERROR_NONE)
        ok = fail(err, inspection.failure.kind, "%s", inspection.failure.text);
    ok = ok && check_channels(add, inspection.channels, err);
    add->recipe.width = (uint32_t)inspection.input_width;
    add->recipe.height = (uint32_t)inspection.input_height;
    for (int c = 0; inspection.takes_bytes && c < 3; c++) {
        if (!add->has_mean)
            add->recipe.mean[c] = 0;
        if (!add->has_std)
            add->recipe.std[c] = 1;
    }
    inspect_release(&inspection);
    return ok;
}

/* Finds the folder of FILE, in case its weights are in other files. */
static bool find_weights(struct add *add, struct error *err)
{
    const char *slash = strrchr(add->call.file, '/');
    size_t len = slash ? (size_t)(slash - add->call.file) : 1;

    if (len >= sizeof add->onnx_folder)
        return fail(err, ERROR_INPUT, "FILE's path is too long");
    memcpy(add->onnx_folder, slash ? add->call.file : ".", len);
    add->onnx_folder[len] = '\0';
    add->recipe.onnx_folder = len > 0 ? add->onnx_folder : "/";
    return true;
}

static bool read_files(struct add *add, struct error *err)
{
    add->recipe.onnx = &add->onnx_bytes;
    if (!find_weights(add, err))
        return false;
    if (!buf_append_file(&add->onnx_bytes, add->call.file, NETWORK_MAX_BYTES,
                         err))
        return false;
    if (!add->labels)
        return true;
    add->recipe.labels = &add->label_bytes;
    return buf_append_file(&add->label_bytes, add->labels, MAX_LABEL_BYTES,
                           err) ||
           error_prefix(err, "%.200s", add->labels);
}

/* Writes to a new folder beside the final one, opens it as a model, and renames
 * it. */
static bool make_folder(struct add *add, struct error *err)
{
    char made[PATH_SIZE];
    struct engine *engine = NULL;
    mode_t mask = umask(0);
    bool ok;

    umask(mask);
    snprintf(made, sizeof made, "%s.XXXXXX", add->folder);
    if (!mkdtemp(made))
        return fail(err, ERROR_IO, "cannot create %.200s: %s", add->folder,
                    strerror(errno));
    ok = model_write(made, &add->recipe, err);
    if (ok)
        engine = engine_open(made, NULL, err);
    ok = engine != NULL;
    engine_free(engine);
    if (ok &&
        (chmod(made, 0777 & ~mask) != 0 || rename(made, add->folder) != 0))
        ok = fail(err, ERROR_IO, "cannot create %.200s: %s", add->folder,
                  strerror(errno));
    if (!ok)
        model_write_undo(made);
    return ok;
}

static bool make(struct add *add, struct error *err)
{
    struct stat info;

    if (!choose_names(add, err))
        return false;
    if (lstat(add->folder, &info) == 0)
        return fail(err, ERROR_IO, "%.200s already exists", add->folder);
    if (!read_files(add, err) || !look(add, err))
        return false;
    if (!add->to && mkdir("models", 0777) != 0 && errno != EEXIST)
        return fail(err, ERROR_IO, "cannot create models/: %s",
                    strerror(errno));
    return make_folder(add, err);
}

int cmd_model_add(int argc, char **argv)
{
    struct add add = {
        .recipe = {.channels = "RGB",
                   .resize = "stretch",
                   .interpolation = "bicubic",
                   .mean = {123.675, 116.28, 103.53},
                   .std = {58.395, 57.12, 57.375}},
    };
    struct error err = {0};
    int status = CMD_MODEL_OK;

    if (!cmd_model_parse(&add.call, rows, NUM_ROWS, argc, argv, &err)) {
        status = cmd_model_complain(argv[0], NULL, &err);
    } else if (add.call.help) {
        print_help(&add);
    } else if (!make(&add, &err)) {
        status = cmd_model_complain(argv[0], add.call.file, &err);
    } else {
        printf("%s: try `wherefore cam --model %s IMAGE`\n", add.folder,
               add.folder);
    }
    buf_release(&add.onnx_bytes);
    buf_release(&add.label_bytes);
    return status;
}
