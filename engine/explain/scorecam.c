/* Score-CAM: ReLU(sum over k of w_k A_k), where the weights are the softmax
 * over the channels of the target of the image seen through channel k, which is
 * stretched to the image's size and to the range from 0 to 1. A channel that is
 * the same everywhere shows nothing and has no weight. */
#include <math.h>
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"
#include "engine/explain/stretch.h"

/* The channels that the image is seen through. */
struct channels {
    const float *baseline;
    struct probe_features image, features;
    size_t *list;      /* (count) owned */
    float *low, *high; /* (channels) owned */
    size_t count;
};

static void prepare(void *user, size_t i, float *changed)
{
    const struct channels *channels = user;
    const struct probe_features *features = &channels->features;
    size_t k = channels->list[i];
    const struct stretch mask = {
        .cells = features->values + k,
        .channels = features->channels,
        .down = stretch_centres(features->height, channels->image.height),
        .across = stretch_centres(features->width, channels->image.width),
        .low = (double)channels->low[k],
        .range = (double)channels->high[k] - (double)channels->low[k],
    };

    stretch_blend(changed, &channels->image, channels->baseline, &mask);
}

/* Lists the channels that are not flat. */
static bool list_channels(struct channels *channels, struct error *err)
{
    const struct probe_features *features = &channels->features;
    size_t num = features->channels;

    channels->list = malloc(num * sizeof *channels->list);
    channels->low = malloc(num * sizeof *channels->low);
    channels->high = malloc(num * sizeof *channels->high);
    if (!channels->list || !channels->low || !channels->high)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    num);
    for (size_t k = 0; k < num; k++)
        channels->low[k] = channels->high[k] = features->values[k];
    for (size_t cell = 1; cell < features->height * features->width; cell++)
        for (size_t k = 0; k < num; k++) {
            float value = features->values[cell * num + k];

            channels->low[k] = fminf(channels->low[k], value);
            channels->high[k] = fmaxf(channels->high[k], value);
        }
    for (size_t k = 0; k < num; k++)
        if (channels->low[k] < channels->high[k])
            channels->list[channels->count++] = k;
    return true;
}

static void release(struct channels *channels)
{
    free(channels->list);
    free(channels->low);
    free(channels->high);
}

/* Makes map m from the targets, which are (count, num_maps). `weights` is
 * scratch, (channels). */
static void weigh(struct explain_maps *maps, size_t m,
                  const struct channels *channels, const double *values,
                  float *weights)
{
    const struct probe_features *features = &channels->features;
    float *map = maps->map[m].values;
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

/* Runs the passes; the bounds of the channels then make room for weights. */
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
        weigh(maps, m, channels, values, channels->low);
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
    return (task->value == GRAPH_NONE) + task->layer->channels;
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
