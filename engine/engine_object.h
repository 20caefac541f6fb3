#ifndef ENGINE_ENGINE_OBJECT_H
#define ENGINE_ENGINE_OBJECT_H

/* The boxes of a request, and the refined maps (object.h) from which the box
 * rule `object` and the map kind `object` are made. */

#include "engine/engine.h"
#include "engine/engine_internal.h"
#include "engine/explain/object.h"

/* Kept from request to request; `= {0}` is empty. */
struct engine_object {
    struct explain_maps refined; /* one for each map of the request */
    const char *refusal[EXPLAIN_MAX_CLASSES];    /* of each, or NULL; static */
    enum object_seed seed;                       /* of all */
    struct box_found found[EXPLAIN_MAX_CLASSES]; /* of each map */
    struct object_scratch scratch;
    float *seeds; /* (height, width) of the map; owned */
    size_t seeds_cap;
};

/* What is refined; everything is borrowed. */
struct engine_object_input {
    const struct network *network;
    struct plan_session *plan; /* that has classified the image */
    const struct explain_method *method;
    const struct explain_maps *maps;
    const struct target *targets; /* (maps->count) */
    const float *logits;          /* (num_classes) */
};

/* Whether a request needs refined maps, with boxes or without. */
bool engine_object_is_asked(const struct explain_request *request,
                            bool has_boxes);

/* Refines all maps, or sets the refusal of those that cannot be. Takes no pass.
 * ERROR_MEMORY, ERROR_LIMIT. */
bool engine_object_refine(struct engine_object *object,
                          const struct engine_object_input *input,
                          struct error *err)
    __attribute__((warn_unused_result));

/* Where boxes are looked for; everything is borrowed. */
struct engine_object_boxes {
    struct render *render;
    const struct image *image;
    const struct explain_maps *maps; /* as above */
    struct box_options options;
};

/* Describes a map for rendering. */
struct render_map engine_object_to_render(const struct explain_map *map,
                                          const struct image *image);

/* Finds the boxes of a class whose map is one of boxes->maps: by the rule
 * object on the refined map, if it was not refused, or else by the rule paper
 * on the method's own. ERROR_MEMORY. */
bool engine_object_find(struct engine_object *object,
                        struct explained_class *entry,
                        const struct engine_object_boxes *boxes,
                        struct error *err) __attribute__((warn_unused_result));

/* Lets the response have the refined map of a class, if there is one. */
void engine_object_show(struct engine_object *object,
                        struct explained_class *entry,
                        const struct explain_maps *maps);

void engine_object_release(struct engine_object *object);

#endif
