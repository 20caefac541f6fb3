#ifndef ENGINE_ENGINE_CHANNELS_H
#define ENGINE_ENGINE_CHANNELS_H

/* The channels of the explained classes, with their maps and boxes. */

#include "engine/engine.h"
#include "engine/engine_object.h"

/* Kept from request to request; `= {0}` is empty. */
struct engine_channels {
    struct explained_channels class[EXPLAIN_MAX_CLASSES];
    struct explained_channel *list; /* (sum of the classes' counts) owned */
    float *values;                  /* (that, height, width) owned */
    double *activations;            /* (channels of the feature map) owned */
    size_t list_cap, values_cap, activations_cap;
};

/* Whether a request asks for channels. */
bool engine_channels_are_asked(const struct explain_request *request);

/* Whether they can be listed if they are asked for: ERROR_UNSUPPORTED. */
bool engine_channels_check(const struct network *network,
                           const struct explain_request *request,
                           struct error *err)
    __attribute__((warn_unused_result));

/* Finds the channels of all classes that are asked for, and sets them. `object`
 * knows the session's run. ERROR_MEMORY.
 *
 * classes  inout  (num_classes)
 * region   of the image that maps cover */
bool engine_channels_find(struct engine_channels *channels,
                          const struct engine_object *object,
                          struct explained_class *classes, size_t num_classes,
                          const struct preprocess_region *region,
                          const struct explain_request *request,
                          struct error *err)
    __attribute__((warn_unused_result));

void engine_channels_release(struct engine_channels *channels);

#endif
