#ifndef ENGINE_FIT_ASSESS_H
#define ENGINE_FIT_ASSESS_H

/* How right a fit is: numbers, and the photos worth a look. All of it is about
 * photos that were held out.
 *
 *     struct assess assess = {0};
 *
 *     if (!assess_fit(&assess, &fit, &err))
 *         ...
 *     assess_release(&assess); */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/fit/fit.h"

enum { ASSESS_BINS = 10, ASSESS_MAX_LISTED = 24 };

/* Bounds of a share, 0..1. */
struct assess_interval {
    double low, high;
};

struct assess_class {
    size_t num_photos;    /* of it, that count */
    size_t num_correct;   /* of these */
    size_t num_predicted; /* photos of any class that were taken for it */
    double recall, precision, f1; /* 0..1; NAN: of no photo */
    struct assess_interval recall_bounds;
};

/* Photos whose certainty is in [i, i + 1) / ASSESS_BINS; the last bin has 1. */
struct assess_bin {
    size_t num_photos, num_correct;
    double certainty; /* their mean; NAN without a photo */
};

/* Indices of photos. */
struct assess_list {
    size_t photos[ASSESS_MAX_LISTED];
    size_t count; /* of those listed */
    size_t found; /* at least count */
};

/* `= {0}` is empty. */
struct assess {
    size_t num_photos, num_correct; /* that count */
    double accuracy;
    struct assess_interval accuracy_bounds;
    double macro_f1;              /* of the classes that have a photo */
    struct assess_class *classes; /* (num_classes) owned */
    uint32_t *confusion; /* (num_classes, num_classes) photos by class, then by
                            the class that was predicted; owned */
    struct assess_bin bins[ASSESS_BINS];
    double ece; /* the expected calibration error, 0..1 */
    struct assess_list mislabelled, least_certain, most_certain;
};

/* The bounds of the share correct / count at 95 %, by Wilson's score (1927):
 *
 *     (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
 *
 * with z = 1.96; 0 and 1 if count is 0. */
struct assess_interval assess_wilson(size_t correct, size_t count);

/* Whether a photo counts in the numbers: photos of val/ do if there are any,
 * or else all. */
bool assess_counts(const struct fit *fit, const struct fit_photo *photo);

/* Assesses a fit, which was run. The calibration error is that of Guo et al.
 * (ICML 2017), equation 3: the mean over photos of |accuracy - mean certainty|
 * of their bin.
 *
 * The lists are of all photos of the fit, whether they count or not. A photo is
 * perhaps mislabelled by the rule of confident learning (Northcutt et al., JAIR
 * 2021, section 3.1): another class has at least the probability that photos of
 * that class have for it on average. They come by how much likelier than the
 * label the other class is. The least certain photos come by certainty; so do
 * the most certain ones, of the right ones only.
 *
 * `assess` must be empty, and stays so on failure. ERROR_MEMORY. */
bool assess_fit(struct assess *assess, const struct fit *fit, struct error *err)
    __attribute__((warn_unused_result));

void assess_release(struct assess *assess);

#endif
