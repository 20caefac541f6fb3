#include "engine/fit/fit_cross.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/evaluate/workers.h"
#include "engine/fit/temperature.h"

/* After so many strengths without a loss that is lower by a share, the others
 * are left out. The first ones give about the same loss, which has to fall
 * first. */
enum { PATIENCE = 4, MAX_STEPS = 100 };
#define IMPROVEMENT 1e-3
#define FALL 0.95

/* From so much work for each loss on, only one strength of each decade is
 * tried: products, and what a softmax costs in these. */
#define LARGE 1e8
#define SOFTMAX_COST 32

/* How exactly weights are found that are only compared. */
#define TOLERANCE 2e-3

struct run {
    const struct fit_cross_options *options;
    const struct logistic_task *task;
    double c;
    double *solutions; /* (num_folds, logistic_size) owned */
    float *weights;    /* (num_folds, num_rows) of the rows that a fold's are
                          fitted to; owned */
    uint32_t *held;    /* (num_rows) those that are held out, fold by fold;
                          owned */
    size_t *begins;    /* (num_folds + 1) where in that list; owned */
    float *logits;     /* (num_rows, num_classes) owned */
};

static bool fail_memory(struct error *err)
{
    return fail(err, ERROR_MEMORY, "not enough memory for a cross-validation");
}

/* Lists the rows of each fold, and what the others weigh. */
static void list_folds(struct run *run)
{
    const struct logistic_task *task = run->task;
    const size_t num_rows = task->rows->num_rows;
    size_t at = 0;

    for (uint32_t fold = 0; fold < run->options->num_folds; fold++) {
        float *weights = run->weights + fold * num_rows;

        run->begins[fold] = at;
        for (size_t i = 0; i < num_rows; i++) {
            const bool is_held =
                task->weights[i] > 0 && run->options->folds[i] == fold;

            weights[i] = is_held ? 0 : task->weights[i];
            if (is_held)
                run->held[at++] = (uint32_t)i;
        }
    }
    run->begins[run->options->num_folds] = at;
}

static bool prepare(struct run *run, struct fit_cross *cross, struct error *err)
{
    const struct logistic_task *task = run->task;
    const size_t num_rows = task->rows->num_rows;
    const size_t num_folds = run->options->num_folds;
    const size_t size = logistic_size(task);

    run->solutions = calloc(num_folds * size, sizeof *run->solutions);
    run->weights = calloc(num_folds * num_rows + 1, sizeof *run->weights);
    run->held = calloc(num_rows + 1, sizeof *run->held);
    run->begins = calloc(num_folds + 1, sizeof *run->begins);
    run->logits = calloc(num_rows * task->num_classes + 1, sizeof(float));
    cross->logits = calloc(num_rows * task->num_classes + 1, sizeof(float));
    cross->solution = calloc(size, sizeof *cross->solution);
    if (!run->solutions || !run->weights || !run->held || !run->begins ||
        !run->logits || !cross->logits || !cross->solution)
        return fail_memory(err);
    list_folds(run);
    return true;
}

static void release(struct run *run)
{
    free(run->solutions);
    free(run->weights);
    free(run->held);
    free(run->begins);
    free(run->logits);
}

/* ---- one strength ---- */

/* Judges the fold's rows by weights that are fitted to the others. */
static bool fit_fold(void *user, size_t worker, size_t fold, struct error *err)
{
    struct run *run = user;
    struct logistic_task task = *run->task;
    const size_t begin = run->begins[fold];
    const size_t count = run->begins[fold + 1] - begin;
    double *solution = run->solutions + fold * logistic_size(&task);
    struct logistic_result result;
    float *logits = malloc((count * task.num_classes + 1) * sizeof *logits);
    bool ok;

    (void)worker;
    if (!logits)
        return fail_memory(err);
    task.weights = run->weights + fold * task.rows->num_rows;
    task.c = run->c;
    task.tolerance = TOLERANCE;
    task.max_steps = MAX_STEPS;
    ok =
        logistic_fit(solution, &result, &task, err) &&
        logistic_logits(logits, solution, &task, run->held + begin, count, err);
    for (size_t i = 0; ok && i < count; i++)
        memcpy(run->logits + run->held[begin + i] * task.num_classes,
               logits + i * task.num_classes,
               task.num_classes * sizeof *logits);
    free(logits);
    return ok;
}

static double accuracy_of(const struct run *run)
{
    const struct logistic_task *task = run->task;
    size_t count = 0, correct = 0;

    for (size_t i = 0; i < task->rows->num_rows; i++) {
        const float *logits = run->logits + i * task->num_classes;
        size_t best = 0;

        if (!(task->weights[i] > 0))
            continue;
        for (size_t k = 1; k < task->num_classes; k++)
            if (logits[k] > logits[best])
                best = k;
        count++;
        correct += best == task->classes[i];
    }
    return count > 0 ? (double)correct / (double)count : 0;
}

static bool try_strength(struct run *run, struct fit_strength *strength,
                         double *temperature, struct error *err)
{
    const struct logistic_task *task = run->task;
    const struct temperature_photos photos = {
        .logits = run->logits,
        .classes = task->classes,
        .weights = task->weights,
        .count = task->rows->num_rows,
        .num_classes = task->num_classes,
    };

    run->c = strength->c;
    if (!workers_each(run->options->num_threads, run->options->num_folds,
                      fit_fold, run, err))
        return false;
    *temperature = temperature_find(&photos);
    strength->loss = temperature_loss(&photos, *temperature);
    strength->accuracy = accuracy_of(run);
    return true;
}

/* ---- all strengths ---- */

/* Keeps what the newest strength gave. */
static void keep(struct fit_cross *cross, const struct run *run,
                 double temperature)
{
    const struct logistic_task *task = run->task;
    const size_t size = logistic_size(task);
    const double share = 1 / (double)run->options->num_folds;

    cross->chosen = cross->num_strengths - 1;
    cross->temperature = temperature;
    memcpy(cross->logits, run->logits,
           task->rows->num_rows * task->num_classes * sizeof(float));
    memset(cross->solution, 0, size * sizeof *cross->solution);
    for (uint32_t fold = 0; fold < run->options->num_folds; fold++)
        for (size_t i = 0; i < size; i++)
            cross->solution[i] += share * run->solutions[fold * size + i];
}

static bool run_all(struct fit_cross *cross, struct run *run, struct error *err)
{
    const struct logistic_rows *rows = run->task->rows;
    const double work = (double)rows->num_rows *
                        (double)run->task->num_classes *
                        (double)(rows->size + SOFTMAX_COST);
    const size_t stride = work > LARGE ? 2 : 1;
    size_t since = 0;
    double least = INFINITY;

    for (size_t i = 0; i < FIT_CROSS_MAX_STRENGTHS && since < PATIENCE;
         i += stride) {
        struct fit_strength *strength = &cross->strengths[cross->num_strengths];
        double temperature = 1;

        strength->c = pow(10, -6 + (double)i / 2);
        if (!try_strength(run, strength, &temperature, err))
            return false;
        cross->num_strengths++;
        if (run->options->tried)
            run->options->tried(run->options->user, cross->num_strengths,
                                (FIT_CROSS_MAX_STRENGTHS - 1) / stride + 1);
        since = strength->loss < (1 - IMPROVEMENT) * least ? 0 : since + 1;
        if (strength->loss > FALL * cross->strengths[0].loss)
            since = 0;
        if (strength->loss < least) {
            least = strength->loss;
            keep(cross, run, temperature);
        }
    }
    return true;
}

bool fit_cross_run(struct fit_cross *cross,
                   const struct fit_cross_options *options,
                   const struct logistic_task *task, struct error *err)
{
    struct run run = {.options = options, .task = task};
    bool ok;

    *cross = (struct fit_cross){0};
    ok = prepare(&run, cross, err) && run_all(cross, &run, err);
    release(&run);
    if (!ok)
        fit_cross_release(cross);
    return ok;
}

void fit_cross_release(struct fit_cross *cross)
{
    free(cross->logits);
    free(cross->solution);
    *cross = (struct fit_cross){0};
}
