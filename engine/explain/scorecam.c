/* Score-CAM: ReLU(sum over k of w_k A_k), where the weights are the softmax
 * over the channels of the target of the image seen through channel k, which is
 * stretched to the image's size and then to the range from 0 to 1. A channel
 * that is the same everywhere shows nothing and has no weight. */
#include <math.h>
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"
#include "engine/explain/stretch.h"

/* The channels that the image is seen through. */
struct channels {
    const float *baseline;
    struct probe_features image, features;
    size_t *list;   /* (count) owned */
    float *weights; /* (channels) scratch; owned */
    size_t count;
};

static void prepare(void *user, size_t i, float *changed)
{
    const struct channels *channels = user;
    const struct probe_features *image = &channels->image;
    const struct probe_features *features = &channels->features;
    struct stretch mask = {
        .cells = features->values + channels->list[i],
        .channels = features->channels,
        .down = stretch_centres(features->height, image->height),
        .across = stretch_centres(features->width, image->width),
    };

    stretch_normalize(&mask, image->height, image->width);
    stretch_blend(changed, image, channels->baseline, &mask);
}

static bool is_flat(const struct probe_features *features, size_t k)
{
    size_t count = features->height * features->width * features->channels;

    for (size_t i = k; i < count; i += features->channels)
        if (features->values[i] != features->values[k])
            return false;
    return true;
}

/* Lists the channels that are not flat. */
static bool list_channels(struct channels *channels, struct error *err)
{
    size_t num = channels->features.channels;

    channels->list = malloc(num * sizeof *channels->list);
    channels->weights = malloc(num * sizeof *channels->weights);
    if (!channels->list || !channels->weights)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    num);
    for (size_t k = 0; k < num; k++)
        if (!is_flat(&channels->features, k))
            channels->list[channels->count++] = k;
    return true;
}

static void release(struct channels *channels)
{
    free(channels->list);
    free(channels->weights);
}

/* Makes map m from the targets, which are (count, num_maps). */
static void weigh(struct explain_maps *maps, size_t m,
                  const struct channels *channels, const double *values)
{
    const struct probe_features *features = &channels->features;
    float *map = maps->map[m].values, *weights = channels->weights;
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < channels->count; i++)
        max = fmax(max, values[i * maps->count + m]);
    for (size_t i = 0; i < channels->count; i++)
        sum += exp(values[i * maps->count + m] - max);
    for (size_t k = 0; k < features->channels; k++)
        weights[k] = 0;
    for (size_t i = 0; i < channels->count; i++)
        weights[channels->list[i]] =
            (float)(exp(values[i * maps->count + m] - max) / sum);
    cam_weigh(map, features->values, weights, features->height, features->width,
              features->channels);
    layer_map_rectify(map, features->height * features->width);
}

static bool make(struct explain_maps *maps, struct channels *channels,
                 const struct explain_input *input, struct error *err)
{
    const struct probe_task task = {
        .count = channels->count, .user = channels, .prepare = prepare};
    double *values = malloc((task.count + 1) * maps->count * sizeof *values);
    bool ok = values || fail(err, ERROR_MEMORY,
                             "not enough memory for %zu passes", task.count);

    ok = ok && probe_targets(input->probe, PROBE_IMAGE, &task, input->targets,
                             maps->count, values, err);
    for (size_t m = 0; ok && m < maps->count; m++)
        weigh(maps, m, channels, values);
    free(values);
    return ok;
}

static bool explain(struct explain_maps *maps,
                    const struct explain_input *input, struct error *err)
{
    struct channels channels = {.baseline = input->task->baseline};
    bool ok = probe_features(input->probe, &channels.features, err) &&
              explain_reserve(maps, channels.features.height,
                              channels.features.width, err) &&
              list_channels(&channels, err);

    probe_image(input->probe, &channels.image);
    ok = ok && make(maps, &channels, input, err);
    release(&channels);
    return ok;
}

/* Channels that are the same everywhere take none. */
static size_t passes(const struct explain_task *task)
{
    return (task->value == GRAPH_NONE) +
           (task->layer ? task->layer->channels : 0);
}

const struct explain_method scorecam_method = {
    .title = "Score-CAM",
    .paper = "Wang et al., Score-CAM: Score-Weighted Visual Explanations for "
             "Convolutional Neural Networks, CVPR Workshops 2020, "
             "arXiv 1910.01279",
    .needs = "a feature map",
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
