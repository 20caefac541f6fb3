/* XGrad-CAM: the sum over k of (sum of g_k A_k / sum of A_k) A_k, without
 * channels whose sum is 0. */
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"

/* The weight of each channel; `sums` are (2, channels) zeros. */
static void weigh(float *restrict weights, double *restrict sums,
                  const struct probe_features *features,
                  const float *restrict gradient)
{
    size_t cells = features->height * features->width;
    size_t channels = features->channels;
    double *restrict products = sums + channels;

    for (size_t cell = 0; cell < cells; cell++) {
        const float *restrict g = gradient + cell * channels;
        const float *restrict a = features->values + cell * channels;

        for (size_t k = 0; k < channels; k++) {
            sums[k] += (double)a[k];
            products[k] += (double)g[k] * (double)a[k];
        }
    }
    for (size_t k = 0; k < channels; k++)
        weights[k] = sums[k] == 0 ? 0 : (float)(products[k] / sums[k]);
}

static bool compute(float *restrict map, const struct probe_features *features,
                    const float *restrict gradient, struct error *err)
{
    size_t channels = features->channels;
    double *sums = calloc(2 * channels, sizeof *sums);
    float *weights = malloc(channels * sizeof *weights);
    bool ok =
        (sums && weights) ||
        fail(err, ERROR_MEMORY, "not enough memory for %zu channels", channels);

    if (ok) {
        weigh(weights, sums, features, gradient);
        cam_weigh(map, features->values, weights, features->height,
                  features->width, channels);
    }
    free(sums);
    free(weights);
    return ok;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, compute, err) &&
           layer_map_check(maps, input, false, err);
}

const struct explain_method xgradcam_method = {
    .title = "XGrad-CAM",
    .paper =
        "Fu et al., Axiom-based Grad-CAM: Towards Accurate Visualization and "
        "Explanation of CNNs, BMVC 2020, arXiv 2008.02312",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .is_cam = true,
    .is_signed = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
