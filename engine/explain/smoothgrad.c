/* SmoothGrad: the mean of signed gradients at the image with noise, of which
 * the largest absolute value over a pixel's colours is taken. */
#include <math.h>

#include "engine/explain/pixel_map.h"
#include "engine/explain/random.h"

static void prepare(const struct explain_input *input,
                    const struct probe_features *image, size_t i,
                    float *changed)
{
    const struct explain_parameters *parameters = &input->task->parameters;
    size_t count = image->height * image->width * image->channels;
    float min = image->values[0], max = image->values[0], deviation;

    for (size_t p = 1; p < count; p++) {
        min = fminf(min, image->values[p]);
        max = fmaxf(max, image->values[p]);
    }
    deviation = parameters->noise * (max - min);
    random_normal(changed, parameters->seed, (uint64_t)i * count, count);
    for (size_t p = 0; p < count; p++)
        changed[p] = image->values[p] + deviation * changed[p];
}

static double weight(const struct explain_input *input, size_t i)
{
    (void)i;
    return 1 / (double)input->task->parameters.samples;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    const struct pixel_map_work work = {
        .count = input->task->parameters.samples,
        .prepare = prepare,
        .weight = weight,
        .finish = pixel_map_largest,
    };

    return pixel_map_make(maps, input, &work, err);
}

static size_t passes(const struct explain_task *task)
{
    return pixel_map_changed_passes(task, task->parameters.samples);
}

const struct explain_method smoothgrad_method = {
    .title = "SmoothGrad",
    .paper = "Smilkov et al., SmoothGrad: Removing Noise by Adding Noise, "
             "2017, arXiv 1706.03825",
    .needs = "gradients of the network",
    .parameters = EXPLAIN_HAS(EXPLAIN_SAMPLES) | EXPLAIN_HAS(EXPLAIN_NOISE) |
                  EXPLAIN_HAS(EXPLAIN_SEED),
    .of_pixels = true,
    .has_colours = true,
    .refuse = pixel_map_refuse,
    .passes = passes,
    .explain = explain,
};
