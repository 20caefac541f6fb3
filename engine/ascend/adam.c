#include "engine/ascend/adam.h"

#include <math.h>
#include <stdlib.h>

#include "engine/kernel/kernel_wide.h"

static const double KEPT_MEAN = 0.9, KEPT_SQUARE = 0.999;
static const float EPSILON = 1e-8f;

bool adam_init(struct adam *adam, size_t count, struct error *err)
{
    *adam = (struct adam){.mean = calloc(count, sizeof(float)),
                          .square = calloc(count, sizeof(float)),
                          .count = count};
    if (adam->mean && adam->square)
        return true;
    adam_release(adam);
    return fail(err, ERROR_MEMORY, "not enough memory for an ascent");
}

/* size and root are what corrects the two means at this step. */
KERNEL_WIDE_BODY(change)
(const struct adam *adam, float *numbers, const float *gradient, float size,
 float root)
{
    const float b1 = (float)KEPT_MEAN, b2 = (float)KEPT_SQUARE;
    float *restrict m = adam->mean, *restrict v = adam->square;
    float *restrict to = numbers;
    const float *restrict g = gradient;

    for (size_t i = 0; i < adam->count; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * (g[i] * g[i]);
        to[i] += size * m[i] / (sqrtf(v[i]) * root + EPSILON);
    }
}

KERNEL_WIDE(change,
            (const struct adam *adam, float *numbers, const float *gradient,
             float size, float root),
            (adam, numbers, gradient, size, root))

void adam_step(struct adam *adam, float *numbers, const float *gradient,
               double rate)
{
    double steps = (double)++adam->steps;

    change(adam, numbers, gradient, (float)(rate / (1 - pow(KEPT_MEAN, steps))),
           (float)sqrt(1 / (1 - pow(KEPT_SQUARE, steps))));
}

void adam_release(struct adam *adam)
{
    free(adam->mean);
    free(adam->square);
    *adam = (struct adam){0};
}
