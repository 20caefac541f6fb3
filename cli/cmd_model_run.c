/* wherefore model run: runs a network on NumPy arrays. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_model.h"
#include "cli/complain.h"
#include "cli/folder.h"
#include "engine/base/buf.h"
#include "engine/network/npy.h"
#include "engine/network/tensors.h"

enum {
    MAX_INPUTS = 64,
    MAX_THREADS = 256,
    NAME_SIZE = 128,
    PATH_SIZE = 4096,
};

/* 2 GB, and some more for the header. */
#define MAX_FILE_BYTES (((size_t)1 << 31) + 65536)

/* `= {0}` is empty. */
struct run {
    struct cmd_model_call call;
    const char *output_dir;
    uint32_t num_threads;
    struct tensors_input inputs[MAX_INPUTS]; /* (num_inputs) */
    const char *paths[MAX_INPUTS];
    char *names[MAX_INPUTS]; /* NULL where none is given; owned */
    struct npy arrays[MAX_INPUTS];
    size_t num_inputs;
    struct tensors_network *network; /* owned */
    char (*used)[NAME_SIZE];         /* (outputs + 1) names of files; owned */
    size_t num_used;
};

static const char help_head[] =
    "usage: wherefore model run FILE.onnx --input [NAME=]X.npy...\n"
    "       --output-dir DIR [OPTION...]\n"
    "\n"
    "Runs a network on NumPy arrays in the layout of the file, and writes\n"
    "each output as float32 to OUTPUT.npy. For an image classifier the last\n"
    "feature map is written too, to features.npy (1, channels, height,\n"
    "width), and the head that was found is printed.\n\n";

static const char help_tail[] =
    "\nExit status: 0 done, 1 it failed, 2 the command line is wrong.\n";

/* ---- the command line ---- */

/* The row's number tells whether it is a constant. */
static bool take_input(void *data, const struct option *option,
                       const char *argument, struct error *err)
{
    struct run *run = data;
    const char *equals = strchr(argument, '=');
    size_t i = run->num_inputs;

    if (i == MAX_INPUTS)
        return fail(err, ERROR_INPUT, "at most %d inputs can be given",
                    MAX_INPUTS);
    if (equals) {
        run->names[i] = strndup(argument, (size_t)(equals - argument));
        if (!run->names[i])
            return fail(err, ERROR_MEMORY, "not enough memory for a name");
    }
    run->paths[i] = equals ? equals + 1 : argument;
    run->inputs[i] = (struct tensors_input){
        .name = run->names[i],
        .array = &run->arrays[i],
        .is_constant = option->number,
    };
    run->num_inputs++;
    return true;
}

static const struct option rows[] = {
    {OPTION_LIST, "input", "[NAME=]X.npy",
     "an input; arrays without a name are taken in the file's order; integer "
     "arrays are constants",
     .take = take_input},
    {OPTION_LIST, "constant", "[NAME=]X.npy",
     "an input that does not change between runs, such as weights",
     .number = true, .take = take_input},
    {OPTION_TEXT, "output-dir", "DIR",
     "where to write; created if it does not exist",
     OPTION_FIELD(struct run, output_dir)},
    {OPTION_NUMBER, "threads", "N", "number of threads to compute with",
     .min = 1, .max = MAX_THREADS, OPTION_FIELD(struct run, num_threads)},
    OPTION_HELP(struct run, call.help),
};

enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

/* ---- what goes in ---- */

static bool read_array(struct npy *npy, const char *path, struct error *err)
{
    struct buf file = {0};
    bool ok = buf_append_file(&file, path, MAX_FILE_BYTES, err) &&
              npy_read(npy, file.data, file.len, err);

    buf_release(&file);
    return ok || error_prefix(err, "%.200s", path);
}

static bool open_network(struct run *run, struct error *err)
{
    struct buf file = {0};
    const char *slash = strrchr(run->call.file, '/');
    char *folder =
        slash ? strndup(run->call.file, (size_t)(slash - run->call.file + 1))
              : strdup(".");
    bool ok = folder || fail(err, ERROR_MEMORY, "not enough memory for a path");

    for (size_t i = 0; ok && i < run->num_inputs; i++)
        ok = read_array(&run->arrays[i], run->paths[i], err);
    if (ok && buf_append_file(&file, run->call.file, MAX_FILE_BYTES, err))
        run->network =
            tensors_new(file.data, file.len, run->inputs, run->num_inputs,
                        folder, run->num_threads, err);
    buf_release(&file);
    free(folder);
    return run->network != NULL;
}

/* ---- what comes out ---- */

/* Makes a unique file name from an output's name: exporters put slashes and
 * colons into names, and an untrusted file may have anything in them. */
static const char *name_file(struct run *run, const char *output)
{
    char *name = run->used[run->num_used];
    size_t len = 0;

    if (!*output)
        output = "output";
    for (; output[len] && len < NAME_SIZE - 24; len++)
        name[len] = output[len];
    name[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' &&
            name[i] != '-' && (name[i] != '.' || i == 0))
            name[i] = '_';
    for (size_t i = 0; i < run->num_used; i++)
        if (strcmp(run->used[i], name) == 0)
            snprintf(name + len, NAME_SIZE - len, "_%zu", run->num_used);
    run->num_used++;
    return name;
}

static bool write_file(const char *path, const struct buf *bytes,
                       struct error *err)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(bytes->data, 1, bytes->len, file) == bytes->len;

    if (file && fclose(file) != 0)
        ok = false;
    return ok || fail(err, ERROR_IO, "cannot write %.200s: %s", path,
                      strerror(errno));
}

static bool write_output(struct run *run, const struct tensors_output *output,
                         struct error *err)
{
    struct buf file = {0};
    char path[PATH_SIZE], shape[GRAPH_SHAPE_TEXT];
    bool ok;

    if (snprintf(path, sizeof path, "%s/%s.npy", run->output_dir,
                 name_file(run, output->name)) >= PATH_SIZE)
        return fail(err, ERROR_IO, "--output-dir is too long");
    ok = npy_append(&file, &output->shape, output->values, err) &&
         write_file(path, &file, err);
    buf_release(&file);
    if (ok) {
        complain_print(stdout, output->name);
        printf(": %s, %s\n", graph_shape_text(shape, &output->shape), path);
    }
    return ok;
}

static void print_head(const struct tensors_network *network)
{
    struct tensors_head head;

    tensors_head(network, &head);
    if (!head.name)
        puts("head: none: the first output is not a row of classes");
    else if (head.refusal)
        printf("head: %s, %zu classes, no maps: %s\n", head.name,
               head.num_classes, head.refusal);
    else
        printf("head: %s, %zu classes\n", head.name, head.num_classes);
}

static bool run_network(struct run *run, struct error *err)
{
    struct tensors_output output;

    if (!open_network(run, err) || !tensors_run(run->network, err))
        return false;
    if (!folder_make(run->output_dir, err))
        return error_prefix(err, "%.200s", run->output_dir);
    run->used =
        calloc(tensors_num_outputs(run->network) + 1, sizeof *run->used);
    if (!run->used)
        return fail(err, ERROR_MEMORY, "not enough memory for names");
    for (size_t i = 0; i < tensors_num_outputs(run->network); i++) {
        tensors_output(run->network, i, &output);
        if (!write_output(run, &output, err))
            return false;
    }
    if (tensors_features(run->network, &output) &&
        !write_output(run, &output, err))
        return false;
    print_head(run->network);
    return true;
}

static void release(struct run *run)
{
    for (size_t i = 0; i < run->num_inputs; i++) {
        npy_release(&run->arrays[i]);
        free(run->names[i]);
    }
    free(run->used);
    tensors_free(run->network);
}

int cmd_model_run(int argc, char **argv)
{
    struct run run = {.num_threads = 1};
    struct error err = {0};
    int status = CMD_MODEL_OK;

    if (!cmd_model_parse(&run.call, rows, NUM_ROWS, argc, argv, &err) ||
        (!run.call.help && !run.output_dir &&
         !fail(&err, ERROR_INPUT, "--output-dir is missing"))) {
        status = cmd_model_complain(argv[0], NULL, &err);
    } else if (run.call.help) {
        options_print_manual(stdout, help_head, rows, NUM_ROWS, &run,
                             help_tail);
    } else if (!run_network(&run, &err)) {
        status = cmd_model_complain(argv[0], run.call.file, &err);
    }
    release(&run);
    return status;
}
