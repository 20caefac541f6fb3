#include "engine/run/precision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"

enum { NUM_PICTURES = 3, NUM_RUNS = 3 };

/* Two sessions of a network, for runs on the same images. */
struct trial {
    const struct graph *graph;
    const struct head *head;
    struct plan_session *fp32, *int8; /* owned */
    double fp32_ms, int8_ms;          /* the fastest runs */
    double error; /* of the logits, for the worst image; see the header */
};

/* A number from -1 to 1 that depends on all three. */
static float noise(uint32_t y, uint32_t x, uint32_t c)
{
    uint32_t bits = y * 0x9e3779b1u ^ x * 0x85ebca77u ^ c * 0xc2b2ae3du;

    bits = (bits ^ bits >> 15) * 0x2c1b3c6du;
    bits = (bits ^ bits >> 12) * 0x297a2d39u;
    return (float)(bits ^ bits >> 15) / (float)UINT32_MAX * 2 - 1;
}

/* Coarse and fine blobs of noise, about as large as a photo's values after mean
 * and standard deviation were applied. */
static void make_image(float *input, const struct graph_shape *shape,
                       uint32_t number)
{
    static const float contrasts[NUM_PICTURES] = {1, 0.4f, 1.6f};
    size_t height = shape->dim[1], width = shape->dim[2];
    size_t channels = shape->dim[3];

    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++) {
                uint32_t top = (uint32_t)(y / 32), left = (uint32_t)(x / 32);
                float down = (float)(y % 32) / 32,
                      across = (float)(x % 32) / 32;
                uint32_t seed = (uint32_t)c + 3 * number;
                float upper = noise(top, left, seed) * (1 - across) +
                              noise(top, left + 1, seed) * across;
                float lower = noise(top + 1, left, seed) * (1 - across) +
                              noise(top + 1, left + 1, seed) * across;

                input[(y * width + x) * channels + c] =
                    contrasts[number] *
                    (upper * (1 - down) + lower * down +
                     0.2f * noise((uint32_t)y / 2, (uint32_t)x / 2, seed));
            }
}

/* The root mean square difference, in standard deviations of `exact`. */
static double difference(const float *exact, const float *other, size_t count)
{
    double mean = 0, variance = 0, error = 0;

    for (size_t i = 0; i < count; i++)
        mean += (double)exact[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = (double)exact[i] - mean;
        double apart = (double)exact[i] - (double)other[i];

        variance += off * off;
        error += apart * apart;
    }
    /* Infinite also if a number is NaN. */
    return error <= 0 ? 0 : variance > 0 ? sqrt(error / variance) : INFINITY;
}

static bool time_run(struct plan_session *session, double *best,
                     struct error *err)
{
    const uint64_t start_us = clock_now_us();
    bool ok = plan_session_run(session, err);
    double ms = clock_ms_since(start_us);

    if (ms < *best)
        *best = ms;
    return ok;
}

static bool try_image(struct trial *trial, uint32_t number, struct error *err)
{
    int input = trial->graph->inputs[0], logits = trial->head->logits;
    const struct graph_shape *shape = &trial->graph->values[input].shape;
    float *pixels = plan_session_data(trial->fp32, input);
    double error;

    make_image(pixels, shape, number);
    memcpy(plan_session_data(trial->int8, input), pixels,
           graph_shape_count(shape) * sizeof *pixels);
    for (int i = 0; i < NUM_RUNS; i++)
        if (!time_run(trial->fp32, &trial->fp32_ms, err) ||
            !time_run(trial->int8, &trial->int8_ms, err))
            return false;
    error = difference(plan_session_data(trial->fp32, logits),
                       plan_session_data(trial->int8, logits),
                       trial->head->num_logits);
    if (!(error <= trial->error))
        trial->error = error;
    return true;
}

/* Whether integers are accurate enough, and faster. */
static bool is_better(bool *better, const struct graph *graph,
                      const struct head *head, const struct plan *fp32,
                      const struct plan *int8, struct error *err)
{
    struct trial trial = {
        .graph = graph,
        .head = head,
        .fp32_ms = INFINITY,
        .int8_ms = INFINITY,
    };
    bool ok = (trial.fp32 = plan_session_new(fp32, NULL, err)) != NULL &&
              (trial.int8 = plan_session_new(int8, NULL, err)) != NULL;

    for (uint32_t i = 0; ok && i < NUM_PICTURES; i++)
        ok = try_image(&trial, i, err);
    *better = ok && trial.error <= PRECISION_MAX_ERROR &&
              trial.int8_ms <= PRECISION_MAX_TIME * trial.fp32_ms;
    plan_session_free(trial.fp32);
    plan_session_free(trial.int8);
    return ok;
}

/* The better one of two plans; the other one is freed. */
static struct plan *choose(const struct graph *graph, const struct head *head,
                           struct plan *fp32, struct error *err)
{
    struct error ignored = {0};
    struct plan *int8 = plan_new_int8(graph, head->weights, &ignored);
    bool better = false, ok;

    if (!int8) {
        if (ignored.kind != ERROR_MEMORY)
            return fp32;
        *err = ignored;
        plan_free(fp32);
        return NULL;
    }
    ok = is_better(&better, graph, head, fp32, int8, err);
    plan_free(better ? fp32 : int8);
    if (ok)
        return better ? int8 : fp32;
    plan_free(better ? int8 : fp32);
    return NULL;
}

bool precision_suits_int8(const struct graph *graph, const struct head *head,
                          const struct graph_node *node)
{
    return plan_suits_int8(graph, node, head->weights);
}

struct plan *precision_plan(const struct graph *graph, const struct head *head,
                            enum precision_choice precision, struct error *err)
{
    struct plan *plan;

    if (precision == PRECISION_INT8)
        return plan_new_int8(graph, head->weights, err);
    plan = plan_new(graph, err);
    return plan && precision == PRECISION_AUTO ? choose(graph, head, plan, err)
                                               : plan;
}
