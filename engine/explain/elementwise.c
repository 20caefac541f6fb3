/* Element-wise Grad-CAM: the sum over k of ReLU(g_k * A_k), cell by cell. */
#include "engine/explain/lanes.h"
#include "engine/explain/layer_map.h"

static inline float term(float g, float a)
{
    return g * a > 0 ? g * a : 0;
}

static bool compute(float *restrict map, const struct probe_features *features,
                    const float *restrict gradient, struct error *err)
{
    size_t cells = features->height * features->width;

    (void)err;
    lanes_sum_rows(map, gradient, features->values, cells, features->channels,
                   term);
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, compute, err);
}

const struct explain_method elementwise_method = {
    .title = "element-wise Grad-CAM",
    .paper = "Pillai and Pirsiavash, Explainable Models with Consistent "
             "Interpretations, AAAI 2021",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
