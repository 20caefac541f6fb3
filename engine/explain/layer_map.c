#include "engine/explain/layer_map.h"

#include <stdlib.h>

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
