#ifndef ENGINE_ASCEND_ADAM_H
#define ENGINE_ASCEND_ADAM_H

/* Adam (Kingma and Ba, 2015, arXiv 1412.6980, algorithm 1), upwards: with m =
 * b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2, number += rate x (m / (1 -
 * b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8), for b1 = 0.9 and b2 = 0.999. One
 * thread at a time. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

/* `= {0}` is empty. */
struct adam {
    float *mean, *square; /* (count) owned */
    size_t count, steps;
};

/* ERROR_MEMORY. */
bool adam_init(struct adam *adam, size_t count, struct error *err)
    __attribute__((warn_unused_result));

/* Takes a step.
 *
 * numbers   inout  (count)
 * gradient  in     (count) */
void adam_step(struct adam *adam, float *numbers, const float *gradient,
               double rate);

void adam_release(struct adam *adam);

#endif
