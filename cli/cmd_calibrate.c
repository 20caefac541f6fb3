/* wherefore calibrate: finds how boxes are cut best for a model. */

#include "cli/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/calibrate_report.h"
#include "cli/complain.h"
#include "cli/eval_options.h"
#include "cli/progress.h"
#include "engine/evaluate/calibrate.h"
#include "engine/evaluate/evaluate.h"
#include "engine/model/model_write.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* What it was called with. Texts are borrowed from argv. */
struct calibrate_options {
    struct eval_options eval; /* only the data set and how it is run */
    uint32_t folds;
    const char *name; /* of the data set, or NULL */
    const char *svg;  /* a file to draw to, or NULL */
    bool dry_run;
};

/* `= {0}` is empty. */
struct calibration {
    struct calibrate_options options;
    char default_path[PATH_MAX];
    const char *model;           /* its folder */
    struct engine *engine;       /* owned */
    struct dataset *dataset;     /* owned */
    struct calibrate *calibrate; /* owned */
    struct explain_request request;
    struct box_options boxes[CALIBRATE_THRESHOLDS];
    struct progress progress;
    size_t num_done, num_broken;
    struct calibrate_result result;
};

/* ---- the command line ---- */

#define FIELD(field) OPTION_FIELD(struct calibrate_options, field)

static const struct option own_rows[] = {
    {OPTION_NUMBER, "folds", "N",
     "parts of the photos, each of which is held out once",
     .min = CALIBRATE_MIN_FOLDS, .max = CALIBRATE_MAX_FOLDS, FIELD(folds)},
    {OPTION_TEXT, "name", "TEXT", "what model.json calls the data set",
     .fallback = "the last part of DATA", FIELD(name)},
    {OPTION_TEXT, "svg", "FILE", "also draw accuracy over the threshold",
     FIELD(svg)},
    {OPTION_SWITCH, "dry-run", NULL, "leave model.json as it is",
     FIELD(dry_run)},
};

/* What is drawn, what the data set says, and what is searched for. */
static const char *const left_out[] = {
    "model",        "top",     "class",     "heatmap",    "colormap",
    "alpha",        "values",  "boxes",     "channels",   "box",
    "heatmap-size", "quality", "threshold", "percentile", NULL,
};

static void fill_table(struct run_options_table *table)
{
    eval_options_fill(table, left_out, own_rows,
                      sizeof own_rows / sizeof own_rows[0]);
}

static const char help_head[] =
    "usage: wherefore calibrate [OPTION...] DATA\n"
    "\n"
    "Finds the threshold, the scale and the shift with which boxes meet the\n"
    "true ones of DATA best, for the box rule \"calibrated\", and writes them\n"
    "to the model's model.json. Each part of the photos is also held out\n"
    "once: what the others say is tried on it. If that is not better than\n"
    "the rule \"paper\", nothing is written. docs/evaluate.md describes the\n"
    "formats of DATA, as for `wherefore eval`.\n"
    "\n";

static const char help_tail[] =
    "\n"
    "A photo that cannot be measured is left out. Exit status: 0 it was found\n"
    "(and written), 1 it failed or is no better, 2 the command line is "
    "wrong.\n";

static void set_defaults(struct calibrate_options *options)
{
    run_options_init(&options->eval.run);
    options->folds = 5;
}

static void print_help(void)
{
    struct calibrate_options defaults = {0};
    struct run_options_table table;

    set_defaults(&defaults);
    fill_table(&table);
    options_print_manual(stdout, help_head, table.rows, table.count, &defaults,
                         help_tail);
}

static bool parse(struct calibrate_options *options, int argc, char **argv,
                  struct error *err)
{
    struct run_options_table table;

    set_defaults(options);
    fill_table(&table);
    return options_parse(table.rows, table.count, options,
                         eval_options_take_data, argc - 1, argv + 1, err) &&
           (options->eval.run.help || options->eval.data ||
            fail(err, ERROR_INPUT, "no data set is given; see --help"));
}

/* ---- the run ---- */

static int usage_error(const struct error *err)
{
    complain_about("calibrate", NULL, err);
    return STATUS_USAGE;
}

static int failure(const char *name, const struct error *err)
{
    complain_about("calibrate", name, err);
    return STATUS_FAILED;
}

/* Opens everything. Returns STATUS_OK or the exit status. */
static int open_all(struct calibration *calibration)
{
    const struct eval_options *options = &calibration->options.eval;
    const struct explain_method *method;
    const char *refusal;
    struct error err = {0};

    calibration->model =
        run_options_model(&options->run, calibration->default_path);
    calibration->engine =
        engine_open(calibration->model, &options->run.engine, &err);
    if (!calibration->engine)
        return failure(calibration->model, &err);
    if (!explain_options_parse(&calibration->request, &options->run.asked,
                               calibration->engine, true, &err))
        return usage_error(&err);
    method =
        engine_choose(calibration->engine, &refusal, &calibration->request);
    if (!method || (calibration->request.method && refusal)) {
        fail(&err, ERROR_UNSUPPORTED, "%s", refusal);
        return failure(calibration->model, &err);
    }
    calibration->request.method = method;
    calibration->dataset = dataset_open(options->data, &options->dataset, &err);
    if (!calibration->dataset)
        return failure(options->data, &err);
    calibration->calibrate = calibrate_new(calibration->options.folds, &err);
    return calibration->calibrate ? STATUS_OK : failure(NULL, &err);
}

static bool take(void *user, const struct result_photo *photo,
                 struct error *err)
{
    struct calibration *calibration = user;
    struct dataset_item item;

    if (photo->error[0]) {
        struct error why = {0};

        fail(&why, ERROR_INPUT, "%s", photo->error);
        progress_hide(&calibration->progress);
        complain_about("calibrate", photo->name, &why);
        calibration->num_broken++;
    }
    progress_show(&calibration->progress, ++calibration->num_done);
    dataset_item(calibration->dataset, &item, photo->item);
    return calibrate_add(calibration->calibrate, &item, photo, err);
}

static bool measure(struct calibration *calibration, struct error *err)
{
    const struct run_options *options = &calibration->options.eval.run;
    const struct evaluate_map map = {
        .request = calibration->request,
        .boxes = calibration->boxes,
        .num_boxes = CALIBRATE_THRESHOLDS,
    };
    const struct evaluate_options how = {
        .maps = &map,
        .num_maps = 1,
        .limits = options->limits,
        .max_bytes = options->max_bytes,
        .num_threads = options->num_threads < TEAM_MAX_THREADS
                           ? options->num_threads
                           : TEAM_MAX_THREADS,
        .take = take,
        .user = calibration,
    };
    bool ok;

    calibrate_boxes(calibration->boxes);
    progress_init(&calibration->progress, stderr,
                  dataset_num_items(calibration->dataset));
    progress_show(&calibration->progress, 0);
    ok = evaluate(&how, calibration->engine, calibration->dataset, err);
    progress_hide(&calibration->progress);
    return ok &&
           calibrate_find(calibration->calibrate, &calibration->result, err);
}

/* ---- the result ---- */

static bool draw(const struct calibration *calibration, struct error *err)
{
    struct buf svg = {0};
    FILE *file;
    bool ok = calibrate_report_draw(&svg, &calibration->result, err);

    if (ok) {
        file = fopen(calibration->options.svg, "wb");
        ok = file && fwrite(svg.data, 1, svg.len, file) == svg.len;
        if (file)
            ok = fclose(file) == 0 && ok;
        if (!ok)
            fail(err, ERROR_IO, "it cannot be written: %s", strerror(errno));
    }
    buf_release(&svg);
    return ok;
}

/* The last part of the path of a file or folder. */
static char *last_part(const char *path, struct error *err)
{
    size_t len = strlen(path), start;
    char *part;

    while (len > 1 && path[len - 1] == '/')
        len--;
    for (start = len; start > 0 && path[start - 1] != '/'; start--)
        continue;
    part = strndup(path + start, len - start);
    if (!part)
        fail(err, ERROR_MEMORY, "not enough memory for a name");
    return part;
}

static bool write_box(const struct calibration *calibration, struct error *err)
{
    const struct calibrate_result *result = &calibration->result;
    const struct calibrate_setting *best = &result->best.setting;
    const char *name = calibration->options.name;
    char *data =
        name ? strdup(name) : last_part(calibration->options.eval.data, err);
    char *method = strdup(explain_method_name(calibration->request.method));
    struct model_box box = {
        .is_given = true,
        .threshold = best->threshold,
        .scale = best->scale,
        .shift_x = best->shift_x,
        .shift_y = best->shift_y,
        .data = data,
        .method = method,
        .photos = result->num_photos,
        .correct = (float)result->best.held_out.right[CALIBRATE_HALF],
        .paper = (float)result->paper.right[CALIBRATE_HALF],
    };
    bool ok = (data && method) ||
              fail(err, ERROR_MEMORY, "not enough memory for a name");

    ok = ok && model_write_box(calibration->model, &box, err);
    model_box_release(&box);
    return ok;
}

static int run(struct calibration *calibration)
{
    const struct calibrate_result *result = &calibration->result;
    struct error err = {0};

    if (!measure(calibration, &err))
        return failure(calibration->options.eval.data, &err);
    calibrate_report_print(stdout, result);
    if (calibration->options.svg && !draw(calibration, &err))
        return failure(calibration->options.svg, &err);
    if (result->best.held_out.mean <= result->paper.mean) {
        fail(&err, ERROR_INPUT,
             "on photos held out, it is no better than the rule paper; "
             "model.json was left as it is");
        return failure(calibration->model, &err);
    }
    if (calibration->options.dry_run)
        return STATUS_OK;
    if (!write_box(calibration, &err))
        return failure(calibration->model, &err);
    printf("\nIt was written to ");
    complain_print(stdout, calibration->model);
    printf("/model.json.\n");
    return STATUS_OK;
}

static void release(struct calibration *calibration)
{
    calibrate_free(calibration->calibrate);
    dataset_free(calibration->dataset);
    engine_free(calibration->engine);
    eval_options_release(&calibration->options.eval);
    free(calibration);
}

int cmd_calibrate(int argc, char **argv)
{
    struct calibration *calibration = calloc(1, sizeof *calibration);
    struct error err = {0};
    int status;

    if (!calibration) {
        fail(&err, ERROR_MEMORY, "not enough memory");
        return failure(NULL, &err);
    }
    if (!parse(&calibration->options, argc, argv, &err)) {
        status = usage_error(&err);
    } else if (calibration->options.eval.run.help) {
        print_help();
        status = STATUS_OK;
    } else {
        status = open_all(calibration);
        if (status == STATUS_OK)
            status = run(calibration);
    }
    release(calibration);
    return status;
}
