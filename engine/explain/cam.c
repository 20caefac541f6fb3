#include "engine/explain/cam.h"

#include <math.h>
#include <stdlib.h>

#include "engine/explain/combine.h"
#include "engine/explain/lanes.h"
#include "engine/explain/method.h"

void cam_weigh(float *restrict map, const float *restrict features,
               const float *restrict weights, size_t height, size_t width,
               size_t channels)
{
    size_t cells = height * width;

    for (size_t cell = 0; cell < cells; cell++)
        map[cell] = lanes_sum(features + cell * channels, weights, channels,
                              lanes_product);
}

void cam_scale(struct cam_scale *scale, const struct head *head,
               const struct graph *graph, const float *restrict features)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t cells = shape->dim[1] * shape->dim[2], channels = shape->dim[3];
    double sum = 0, squares = 0;

    *scale = (struct cam_scale){.mean = 0, .deviation = 1};
    if (!head->is_normalized)
        return;
    for (size_t i = 0; i < cells * channels; i++)
        sum += (double)features[i];
    scale->mean = head->about_zero ? 0 : sum / (double)(cells * channels);
    for (size_t c = 0; c < channels; c++) {
        double pooled = 0;

        for (size_t i = c; i < cells * channels; i += channels)
            pooled += (double)features[i];
        pooled = pooled / (double)cells - scale->mean;
        squares += pooled * pooled;
    }
    scale->deviation = sqrt(squares / (double)channels + head->epsilon);
}

/* The weighted sum of features that are first multiplied by a scale. */
static void scaled_map(float *restrict map, size_t cells,
                       const struct head *head, const struct graph *graph,
                       const float *restrict features,
                       const float *restrict weights, size_t channels)
{
    for (size_t i = 0; i < cells; i++) {
        double sum = 0;

        for (size_t c = 0; c < channels; c++)
            sum += (double)weights[c] *
                   combine_operand(graph, head->norm_scale, c, 1) *
                   (double)features[i * channels + c];
        map[i] = (float)sum;
    }
}

/* Converts a weighted sum of features into that of the normalized features;
 * `sum` is that of the weights. */
static void normalize(float *restrict map, size_t cells,
                      const struct cam_scale *scale, double sum)
{
    for (size_t i = 0; i < cells; i++)
        map[i] =
            (float)(((double)map[i] - sum * scale->mean) / scale->deviation);
}

void cam_map(float *restrict map, const struct head *head,
             const struct graph *graph, const float *restrict features,
             const struct cam_scale *scale, size_t k)
{
    const struct graph_shape *shape = &graph->values[head->features].shape;
    size_t height = shape->dim[1], width = shape->dim[2];
    size_t channels = shape->dim[3];
    const float *weights = NULL;
    bool is_negated;
    size_t row = head_row(&is_negated, head, k);

    if (head->weights == GRAPH_NONE) {
        for (size_t i = 0; i < height * width; i++)
            map[i] = features[i * channels + row];
    } else {
        weights = graph_floats(&graph->values[head->weights]) + row * channels;
        if (head->norm_scale == GRAPH_NONE)
            cam_weigh(map, features, weights, height, width, channels);
        else
            scaled_map(map, height * width, head, graph, features, weights,
                       channels);
    }
    if (head->is_normalized && weights) {
        double sum = 0;

        for (size_t c = 0; c < channels; c++)
            sum += (double)weights[c] *
                   combine_operand(graph, head->norm_scale, c, 1);
        normalize(map, height * width, scale, sum);
    }
    for (size_t i = 0; is_negated && i < height * width; i++)
        map[i] = 0 - map[i];
}

double cam_bias(const struct head *head, const struct graph *graph, size_t k)
{
    bool is_negated;
    size_t row = head_row(&is_negated, head, k);
    double bias = 0;

    if (head->bias != GRAPH_NONE)
        bias = (double)graph_floats(&graph->values[head->bias])[row];
    if (head->norm_shift != GRAPH_NONE) {
        size_t channels = graph->values[head->features].shape.dim[3];
        const float *weights =
            graph_floats(&graph->values[head->weights]) + row * channels;

        for (size_t c = 0; c < channels; c++)
            bias += (double)weights[c] *
                    combine_operand(graph, head->norm_shift, c, 0);
    }
    return is_negated ? 0 - bias : bias;
}

/* ---- the method ---- */

static const char *refuse(const struct explain_task *task)
{
    const struct head *head = &task->network->head;

    if (head->refusal)
        return head->refusal;
    return task->value != head->features
               ? "class activation maps are defined for the last feature map "
                 "alone"
               : NULL;
}

static double mean_of(const struct explain_map *map)
{
    size_t count = map->height * map->width;
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)map->values[i];
    return sum / (double)count;
}

/* The map of any target: the class maps' sum, each times the target's slope at
 * its logit. Returns the same sum of biases. */
static double
combined_map(struct explain_map *map, const struct explain_input *input,
             const struct target *target, const struct probe_features *features,
             const struct cam_scale *scale, float *seed, float *weights)
{
    const struct graph *graph = &input->task->network->graph;
    const struct head *head = &input->task->network->head;
    double bias, sum = 0;

    target_seed(seed, target, input->logits);
    bias = combine_weights(weights, head, graph, seed);
    cam_weigh(map->values, features->values, weights, features->height,
              features->width, features->channels);
    for (size_t c = 0; c < features->channels; c++)
        sum += (double)weights[c];
    if (head->is_normalized)
        normalize(map->values, features->height * features->width, scale, sum);
    return bias;
}

/* The check is the mean of the map plus the class's bias. If the head pools by
 * the mean, this equals the logit up to rounding; for other targets, the sum of
 * logits that are multiplied by the target's slopes. If it pools by the
 * maximum, the logit is the bias plus the sum over channels of weight x largest
 * activation. The largest activations are in different cells, so the logit
 * cannot be computed from the map, and the check is only what its name says. */
static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    const struct graph *graph = &input->task->network->graph;
    const struct head *head = &input->task->network->head;
    struct probe_features features;
    struct cam_scale scale;
    float *seed = NULL;

    if (!probe_features(input->probe, &features, err) ||
        !explain_reserve(maps, features.height, features.width, err))
        return false;
    if (input->task->target != TARGET_LOGIT) {
        seed = malloc((head->num_logits + features.channels) * sizeof *seed);
        if (!seed)
            return fail(err, ERROR_MEMORY, "not enough memory for %zu weights",
                        features.channels);
    }
    cam_scale(&scale, head, graph, features.values);
    for (size_t i = 0; i < maps->count; i++) {
        struct explain_map *map = &maps->map[i];
        const struct target *target = &input->targets[i];
        double bias;

        if (!seed) {
            cam_map(map->values, head, graph, features.values, &scale,
                    map->class_index);
            bias = cam_bias(head, graph, map->class_index);
        } else {
            bias = combined_map(map, input, target, &features, &scale, seed,
                                seed + head->num_logits);
        }
        explain_add_check(map, "mean_plus_bias",
                          target_slope(target, input->logits),
                          mean_of(map) + bias);
        map->is_normalized = head->is_normalized;
        map->norm_mean = scale.mean;
        map->norm_deviation = scale.deviation;
    }
    free(seed);
    return true;
}

const struct explain_method cam_method = {
    .title = "class activation map",
    .paper = "Zhou et al., Learning Deep Features for Discriminative "
             "Localization, CVPR 2016",
    .needs = "global pooling of the feature map, then at most one linear layer",
    .uses_layer = true,
    .is_cam = true,
    .refuse = refuse,
    .explain = explain,
};
