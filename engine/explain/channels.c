#include "engine/explain/channels.h"

#include <math.h>
#include <stdlib.h>

#include "engine/explain/cam.h"
#include "engine/explain/combine.h"

/* The largest contribution first. */
static int compare(const void *left, const void *right)
{
    const struct channel *a = left, *b = right;

    if (a->contribution > b->contribution)
        return -1;
    if (a->contribution < b->contribution)
        return 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* F_k, before a normalization. */
static double pool(const struct probe_features *features, size_t k, bool is_max)
{
    size_t cells = features->height * features->width;
    double sum = 0, most = -INFINITY;

    for (size_t i = 0; i < cells; i++) {
        double value = (double)features->values[i * features->channels + k];

        sum += value;
        most = fmax(most, value);
    }
    return is_max ? most : sum / (double)cells;
}

/* Describes all channels. */
static void describe(struct channel *all, const struct probe_features *features,
                     const struct head *head, const struct cam_scale *scale,
                     const float *weights)
{
    for (size_t k = 0; k < features->channels; k++) {
        double pooled = pool(features, k, head->is_max);
        double activation = (pooled - scale->mean) / scale->deviation;

        all[k] = (struct channel){
            .index = k,
            .weight = (double)weights[k],
            .activation = activation,
            .contribution = (double)weights[k] * activation,
        };
    }
}

/* Of all channels in order. */
static void list(struct channels *channels, const struct channel *all,
                 size_t most)
{
    size_t total = channels->total, first = 0, last = total;

    while (first < total && first < most && all[first].contribution > 0)
        channels->list[channels->count++] = all[first++];
    while (last > first && total - last < most &&
           all[last - 1].contribution < 0)
        last--;
    for (size_t i = first; i < last; i++)
        channels->rest += all[i].contribution;
    for (size_t i = last; i < total; i++)
        channels->list[channels->count++] = all[i];
}

bool channels_find(struct channels *channels, const struct head *head,
                   const struct graph *graph,
                   const struct probe_features *features,
                   const struct target *target, const float *logits,
                   size_t most, struct error *err)
{
    size_t total = features->channels;
    float *seed = malloc((head->num_logits + total) * sizeof *seed);
    struct channel *all = malloc(total * sizeof *all);
    struct cam_scale scale;

    *channels = (struct channels){.total = total};
    if (!seed || !all) {
        free(seed);
        free(all);
        return fail(err, ERROR_MEMORY, "not enough memory for %zu channels",
                    total);
    }
    target_seed(seed, target, logits);
    channels->bias =
        combine_weights(seed + head->num_logits, head, graph, seed);
    cam_scale(&scale, head, graph, features->values);
    describe(all, features, head, &scale, seed + head->num_logits);
    qsort(all, total, sizeof *all, compare);
    list(channels, all, most);
    channels->expected = target_slope(target, logits);
    channels->found = channels->bias + channels->rest;
    for (size_t i = 0; i < channels->count; i++)
        channels->found += channels->list[i].contribution;
    free(seed);
    free(all);
    return true;
}
