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

void channels_pool(double *restrict activations, const struct head *head,
                   const struct graph *graph,
                   const struct probe_features *features)
{
    size_t cells = features->height * features->width;
    struct cam_scale scale;

    cam_scale(&scale, head, graph, features->values);
    for (size_t k = 0; k < features->channels; k++)
        activations[k] = head->is_max ? -INFINITY : 0;
    for (size_t i = 0; i < cells; i++)
        for (size_t k = 0; k < features->channels; k++) {
            double value = (double)features->values[i * features->channels + k];

            activations[k] = head->is_max ? fmax(activations[k], value)
                                          : activations[k] + value;
        }
    for (size_t k = 0; k < features->channels; k++) {
        double pooled =
            head->is_max ? activations[k] : activations[k] / (double)cells;

        activations[k] = (pooled - scale.mean) / scale.deviation;
    }
}

/* Describes all channels. */
static void describe(struct channel *all, const double *activations,
                     const float *weights, size_t total)
{
    for (size_t k = 0; k < total; k++)
        all[k] = (struct channel){
            .index = k,
            .weight = (double)weights[k],
            .activation = activations[k],
            .contribution = (double)weights[k] * activations[k],
        };
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
                   const struct graph *graph, const double *activations,
                   const struct target *target, const float *logits,
                   size_t most, struct error *err)
{
    size_t total = graph->values[head->features].shape.dim[3];
    float *seed = malloc((head->num_logits + total) * sizeof *seed);
    struct channel *all = malloc(total * sizeof *all);

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
    describe(all, activations, seed + head->num_logits, total);
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
