/* Fits the head: near-duplicates, folds, the strength, the weights. */

#include <stdlib.h>
#include <string.h>

#include "engine/fit/alike.h"
#include "engine/fit/fit_cross.h"
#include "engine/fit/fit_work.h"
#include "engine/fit/folds.h"

enum { NUM_FOLDS = 5, MAX_STEPS = 1000 };

/* How exactly the head is found. */
#define TOLERANCE 1e-5

static bool fail_memory(struct error *err)
{
    return fail(err, ERROR_MEMORY, "not enough memory for a fit");
}

static bool take_room(struct fit_work *work, struct error *err)
{
    const struct fit *fit = work->fit;
    const size_t count = fit->num_photos + 1;

    work->classes = calloc(count, sizeof *work->classes);
    work->groups = calloc(count, sizeof *work->groups);
    work->folds = calloc(count, sizeof *work->folds);
    work->weights = calloc(count, sizeof *work->weights);
    work->solution = calloc(fit->num_classes * (fit->num_features + 1),
                            sizeof *work->solution);
    if (!work->classes || !work->groups || !work->folds || !work->weights ||
        !work->solution)
        return fail_memory(err);
    for (size_t i = 0; i < fit->num_photos; i++)
        work->classes[i] = fit->photos[i].class;
    return true;
}

/* ---- classes ---- */

/* Checks that each class has two photos that can be read. */
static bool check_classes(const struct fit *fit, struct error *err)
{
    size_t num_small = 0, first = 0;

    for (size_t k = fit->num_classes; k-- > 0;)
        if (fit->classes[k].num_photos < 2) {
            num_small++;
            first = k;
        }
    if (num_small == 0)
        return true;
    return fail(err, ERROR_INPUT,
                "%zu of %zu classes %s less than two photos that can be read; "
                "the first is \"%.100s\", with %zu",
                num_small, fit->num_classes, num_small == 1 ? "has" : "have",
                fit->classes[first].name, fit->classes[first].num_photos);
}

/* A class weighs as much as any other one, and all photos together as much as
 * there are: n / (classes x photos of the class). */
static void weigh_classes(struct fit_work *work)
{
    struct fit *fit = work->fit;
    const double count = (double)(fit->num_photos - fit->num_validation);

    fit->is_balanced = !work->options->is_unbalanced;
    for (size_t k = 0; k < fit->num_classes; k++)
        fit->classes[k].weight =
            fit->is_balanced
                ? (float)(count / ((double)fit->num_classes *
                                   (double)fit->classes[k].num_photos))
                : 1;
    for (size_t i = 0; i < fit->num_photos; i++)
        work->weights[i] = fit->photos[i].fold == FIT_VALIDATION
                               ? 0
                               : fit->classes[fit->photos[i].class].weight;
}

/* ---- near-duplicates ---- */

static bool list_pairs(struct fit *fit, const struct alike *alike,
                       struct error *err)
{
    fit->pairs = calloc(alike->num_pairs + 1, sizeof *fit->pairs);
    if (!fit->pairs)
        return fail_memory(err);
    for (size_t i = 0; i < alike->num_pairs; i++)
        fit->pairs[i] = (struct fit_pair){
            .a = alike->pairs[i].a,
            .b = alike->pairs[i].b,
            .cosine = alike->pairs[i].cosine,
            .bits = alike->pairs[i].bits,
        };
    fit->num_pairs = alike->num_pairs;
    fit->num_groups = alike->num_groups;
    return true;
}

/* The most photos that one group should have, for folds must hold it: half a
 * fold, or some. */
static size_t most_in_group(const struct fit *fit, uint32_t num_folds)
{
    enum { SOME = 10 };
    const size_t half = fit->num_photos / num_folds / 2;

    return half > SOME ? half : SOME;
}

/* Whether no group is too large. ERROR_MEMORY. */
static bool has_small_groups(bool *are_small, const struct fit *fit,
                             const struct alike *alike, uint32_t num_folds,
                             struct error *err)
{
    size_t *counts = calloc(alike->num_groups + 1, sizeof *counts);

    if (!counts)
        return fail_memory(err);
    *are_small = true;
    for (size_t i = 0; i < fit->num_photos; i++)
        *are_small &=
            ++counts[alike->groups[i]] <= most_in_group(fit, num_folds);
    free(counts);
    return true;
}

/* Finds what is alike, by the least strict level at which no group is too
 * large, or the strictest one. */
static bool find_alike(struct fit_work *work, struct alike *alike,
                       const uint64_t *hashes, struct error *err)
{
    struct alike_photos photos = {
        .features = work->rows.values,
        .hashes = hashes,
        .count = work->fit->num_photos,
        .size = work->rows.size,
        .stride = work->rows.stride,
    };

    for (;; photos.level++) {
        bool are_small = false;

        if (!alike_find(alike, &photos, work->options->num_threads, err) ||
            !has_small_groups(&are_small, work->fit, alike,
                              work->fit->num_folds, err))
            return false;
        if (are_small || photos.level == ALIKE_LEVELS - 1)
            return true;
        alike_release(alike);
    }
}

static bool compare_photos(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    uint64_t *hashes = malloc((fit->num_photos + 1) * sizeof *hashes);
    struct alike alike = {0};
    bool ok;

    if (!hashes)
        return fail_memory(err);
    for (size_t i = 0; i < fit->num_photos; i++)
        hashes[i] = work->entries[i].about.hash;
    ok = find_alike(work, &alike, hashes, err) && list_pairs(fit, &alike, err);
    for (size_t i = 0; ok && i < fit->num_photos; i++)
        fit->photos[i].group = work->groups[i] = alike.groups[i];
    alike_release(&alike);
    free(hashes);
    return ok;
}

/* Photos of val/ that are like one of the training set are not measured. */
static bool leave_out(struct fit *fit, struct error *err)
{
    bool *is_trained = calloc(fit->num_groups + 1, sizeof *is_trained);

    if (!is_trained)
        return fail_memory(err);
    for (size_t i = 0; i < fit->num_photos; i++)
        if (fit->photos[i].fold != FIT_VALIDATION)
            is_trained[fit->photos[i].group] = true;
    for (size_t i = 0; i < fit->num_photos; i++)
        if (fit->photos[i].fold == FIT_VALIDATION)
            fit->photos[i].is_measured = !is_trained[fit->photos[i].group];
    free(is_trained);
    return true;
}

/* Checks that each class has photos of two groups, for no fold could hold out
 * those of one. */
static bool check_groups(const struct fit *fit, struct error *err)
{
    uint32_t *first = malloc(fit->num_classes * sizeof *first);
    bool *is_varied = calloc(fit->num_classes, sizeof *is_varied);
    bool ok = first && is_varied;

    if (!ok)
        fail_memory(err);
    for (size_t k = 0; ok && k < fit->num_classes; k++)
        first[k] = UINT32_MAX;
    for (size_t i = 0; ok && i < fit->num_photos; i++) {
        const struct fit_photo *photo = &fit->photos[i];

        if (photo->fold == FIT_VALIDATION)
            continue;
        if (first[photo->class] == UINT32_MAX)
            first[photo->class] = photo->group;
        is_varied[photo->class] |= first[photo->class] != photo->group;
    }
    for (size_t k = 0; ok && k < fit->num_classes; k++)
        ok = is_varied[k] ||
             fail(err, ERROR_INPUT,
                  "all %zu photos of class \"%.100s\" are near-duplicates of "
                  "one another; at least two different ones are needed",
                  fit->classes[k].num_photos, fit->classes[k].name);
    free(first);
    free(is_varied);
    return ok;
}

/* ---- folds ---- */

/* Divides the training set; photos of val/ are last, and have no fold. */
static bool divide(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    const struct folds_photos photos = {
        .classes = work->classes,
        .groups = work->groups,
        .count = fit->num_photos - fit->num_validation,
        .num_classes = fit->num_classes,
        .num_groups = fit->num_groups,
    };

    fit->seed = work->options->seed;
    if (!folds_divide(work->folds, &photos, fit->num_folds, fit->seed, err))
        return false;
    for (size_t i = 0; i < photos.count; i++)
        fit->photos[i].fold = work->folds[i];
    return true;
}

/* ---- the head ---- */

/* Keeps what the cross-validation found, and the held-out photos' logits,
 * divided by the temperature. */
static bool keep_cross(struct fit_work *work, const struct fit_cross *cross,
                       struct error *err)
{
    struct fit *fit = work->fit;
    const size_t count = fit->num_photos * fit->num_classes;
    float *logits = malloc((count + 1) * sizeof *logits);

    fit->strengths = malloc(sizeof cross->strengths);
    fit->internal->logits = logits;
    if (!fit->strengths || !logits)
        return fail_memory(err);
    memcpy(fit->strengths, cross->strengths, sizeof cross->strengths);
    fit->num_strengths = cross->num_strengths;
    fit->chosen = cross->chosen;
    fit->temperature = cross->temperature;
    for (size_t i = 0; i < count; i++)
        logits[i] = cross->logits[i] / (float)fit->temperature;
    memcpy(work->solution, cross->solution,
           fit->num_classes * (fit->num_features + 1) * sizeof(double));
    return true;
}

/* The logits of val/ by the head itself. */
static bool judge_validation(struct fit_work *work,
                             const struct logistic_task *task,
                             struct error *err)
{
    struct fit *fit = work->fit;
    const size_t first = fit->num_photos - fit->num_validation;
    float *logits = fit->internal->logits + first * fit->num_classes;
    uint32_t *which = malloc((fit->num_validation + 1) * sizeof *which);
    bool ok;

    if (!which)
        return fail_memory(err);
    for (size_t i = 0; i < fit->num_validation; i++)
        which[i] = (uint32_t)(first + i);
    ok = logistic_logits(logits, work->solution, task, which,
                         fit->num_validation, err);
    for (size_t i = 0; ok && i < fit->num_validation * fit->num_classes; i++)
        logits[i] /= (float)fit->temperature;
    free(which);
    return ok;
}

/* Fits to all photos, and divides the head by the temperature. */
static bool make_head(struct fit_work *work, struct logistic_task *task,
                      struct error *err)
{
    struct fit *fit = work->fit;
    const size_t count = fit->num_classes * fit->num_features;
    struct logistic_result result;

    task->c = fit->strengths[fit->chosen].c;
    task->tolerance = TOLERANCE;
    task->max_steps = MAX_STEPS;
    fit->weights = malloc((count + 1) * sizeof *fit->weights);
    fit->bias = malloc(fit->num_classes * sizeof *fit->bias);
    if (!fit->weights || !fit->bias)
        return fail_memory(err);
    if (!logistic_fit(work->solution, &result, task, err) ||
        !judge_validation(work, task, err))
        return false;
    logistic_head(fit->weights, fit->bias, work->solution, task);
    for (size_t i = 0; i < count; i++)
        fit->weights[i] /= (float)fit->temperature;
    for (size_t k = 0; k < fit->num_classes; k++)
        fit->bias[k] /= (float)fit->temperature;
    return true;
}

static bool fit_head(struct fit_work *work, struct error *err)
{
    const struct fit *fit = work->fit;
    struct logistic_task task = {
        .rows = &work->rows,
        .classes = work->classes,
        .weights = work->weights,
        .num_classes = fit->num_classes,
        .cancel = work->options->cancel,
    };
    const struct fit_cross_options how = {
        .folds = work->folds,
        .num_folds = fit->num_folds,
        .num_threads = work->options->num_threads,
        .tried = work->options->tried,
        .user = work->options->user,
    };
    struct fit_cross cross = {0};
    bool ok = fit_cross_run(&cross, &how, &task, err) &&
              keep_cross(work, &cross, err) && make_head(work, &task, err);

    fit_cross_release(&cross);
    return ok;
}

bool fit_work_solve(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;

    fit->num_folds =
        work->options->num_folds > 0 ? work->options->num_folds : NUM_FOLDS;
    return check_classes(fit, err) && take_room(work, err) &&
           logistic_rows_make(&work->rows, work->pooled, fit->num_photos,
                              fit->num_features, err) &&
           compare_photos(work, err) && check_groups(fit, err) &&
           leave_out(fit, err) && divide(work, err) &&
           (weigh_classes(work), fit_head(work, err));
}
