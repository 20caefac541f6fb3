/* Gradient times input: the sum over a pixel's colours of (x - x0) dt/dx. */
#include "engine/explain/pixel_map.h"

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    static const struct pixel_map_work work = {
        .count = 1, .is_unchanged = true, .finish = pixel_map_distance};

    return pixel_map_make(maps, input, &work, err);
}

const struct explain_method gradient_input_method = {
    .title = "gradient times input",
    .paper = "Shrikumar et al., Not Just a Black Box: Learning Important "
             "Features Through Propagating Activation Differences, 2016, "
             "arXiv 1605.01713",
    .needs = "gradients of the network",
    .of_pixels = true,
    .is_signed = true,
    .refuse = pixel_map_refuse,
    .passes = pixel_map_passes,
    .explain = explain,
};
