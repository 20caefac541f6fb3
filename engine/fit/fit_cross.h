#ifndef ENGINE_FIT_FIT_CROSS_H
#define ENGINE_FIT_FIT_CROSS_H

/* Chooses how strong the penalty of a logistic regression is, by
 * cross-validation: for each strength, each fold's photos are judged by
 * weights that were fitted to the other folds. Weights of one strength are
 * where the next begins. */

#include <stddef.h>
#include <stdint.h>

#include "engine/fit/fit.h"
#include "engine/fit/logistic.h"

/* Strengths that are tried: c from 10^-6 to 10^5, two for each decade. */
enum { FIT_CROSS_MAX_STRENGTHS = 23 };

/* `= {0}` is empty. */
struct fit_cross {
    struct fit_strength
        strengths[FIT_CROSS_MAX_STRENGTHS]; /* (num_strengths) */
    size_t num_strengths, chosen;
    double temperature; /* of the chosen one */
    float *logits;      /* (num_rows, num_classes) of the chosen one, of rows
                           with a weight, before they are divided by it; owned */
    double *solution; /* the mean of the folds' for the chosen one (logistic.h);
                         owned */
};

struct fit_cross_options {
    const uint32_t *folds; /* (num_rows) below num_folds, of rows with a
                              weight */
    uint32_t num_folds;
    unsigned num_threads;
    void (*tried)(void *user, size_t done, size_t most); /* fit.h; or NULL */
    void *user;
};

/* Tries all strengths from weak to strong weights, but ends early when the loss
 * is past its minimum. task->c, tolerance and max_steps are not looked at.
 * Chosen is that of the least loss. ERROR_BUSY: cancelled; ERROR_MEMORY. */
bool fit_cross_run(struct fit_cross *cross,
                   const struct fit_cross_options *options,
                   const struct logistic_task *task, struct error *err)
    __attribute__((warn_unused_result));

void fit_cross_release(struct fit_cross *cross);

#endif
