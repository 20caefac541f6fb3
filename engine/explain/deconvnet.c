/* The deconvnet: the largest absolute gradient over a pixel's colours, where
 * each ReLU lets through what is positive, whether it is open or not. */
#include "engine/explain/pixel_map.h"

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    static const struct pixel_map_work work = {.count = 1,
                                               .is_unchanged = true,
                                               .rule = GRADIENT_DECONVNET,
                                               .finish = pixel_map_largest};

    return pixel_map_make(maps, input, &work, err);
}

const struct explain_method deconvnet_method = {
    .title = "deconvnet",
    .paper = "Zeiler and Fergus, Visualizing and Understanding Convolutional "
             "Networks, ECCV 2014, arXiv 1311.2901",
    .needs = "gradients of the network, and no activations but ReLU and "
             "Clip(0, c)",
    .of_pixels = true,
    .has_colours = true,
    .refuse = pixel_map_refuse,
    .passes = pixel_map_passes,
    .explain = explain,
};
