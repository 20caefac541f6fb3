/* Score-CAM: ReLU(sum over k of w_k A_k), where the weights are the softmax
 * over the channels of the target of the image seen through channel k, which is
 * stretched to the image's size and then to the range from 0 to 1. A channel
 * that is the same everywhere shows nothing and has no weight.
 *
 * Of more channels than are asked for, those are taken whose features have the
 * largest variance over the cells: the map is a sum of channels, and what
 * varies little adds little to it. The others have no weight. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/layer_map.h"
#include "engine/explain/stretch.h"

struct channel {
    size_t index;
    double variance; /* over the cells, times their number */
};

/* The channels that the image is seen through. */
struct channels {
    const float *baseline;
    struct probe_features image, features;
    struct channel *list; /* (count) owned */
    float *weights;       /* (channels) scratch; owned */
    size_t count;
};

static void prepare(void *user, size_t i, float *changed)
{
    const struct channels *channels = user;
    const struct probe_features *image = &channels->image;
    const struct probe_features *features = &channels->features;
    struct stretch mask = {
        .cells = features->values + channels->list[i].index,
        .channels = features->channels,
        .down = stretch_centres(features->height, image->height),
        .across = stretch_centres(features->width, image->width),
    };

    stretch_normalize(&mask, image->height, image->width);
    stretch_blend(changed, image, channels->baseline, &mask);
}

/* 0 only if all cells are the same. */
static double variance(const struct probe_features *features, size_t k)
{
    size_t cells = features->height * features->width;
    double sum = 0, squares = 0;

    for (size_t p = 0; p < cells; p++) {
        double off = (double)features->values[p * features->channels + k] -
                     (double)features->values[k];

        sum += off;
        squares += off * off;
    }
    return squares > 0 ? fmax(squares - sum * sum / (double)cells, DBL_MIN) : 0;
}

/* The larger variance first, and of equal ones the channel that comes first. */
static int by_variance(const void *a, const void *b)
{
    const struct channel *x = a, *y = b;

    if (x->variance != y->variance)
        return x->variance < y->variance ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

/* Lists the channels that are not flat, at most `most` of them unless that is
 * 0. */
static bool list_channels(struct channels *channels, size_t most,
                          struct error *err)
{
    size_t num = channels->features.channels;

    channels->list = malloc(num * sizeof *channels->list);
    channels->weights = malloc(num * sizeof *channels->weights);
    if (!channels->list || !channels->weights)
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    num);
    for (size_t k = 0; k < num; k++) {
        struct channel channel = {k, variance(&channels->features, k)};

        if (channel.variance > 0)
            channels->list[channels->count++] = channel;
    }
    if (most > 0 && channels->count > most) {
        qsort(channels->list, channels->count, sizeof *channels->list,
              by_variance);
        channels->count = most;
    }
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
        weights[channels->list[i].index] =
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
              list_channels(&channels, input->task->parameters.channels, err);

    probe_image(input->probe, &channels.image);
    ok = ok && make(maps, &channels, input, err);
    release(&channels);
    return ok;
}

/* Channels that are the same everywhere take none. */
static size_t passes(const struct explain_task *task)
{
    size_t most = task->parameters.channels;
    size_t channels = task->layer ? task->layer->channels : 0;

    if (most > 0 && channels > most)
        channels = most;
    return (task->value == GRAPH_NONE) + channels;
}

const struct explain_method scorecam_method = {
    .title = "Score-CAM",
    .paper = "Wang et al., Score-CAM: Score-Weighted Visual Explanations for "
             "Convolutional Neural Networks, CVPR Workshops 2020, "
             "arXiv 1910.01279",
    .needs = "a feature map",
    .parameters = EXPLAIN_HAS(EXPLAIN_CHANNELS),
    .uses_layer = true,
    .refuse = layer_map_refuse,
    .passes = passes,
    .explain = explain,
};
