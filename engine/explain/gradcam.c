/* Grad-CAM: ReLU(sum over k of mean(g_k) A_k). */
#include "engine/explain/gradcam.h"

#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"

bool gradcam_compute(float *restrict map, const struct probe_features *features,
                     const float *restrict gradient, struct error *err)
{
    size_t cells = features->height * features->width;
    size_t channels = features->channels;
    float *weights = calloc(channels, sizeof *weights);

    if (!weights)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    channels);
    for (size_t cell = 0; cell < cells; cell++)
        for (size_t k = 0; k < channels; k++)
            weights[k] += gradient[cell * channels + k];
    for (size_t k = 0; k < channels; k++)
        weights[k] /= (float)cells;
    cam_weigh(map, features->values, weights, features->height, features->width,
              channels);
    layer_map_rectify(map, cells);
    free(weights);
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, gradcam_compute, err) &&
           layer_map_check(maps, input, true, err);
}

const struct explain_method gradcam_method = {
    .title = "Grad-CAM",
    .paper = "Selvaraju et al., Grad-CAM: Visual Explanations from Deep "
             "Networks via Gradient-based Localization, ICCV 2017, "
             "arXiv 1610.02391",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .is_cam = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
