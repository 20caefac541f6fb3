#ifndef ENGINE_ENGINE_FINE_H
#define ENGINE_ENGINE_FINE_H

/* The second pass of the quality `fine`: the network looks once more, and more
 * closely, at the part of the image around an object that was found, and the
 * part's cells are compared as the image's were (object.h).
 *
 * The part is FINE_AROUND times the box, about its centre and within the image.
 * With the refined maps r of the image and r' of the part, the new one is
 * (r + r') / 2 on the part's cells. The prototypes of the part are chosen by
 * the same map as those of the image, but that of the part, if it takes no
 * further pass; else by the image's, cut to the part. */

#include "engine/base/team.h"
#include "engine/explain/box.h"
#include "engine/explain/explain.h"
#include "engine/explain/object.h"
#include "engine/image/preprocess.h"
#include "engine/network/network.h"
#include "engine/render/heatmap.h"
#include "engine/run/plan.h"

#define FINE_AROUND 1.5

/* What is looked at; everything is borrowed from the session. */
struct engine_fine_source {
    const struct network *network; /* with a stage */
    const struct preprocess_spec *spec;
    struct preprocess *preprocess;
    const struct image *image;
    struct team *team; /* or NULL */
};

/* Kept from request to request; with the source alone it is empty. `= {0}` is
 * empty too. */
struct engine_fine {
    struct engine_fine_source source;
    struct plan_session *plan; /* owned; NULL until a first pass is made */
    struct heatmap_scratch heatmap;
    float *floats; /* owned */
    size_t cap;    /* bytes */
    uint64_t num_runs;
};

/* The features of the stages for the last image of a plan's session. */
struct object_stages engine_fine_stages(const struct network *network,
                                        struct plan_session *plan);

/* What the second pass saw; the features are the session's until the next. */
struct engine_fine_part {
    struct preprocess_region region; /* of the image, in pixels */
    struct object_stages stages;
};

/* Chooses the part around a box; false if it is nearly all that the maps cover,
 * so that a second pass would see the same.
 *
 * box      of an object, in pixels of the image
 * covered  what the maps cover of the image */
bool engine_fine_choose(const struct engine_fine *fine,
                        struct preprocess_region *part, const struct box *box,
                        const struct preprocess_region *covered);

/* Makes the pass over part->region, which becomes what the input showed.
 * ERROR_MEMORY, ERROR_INTERNAL. */
bool engine_fine_look(struct engine_fine *fine, struct engine_fine_part *part,
                      struct error *err) __attribute__((warn_unused_result));

/* Makes a refined map finer. Returns with a reason in *refusal, and the map as
 * it was, if the part cannot be compared. ERROR_MEMORY.
 *
 * refined  inout  with the sides of the finest stage; its region becomes the
 *                 part's
 * seed     in     channels 1; of the part, or else of the refined map's region
 */
bool engine_fine_refine(struct engine_fine *fine, struct explain_map *refined,
                        const char **refusal, struct object_scratch *scratch,
                        const struct engine_fine_part *part,
                        const struct object_grid *seed, bool is_of_part,
                        struct error *err) __attribute__((warn_unused_result));

void engine_fine_release(struct engine_fine *fine);

#endif
