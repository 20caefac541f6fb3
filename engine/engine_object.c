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

static struct object_grid features_of(const struct engine_object_input *input)
{
    const struct network *network = input->network;
    const struct graph_shape *shape =
        &network->graph.values[network->stage.value].shape;

    return (struct object_grid){
        .values = plan_session_data(input->plan, network->stage.value),
        .height = shape->dim[1],
        .width = shape->dim[2],
        .channels = shape->dim[3],
    };
}

/* The static seed is a refinement of the class activation map, which has the
 * sides of the block's features. */
static bool has_static_seed(const struct engine_object_input *input)
{
    return input->network->stage.block.expanded != GRAPH_NONE &&
           input->method == &cam_method;
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
                       const struct engine_object_input *input,
                       const struct object_grid *features, struct error *err)
{
    const struct explain_map *map = &input->maps->map[i];
    const struct network *network = input->network;
    struct explain_map *refined = &object->refined.map[i];
    struct object_grid grid = {map->values, map->height, map->width, 1};

    if (object->seed == OBJECT_SEED_STATIC) {
        object->seeds =
            scratch_reserve(object->seeds, &object->seeds_cap,
                            map->height * map->width, sizeof(float), err);
        if (!object->seeds ||
            !object_static_seed(
                object->seeds, &object->scratch, network, map->values,
                plan_session_data(input->plan, network->stage.block.expanded),
                &input->targets[i], input->logits, err))
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

bool engine_object_refine(struct engine_object *object,
                          const struct engine_object_input *input,
                          struct error *err)
{
    const struct stage *stage = &input->network->stage;
    struct object_grid features;

    object->refined.count = input->maps->count;
    if (stage->value == GRAPH_NONE || input->method->of_pixels) {
        refuse_all(object, input->maps->count,
                   stage->value == GRAPH_NONE
                       ? stage->refusal
                       : "the method explains pixels, not a feature map");
        return true;
    }
    features = features_of(input);
    object->seed =
        has_static_seed(input) ? OBJECT_SEED_STATIC : OBJECT_SEED_MAP;
    for (size_t i = 0; i < input->maps->count; i++)
        object->refined.map[i].class_index = input->maps->map[i].class_index;
    if (!explain_reserve(&object->refined, features.height, features.width,
                         err))
        return false;
    for (size_t i = 0; i < input->maps->count; i++)
        if (!refine_one(object, i, input, &features, err))
            return false;
    return true;
}

/* ---- boxes ---- */

struct render_map engine_object_to_render(const struct explain_map *map,
                                          const struct image *image)
{
    return (struct render_map){
        .values = map->values,
        .width = map->width,
        .height = map->height,
        .scale = map->scale,
        .region = map->region,
        .image = image,
    };
}

static bool find_on(struct box_found *found, struct explained_class *entry,
                    const struct explain_map *map,
                    const struct engine_object_boxes *boxes,
                    const struct box_options *options, struct error *err)
{
    struct render_map drawn = engine_object_to_render(map, boxes->image);

    if (!render_boxes(boxes->render, found, &drawn, options, err))
        return false;
    entry->rule = options->rule;
    entry->has_box = found->count > 0;
    entry->box = found->box;
    entry->boxes = found->list;
    entry->num_boxes = found->count;
    return true;
}

bool engine_object_find(struct engine_object *object,
                        struct explained_class *entry,
                        const struct engine_object_boxes *boxes,
                        struct error *err)
{
    const size_t slot = (size_t)(entry->map - boxes->maps->map);
    struct box_found *found = &object->found[slot];
    struct box_options options = boxes->options;

    if (options.rule == BOX_OBJECT && !entry->fallback) {
        if (!find_on(found, entry, &object->refined.map[slot], boxes, &options,
                     err))
            return false;
        if (entry->has_box)
            return true;
        entry->fallback = "no cell is much more like the object than like what "
                          "is around it";
    }
    if (options.rule == BOX_OBJECT)
        options.rule = BOX_PAPER;
    return find_on(found, entry, entry->map, boxes, &options, err);
}

void engine_object_show(struct engine_object *object,
                        struct explained_class *entry,
                        const struct explain_maps *maps)
{
    if (!entry->map || entry->fallback)
        return;
    entry->map = &object->refined.map[entry->map - maps->map];
    entry->is_refined = true;
}

void engine_object_release(struct engine_object *object)
{
    explain_release(&object->refined);
    object_scratch_release(&object->scratch);
    free(object->seeds);
    *object = (struct engine_object){0};
}
