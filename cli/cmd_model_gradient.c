/* wherefore model gradient: writes a network with its gradient as ONNX. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd_model.h"
#include "cli/complain.h"
#include "engine/base/buf.h"
#include "engine/engine.h"
#include "engine/network/export.h"
#include "engine/network/inspect_place.h"

enum { MAX_SIDE = 4096 };

/* `= {0}` is empty. */
struct gradient {
    struct cmd_model_call call;
    const char *to;
    struct inspect_options look;
    struct export_options options;
};

static const char help_head[] =
    "usage: wherefore model gradient FILE.onnx OUT.onnx [OPTION...]\n"
    "\n"
    "Writes the network together with its gradient as an ordinary ONNX file\n"
    "(opset 17, standard operators) that any runtime can run. FILE.onnx may "
    "be\n"
    "a model's folder. Outputs are the logits, the features of the layer if "
    "one\n"
    "is asked for, and the gradient of a target. Without --target any target\n"
    "will do: its gradient by the logits is a second input.\n\n";

static const char help_tail[] =
    "\nExit status: 0 done, 1 it failed, 2 the command line is wrong.\n";

/* ---- the command line ---- */

static bool take_file(void *data, char *text, struct error *err)
{
    struct gradient *gradient = data;

    if (gradient->to)
        return fail(err, ERROR_INPUT, "more than two files are given");
    if (gradient->call.file)
        gradient->to = text;
    else
        gradient->call.file = text;
    return true;
}

static bool take_target(void *data, const struct option *option,
                        const char *value, struct error *err)
{
    struct gradient *gradient = data;

    (void)option;
    return export_target_parse(&gradient->options.target, value, err);
}

static bool take_rule(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct gradient *gradient = data;
    uint64_t position;

    if (!options_check(&position, option, value, err))
        return false;
    gradient->options.rule = (enum gradient_rule)position;
    return true;
}

static bool take_size(void *data, const struct option *option,
                      const char *value, struct error *err)
{
    struct engine_options size = {0};
    struct gradient *gradient = data;

    (void)option;
    if (!engine_options_parse_size(&size, value, err))
        return false;
    gradient->look.width = size.input_width;
    gradient->look.height = size.input_height;
    gradient->look.override = true;
    return true;
}

#define FIELD(field) OPTION_FIELD(struct gradient, field)
static const struct option rows[] = {
    {OPTION_TEXT, "layer", "NAME",
     "the value whose gradient is written, with its features",
     .fallback = "the input", FIELD(options.layer)},
    {OPTION_TEXT, "target", "TARGET",
     "logit:CLASS, log-score:CLASS or margin:CLASS,AGAINST, by numbers",
     .fallback = "any, by an input", .take = take_target},
    {OPTION_WORD, "rule", "RULE", "what a ReLU lets through of the gradient",
     OPTION_WORDS(EXPORT_RULES), .fallback = "plain", .take = take_rule},
    {OPTION_NUMBER, "width", "N",
     "the input's, in pixels, if FILE leaves it open", .min = 1,
     .max = MAX_SIDE, FIELD(look.width)},
    {OPTION_NUMBER, "height", "N", "likewise", .min = 1, .max = MAX_SIDE,
     FIELD(look.height)},
    {OPTION_TEXT, "input-size", "SIZE", "N or WxH, instead of FILE's own",
     .take = take_size, .fallback = NULL},
    {OPTION_TEXT, "output", "NAME",
     "the output that has the classes, if there are several",
     FIELD(look.output)},
    CMD_MODEL_SCORES(struct gradient, look.scores, cmd_model_take_scores),
    OPTION_HELP(struct gradient, call.help),
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static bool parse(struct gradient *gradient, int argc, char **argv,
                  struct error *err)
{
    if (!options_parse(rows, NUM_ROWS, gradient, take_file, argc - 1, argv + 1,
                       err))
        return false;
    return gradient->call.help || gradient->to ||
           fail(err, ERROR_INPUT,
                gradient->call.file ? "no file to write is given; see --help"
                                    : "no file is given; see --help");
}

/* ---- the file ---- */

static bool fail_write(const char *path, struct error *err)
{
    return fail(err, ERROR_IO, "cannot write %.200s: %s", path,
                strerror(errno));
}

static bool write_all(int fd, const struct buf *file)
{
    size_t done = 0;

    while (done < file->len) {
        ssize_t written = write(fd, file->data + done, file->len - done);

        if (written < 0 && errno != EINTR)
            return false;
        done += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Writes beside the file and renames, so that no half of it is ever there. */
static bool replace_file(const char *path, const struct buf *file,
                         struct error *err)
{
    mode_t mask = umask(0);
    char *made = NULL;
    int fd;
    bool ok;

    umask(mask);
    if (asprintf(&made, "%s.XXXXXX", path) < 0)
        return fail(err, ERROR_MEMORY, "not enough memory for a path");
    fd = mkstemp(made);
    ok = fd >= 0 && write_all(fd, file) && fchmod(fd, 0666 & ~mask) == 0;
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    ok = (ok && rename(made, path) == 0) || fail_write(path, err);
    if (!ok && fd >= 0)
        unlink(made);
    free(made);
    return ok;
}

/* What is there and is no file, such as a pipe, is written into. */
static bool write_file(const char *path, const struct buf *file,
                       struct error *err)
{
    struct stat info;
    int fd;
    bool ok;

    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return replace_file(path, file, err);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write_all(fd, file);
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    return ok || fail_write(path, err);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;

    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* Whether the network is read from the file that is to be written; false also
 * if it is not found. */
static bool overwrites(const struct gradient *gradient)
{
    struct inspect_place place = {0};
    struct error unseen = {0};
    bool same = inspect_place_find(&place, gradient->call.file, &gradient->look,
                                   &unseen) &&
                is_same_file(place.path, gradient->to);

    inspect_place_release(&place);
    return same;
}

static bool make(const struct gradient *gradient, struct error *err)
{
    struct onnx_summary summary = {0};
    struct buf file = {0};
    bool ok;

    if (overwrites(gradient))
        return fail(err, ERROR_INPUT, "it would be overwritten");
    ok = export_gradient(&file, &summary, gradient->call.file, &gradient->look,
                         &gradient->options, err) &&
         write_file(gradient->to, &file, err);
    if (ok) {
        cmd_model_print_values("input", summary.inputs, summary.num_inputs);
        cmd_model_print_values("output", summary.outputs, summary.num_outputs);
    }
    onnx_summary_release(&summary);
    buf_release(&file);
    return ok;
}

int cmd_model_gradient(int argc, char **argv)
{
    struct gradient gradient = {0};
    struct error err = {0};

    if (!parse(&gradient, argc, argv, &err))
        return cmd_model_complain(argv[0], NULL, &err);
    if (gradient.call.help) {
        options_print_manual(stdout, help_head, rows, NUM_ROWS, &gradient,
                             help_tail);
        return CMD_MODEL_OK;
    }
    if (!make(&gradient, &err))
        return cmd_model_complain(argv[0], gradient.call.file, &err);
    return CMD_MODEL_OK;
}
