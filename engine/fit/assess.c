#include "engine/fit/assess.h"

#include <math.h>
#include <stdlib.h>

/* Of the normal distribution: 95 % are within so many deviations. */
static const double z95 = 1.959963984540054;

struct assess_interval assess_wilson(size_t correct, size_t count)
{
    struct assess_interval bounds = {0, 1};
    double n = (double)count, p, middle, half;

    if (count == 0)
        return bounds;
    p = (double)correct / n;
    middle = p + z95 * z95 / (2 * n);
    half = z95 * sqrt(p * (1 - p) / n + z95 * z95 / (4 * n * n));
    bounds.low = fmax(0, (middle - half) / (1 + z95 * z95 / n));
    bounds.high = fmin(1, (middle + half) / (1 + z95 * z95 / n));
    return bounds;
}

bool assess_counts(const struct fit *fit, const struct fit_photo *photo)
{
    if (!photo->is_measured)
        return false;
    return fit->num_validation == 0 || photo->fold == FIT_VALIDATION;
}

/* ---- numbers ---- */

static double ratio(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static void count_photos(struct assess *assess, const struct fit *fit)
{
    for (size_t i = 0; i < fit->num_photos; i++) {
        const struct fit_photo *photo = &fit->photos[i];
        size_t bin = (size_t)(photo->certainty * ASSESS_BINS);
        bool right = photo->predicted == photo->class;

        if (!assess_counts(fit, photo))
            continue;
        bin = bin < ASSESS_BINS ? bin : ASSESS_BINS - 1;
        assess->num_photos++;
        assess->num_correct += right;
        assess->classes[photo->class].num_photos++;
        assess->classes[photo->class].num_correct += right;
        assess->classes[photo->predicted].num_predicted++;
        assess->confusion[photo->class * fit->num_classes + photo->predicted]++;
        assess->bins[bin].num_photos++;
        assess->bins[bin].num_correct += right;
        assess->bins[bin].certainty += photo->certainty; /* a sum yet */
    }
}

static void judge_classes(struct assess *assess, const struct fit *fit)
{
    size_t num_judged = 0;

    for (size_t k = 0; k < fit->num_classes; k++) {
        struct assess_class *class = &assess->classes[k];

        class->recall = ratio(class->num_correct, class->num_photos);
        class->precision = ratio(class->num_correct, class->num_predicted);
        class->f1 = ratio(2 * class->num_correct,
                          class->num_photos + class->num_predicted);
        class->recall_bounds =
            assess_wilson(class->num_correct, class->num_photos);
        if (class->num_photos > 0) {
            assess->macro_f1 += class->f1;
            num_judged++;
        }
    }
    assess->macro_f1 /= (double)num_judged;
}

static void judge_bins(struct assess *assess)
{
    for (size_t i = 0; i < ASSESS_BINS; i++) {
        struct assess_bin *bin = &assess->bins[i];

        if (bin->num_photos > 0)
            assess->ece += fabs((double)bin->num_correct - bin->certainty) /
                           (double)assess->num_photos;
        bin->certainty = bin->num_photos > 0
                             ? bin->certainty / (double)bin->num_photos
                             : NAN;
    }
}

/* ---- lists ---- */

/* A photo, and what it is sorted by. */
struct entry {
    size_t photo;
    double key;
};

/* Larger keys first; equal ones by photo. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->photo < y->photo ? -1 : x->photo > y->photo;
}

/* Lists the photos for which `key` is not NAN. */
static void list(struct assess_list *listed, struct entry *entries,
                 const struct fit *fit, const double *usual,
                 double (*key)(const struct fit_photo *photo,
                               const double *usual))
{
    size_t count = 0;

    for (size_t i = 0; i < fit->num_photos; i++) {
        entries[count] = (struct entry){i, key(&fit->photos[i], usual)};
        count += fit->photos[i].is_measured && !isnan(entries[count].key);
    }
    qsort(entries, count, sizeof *entries, compare);
    listed->found = count;
    listed->count = count < ASSESS_MAX_LISTED ? count : ASSESS_MAX_LISTED;
    for (size_t i = 0; i < listed->count; i++)
        listed->photos[i] = entries[i].photo;
}

static double mislabelled_key(const struct fit_photo *photo,
                              const double *usual)
{
    if (photo->predicted == photo->class ||
        photo->certainty < usual[photo->predicted])
        return NAN;
    return photo->certainty - photo->probabilities[photo->class];
}

static double least_key(const struct fit_photo *photo, const double *usual)
{
    (void)usual;
    return -photo->certainty;
}

static double most_key(const struct fit_photo *photo, const double *usual)
{
    (void)usual;
    return photo->predicted == photo->class ? photo->certainty : NAN;
}

/* The mean probability of each class for photos of it; infinite without
 * one. */
static void find_usual(double *usual, const struct fit *fit, size_t *counts)
{
    for (size_t i = 0; i < fit->num_photos; i++) {
        const struct fit_photo *photo = &fit->photos[i];

        if (photo->is_measured) {
            usual[photo->class] += photo->probabilities[photo->class];
            counts[photo->class]++;
        }
    }
    for (size_t k = 0; k < fit->num_classes; k++)
        usual[k] = counts[k] > 0 ? usual[k] / (double)counts[k] : INFINITY;
}

static bool list_photos(struct assess *assess, const struct fit *fit,
                        struct error *err)
{
    struct entry *entries = calloc(fit->num_photos + 1, sizeof *entries);
    double *usual = calloc(fit->num_classes, sizeof *usual);
    size_t *counts = calloc(fit->num_classes, sizeof *counts);
    bool ok = entries && usual && counts;

    if (ok) {
        find_usual(usual, fit, counts);
        list(&assess->mislabelled, entries, fit, usual, mislabelled_key);
        list(&assess->least_certain, entries, fit, usual, least_key);
        list(&assess->most_certain, entries, fit, usual, most_key);
    }
    free(entries);
    free(usual);
    free(counts);
    return ok || fail(err, ERROR_MEMORY, "not enough memory for the lists");
}

bool assess_fit(struct assess *assess, const struct fit *fit, struct error *err)
{
    size_t num = fit->num_classes;

    assess->classes = calloc(num, sizeof *assess->classes);
    assess->confusion = calloc(num * num, sizeof *assess->confusion);
    if (!assess->classes || !assess->confusion) {
        assess_release(assess);
        return fail(err, ERROR_MEMORY, "not enough memory for %zu classes",
                    num);
    }
    count_photos(assess, fit);
    assess->accuracy = ratio(assess->num_correct, assess->num_photos);
    assess->accuracy_bounds =
        assess_wilson(assess->num_correct, assess->num_photos);
    judge_classes(assess, fit);
    judge_bins(assess);
    if (list_photos(assess, fit, err))
        return true;
    assess_release(assess);
    return false;
}

void assess_release(struct assess *assess)
{
    free(assess->classes);
    free(assess->confusion);
    *assess = (struct assess){0};
}
