#ifndef ENGINE_ENGINE_OBJECT_H
#define ENGINE_ENGINE_OBJECT_H

/* The boxes of a request, and the refined maps (object.h) from which the box
 * rule `object` and the map kind `object` are made. */

#include "engine/engine.h"
#include "engine/engine_fine.h"
#include "engine/engine_internal.h"
#include "engine/explain/object.h"

/* What is refined and boxed; everything is borrowed from the session. */
struct engine_object_source {
    const struct network *network;
    struct plan_session *plan; /* that has classified the image */
    const struct explain_maps *maps;
    const struct target *targets;        /* (maps->count) */
    const float *logits;                 /* (num_classes) */
    const struct model_box *calibration; /* the model's */
    const struct image *image;
    struct render *render;
    const struct preprocess_spec *spec;
    struct preprocess *preprocess;
    struct team *team; /* or NULL */
};

/* Kept from request to request; with the source alone it is empty. */
struct engine_object {
    struct engine_object_source source;
    struct engine_fine fine;
    bool is_closed; /* the layer that the maps explain (explain_task) */
    struct explain_maps refined; /* one for each map of the request */
    const char *refusal[EXPLAIN_MAX_CLASSES];    /* of each, or NULL; static */
    const char *coarse[EXPLAIN_MAX_CLASSES];     /* why it is not of the quality
                                                    fine; or NULL; static */
    enum object_seed seed;                       /* of all */
    struct box_found found[EXPLAIN_MAX_CLASSES]; /* of each map */
    struct object_scratch scratch;
    float *seeds, *closed; /* (height, width) of the map; owned */
    size_t seeds_cap, closed_cap;
};

/* Whether a request needs boxes, and refined maps. */
bool engine_object_has_boxes(const struct explain_request *request);
bool engine_object_is_asked(const struct explain_request *request);

/* The passes that refining takes at most. */
size_t engine_object_passes(const struct network *network,
                            const struct explain_request *request,
                            const struct explain_method *method,
                            size_t num_maps);

struct engine_object_how {
    const struct explain_method *method; /* that has made the maps */
    enum box_quality quality;
    const struct explain_watch *watch; /* or NULL */
    size_t done; /* passes so far, without the one that classifies */
};

/* Refines all maps that the method has made; where that cannot be, the class
 * whose map it is gets the reason as its fallback. Takes a pass for each map by
 * the quality fine, and counts it in how->done. ERROR_BUSY if cancelled;
 * ERROR_MEMORY, ERROR_LIMIT, ERROR_INTERNAL.
 *
 * classes  inout  (num_classes) with or without a map */
bool engine_object_refine(struct engine_object *object,
                          struct explained_class *classes, size_t num_classes,
                          struct engine_object_how *how, struct error *err)
    __attribute__((warn_unused_result));

/* The layer whose cells were compared, or NULL if no map was refined. */
const struct layer *engine_object_stage(const struct engine_object *object);

/* Describes a map for rendering. */
struct render_map engine_object_to_render(const struct engine_object *object,
                                          const struct explain_map *map);

/* Finds the boxes of all classes that have a map: by the rule object on the
 * refined map, if it was not refused, or else by the rule paper on the method's
 * own. ERROR_BUSY if cancelled; ERROR_MEMORY.
 *
 * cancel  or NULL */
bool engine_object_find(struct engine_object *object,
                        struct explained_class *classes, size_t num_classes,
                        const struct box_options *options,
                        const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* Lets the response have the refined maps, where there are any. */
void engine_object_show(struct engine_object *object,
                        struct explained_class *classes, size_t num_classes);

/* Appends the heatmap of the first explained class, with its boxes if the
 * options say so. ERROR_MEMORY, ERROR_INTERNAL. */
bool engine_object_draw(struct engine_object *object, struct buf *heatmap,
                        const struct explanation *explanation,
                        const struct render_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Frees the memory, and keeps the source. */
void engine_object_trim(struct engine_object *object);

void engine_object_release(struct engine_object *object);

#endif
