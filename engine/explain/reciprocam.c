/* Recipro-CAM: a cell's value is the target for features that are 0 in all
 * cells but this one.
 *
 * Behind a mean and a linear layer, the logits of one of N cells are its linear
 * layer's sum, divided by N, plus the bias, and no pass is needed. Elsewhere
 * what follows the layer is run with each cell. */
#include <stdlib.h>
#include <string.h>

#include "engine/explain/cam.h"
#include "engine/explain/combine.h"
#include "engine/explain/layer_map.h"

/* The cells whose logits are computed at a time. */
enum { BLOCK = 64 };

struct cells {
    const struct explain_input *input;
    struct probe_features features;
    size_t count;
};

/* ---- behind a mean and a linear layer ---- */

/* The class activation map by N, plus the bias. */
static bool map_linear(struct explain_map *map, const struct cells *cells,
                       const struct target *target, struct error *err)
{
    const struct explain_input *input = cells->input;
    const struct network *network = input->task->network;
    size_t num_logits = network->head.num_logits;
    float *seed =
        malloc((num_logits + cells->features.channels) * sizeof *seed);
    double bias, sum = 0;

    if (!seed)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu weights",
                    cells->features.channels);
    target_seed(seed, target, input->logits);
    bias = combine_weights(seed + num_logits, &network->head, &network->graph,
                           seed);
    cam_weigh(map->values, cells->features.values, seed + num_logits,
              map->height, map->width, cells->features.channels);
    for (size_t p = 0; p < cells->count; p++) {
        double value = (double)map->values[p] / (double)cells->count + bias;

        map->values[p] = (float)value;
        sum += value - bias;
    }
    explain_add_check(map, "cells_plus_bias",
                      target_value(target, input->logits), sum + bias);
    free(seed);
    return true;
}

/* Writes the logits of some cells alone: (count, num_classes). */
static void find_logits(float *logits, const struct cells *cells, size_t first,
                        size_t count)
{
    const struct network *network = cells->input->task->network;
    const struct head *head = &network->head;
    size_t channels = cells->features.channels;
    const float *features = cells->features.values + first * channels;
    const float *rows =
        head->weights == GRAPH_NONE
            ? NULL
            : graph_floats(&network->graph.values[head->weights]);
    const float *biases =
        head->bias == GRAPH_NONE
            ? NULL
            : graph_floats(&network->graph.values[head->bias]);
    float sums[BLOCK];

    for (size_t c = 0; c < head->num_classes; c++) {
        bool is_negated;
        size_t row = head_row(&is_negated, head, c);
        float bias = biases ? biases[row] : 0;

        if (rows)
            cam_weigh(sums, features, rows + row * channels, 1, count,
                      channels);
        for (size_t p = 0; p < count; p++) {
            float sum = rows ? sums[p] : features[p * channels + row];

            sum = sum / (float)cells->count + bias;
            logits[p * head->num_classes + c] = is_negated ? 0 - sum : sum;
        }
    }
}

static bool map_other(struct explain_map *map, const struct cells *cells,
                      const struct target *target, struct error *err)
{
    size_t num_classes = cells->input->task->network->head.num_classes;
    float *logits = malloc(BLOCK * num_classes * sizeof *logits);

    if (!logits)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu classes",
                    num_classes);
    for (size_t first = 0; first < cells->count; first += BLOCK) {
        size_t count =
            cells->count - first < BLOCK ? cells->count - first : BLOCK;

        find_logits(logits, cells, first, count);
        for (size_t p = 0; p < count; p++)
            map->values[first + p] =
                (float)target_value(target, logits + p * num_classes);
    }
    free(logits);
    return true;
}

/* ---- elsewhere ---- */

static void prepare(void *user, size_t i, float *input)
{
    const struct cells *cells = user;
    size_t channels = cells->features.channels;

    memset(input, 0, cells->count * channels * sizeof *input);
    memcpy(input + i * channels, cells->features.values + i * channels,
           channels * sizeof *input);
}

static bool measure(struct explain_maps *maps, struct cells *cells,
                    struct error *err)
{
    const struct probe_task task = {
        .count = cells->count, .user = cells, .prepare = prepare};
    double *values = malloc(cells->count * maps->count * sizeof *values);
    bool ok =
        values ? probe_targets(cells->input->probe, PROBE_FEATURES, &task,
                               cells->input->targets, maps->count, values, err)
               : fail(err, ERROR_MEMORY, "not enough memory for %zu passes",
                      cells->count);

    for (size_t i = 0; ok && i < maps->count; i++)
        for (size_t p = 0; p < cells->count; p++)
            maps->map[i].values[p] = (float)values[p * maps->count + i];
    free(values);
    return ok;
}

/* ---- the method ---- */

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    struct cells cells = {.input = input};
    bool ok =
        probe_features(input->probe, &cells.features, err) &&
        explain_reserve(maps, cells.features.height, cells.features.width, err);

    cells.count = cells.features.height * cells.features.width;
    if (ok && !input->task->is_closed)
        return measure(maps, &cells, err);
    for (size_t i = 0; ok && i < maps->count; i++)
        ok = (target_is_linear(&input->targets[i]) ? map_linear : map_other)(
            &maps->map[i], &cells, &input->targets[i], err);
    return ok;
}

static size_t passes(const struct explain_task *task)
{
    return (task->value == GRAPH_NONE) +
           (task->is_closed ? 0 : task->layer->height * task->layer->width);
}

const struct explain_method reciprocam_method = {
    .title = "Recipro-CAM",
    .paper = "Byun and Lee, Recipro-CAM: Fast gradient-free visual "
             "explanations for convolutional neural networks, 2022, "
             "arXiv 2209.14074",
    .needs = "a feature map",
    .uses_layer = true,
    .is_signed = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
