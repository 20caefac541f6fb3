/* HiResCAM: the sum over k of g_k * A_k, cell by cell. */
#include "engine/explain/lanes.h"
#include "engine/explain/layer_map.h"

static bool compute(float *restrict map, const struct probe_features *features,
                    const float *restrict gradient, struct error *err)
{
    size_t cells = features->height * features->width;

    (void)err;
    lanes_sum_rows(map, gradient, features->values, cells, features->channels,
                   lanes_product);
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, compute, err) &&
           layer_map_check(maps, input, false, err);
}

const struct explain_method hirescam_method = {
    .title = "HiResCAM",
    .paper = "Draelos and Carin, Use HiResCAM instead of Grad-CAM for faithful "
             "explanations of convolutional neural networks, 2020, "
             "arXiv 2011.08891",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .is_cam = true,
    .is_signed = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
