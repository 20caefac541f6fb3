/* Saliency: the largest absolute gradient over a pixel's colours. */
#include "engine/explain/pixel_map.h"

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    static const struct pixel_map_work work = {
        .count = 1, .is_unchanged = true, .finish = pixel_map_largest};

    return pixel_map_make(maps, input, &work, err);
}

const struct explain_method saliency_method = {
    .title = "saliency map",
    .paper = "Simonyan et al., Deep Inside Convolutional Networks: Visualising "
             "Image Classification Models and Saliency Maps, 2013, "
             "arXiv 1312.6034",
    .needs = "gradients of the network",
    .of_pixels = true,
    .has_colours = true,
    .refuse = pixel_map_refuse,
    .passes = pixel_map_passes,
    .explain = explain,
};
