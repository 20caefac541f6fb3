#include "engine/engine_channels.h"

#include <stdlib.h>

#include "engine/base/scratch.h"

bool engine_channels_are_asked(const struct explain_request *request)
{
    return request->channels > 0 && !request->only_heatmap;
}

bool engine_channels_check(const struct network *network,
                           const struct explain_request *request,
                           struct error *err)
{
    return request->channels == 0 || !network->head.refusal ||
           fail(err, ERROR_UNSUPPORTED, "channels cannot be listed: %s",
                network->head.refusal);
}

/* A channel's activations are its map. */
static void fill_map(struct explain_map *map, float *values, size_t k,
                     const struct probe_features *features)
{
    size_t cells = features->height * features->width;

    map->width = features->width;
    map->height = features->height;
    map->values = values;
    for (size_t i = 0; i < cells; i++)
        values[i] = features->values[i * features->channels + k];
    explain_find_range(map);
    map->scale = map->max;
}

/* By the paper's rule: what is a large activation does not depend on the
 * class. */
static bool fill_box(struct explained_channel *channel,
                     const struct engine_object *object, float threshold,
                     struct error *err)
{
    const struct box_options options = {
        .rule = BOX_PAPER, .threshold = threshold, .most = 1};
    struct render_map drawn = engine_object_to_render(object, &channel->map);
    struct box_found found;

    if (!render_boxes(object->source.render, &found, &drawn, &options, err))
        return false;
    channel->has_box = found.count > 0;
    channel->box = found.box;
    return true;
}

static struct probe_features
features_of(const struct engine_object_source *source)
{
    const struct network *network = source->network;

    return probe_view(&network->graph, source->plan, network->head.features);
}

/* The channels of one class, from place `first` on. */
static bool find_of(struct engine_channels *channels, size_t i, size_t first,
                    const struct engine_object *object,
                    const struct explained_class *entry,
                    const struct preprocess_region *region,
                    const struct explain_request *request, struct error *err)
{
    const struct engine_object_source *source = &object->source;
    const struct network *network = source->network;
    struct probe_features features = features_of(source);
    size_t cells = features.height * features.width;
    struct explained_channels *made = &channels->class[i];
    struct target target;

    made->list = channels->list + first;
    if (!target_set(&target, request->target, entry->class.index,
                    request->against, &network->head, source->logits, err) ||
        !channels_find(&made->found, &network->head, &network->graph,
                       channels->activations, &target, source->logits,
                       request->channels, err))
        return false;
    for (size_t k = 0; k < made->found.count; k++) {
        struct explained_channel *one = &made->list[k];

        *one = (struct explained_channel){.map.region = *region};
        fill_map(&one->map, channels->values + (first + k) * cells,
                 made->found.list[k].index, &features);
        if (!fill_box(one, object, request->box.threshold, err))
            return false;
    }
    return true;
}

bool engine_channels_find(struct engine_channels *channels,
                          const struct engine_object *object,
                          struct explained_class *classes, size_t num_classes,
                          const struct preprocess_region *region,
                          const struct explain_request *request,
                          struct error *err)
{
    struct probe_features features = features_of(&object->source);
    size_t most = 2 * request->channels, count = 0, i = 0;

    most = most < features.channels ? most : features.channels;
    for (size_t k = 0; k < num_classes; k++)
        count += classes[k].is_asked;
    channels->list = scratch_reserve(channels->list, &channels->list_cap,
                                     count * most, sizeof *channels->list, err);
    if (!channels->list)
        return false;
    channels->values = scratch_reserve(
        channels->values, &channels->values_cap, count * most,
        features.height * features.width * sizeof *channels->values, err);
    if (!channels->values)
        return false;
    channels->activations =
        scratch_reserve(channels->activations, &channels->activations_cap,
                        features.channels, sizeof *channels->activations, err);
    if (!channels->activations)
        return false;
    channels_pool(channels->activations, &object->source.network->head,
                  &object->source.network->graph, &features);
    for (size_t k = 0; k < num_classes; k++) {
        if (!classes[k].is_asked)
            continue;
        if (!find_of(channels, i, i * most, object, &classes[k], region,
                     request, err))
            return false;
        classes[k].channels = &channels->class[i++];
    }
    return true;
}

void engine_channels_release(struct engine_channels *channels)
{
    free(channels->list);
    free(channels->values);
    free(channels->activations);
    *channels = (struct engine_channels){0};
}
