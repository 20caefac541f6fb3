#include "engine/fit/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 10, MAX_TRIALS = 30 };

/* The least descent, as a share of what the slope promises; and what rounding
 * may add to a value, as a share of it. */
#define DESCENT 1e-4
#define ROUNDING 1e-7

/* A step, and how the gradient changed over it. */
struct change {
    float *step, *slope; /* (size) */
    double product;      /* of the two */
};

struct search {
    const struct lbfgs_options *options;
    size_t size;
    double *gradient, *next_x, *next_gradient, *direction; /* (size) */
    struct change changes[MEMORY];                         /* a ring */
    size_t num_changes, newest;
    void *memory; /* owned */
};

static bool take_memory(struct search *search, struct error *err)
{
    const size_t size = search->size;
    double *at;
    float *floats;

    if (size > SIZE_MAX / 16 / (MEMORY + 4) ||
        !(search->memory =
              malloc(size * (4 * sizeof(double) + 2 * MEMORY * sizeof(float)))))
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a fit of %zu numbers", size);
    at = search->memory;
    search->gradient = at;
    search->next_x = at + size;
    search->next_gradient = at + 2 * size;
    search->direction = at + 3 * size;
    floats = (float *)(at + 4 * size);
    for (size_t i = 0; i < MEMORY; i++) {
        search->changes[i].step = floats + 2 * i * size;
        search->changes[i].slope = floats + (2 * i + 1) * size;
    }
    return true;
}

static double dot(const double *a, const double *b, size_t size)
{
    double sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += a[i] * b[i];
    return sum;
}

static double dot_floats(const float *a, const double *b, size_t size)
{
    double sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void add(double *to, double factor, const float *what, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] += factor * (double)what[i];
}

/* The gradient's norm where each variable has its own unit. */
static double norm(const struct search *search, const double *gradient)
{
    const double *diagonal = search->options->diagonal;
    double sum = 0;

    for (size_t i = 0; i < search->size; i++)
        sum += gradient[i] * gradient[i] / diagonal[i];
    return sqrt(sum);
}

/* The curvature that the newest change had, in units of the diagonal. */
static double scale_of(const struct search *search)
{
    const struct change *change = &search->changes[search->newest];
    const double *diagonal = search->options->diagonal;
    double sum = 0;

    for (size_t i = 0; i < search->size; i++)
        sum +=
            (double)change->slope[i] * (double)change->slope[i] / diagonal[i];
    return sum > 0 ? change->product / sum : 1;
}

/* The direction of the next step: minus the inverse curvature times the
 * gradient (algorithm 7.4). */
static void choose_direction(struct search *search)
{
    const size_t size = search->size, count = search->num_changes;
    double *direction = search->direction, share[MEMORY];
    const double *diagonal = search->options->diagonal;
    double scale = count > 0 ? scale_of(search) : 1;

    for (size_t i = 0; i < size; i++)
        direction[i] = -search->gradient[i];
    for (size_t i = 0; i < count; i++) {
        const size_t at = (search->newest + MEMORY - i) % MEMORY;
        const struct change *change = &search->changes[at];

        share[at] = dot_floats(change->step, direction, size) / change->product;
        add(direction, -share[at], change->slope, size);
    }
    for (size_t i = 0; i < size; i++)
        direction[i] *= scale / diagonal[i];
    for (size_t i = count; i-- > 0;) {
        const size_t at = (search->newest + MEMORY - i) % MEMORY;
        const struct change *change = &search->changes[at];
        double back =
            dot_floats(change->slope, direction, size) / change->product;

        add(direction, share[at] - back, change->step, size);
    }
}

/* Whether a step of this length descends enough. Where values differ by no more
 * than rounding, the slopes tell: a parabola with them would (Hager and Zhang,
 * SIAM Journal on Optimization 16, 2005, equation 4.1). */
static bool is_enough(const struct search *search, double fall, double value,
                      double slope, double length)
{
    if (fall <= DESCENT * length * slope)
        return true;
    return fall <= ROUNDING * fabs(value) &&
           dot(search->next_gradient, search->direction, search->size) <=
               -(1 - 2 * DESCENT) * slope;
}

/* Finds a step along the direction that descends enough: next_x, with its
 * gradient and *next. Returns false if there is none: floats tell no lower
 * value. */
static bool search_line(struct search *search, struct lbfgs_result *result,
                        double *next, const double *x)
{
    const struct lbfgs_options *options = search->options;
    const size_t size = search->size;
    const double slope = dot(search->gradient, search->direction, size);
    double length = 1;

    for (int trial = 0; slope < 0 && trial < MAX_TRIALS; trial++) {
        double fall, best;

        for (size_t i = 0; i < size; i++)
            search->next_x[i] = x[i] + length * search->direction[i];
        *next = options->function(options->user, search->next_gradient,
                                  search->next_x);
        result->num_calls++;
        fall = *next - result->value;
        if (isfinite(*next) &&
            is_enough(search, fall, result->value, slope, length))
            return true;
        /* The lowest point of the parabola with this value and slope. */
        best = isfinite(*next)
                   ? -slope * length * length / (2 * (fall - length * slope))
                   : 0;
        length = fmin(fmax(best, 0.1 * length), 0.5 * length);
    }
    return false;
}

/* Keeps the step that was made, unless it tells nothing of the curvature. */
static void keep_change(struct search *search, const double *x)
{
    const size_t at = search->num_changes > 0 ? (search->newest + 1) % MEMORY
                                              : search->newest;
    struct change *change = &search->changes[at];
    double product = 0;

    for (size_t i = 0; i < search->size; i++) {
        const double step = search->next_x[i] - x[i];
        const double slope = search->next_gradient[i] - search->gradient[i];

        change->step[i] = (float)step;
        change->slope[i] = (float)slope;
        product += (double)change->step[i] * (double)change->slope[i];
    }
    change->product = product;
    if (!(product > 0))
        return;
    search->newest = at;
    search->num_changes += search->num_changes < MEMORY;
}

static bool run(struct search *search, double *x, struct lbfgs_result *result,
                struct error *err)
{
    const struct lbfgs_options *options = search->options;
    const size_t bytes = search->size * sizeof *x;

    result->value = options->function(options->user, search->gradient, x);
    result->num_calls = 1;
    for (;;) {
        double next;

        result->gradient = norm(search, search->gradient);
        if (result->gradient <= options->tolerance ||
            result->num_steps >= options->max_steps)
            return true;
        if (!cancel_check(options->cancel, err))
            return false;
        choose_direction(search);
        if (!search_line(search, result, &next, x))
            return true;
        keep_change(search, x);
        memcpy(x, search->next_x, bytes);
        memcpy(search->gradient, search->next_gradient, bytes);
        result->value = next;
        result->num_steps++;
    }
}

bool lbfgs_minimize(double *x, struct lbfgs_result *result, size_t size,
                    const struct lbfgs_options *options, struct error *err)
{
    struct search search = {.options = options, .size = size};
    bool ok;

    *result = (struct lbfgs_result){0};
    ok = take_memory(&search, err) && run(&search, x, result, err);
    free(search.memory);
    return ok;
}
