/* Eigen-CAM of the features times their gradients: (g * A) v, where a row of
 * g * A is a cell and v its first right singular vector. */
#include <stdlib.h>

#include "engine/explain/layer_map.h"
#include "engine/explain/singular.h"

static bool compute(float *restrict map, const struct probe_features *features,
                    const float *restrict gradient, struct error *err)
{
    size_t cells = features->height * features->width;
    size_t count = cells * features->channels;
    float *products = malloc(count * sizeof *products);
    double value;
    bool ok;

    if (!products)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu features",
                    count);
    for (size_t i = 0; i < count; i++)
        products[i] = gradient[i] * features->values[i];
    ok = singular_map(map, &value, products, cells, features->channels, err);
    free(products);
    return ok;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, compute, err);
}

const struct explain_method eigengradcam_method = {
    .title = "Eigen-CAM of features times gradients",
    .paper = "Muhammad and Yeasin, Eigen-CAM: Class Activation Map using "
             "Principal Components, IJCNN 2020, arXiv 2008.00299; with "
             "gradients, as pytorch-grad-cam has it",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
