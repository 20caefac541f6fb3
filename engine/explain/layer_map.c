#include "engine/explain/layer_map.h"

#include <math.h>
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/combine.h"

const char *layer_map_refuse(const struct explain_task *task)
{
    return task->layer ? NULL : "the network has no feature map";
}

size_t layer_map_passes(const struct explain_task *task)
{
    return (task->value == GRAPH_NONE) + (task->is_closed ? 0 : task->num_maps);
}

void layer_map_rectify(float *map, size_t count)
{
    for (size_t i = 0; i < count; i++)
        map[i] = map[i] > 0 ? map[i] : 0;
}

bool layer_map_make(struct explain_maps *maps,
                    const struct explain_input *input, layer_map_fn *compute,
                    struct error *err)
{
    size_t num_logits = input->task->network->head.num_logits;
    float *seed = malloc(num_logits * sizeof *seed);
    struct probe_features features;
    const float *gradient;
    bool ok = seed || fail(err, ERROR_MEMORY, "not enough memory for a seed");

    ok = ok && probe_features(input->probe, &features, err) &&
         explain_reserve(maps, features.height, features.width, err);
    for (size_t i = 0; ok && i < maps->count; i++) {
        target_seed(seed, &input->targets[i], input->logits);
        ok = probe_layer_gradient(input->probe, seed, &gradient, err) &&
             compute(maps->map[i].values, &features, gradient, err);
    }
    free(seed);
    return ok;
}

/* Compares a map with the target's class activation map, `cam`. */
static void compare(struct explain_map *map, const float *cam,
                    bool is_rectified, double slope, double bias)
{
    size_t cells = map->height * map->width;
    double largest = 0, sum = 0;

    for (size_t i = 0; i < cells; i++) {
        double expected = (double)cam[i] / (double)cells;

        if (is_rectified)
            expected = fmax(expected, 0);
        largest = fmax(largest, fabs((double)map->values[i] - expected));
        sum += (double)map->values[i];
    }
    explain_add_check(map, "difference_from_cam", 0, largest);
    if (!is_rectified)
        explain_add_check(map, "sum_plus_bias", slope, sum + bias);
}

bool layer_map_check(struct explain_maps *maps,
                     const struct explain_input *input, bool is_rectified,
                     struct error *err)
{
    const struct network *network = input->task->network;
    size_t num_logits = network->head.num_logits;
    struct probe_features features;
    float *seed, *weights, *cam;

    if (!input->task->is_closed)
        return true;
    if (!probe_features(input->probe, &features, err))
        return false;
    seed = malloc(
        (num_logits + features.channels + features.height * features.width) *
        sizeof *seed);
    if (!seed)
        return fail(err, ERROR_MEMORY, "not enough memory for a map");
    weights = seed + num_logits;
    cam = weights + features.channels;
    for (size_t i = 0; i < maps->count; i++) {
        const struct target *target = &input->targets[i];
        double bias;

        target_seed(seed, target, input->logits);
        bias = combine_weights(weights, &network->head, &network->graph, seed);
        cam_weigh(cam, features.values, weights, features.height,
                  features.width, features.channels);
        compare(&maps->map[i], cam, is_rectified,
                target_slope(target, input->logits), bias);
    }
    free(seed);
    return true;
}
