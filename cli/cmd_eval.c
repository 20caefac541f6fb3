/* wherefore eval: how right a model and its maps are on a data set. */

#include "cli/cmd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complain.h"
#include "cli/eval_folder.h"
#include "cli/eval_options.h"
#include "cli/eval_plan.h"
#include "cli/eval_report.h"
#include "cli/progress.h"
#include "engine/base/crc.h"
#include "engine/evaluate/evaluate.h"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* `= {0}` is empty. */
struct eval {
    struct eval_options options;
    char default_path[PATH_MAX];
    const char *model;       /* its folder */
    struct engine *engine;   /* owned */
    struct dataset *dataset; /* owned */
    struct eval_plan plan;
    struct eval_report report;
    struct eval_folder folder;
    struct buf settings; /* owned */
    struct progress progress;
    size_t first; /* the item that was begun with */
};

/* ---- the settings ---- */

/* A checksum of what the data set says. */
static uint32_t sum_dataset(const struct crc *crc,
                            const struct dataset *dataset)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < dataset_num_items(dataset); i++) {
        struct dataset_item item;

        dataset_item(dataset, &item, i);
        sum = crc_more(crc, sum, (const uint8_t *)item.name,
                       strlen(item.name) + 1);
        for (size_t k = 0; k < item.num_classes; k++)
            sum = crc_more(crc, sum, (const uint8_t *)item.classes[k],
                           strlen(item.classes[k]) + 1);
        sum = crc_more(crc, sum, (const uint8_t *)item.boxes,
                       item.num_boxes * sizeof *item.boxes);
    }
    return sum;
}

/* Describes all that results depend on. */
static bool write_settings(struct eval *eval, struct error *err)
{
    const struct eval_options *options = &eval->options;
    struct buf *out = &eval->settings;
    struct engine_info info;
    const char *name, *value;
    struct crc crc;
    uint32_t sum = 0;

    crc_init(&crc);
    engine_info(eval->engine, &info);
    if (!crc_file(&sum, &crc, info.file, err) ||
        !buf_printf(out, err,
                    "version %s\nmodel %.200s %08x\ninput %zux%zu\n"
                    "precision %s\ndata %08x\nitems %zu\ncurves %u\n",
                    WHEREFORE_VERSION, info.name, sum, info.input_width,
                    info.input_height, info.precision,
                    sum_dataset(&crc, eval->dataset),
                    dataset_num_items(eval->dataset), options->curve_steps))
        return false;
    for (size_t pos = 0; params_next(&options->run.asked, &pos, &name, &value);)
        if (!buf_printf(out, err, "%s %.500s\n", name, value))
            return false;
    for (size_t i = 0; i < eval->plan.num_rows; i++) {
        const struct result_row *row = &eval->plan.rows[i];

        if (!buf_printf(out, err, "row %s|%.200s|%s|%s\n", row->method,
                        row->layer, row->target, row->box))
            return false;
    }
    return true;
}

/* ---- the evaluation ---- */

static int usage_error(const struct error *err)
{
    complain_about("eval", NULL, err);
    return STATUS_USAGE;
}

static int failure(const char *name, const struct error *err)
{
    complain_about("eval", name, err);
    return STATUS_FAILED;
}

/* Makes the report, empty. */
static bool begin_report(struct eval *eval, struct error *err)
{
    struct eval_report *report = &eval->report;
    struct engine_info info;

    engine_info(eval->engine, &info);
    *report = (struct eval_report){
        .model = info.name,
        .data = eval->options.data,
        .rows = eval->plan.rows,
        .num_rows = eval->plan.num_rows,
        .tallies = calloc(eval->plan.num_rows, sizeof *report->tallies),
        .curve_steps = eval->options.curve_steps,
    };
    return report->tallies ||
           fail(err, ERROR_MEMORY, "not enough memory for a report");
}

/* Opens everything. Returns STATUS_OK or the exit status. */
static int open_all(struct eval *eval)
{
    const struct eval_options *options = &eval->options;
    struct error err = {0};

    eval->model = run_options_model(&options->run, eval->default_path);
    eval->engine = engine_open(eval->model, &options->run.engine, &err);
    if (!eval->engine)
        return failure(eval->model, &err);
    if (!eval_plan_make(&eval->plan, &options->run.asked, eval->engine, &err))
        return usage_error(&err);
    eval->dataset = dataset_open(options->data, &options->dataset, &err);
    if (!eval->dataset)
        return failure(options->data, &err);
    if (!write_settings(eval, &err) || !begin_report(eval, &err))
        return failure(NULL, &err);
    if (!eval_folder_open(&eval->folder, options->folder, &eval->settings,
                          &eval->report, options->restart, &err))
        return failure(options->folder, &err);
    return STATUS_OK;
}

static bool take(void *user, const struct result_photo *photo,
                 struct error *err)
{
    struct eval *eval = user;

    if (!eval_folder_append(&eval->folder, photo, &eval->report, err))
        return false;
    eval_report_add(&eval->report, photo);
    progress_show(&eval->progress, eval->report.num_items - eval->first);
    return true;
}

static int run(struct eval *eval)
{
    const struct run_options *options = &eval->options.run;
    const struct evaluate_options how = {
        .maps = eval->plan.maps,
        .num_maps = eval->plan.num_maps,
        .limits = options->limits,
        .max_bytes = options->max_bytes,
        .num_threads = options->num_threads < TEAM_MAX_THREADS
                           ? options->num_threads
                           : TEAM_MAX_THREADS,
        .curve_steps = eval->options.curve_steps,
        .first = eval->report.num_items,
        .take = take,
        .user = eval,
    };
    size_t left = dataset_num_items(eval->dataset) - how.first;
    struct error err = {0};
    bool ok = true;

    eval->first = how.first;
    if (eval->options.progress_lines)
        progress_init_lines(&eval->progress, stderr, left);
    else
        progress_init(&eval->progress, stderr, left);
    progress_show(&eval->progress, 0);
    if (left > 0)
        ok = evaluate(&how, eval->engine, eval->dataset, &err);
    progress_hide(&eval->progress);
    if (!ok || !eval_folder_finish(&eval->folder, &eval->report, &err))
        return failure(eval->options.folder, &err);
    eval_report_print(stdout, &eval->report);
    return eval->report.num_broken > 0 ? STATUS_FAILED : STATUS_OK;
}

static void release(struct eval *eval)
{
    eval_folder_release(&eval->folder);
    eval_report_release(&eval->report);
    buf_release(&eval->settings);
    dataset_free(eval->dataset);
    engine_free(eval->engine);
    eval_options_release(&eval->options);
    free(eval);
}

int cmd_eval(int argc, char **argv)
{
    struct eval *eval = calloc(1, sizeof *eval);
    struct error err = {0};
    int status;

    if (!eval) {
        fail(&err, ERROR_MEMORY, "not enough memory");
        return failure(NULL, &err);
    }
    if (!eval_options_parse(&eval->options, argc, argv, &err)) {
        status = usage_error(&err);
    } else if (eval->options.run.help) {
        eval_options_help(stdout);
        status = STATUS_OK;
    } else {
        status = open_all(eval);
        if (status == STATUS_OK)
            status = run(eval);
    }
    release(eval);
    return status;
}
