#ifndef ENGINE_FIT_LOGISTIC_H
#define ENGINE_FIT_LOGISTIC_H

/* Multinomial logistic regression with a penalty on the squares of the
 * weights:
 *
 *     minimize  |W|^2 / 2 + c * sum over rows i of
 *                   weight_i * -log softmax(W x_i + bias)[class_i]
 *
 * which is what scikit-learn's LogisticRegression minimizes by default, with C
 * = c. The bias has no penalty. It is found by L-BFGS (lbfgs.h), in floats but
 * for sums. Any thread; each call works alone. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"

/* Rows of numbers, moved so that each column's mean is 0: the minimum is the
 * same but for the bias, and sooner found. `= {0}` is empty. Immutable once
 * made. */
struct logistic_rows {
    float *values; /* (num_rows, stride) from `size` on 0; owned */
    size_t num_rows, size, stride;
    double *mean;   /* (size) owned */
    double *spread; /* (size) variances; owned */
};

/* ERROR_MEMORY.
 *
 * values  in  (num_rows, size) finite */
bool logistic_rows_make(struct logistic_rows *rows, const float *values,
                        size_t num_rows, size_t size, struct error *err)
    __attribute__((warn_unused_result));

void logistic_rows_release(struct logistic_rows *rows);

struct logistic_task {
    const struct logistic_rows *rows;
    const uint32_t *classes; /* (num_rows) below num_classes */
    const float *weights;    /* (num_rows) of each row; 0: left out */
    size_t num_classes;      /* at least 2 */
    double c;                /* above 0 */
    double tolerance;        /* the gradient at the minimum, as a share of that
                                where the weights are 0 */
    size_t max_steps;
    const struct cancel *cancel; /* NULL: never */
};

struct logistic_result {
    double value; /* what is minimized, divided by c and the sum of the rows'
                     weights */
    size_t num_steps, num_calls;
};

/* How many numbers a solution has: of each class the weights, (size), and the
 * bias, for rows about their mean. Zeros are where to begin. */
size_t logistic_size(const struct logistic_task *task);

/* Moves a solution, (num_classes, size + 1), to the minimum. Some row's weight
 * must be above 0. ERROR_BUSY: cancelled; ERROR_MEMORY. */
bool logistic_fit(double *solution, struct logistic_result *result,
                  const struct logistic_task *task, struct error *err)
    __attribute__((warn_unused_result));

/* The logits of a row, by a solution. ERROR_MEMORY.
 *
 *     logits  out  (count, num_classes)
 *     which   in   (count) rows */
bool logistic_logits(float *logits, const double *solution,
                     const struct logistic_task *task, const uint32_t *which,
                     size_t count, struct error *err)
    __attribute__((warn_unused_result));

/* Splits a solution, for rows as they were before their mean was subtracted.
 *
 *     weights  out  (num_classes, size)
 *     bias     out  (num_classes) */
void logistic_head(float *weights, float *bias, const double *solution,
                   const struct logistic_task *task);

#endif
