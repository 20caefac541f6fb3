#ifndef ENGINE_FIT_LBFGS_H
#define ENGINE_FIT_LBFGS_H

/* Minimizes smooth convex functions of many variables by the limited-memory
 * BFGS method (Nocedal and Wright, Numerical Optimization, 2nd edition,
 * algorithms 7.4 and 7.5), with a line search that halves steps by cubic
 * interpolation until they descend enough (Armijo's condition). Of a convex
 * function a step of any length tells of the curvature, so Wolfe's second
 * condition is not needed. One thread at a time for each minimum. */

#include <stddef.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"

/* Returns the function's value at x, and its gradient. Both (size). */
typedef double lbfgs_function(void *user, double *gradient, const double *x);

struct lbfgs_options {
    lbfgs_function *function;
    void *user;
    /* (size) Estimates of the second derivatives, above 0: the first guess of
     * the curvature, up to a common factor. */
    const double *diagonal;
    double tolerance; /* the gradient's norm at which it ends; in units where
                         each variable is divided by the root of its diagonal */
    size_t max_steps;
    const struct cancel *cancel; /* NULL: never */
};

struct lbfgs_result {
    double value;
    double gradient;  /* its norm in the units of the tolerance */
    size_t num_steps; /* and how often the function was computed: */
    size_t num_calls;
};

/* Moves x (size) to the minimum, or to where max_steps or the precision of
 * floats end. ERROR_BUSY: cancelled; ERROR_MEMORY. */
bool lbfgs_minimize(double *x, struct lbfgs_result *result, size_t size,
                    const struct lbfgs_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
