#include "engine/fit/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/wide.h"
#include "engine/fit/lbfgs.h"
#include "engine/fit/softmax.h"

/* Rows that are worked on together, so that weights are read once for them;
 * and after how many the sums of floats are added to doubles. */
enum { LANES = 8, TOGETHER = 4, BETWEEN = 256 };

/* The largest second derivative of a softmax's loss by one of its logits. */
#define CURVATURE 0.25

typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));

struct problem {
    const struct logistic_task *task;
    uint32_t *which; /* (num_which) rows that are not left out; owned */
    size_t num_which;
    double sum;             /* of their weights */
    double penalty;         /* factor of |W|^2 / 2 */
    float *weights;         /* (num_classes, stride) owned, like what follows */
    float *slopes;          /* (num_classes, stride) */
    size_t padded;          /* num_classes, as softmax.h wants it */
    float *logits, *shares; /* (TOGETHER, padded) */
    float *biases;          /* (padded) */
    double *diagonal;       /* (logistic_size) */
};

/* ---- rows ---- */

static void find_spread(struct logistic_rows *rows, const float *values)
{
    const double count = rows->num_rows > 0 ? (double)rows->num_rows : 1;
    const size_t size = rows->size;

    for (size_t i = 0; i < rows->num_rows; i++)
        for (size_t d = 0; d < size; d++)
            rows->mean[d] += (double)values[i * size + d];
    for (size_t d = 0; d < size; d++)
        rows->mean[d] /= count;
    for (size_t i = 0; i < rows->num_rows; i++)
        for (size_t d = 0; d < size; d++) {
            const double off = (double)values[i * size + d] - rows->mean[d];

            rows->spread[d] += off * off / count;
            rows->values[i * rows->stride + d] = (float)off;
        }
}

bool logistic_rows_make(struct logistic_rows *rows, const float *values,
                        size_t num_rows, size_t size, struct error *err)
{
    *rows = (struct logistic_rows){
        .num_rows = num_rows,
        .size = size,
        .stride = (size + LANES - 1) / LANES * LANES,
    };
    rows->values = calloc(num_rows * rows->stride + 1, sizeof *rows->values);
    rows->mean = calloc(size + 1, sizeof *rows->mean);
    rows->spread = calloc(size + 1, sizeof *rows->spread);
    if (!rows->values || !rows->mean || !rows->spread) {
        logistic_rows_release(rows);
        return fail(err, ERROR_MEMORY,
                    "not enough memory for %zu x %zu features", num_rows, size);
    }
    find_spread(rows, values);
    return true;
}

void logistic_rows_release(struct logistic_rows *rows)
{
    free(rows->values);
    free(rows->mean);
    free(rows->spread);
    *rows = (struct logistic_rows){0};
}

/* ---- products of rows and weights ---- */

WIDE_BODY(multiply)
(float *logits, size_t padded, const float *const rows[TOGETHER],
 const float *weights, size_t stride, size_t num_classes)
{
    for (size_t k = 0; k < num_classes; k++) {
        const float *w = weights + k * stride;
        lanes sums[TOGETHER] = {{0}};

        for (size_t d = 0; d < stride; d += LANES) {
            const lanes at = *(const lanes *)(w + d);

            for (int r = 0; r < TOGETHER; r++)
                sums[r] += at * *(const lanes *)(rows[r] + d);
        }
        for (int r = 0; r < TOGETHER; r++) {
            float sum = 0;

            for (int lane = 0; lane < LANES; lane++)
                sum += sums[r][lane];
            logits[(size_t)r * padded + k] = sum;
        }
    }
}
WIDE(multiply,
     (float *logits, size_t padded, const float *const rows[TOGETHER],
      const float *weights, size_t stride, size_t num_classes),
     (logits, padded, rows, weights, stride, num_classes))

WIDE_BODY(gather)
(float *slopes, const float *const rows[TOGETHER], const float *shares,
 size_t padded, size_t stride, size_t num_classes)
{
    for (size_t k = 0; k < num_classes; k++) {
        const float share[TOGETHER] = {shares[k], shares[padded + k],
                                       shares[2 * padded + k],
                                       shares[3 * padded + k]};
        float *slope = slopes + k * stride;

        for (size_t d = 0; d < stride; d += LANES) {
            lanes sum = *(lanes *)(slope + d);

            for (int r = 0; r < TOGETHER; r++)
                sum += share[r] * *(const lanes *)(rows[r] + d);
            *(lanes *)(slope + d) = sum;
        }
    }
}
WIDE(gather,
     (float *slopes, const float *const rows[TOGETHER], const float *shares,
      size_t padded, size_t stride, size_t num_classes),
     (slopes, rows, shares, padded, stride, num_classes))

/* ---- the function ---- */

/* Takes the weights out of a solution, as floats. */
static void take_weights(float *weights, const double *solution,
                         const struct logistic_task *task)
{
    const struct logistic_rows *rows = task->rows;

    for (size_t k = 0; k < task->num_classes; k++)
        for (size_t d = 0; d < rows->size; d++)
            weights[k * rows->stride + d] =
                (float)solution[k * (rows->size + 1) + d];
}

static double bias_of(const double *solution, const struct logistic_task *task,
                      size_t k)
{
    return solution[k * (task->rows->size + 1) + task->rows->size];
}

/* The loss of row `row`, number r of those at work, and its derivatives by the
 * logits, which become the shares. */
static double measure(struct problem *problem, size_t r, uint32_t row)
{
    const struct logistic_task *task = problem->task;
    const uint32_t class = task->classes[row];
    const float weight = task->weights[row];
    const float *logits = problem->logits + r * problem->padded;
    float *shares = problem->shares + r * problem->padded;
    const float own = logits[class] + problem->biases[class];
    const double all =
        softmax_find(shares, logits, problem->biases, problem->padded);

    for (size_t k = 0; k < task->num_classes; k++)
        shares[k] *= weight;
    shares[class] -= weight;
    return (double)weight * (all - (double)own);
}

/* Adds what was summed in floats to the gradient, and forgets it. */
static void add_slopes(double *gradient, struct problem *problem)
{
    const struct logistic_rows *rows = problem->task->rows;

    for (size_t k = 0; k < problem->task->num_classes; k++)
        for (size_t d = 0; d < rows->size; d++)
            gradient[k * (rows->size + 1) + d] +=
                (double)problem->slopes[k * rows->stride + d];
    memset(problem->slopes, 0,
           problem->task->num_classes * rows->stride * sizeof(float));
}

/* Adds the losses of up to TOGETHER rows, and their gradient. */
static double add_rows(double *gradient, struct problem *problem,
                       const uint32_t *which, size_t count)
{
    const struct logistic_task *task = problem->task;
    const struct logistic_rows *all = task->rows;
    const size_t padded = problem->padded;
    const float *rows[TOGETHER];
    double loss = 0;

    for (size_t r = 0; r < TOGETHER; r++)
        rows[r] = all->values + which[r < count ? r : 0] * all->stride;
    multiply(problem->logits, padded, rows, problem->weights, all->stride,
             task->num_classes);
    memset(problem->shares, 0, TOGETHER * padded * sizeof(float));
    for (size_t r = 0; r < count; r++) {
        loss += measure(problem, r, which[r]);
        for (size_t k = 0; k < task->num_classes; k++)
            gradient[k * (all->size + 1) + all->size] +=
                (double)problem->shares[r * padded + k];
    }
    gather(problem->slopes, rows, problem->shares, padded, all->stride,
           task->num_classes);
    return loss;
}

static double add_penalty(double *gradient, const struct problem *problem,
                          const double *solution)
{
    const size_t size = problem->task->rows->size;
    double squares = 0;

    for (size_t k = 0; k < problem->task->num_classes; k++)
        for (size_t d = 0; d < size; d++) {
            const double weight = solution[k * (size + 1) + d];

            gradient[k * (size + 1) + d] += problem->penalty * weight;
            squares += weight * weight;
        }
    return problem->penalty * squares / 2;
}

static double compute(void *user, double *gradient, const double *solution)
{
    struct problem *problem = user;
    const size_t size = logistic_size(problem->task);
    double loss = 0;

    memset(gradient, 0, size * sizeof *gradient);
    take_weights(problem->weights, solution, problem->task);
    for (size_t k = 0; k < problem->task->num_classes; k++)
        problem->biases[k] = (float)bias_of(solution, problem->task, k);
    for (size_t i = 0; i < problem->num_which; i += TOGETHER) {
        const size_t left = problem->num_which - i;

        loss += add_rows(gradient, problem, problem->which + i,
                         left < TOGETHER ? left : TOGETHER);
        if ((i + TOGETHER) % BETWEEN == 0)
            add_slopes(gradient, problem);
    }
    add_slopes(gradient, problem);
    for (size_t i = 0; i < size; i++)
        gradient[i] /= problem->sum;
    return loss / problem->sum + add_penalty(gradient, problem, solution);
}

/* ---- the fit ---- */

size_t logistic_size(const struct logistic_task *task)
{
    return task->num_classes * (task->rows->size + 1);
}

static void set_diagonal(struct problem *problem)
{
    const struct logistic_rows *rows = problem->task->rows;
    double *at = problem->diagonal, all = 0;

    for (size_t d = 0; d < rows->size; d++)
        all += rows->spread[d] / (double)rows->size;
    for (size_t k = 0; k < problem->task->num_classes; k++) {
        for (size_t d = 0; d < rows->size; d++)
            *at++ = CURVATURE * (rows->spread[d] + 0.1 * all) +
                    problem->penalty + 1e-30;
        *at++ = CURVATURE;
    }
}

static void release(struct problem *problem)
{
    free(problem->which);
    free(problem->weights);
    free(problem->slopes);
    free(problem->logits);
    free(problem->shares);
    free(problem->biases);
    free(problem->diagonal);
}

static bool prepare(struct problem *problem, const struct logistic_task *task,
                    struct error *err)
{
    const struct logistic_rows *rows = task->rows;
    const size_t count = task->num_classes;
    const size_t padded =
        (count + SOFTMAX_LANES - 1) / SOFTMAX_LANES * SOFTMAX_LANES;

    *problem = (struct problem){
        .task = task,
        .padded = padded,
        .which = malloc((rows->num_rows + 1) * sizeof *problem->which),
        .weights = calloc(count * rows->stride + 1, sizeof(float)),
        .slopes = calloc(count * rows->stride + 1, sizeof(float)),
        .logits = calloc(TOGETHER * padded, sizeof(float)),
        .shares = calloc(TOGETHER * padded, sizeof(float)),
        .biases = calloc(padded, sizeof(float)),
        .diagonal = calloc(logistic_size(task), sizeof(double)),
    };
    if (!problem->which || !problem->weights || !problem->slopes ||
        !problem->logits || !problem->shares || !problem->biases ||
        !problem->diagonal)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for %zu x %zu weights", count,
                    rows->size);
    for (size_t i = 0; i < rows->num_rows; i++)
        if (task->weights[i] > 0) {
            problem->which[problem->num_which++] = (uint32_t)i;
            problem->sum += (double)task->weights[i];
        }
    for (size_t k = count; k < padded; k++)
        problem->biases[k] = SOFTMAX_NONE;
    problem->penalty = 1 / (task->c * problem->sum);
    set_diagonal(problem);
    return true;
}

/* The gradient where all is 0, in the units of the solver's tolerance. */
static double first_gradient(struct problem *problem, double *gradient,
                             double *zeros)
{
    const size_t size = logistic_size(problem->task);
    double sum = 0;

    compute(problem, gradient, zeros);
    for (size_t i = 0; i < size; i++)
        sum += gradient[i] * gradient[i] / problem->diagonal[i];
    return sqrt(sum);
}

bool logistic_fit(double *solution, struct logistic_result *result,
                  const struct logistic_task *task, struct error *err)
{
    const size_t size = logistic_size(task);
    double *zeros = calloc(2 * size, sizeof *zeros);
    struct problem problem = {0};
    struct lbfgs_result found = {0};
    bool ok;

    if (!zeros)
        return fail(err, ERROR_MEMORY,
                    "not enough memory for a fit of %zu numbers", size);
    ok = prepare(&problem, task, err);
    if (ok) {
        const struct lbfgs_options options = {
            .function = compute,
            .user = &problem,
            .diagonal = problem.diagonal,
            .tolerance =
                task->tolerance * first_gradient(&problem, zeros + size, zeros),
            .max_steps = task->max_steps,
            .cancel = task->cancel,
        };

        ok = lbfgs_minimize(solution, &found, size, &options, err);
    }
    *result = (struct logistic_result){
        .value = found.value,
        .num_steps = found.num_steps,
        .num_calls = found.num_calls,
    };
    release(&problem);
    free(zeros);
    return ok;
}

/* ---- what a solution says ---- */

bool logistic_logits(float *logits, const double *solution,
                     const struct logistic_task *task, const uint32_t *which,
                     size_t count, struct error *err)
{
    const struct logistic_rows *all = task->rows;
    const size_t num_classes = task->num_classes;
    float *weights =
        calloc(num_classes * (all->stride + TOGETHER) + 1, sizeof *weights);
    float *made = weights + num_classes * all->stride;

    if (!weights)
        return fail(err, ERROR_MEMORY, "not enough memory for logits");
    take_weights(weights, solution, task);
    for (size_t i = 0; i < count; i += TOGETHER) {
        const size_t left = count - i < TOGETHER ? count - i : TOGETHER;
        const float *rows[TOGETHER];

        for (size_t r = 0; r < TOGETHER; r++)
            rows[r] = all->values + which[i + (r < left ? r : 0)] * all->stride;
        multiply(made, num_classes, rows, weights, all->stride, num_classes);
        for (size_t r = 0; r < left; r++)
            for (size_t k = 0; k < num_classes; k++)
                logits[(i + r) * num_classes + k] =
                    made[r * num_classes + k] +
                    (float)bias_of(solution, task, k);
    }
    free(weights);
    return true;
}

void logistic_head(float *weights, float *bias, const double *solution,
                   const struct logistic_task *task)
{
    const struct logistic_rows *rows = task->rows;

    for (size_t k = 0; k < task->num_classes; k++) {
        double sum = bias_of(solution, task, k);

        for (size_t d = 0; d < rows->size; d++) {
            const double weight = solution[k * (rows->size + 1) + d];

            weights[k * rows->size + d] = (float)weight;
            sum -= weight * rows->mean[d];
        }
        bias[k] = (float)sum;
    }
}
