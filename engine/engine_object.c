#include "engine/engine_object.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/run/plan.h"

bool engine_object_has_boxes(const struct explain_request *request)
{
    return !request->only_heatmap || request->style.kind == RENDER_BOXES;
}

bool engine_object_is_asked(const struct explain_request *request)
{
    return (engine_object_has_boxes(request) &&
            request->box.rule == BOX_OBJECT) ||
           request->map == EXPLAIN_MAP_OBJECT;
}

size_t engine_object_passes(const struct network *network,
                            const struct explain_request *request,
                            const struct explain_method *method,
                            size_t num_maps)
{
    return engine_object_is_asked(request) &&
                   request->box.quality == BOX_QUALITY_FINE &&
                   network->stage.value != GRAPH_NONE && !method->of_pixels
               ? num_maps
               : 0;
}

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

/* Sets the map by which the prototypes are chosen, of one of the method's.
 *
 * plan  that has run on what the map is of */
static bool make_seed(struct engine_object *object, struct object_grid *seed,
                      const struct object_grid *map, size_t i,
                      struct plan_session *plan, struct error *err)
{
    const struct engine_object_source *from = &object->source;
    const struct stage_block *block = &from->network->stage.block;
    struct object_pass pass;

    *seed = *map;
    if (object->seed != OBJECT_SEED_GRADIENT)
        return true;
    object->seeds =
        scratch_reserve(object->seeds, &object->seeds_cap,
                        map->height * map->width, sizeof(float), err);
    if (!object->seeds)
        return false;
    seed->values = object->seeds;
    pass = (struct object_pass){
        .map = map->values,
        .expanded = plan_session_data(plan, block->expanded),
        .deep = plan_session_data(plan, block->deep),
        .logits = from->logits,
    };
    return object_gradient_seed(object->seeds, &object->scratch, from->network,
                                &pass, &from->targets[i], err);
}

/* Sets the same of the part that was looked at, by its own map. */
static bool make_seed_of_part(struct engine_object *object,
                              struct object_grid *seed, size_t i,
                              struct error *err)
{
    const struct engine_object_source *from = &object->source;
    struct plan_session *plan = object->fine.plan;
    struct object_grid map = {NULL, from->maps->map[i].height,
                              from->maps->map[i].width, 1};

    object->closed =
        scratch_reserve(object->closed, &object->closed_cap,
                        map.height * map.width, sizeof(float), err);
    map.values = object->closed;
    return object->closed &&
           object_closed_map(
               object->closed, &object->scratch, from->network,
               plan_session_data(plan, from->network->head.features),
               &from->targets[i], from->logits, err) &&
           make_seed(object, seed, &map, i, plan, err);
}

static struct engine_fine_source
source_of_part(const struct engine_object_source *from)
{
    return (struct engine_fine_source){
        .network = from->network,
        .spec = from->spec,
        .preprocess = from->preprocess,
        .image = from->image,
        .team = from->team,
    };
}

/* Looks at a map's object once more, if there is one. */
static bool look_again(struct engine_object *object, size_t i,
                       const struct object_grid *seed,
                       struct engine_object_how *how, struct error *err)
{
    static const struct box_options options = {.rule = BOX_OBJECT};
    const bool has_map = object->is_closed && how->method->is_cam;
    struct explain_map *refined = &object->refined.map[i];
    const struct explain_watch *watch = how->watch;
    struct render_map drawn = engine_object_to_render(object, refined);
    struct object_grid chosen = *seed;
    struct engine_fine_part part;
    struct box_found found;

    if (!cancel_check(watch ? watch->cancel : NULL, err) ||
        !render_boxes(object->source.render, &found, &drawn, &options, err))
        return false;
    if (found.count == 0)
        return true;
    object->fine.source = source_of_part(&object->source);
    if (!engine_fine_choose(&object->fine, &part.region, &found.box,
                            &refined->region)) {
        object->coarse[i] = "the object fills the image, so that a second pass "
                            "would see the same";
        return true;
    }
    if (!engine_fine_look(&object->fine, &part, err) ||
        (has_map && !make_seed_of_part(object, &chosen, i, err)) ||
        !engine_fine_refine(&object->fine, refined, &object->coarse[i],
                            &object->scratch, &part, &chosen, has_map, err))
        return false;
    how->done++;
    if (watch && watch->progress)
        watch->progress(watch->user, how->done,
                        how->done + object->refined.count - 1 - i);
    return true;
}

static bool refine_one(struct engine_object *object, size_t i,
                       const struct object_stages *stages,
                       struct engine_object_how *how, struct error *err)
{
    struct explain_map *refined = &object->refined.map[i];
    const struct explain_map *map = &object->source.maps->map[i];
    const struct object_grid own = {map->values, map->height, map->width, 1};
    struct object_grid seed;

    object->coarse[i] = NULL;
    if (!make_seed(object, &seed, &own, i, object->source.plan, err) ||
        !object_refine_stages(refined->values, &object->refusal[i],
                              &object->scratch, &seed, stages, err))
        return false;
    refined->region = map->region;
    explain_find_range(refined);
    refined->scale = 1; /* the object's own prototype is drawn in full */
    return how->quality == BOX_QUALITY_FAST || object->refusal[i] ||
           look_again(object, i, &seed, how, err);
}

static void refuse_all(struct engine_object *object, size_t count,
                       const char *why)
{
    for (size_t i = 0; i < count; i++)
        object->refusal[i] = why;
}

/* The block's features have the sides of a class activation map, which is a
 * part of the seed `gradient`. */
static bool refine_all(struct engine_object *object,
                       struct engine_object_how *how, struct error *err)
{
    const struct explain_method *method = how->method;
    const struct stage *stage = &object->source.network->stage;
    const struct explain_maps *maps = object->source.maps;
    const struct object_grid *finest;
    struct object_stages stages;

    object->refined.count = maps->count;
    if (stage->value == GRAPH_NONE || method->of_pixels) {
        refuse_all(object, maps->count,
                   stage->value == GRAPH_NONE
                       ? stage->refusal
                       : "the method explains pixels, not a feature map");
        return true;
    }
    stages = engine_fine_stages(object->source.network, object->source.plan);
    finest = object_finest(&stages);
    object->seed = stage->block.expanded != GRAPH_NONE && method->is_cam &&
                           object->is_closed
                       ? OBJECT_SEED_GRADIENT
                       : OBJECT_SEED_MAP;
    for (size_t i = 0; i < maps->count; i++)
        object->refined.map[i].class_index = maps->map[i].class_index;
    if (!explain_reserve(&object->refined, finest->height, finest->width, err))
        return false;
    for (size_t i = 0; i < maps->count; i++)
        if (!refine_one(object, i, &stages, how, err))
            return false;
    return true;
}

bool engine_object_refine(struct engine_object *object,
                          struct explained_class *classes, size_t num_classes,
                          struct engine_object_how *how, struct error *err)
{
    const struct explain_map *first = object->source.maps->map;

    if (!refine_all(object, how, err))
        return false;
    for (size_t i = 0; i < num_classes; i++) {
        size_t map = (size_t)(classes[i].evidence - first);

        if (!classes[i].evidence)
            continue;
        classes[i].fallback = object->refusal[map];
        classes[i].coarse = object->refusal[map] ? NULL : object->coarse[map];
        classes[i].quality =
            classes[i].coarse ? BOX_QUALITY_FAST : how->quality;
    }
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

bool engine_object_draw(struct engine_object *object, struct buf *heatmap,
                        const struct explanation *explanation,
                        const struct render_options *options, struct error *err)
{
    const struct explained_class *first = explanation->first;
    struct render_map map = engine_object_to_render(object, first->map);
    struct render_options style = *options;

    map.boxes = first->boxes;
    map.num_boxes = first->num_boxes;
    map.colours = first->evidence->colours;
    map.num_colours = first->evidence->num_colours;
    map.is_bgr = object->source.spec->bgr;
    if (style.colormap == HEATMAP_AUTO && explanation->method->is_signed &&
        !first->is_refined)
        style.colormap = HEATMAP_SIGNED;
    return render_heatmap(object->source.render, heatmap, &map, &style, err);
}

void engine_object_trim(struct engine_object *object)
{
    const struct engine_object_source source = object->source;
    const struct engine_fine fine = {.source = object->fine.source,
                                     .num_runs = object->fine.num_runs};

    engine_object_release(object);
    object->source = source;
    object->fine = fine;
}

void engine_object_release(struct engine_object *object)
{
    engine_fine_release(&object->fine);
    explain_release(&object->refined);
    object_scratch_release(&object->scratch);
    free(object->seeds);
    free(object->closed);
    *object = (struct engine_object){0};
}
