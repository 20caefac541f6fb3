/* Tests whether a chain of nodes is a mean or a maximum. */

#include "engine/passes/graph_fold_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"

/* A pseudo-random number from -1 to 1 for two indices. */
static float noise(size_t i, size_t seed)
{
    uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15u + seed * 0xd1b54a32d192ed03u;

    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return (float)((double)(bits >> 11) / 4503599627370496.0 - 1);
}

/* Runs one node; LINEAR has no plain kernel, being a product. */
static bool run_node(const struct pool_pass *pass,
                     const struct graph_node *node, const float *x, float *out)
{
    struct graph_node copy = *node;
    const void *operands[5] = {NULL};
    void *outputs[1] = {out};
    int open = graph_fold_pool_open(pass->graph, node, true);

    if (node->num_inputs > 5)
        return false;
    for (uint32_t i = 0; i < node->num_inputs; i++) {
        const struct graph_value *value = graph_input(pass->graph, node, i);

        operands[i] = (int)i == open ? x : value ? value->data : NULL;
    }
    if (node->op == GRAPH_LINEAR) {
        copy.op = GRAPH_MATMUL;
        memset(&copy.gemm, 0, sizeof copy.gemm);
        copy.gemm.alpha = copy.gemm.beta = 1;
        copy.gemm.transpose_b = true;
    }
    return kernel_supports(&copy) &&
           kernel_run(pass->graph, &copy, operands, outputs, NULL, NULL);
}

/* Runs the chain on x and writes the result to `out`. `x` and `scratch` are
 * overwritten; both are large enough for the largest value. */
static bool run(const struct pool_pass *pass, const struct pool_chain *chain,
                float *x, float *scratch, float *out)
{
    for (size_t i = 0; i < chain->num; i++) {
        float *to = scratch;

        if (!run_node(pass, &pass->graph->nodes[chain->nodes[i]], x, to))
            return false;
        scratch = x;
        x = to;
    }
    memcpy(out, x, chain->channels * sizeof *out);
    return true;
}

/* The index of cell p of channel c in x. */
static size_t position(const struct pool_chain *chain,
                       const struct pool_pass *pass, size_t c, size_t p)
{
    return chain->axis > pass->pictures[chain->x].rows ? p * chain->channels + c
                                                       : c * chain->cells + p;
}

static bool init(struct pool_trial *trial, const struct pool_pass *pass,
                 const struct pool_chain *chain)
{
    size_t count = chain->cells * chain->channels, size;

    size = count;
    for (size_t i = 0; i < chain->num; i++) {
        const struct graph_node *node = &pass->graph->nodes[chain->nodes[i]];
        size_t made =
            graph_shape_count(&graph_output(pass->graph, node, 0)->shape);

        size = made > size ? made : size;
    }
    trial->x = calloc(size, sizeof(float));
    trial->scratch = calloc(size, sizeof(float));
    trial->out = calloc(chain->channels, sizeof(float));
    trial->scale = calloc(chain->channels, sizeof(double));
    trial->shift = calloc(chain->channels, sizeof(double));
    trial->wanted = calloc(chain->channels, sizeof(double));
    return (trial->x && trial->scratch && trial->out && trial->scale &&
            trial->shift && trial->wanted) ||
           fail(pass->fold->err, ERROR_MEMORY,
                "not enough memory for a trial of %zu numbers", size);
}

/* Fills x with one number. */
static void fill(struct pool_trial *trial, const struct pool_chain *chain,
                 float number)
{
    for (size_t i = 0; i < chain->cells * chain->channels; i++)
        trial->x[i] = number;
}

/* Fills x with random numbers and computes the expected mean or maximum. The
 * maximum of channel c is in cell (c + seed) mod cells. */
static void fill_noise(struct pool_trial *trial, const struct pool_pass *pass,
                       const struct pool_chain *chain, size_t seed)
{
    for (size_t c = 0; c < chain->channels; c++) {
        double sum = 0, largest = -INFINITY;

        for (size_t p = 0; p < chain->cells; p++) {
            size_t at = position(chain, pass, c, p);
            float number = noise(at, seed);

            if (chain->is_max && p == (c + seed) % chain->cells)
                number += 2;
            trial->x[at] = number;
            sum += (double)number;
            largest = fmax(largest, (double)number);
        }
        trial->wanted[c] = chain->is_max ? largest : sum / (double)chain->cells;
    }
}

/* With this many images, each cell is the largest in some channel. */
static size_t num_rounds(const struct pool_chain *chain)
{
    return (chain->cells + chain->channels - 1) / chain->channels + 1;
}

/* Whether the chain computes each channel's maximum. */
static bool is_maximum(struct pool_trial *trial, const struct pool_pass *pass,
                       const struct pool_chain *chain)
{
    for (size_t seed = 0; seed < num_rounds(chain); seed++) {
        fill_noise(trial, pass, chain, seed * chain->channels);
        if (!run(pass, chain, trial->x, trial->scratch, trial->out))
            return false;
        for (size_t c = 0; c < chain->channels; c++)
            if ((double)trial->out[c] != trial->wanted[c])
                return false;
    }
    return true;
}

/* Runs the chain on one number in all cells. */
static bool run_flat(struct pool_trial *trial, const struct pool_pass *pass,
                     const struct pool_chain *chain, float number, double *to)
{
    fill(trial, chain, number);
    if (!run(pass, chain, trial->x, trial->scratch, trial->out))
        return false;
    for (size_t c = 0; c < chain->channels; c++)
        to[c] = (double)trial->out[c];
    return true;
}

/* Whether the chain computes each channel's mean with a scale and a shift,
 * which follow from its results for ones and for zeros. The tolerance is a
 * thousandth of one cell's contribution, plus rounding. */
static bool is_mean(struct pool_trial *trial, const struct pool_pass *pass,
                    const struct pool_chain *chain)
{
    double share = 1e-6 * fmax(1, 1000 / (double)chain->cells);

    if ((chain->shifts && !run_flat(trial, pass, chain, 0, trial->shift)) ||
        !run_flat(trial, pass, chain, 1, trial->scale))
        return false;
    for (size_t c = 0; c < chain->channels; c++) {
        trial->scale[c] -= trial->shift[c];
        if (!isfinite(trial->scale[c]) || !isfinite(trial->shift[c]))
            return false;
    }
    for (size_t seed = 0; seed < 2; seed++) {
        fill_noise(trial, pass, chain, seed);
        if (!run(pass, chain, trial->x, trial->scratch, trial->out))
            return false;
        for (size_t c = 0; c < chain->channels; c++) {
            double wanted =
                trial->scale[c] * trial->wanted[c] + trial->shift[c];
            double slack =
                fabs(trial->scale[c]) * share + fabs(trial->shift[c]) * 1e-6;

            if (!(fabs((double)trial->out[c] - wanted) <= slack))
                return false;
        }
    }
    return true;
}

double graph_fold_pool_runs(const struct pool_chain *chain)
{
    return chain->is_max ? (double)num_rounds(chain) : 4;
}

bool graph_fold_pool_try(struct pool_trial *trial, bool *found,
                         const struct pool_pass *pass,
                         const struct pool_chain *chain)
{
    if (!init(trial, pass, chain))
        return false;
    *found = chain->is_max ? is_maximum(trial, pass, chain)
                           : is_mean(trial, pass, chain);
    return true;
}

void graph_fold_pool_release(struct pool_trial *trial)
{
    free(trial->x);
    free(trial->scratch);
    free(trial->out);
    free(trial->scale);
    free(trial->shift);
    free(trial->wanted);
}
