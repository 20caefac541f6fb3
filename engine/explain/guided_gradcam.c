/* Guided Grad-CAM: the map of guided backpropagation times that of Grad-CAM,
 * which is stretched to the size of the image. */
#include <stdlib.h>

#include "engine/explain/gradcam.h"
#include "engine/explain/guided.h"
#include "engine/explain/layer_map.h"
#include "engine/explain/stretch.h"

static void multiply(struct explain_map *map, const float *cells, size_t height,
                     size_t width)
{
    const struct stretch stretch = {
        .cells = cells,
        .channels = 1,
        .down = stretch_edges(height, map->height),
        .across = stretch_edges(width, map->width),
        .range = 1,
    };

    for (size_t y = 0; y < map->height; y++) {
        struct stretch_tap down = stretch_tap(&stretch.down, y);

        for (size_t x = 0; x < map->width; x++) {
            struct stretch_tap across = stretch_tap(&stretch.across, x);
            float factor = (float)stretch_at(&stretch, &down, &across);
            size_t pixel = y * map->width + x;

            map->values[pixel] *= factor;
            for (size_t c = 0; c < map->num_colours; c++)
                map->colours[pixel * map->num_colours + c] *= factor;
        }
    }
}

/* `seed` and `cells` are scratch: (num_logits) and (height, width) of the
 * features. */
static bool weigh(struct explain_maps *maps, const struct explain_input *input,
                  const struct probe_features *features, float *seed,
                  float *cells, struct error *err)
{
    const float *gradient;

    for (size_t i = 0; i < maps->count; i++) {
        target_seed(seed, &input->targets[i], input->logits);
        if (!probe_layer_gradient(input->probe, seed, &gradient, err) ||
            !gradcam_compute(cells, features, gradient, err))
            return false;
        multiply(&maps->map[i], cells, features->height, features->width);
    }
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    size_t num_logits = input->task->network->head.num_logits;
    struct probe_features features;
    float *scratch;
    bool ok;

    if (!guided_make(maps, input, err) ||
        !probe_features(input->probe, &features, err))
        return false;
    scratch = malloc((num_logits + features.height * features.width) *
                     sizeof *scratch);
    ok = scratch || fail(err, ERROR_MEMORY, "not enough memory for a map");
    ok =
        ok && weigh(maps, input, &features, scratch, scratch + num_logits, err);
    free(scratch);
    return ok;
}

static size_t passes(const struct explain_task *task)
{
    return pixel_map_passes(task) + layer_map_passes(task);
}

const struct explain_method guided_gradcam_method = {
    .title = "guided Grad-CAM",
    .paper = "Selvaraju et al., Grad-CAM: Visual Explanations from Deep "
             "Networks via Gradient-based Localization, ICCV 2017, "
             "arXiv 1610.02391",
    .needs = "a feature map, gradients of the network, and no activations but "
             "ReLU and Clip(0, c)",
    .uses_layer = true,
    .of_pixels = true,
    .has_colours = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
