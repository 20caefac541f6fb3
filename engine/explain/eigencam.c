/* Eigen-CAM: A v, where a row of A is a cell and v its first right singular
 * vector. It is the same for all classes and targets. */
#include <math.h>
#include <string.h>

#include "engine/explain/layer_map.h"
#include "engine/explain/singular.h"

static size_t passes(const struct explain_task *task)
{
    return task->value == GRAPH_NONE;
}

static double length_of(const struct explain_map *map)
{
    double squares = 0;

    for (size_t i = 0; i < map->height * map->width; i++)
        squares += (double)map->values[i] * (double)map->values[i];
    return sqrt(squares);
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    struct probe_features features;
    const struct explain_map *first = &maps->map[0];
    double value;

    if (!probe_features(input->probe, &features, err) ||
        !explain_reserve(maps, features.height, features.width, err) ||
        !singular_map(first->values, &value, features.values,
                      features.height * features.width, features.channels, err))
        return false;
    for (size_t i = 0; i < maps->count; i++) {
        if (i > 0)
            memcpy(maps->map[i].values, first->values,
                   first->height * first->width * sizeof *first->values);
        explain_add_check(&maps->map[i], "length", value, length_of(first));
    }
    return true;
}

const struct explain_method eigencam_method = {
    .title = "Eigen-CAM",
    .paper = "Muhammad and Yeasin, Eigen-CAM: Class Activation Map using "
             "Principal Components, IJCNN 2020, arXiv 2008.00299",
    .needs = "a feature map",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
