#include "engine/engine_object.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/run/plan.h"

bool engine_object_is_asked(const struct explain_request *request,
                            bool has_boxes)
{
    return (has_boxes && request->box.rule == BOX_OBJECT) ||
           request->map == EXPLAIN_MAP_OBJECT;
}

static struct object_grid features_of(const struct engine_object_source *from)
{
    const struct network *network = from->network;
    const struct graph_shape *shape =
        &network->graph.values[network->stage.value].shape;

    return (struct object_grid){
        .values = plan_session_data(from->plan, network->stage.value),
        .height = shape->dim[1],
        .width = shape->dim[2],
        .channels = shape->dim[3],
    };
}

/* Sets min, max and scale. 1 is drawn in full: the object's own prototype. */
static void find_range(struct explain_map *map)
{
    map->min = map->max = map->values[0];
    for (size_t i = 1; i < map->height * map->width; i++) {
        map->min = map->values[i] < map->min ? map->values[i] : map->min;
        map->max = map->values[i] > map->max ? map->values[i] : map->max;
    }
    map->scale = 1;
}

static bool refine_one(struct engine_object *object, size_t i,
                       const struct object_grid *features, struct error *err)
{
    const struct engine_object_source *from = &object->source;
    const struct explain_map *map = &from->maps->map[i];
    struct explain_map *refined = &object->refined.map[i];
    struct object_grid grid = {map->values, map->height, map->width, 1};

    if (object->seed == OBJECT_SEED_STATIC) {
        object->seeds =
            scratch_reserve(object->seeds, &object->seeds_cap,
                            map->height * map->width, sizeof(float), err);
        if (!object->seeds ||
            !object_static_seed(
                object->seeds, &object->scratch, from->network, map->values,
                plan_session_data(from->plan,
                                  from->network->stage.block.expanded),
                &from->targets[i], from->logits, err))
            return false;
        grid.values = object->seeds;
    }
    if (!object_refine(refined->values, &object->refusal[i], &object->scratch,
                       &grid, features, err))
        return false;
    refined->region = map->region;
    find_range(refined);
    return true;
}

static void refuse_all(struct engine_object *object, size_t count,
                       const char *why)
{
    for (size_t i = 0; i < count; i++)
        object->refusal[i] = why;
}

/* The block's features have the sides of a class activation map, which the seed
 * `static` is a part of. */
static bool refine_all(struct engine_object *object,
                       const struct explain_method *method, struct error *err)
{
    const struct stage *stage = &object->source.network->stage;
    const struct explain_maps *maps = object->source.maps;
    struct object_grid features;

    object->refined.count = maps->count;
    if (stage->value == GRAPH_NONE || method->of_pixels) {
        refuse_all(object, maps->count,
                   stage->value == GRAPH_NONE
                       ? stage->refusal
                       : "the method explains pixels, not a feature map");
        return true;
    }
    features = features_of(&object->source);
    object->seed = stage->block.expanded != GRAPH_NONE && method == &cam_method
                       ? OBJECT_SEED_STATIC
                       : OBJECT_SEED_MAP;
    for (size_t i = 0; i < maps->count; i++)
        object->refined.map[i].class_index = maps->map[i].class_index;
    if (!explain_reserve(&object->refined, features.height, features.width,
                         err))
        return false;
    for (size_t i = 0; i < maps->count; i++)
        if (!refine_one(object, i, &features, err))
            return false;
    return true;
}

bool engine_object_refine(struct engine_object *object,
                          struct explained_class *classes, size_t num_classes,
                          const struct explain_method *method,
                          struct error *err)
{
    const struct explain_map *first = object->source.maps->map;

    if (!refine_all(object, method, err))
        return false;
    for (size_t i = 0; i < num_classes; i++)
        if (classes[i].evidence)
            classes[i].fallback = object->refusal[classes[i].evidence - first];
    return true;
}

const struct layer *engine_object_stage(const struct engine_object *object)
{
    const struct network *network = object->source.network;

    for (size_t i = 0; i < object->refined.count; i++)
        if (!object->refusal[i])
            return &network->layers.list[network->stage.layer];
    return NULL;
}

/* ---- boxes ---- */

struct render_map engine_object_to_render(const struct engine_object *object,
                                          const struct explain_map *map)
{
    return (struct render_map){
        .values = map->values,
        .width = map->width,
        .height = map->height,
        .scale = map->scale,
        .region = map->region,
        .image = object->source.image,
    };
}

static bool find_on(struct engine_object *object, struct explained_class *entry,
                    const struct explain_map *map,
                    const struct box_options *options, struct error *err)
{
    const struct explain_map *first = object->source.maps->map;
    struct box_found *found = &object->found[entry->evidence - first];
    struct render_map drawn = engine_object_to_render(object, map);

    if (!render_boxes(object->source.render, found, &drawn, options, err))
        return false;
    entry->rule = options->rule;
    entry->has_box = found->count > 0;
    entry->box = found->box;
    entry->boxes = found->list;
    entry->num_boxes = found->count;
    return true;
}

static const struct explain_map *refined_of(const struct engine_object *object,
                                            const struct explained_class *entry)
{
    return &object->refined.map[entry->evidence - object->source.maps->map];
}

static bool find_of(struct engine_object *object, struct explained_class *entry,
                    const struct box_options *asked, struct error *err)
{
    struct box_options options = *asked;

    if (!options.calibrated)
        options.calibrated = object->source.calibration;
    if (options.rule == BOX_OBJECT && !entry->fallback) {
        if (!find_on(object, entry, refined_of(object, entry), &options, err))
            return false;
        if (entry->has_box)
            return true;
        entry->fallback = "no cell is much more like the object than like what "
                          "is around it";
    }
    if (options.rule == BOX_OBJECT)
        options.rule = BOX_PAPER;
    return find_on(object, entry, entry->evidence, &options, err);
}

bool engine_object_find(struct engine_object *object,
                        struct explained_class *classes, size_t num_classes,
                        const struct box_options *options,
                        const struct cancel *cancel, struct error *err)
{
    for (size_t i = 0; i < num_classes; i++)
        if (classes[i].evidence &&
            (!cancel_check(cancel, err) ||
             !find_of(object, &classes[i], options, err)))
            return false;
    return true;
}

void engine_object_show(struct engine_object *object,
                        struct explained_class *classes, size_t num_classes)
{
    for (size_t i = 0; i < num_classes; i++) {
        if (!classes[i].evidence || classes[i].fallback)
            continue;
        classes[i].map = refined_of(object, &classes[i]);
        classes[i].is_refined = true;
    }
}

void engine_object_trim(struct engine_object *object)
{
    const struct engine_object_source source = object->source;

    engine_object_release(object);
    object->source = source;
}

void engine_object_release(struct engine_object *object)
{
    explain_release(&object->refined);
    object_scratch_release(&object->scratch);
    free(object->seeds);
    *object = (struct engine_object){0};
}
