/* Guided backpropagation: the largest absolute gradient over a pixel's colours,
 * where each ReLU lets through what is positive and where it is open. */
#include "engine/explain/guided.h"

bool guided_make(struct explain_maps *maps, const struct explain_input *input,
                 struct error *err)
{
    static const struct pixel_map_work work = {.count = 1,
                                               .is_unchanged = true,
                                               .rule = GRADIENT_GUIDED,
                                               .finish = pixel_map_largest};

    return pixel_map_make(maps, input, &work, err);
}

const struct explain_method guided_method = {
    .title = "guided backpropagation",
    .paper = "Springenberg et al., Striving for Simplicity: The All "
             "Convolutional Net, ICLR 2015, arXiv 1412.6806",
    .needs = "gradients of the network, and no activations but ReLU and "
             "Clip(0, c)",
    .of_pixels = true,
    .has_colours = true,
    .refuse = pixel_map_refuse,
    .passes = pixel_map_passes,
    .explain = guided_make,
};
