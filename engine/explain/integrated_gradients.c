/* Integrated gradients: (x - x0) times the mean of the gradient on the way from
 * the baseline to the image, by the rule of Gauss and Legendre. The map's sum
 * is then nearly the target's change on that way. */
#include "engine/explain/gauss.h"
#include "engine/explain/pixel_map.h"

static void prepare(const struct explain_input *input,
                    const struct probe_features *image, size_t i,
                    float *changed)
{
    const struct explain_task *task = input->task;
    double share = gauss_point(i, task->parameters.steps).at;
    size_t channels = image->channels;

    for (size_t p = 0; p < image->height * image->width; p++)
        for (size_t c = 0; c < channels; c++) {
            double from = (double)task->baseline[c];
            double to = (double)image->values[p * channels + c];

            changed[p * channels + c] = (float)(from + share * (to - from));
        }
}

static double weight(const struct explain_input *input, size_t i)
{
    return gauss_point(i, input->task->parameters.steps).weight;
}

/* ---- completeness ---- */

/* Hides the whole image. */
static void hide(void *user, size_t i, float *changed)
{
    const struct explain_input *input = user;
    struct probe_features image;

    (void)i;
    probe_image(input->probe, &image);
    for (size_t p = 0; p < image.height * image.width; p++)
        for (size_t c = 0; c < image.channels; c++)
            changed[p * image.channels + c] = input->task->baseline[c];
}

static double sum_of(const struct explain_map *map)
{
    double sum = 0;

    for (size_t i = 0; i < map->height * map->width; i++)
        sum += (double)map->values[i];
    return sum;
}

static bool add_checks(struct explain_maps *maps,
                       const struct explain_input *input, struct error *err)
{
    struct explain_input hidden = *input; /* because `user` is not const */
    const struct probe_task task = {
        .count = 1, .user = &hidden, .prepare = hide};
    double without[EXPLAIN_MAX_CLASSES];

    if (!probe_targets(input->probe, PROBE_IMAGE, &task, input->targets,
                       maps->count, without, err))
        return false;
    for (size_t i = 0; i < maps->count; i++)
        explain_add_check(&maps->map[i], "completeness",
                          target_value(&input->targets[i], input->logits) -
                              without[i],
                          sum_of(&maps->map[i]));
    return true;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    const struct pixel_map_work work = {
        .count = input->task->parameters.steps,
        .prepare = prepare,
        .weight = weight,
        .finish = pixel_map_distance,
    };

    return pixel_map_make(maps, input, &work, err) &&
           add_checks(maps, input, err);
}

static size_t passes(const struct explain_task *task)
{
    return pixel_map_changed_passes(task, task->parameters.steps) + 1;
}

const struct explain_method integrated_gradients_method = {
    .title = "integrated gradients",
    .paper = "Sundararajan et al., Axiomatic Attribution for Deep Networks, "
             "ICML 2017, arXiv 1703.01365",
    .needs = "gradients of the network",
    .parameters = EXPLAIN_HAS(EXPLAIN_STEPS),
    .of_pixels = true,
    .is_signed = true,
    .refuse = pixel_map_refuse,
    .passes = passes,
    .explain = explain,
};
