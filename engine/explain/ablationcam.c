/* Ablation-CAM: ReLU(sum over k of (t - t without k) A_k), where channel k is
 * set to 0. The paper also divides the weights by t; a negative t would turn
 * the map, so this does not.
 *
 * Behind a mean and a linear layer, logit j falls by w_jk mean(A_k) without
 * channel k, and no pass is needed. Elsewhere what follows the layer is run
 * without each channel. It also runs with all of them: other code than that of
 * the plan that classifies may have computed it, and a difference in rounding
 * would be part of all weights. */
#include <stdlib.h>
#include <string.h>

#include "engine/explain/cam.h"
#include "engine/explain/combine.h"
#include "engine/explain/layer_map.h"

/* The channels whose falls are computed at a time. */
enum { BLOCK = 64 };

struct ablation {
    const struct explain_input *input;
    struct probe_features features;
    double *means;  /* (channels) of the features; owned */
    float *floats;  /* (num_logits + channels), (num_classes),
                       (num_classes, BLOCK) scratch; owned */
    double *values; /* (channels + 1, maps) of the targets; owned */
    float *weights; /* (channels) owned */
};

static void release(struct ablation *ablation)
{
    free(ablation->means);
    free(ablation->floats);
    free(ablation->values);
    free(ablation->weights);
}

static bool reserve(struct ablation *ablation, size_t num_maps,
                    struct error *err)
{
    const struct head *head = &ablation->input->task->network->head;
    size_t channels = ablation->features.channels;

    ablation->means = calloc(channels, sizeof *ablation->means);
    ablation->floats =
        calloc(head->num_logits + channels + (1 + BLOCK) * head->num_classes,
               sizeof *ablation->floats);
    ablation->values =
        calloc((channels + 1) * num_maps, sizeof *ablation->values);
    ablation->weights = calloc(channels, sizeof *ablation->weights);
    return (ablation->means && ablation->floats && ablation->values &&
            ablation->weights) ||
           fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                channels);
}

/* ---- behind a mean and a linear layer ---- */

static void find_means(struct ablation *ablation)
{
    const struct probe_features *features = &ablation->features;
    size_t cells = features->height * features->width;
    size_t channels = features->channels;

    for (size_t cell = 0; cell < cells; cell++)
        for (size_t k = 0; k < channels; k++)
            ablation->means[k] += (double)features->values[cell * channels + k];
    for (size_t k = 0; k < channels; k++)
        ablation->means[k] /= (double)cells;
}

/* The weights add up to the target less the bias. */
static void weigh_linear(struct ablation *ablation, struct explain_map *map,
                         const struct target *target)
{
    const struct explain_input *input = ablation->input;
    const struct network *network = input->task->network;
    float *weights = ablation->floats + network->head.num_logits;
    double bias, sum = 0;

    target_seed(ablation->floats, target, input->logits);
    bias = combine_weights(weights, &network->head, &network->graph,
                           ablation->floats);
    for (size_t k = 0; k < ablation->features.channels; k++) {
        double weight = (double)weights[k] * ablation->means[k];

        sum += weight;
        ablation->weights[k] = (float)weight;
    }
    explain_add_check(map, "weights_plus_bias",
                      target_value(target, input->logits), sum + bias);
}

/* Writes how much each class's logit falls without each of some channels:
 * (num_classes, count). */
static void find_falls(float *falls, const struct ablation *ablation,
                       size_t first, size_t count)
{
    const struct network *network = ablation->input->task->network;
    const struct head *head = &network->head;
    size_t channels = ablation->features.channels;
    const float *rows =
        head->weights == GRAPH_NONE
            ? NULL
            : graph_floats(&network->graph.values[head->weights]);
    float means[BLOCK];

    for (size_t i = 0; i < count; i++)
        means[i] = (float)ablation->means[first + i];
    for (size_t c = 0; c < head->num_classes; c++, falls += count) {
        bool is_negated;
        size_t row = head_row(&is_negated, head, c);
        const float *weights = rows ? rows + row * channels + first : NULL;
        float sign = is_negated ? -1 : 1;

        for (size_t i = 0; i < count; i++)
            falls[i] = sign * means[i] *
                       (weights ? weights[i] : (float)(row == first + i));
    }
}

static void weigh_other(struct ablation *ablation, const struct target *target)
{
    const struct head *head = &ablation->input->task->network->head;
    size_t channels = ablation->features.channels;
    float *shares = ablation->floats + head->num_logits + channels;
    float *block = shares + head->num_classes;

    target_shares(shares, target, ablation->input->logits);
    for (size_t first = 0; first < channels; first += BLOCK) {
        size_t count = channels - first < BLOCK ? channels - first : BLOCK;

        find_falls(block, ablation, first, count);
        target_falls(ablation->weights + first, target, ablation->input->logits,
                     shares, block, count);
    }
}

/* ---- elsewhere ---- */

static void prepare(void *user, size_t i, float *input)
{
    const struct ablation *ablation = user;
    const struct probe_features *features = &ablation->features;
    size_t cells = features->height * features->width;
    size_t channels = features->channels;

    memcpy(input, features->values, cells * channels * sizeof *input);
    for (size_t cell = 0; i < channels && cell < cells; cell++)
        input[cell * channels + i] = 0;
}

static bool measure(struct ablation *ablation, size_t num_maps,
                    struct error *err)
{
    const struct probe_task task = {.count = ablation->features.channels + 1,
                                    .user = ablation,
                                    .prepare = prepare};

    return probe_targets(ablation->input->probe, PROBE_FEATURES, &task,
                         ablation->input->targets, num_maps, ablation->values,
                         err);
}

static void weigh_measured(struct ablation *ablation, size_t map,
                           size_t num_maps)
{
    size_t channels = ablation->features.channels;
    double whole = ablation->values[channels * num_maps + map];

    for (size_t k = 0; k < channels; k++)
        ablation->weights[k] =
            (float)(whole - ablation->values[k * num_maps + map]);
}

/* ---- the method ---- */

static void make_map(struct ablation *ablation, struct explain_maps *maps,
                     size_t i)
{
    const struct target *target = &ablation->input->targets[i];
    struct explain_map *map = &maps->map[i];

    if (!ablation->input->task->is_closed)
        weigh_measured(ablation, i, maps->count);
    else if (target_is_linear(target))
        weigh_linear(ablation, map, target);
    else
        weigh_other(ablation, target);
    cam_weigh(map->values, ablation->features.values, ablation->weights,
              map->height, map->width, ablation->features.channels);
    layer_map_rectify(map->values, map->height * map->width);
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    struct ablation ablation = {.input = input};
    const struct probe_features *features = &ablation.features;
    bool ok = probe_features(input->probe, &ablation.features, err) &&
              explain_reserve(maps, features->height, features->width, err) &&
              reserve(&ablation, maps->count, err);

    if (ok && input->task->is_closed)
        find_means(&ablation);
    else
        ok = ok && measure(&ablation, maps->count, err);
    for (size_t i = 0; ok && i < maps->count; i++)
        make_map(&ablation, maps, i);
    release(&ablation);
    return ok;
}

static size_t passes(const struct explain_task *task)
{
    return (task->value == GRAPH_NONE) +
           (task->is_closed ? 0 : task->layer->channels + 1);
}

const struct explain_method ablationcam_method = {
    .title = "Ablation-CAM",
    .paper = "Desai and Ramaswamy, Ablation-CAM: Visual Explanations for Deep "
             "Convolutional Network via Gradient-free Localization, WACV 2020",
    .needs = "a feature map",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
