/* Grad-CAM++, equation 19 of the paper divided by g squared:
 *
 *     ReLU(sum over k of v_k A_k)
 *     v_k = sum over cells of ReLU(g_k) / (2 + g_k max(0, sum of A_k))
 *
 * The maximum keeps features that may be negative, such as those of SiLU, from
 * making the divisor 0. Where g_k is negative, the term is 0 whatever it is
 * divided by, so ReLU(g_k) may stand in the divisor. */
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"

/* The weight of each channel; sums and weights are (channels) zeros. */
static void weigh(float *restrict weights, float *restrict sums,
                  const struct probe_features *features,
                  const float *restrict gradient)
{
    size_t cells = features->height * features->width;
    size_t channels = features->channels;

    for (size_t cell = 0; cell < cells; cell++)
        for (size_t k = 0; k < channels; k++)
            sums[k] += features->values[cell * channels + k];
    for (size_t k = 0; k < channels; k++)
        sums[k] = sums[k] > 0 ? sums[k] : 0;
    for (size_t cell = 0; cell < cells; cell++)
        for (size_t k = 0; k < channels; k++) {
            float g = gradient[cell * channels + k];

            g = g > 0 ? g : 0;
            weights[k] += g / (2 + g * sums[k]);
        }
}

static bool compute(float *restrict map, const struct probe_features *features,
                    const float *restrict gradient, struct error *err)
{
    size_t channels = features->channels;
    float *weights = calloc(2 * channels, sizeof *weights);

    if (!weights)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    channels);
    weigh(weights, weights + channels, features, gradient);
    cam_weigh(map, features->values, weights, features->height, features->width,
              channels);
    layer_map_rectify(map, features->height * features->width);
    free(weights);
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    return layer_map_make(maps, input, compute, err);
}

const struct explain_method gradcam_plus_plus_method = {
    .title = "Grad-CAM++",
    .paper =
        "Chattopadhay et al., Grad-CAM++: Improved Visual Explanations for "
        "Deep Convolutional Networks, WACV 2018, arXiv 1710.11063",
    .needs = "a feature map, and gradients of what follows it",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = layer_map_passes,
    .explain = explain,
};
