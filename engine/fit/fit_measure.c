/* Measures a head by photos that it was not fitted to. */

#include <math.h>
#include <stdlib.h>

#include "engine/fit/fit_work.h"
#include "engine/fit/temperature.h"

/* How often a class is right, wrongly given, and missed. */
struct count {
    size_t right, wrong, missed;
};

static bool fail_memory(struct error *err)
{
    return fail(err, ERROR_MEMORY, "not enough memory for a fit");
}

/* What each photo is taken for. */
static bool judge(struct fit *fit, struct error *err)
{
    struct fit_internal *own = fit->internal;
    const size_t num_classes = fit->num_classes;

    own->probabilities =
        malloc((fit->num_photos * num_classes + 1) * sizeof(float));
    if (!own->probabilities)
        return fail_memory(err);
    for (size_t i = 0; i < fit->num_photos; i++) {
        struct fit_photo *photo = &fit->photos[i];
        float *made = own->probabilities + i * num_classes;

        photo->logits = own->logits + i * num_classes;
        photo->probabilities = made;
        temperature_softmax(made, photo->logits, num_classes);
        for (size_t k = 1; k < num_classes; k++)
            if (photo->logits[k] > photo->logits[photo->predicted])
                photo->predicted = (uint32_t)k;
        photo->certainty = made[photo->predicted];
    }
    return true;
}

/* Whether a photo counts: all of val/ if there are any, or else all. */
static bool counts(const struct fit *fit, const struct fit_photo *photo)
{
    return photo->is_measured &&
           (fit->num_validation == 0 || photo->fold == FIT_VALIDATION);
}

static void sum_up(struct fit *fit, const struct count *classes)
{
    double recalls = 0, scores = 0;
    size_t num_present = 0, num_scored = 0;

    for (size_t k = 0; k < fit->num_classes; k++) {
        const struct count *count = &classes[k];
        const size_t present = count->right + count->missed;

        if (present > 0) {
            recalls += (double)count->right / (double)present;
            num_present++;
        }
        if (present + count->wrong > 0) {
            scores += 2 * (double)count->right /
                      (double)(2 * count->right + count->wrong + count->missed);
            num_scored++;
        }
    }
    if (fit->num_measured == 0)
        return;
    fit->accuracy = (double)fit->num_correct / (double)fit->num_measured;
    fit->balanced_accuracy = recalls / (double)num_present;
    fit->macro_f1 = scores / (double)num_scored;
    fit->loss /= (double)fit->num_measured;
}

bool fit_work_measure(struct fit_work *work, struct error *err)
{
    struct fit *fit = work->fit;
    struct count *classes = calloc(fit->num_classes, sizeof *classes);

    if (!classes)
        return fail_memory(err);
    if (!judge(fit, err)) {
        free(classes);
        return false;
    }
    for (size_t i = 0; i < fit->num_photos; i++) {
        const struct fit_photo *photo = &fit->photos[i];
        const bool is_right = photo->predicted == photo->class;

        if (!counts(fit, photo))
            continue;
        fit->num_measured++;
        fit->num_correct += is_right;
        fit->loss -=
            log(fmax((double)photo->probabilities[photo->class], 1e-30));
        if (is_right) {
            classes[photo->class].right++;
        } else {
            classes[photo->class].missed++;
            classes[photo->predicted].wrong++;
        }
    }
    sum_up(fit, classes);
    free(classes);
    return true;
}
