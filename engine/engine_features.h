#ifndef ENGINE_ENGINE_FEATURES_H
#define ENGINE_ENGINE_FEATURES_H

/* The features of a layer on an image, and what a model's folder says of the
 * network's input: for those who put another head on the network.
 *
 *     if (!engine_session_sample(session, bytes, len, &limits, NULL, &err) ||
 *         !engine_features_find(session, &features, layer, NULL, &err))
 *         ...
 *     engine_features_end(session);
 *
 * Sessions as in engine.h: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/image/preprocess.h"

/* Borrowed from the session. */
struct engine_features {
    const float *values; /* (height, width, channels) */
    size_t height, width, channels;
    uint32_t image_width, image_height; /* of the upright image, in pixels */
    struct preprocess_region region;    /* the part of it that they cover */
};

/* Runs the network on the sample, as a whole if that computes the layer, or
 * else up to it; the features are valid until engine_features_end. Fails like
 * engine_activations_find.
 *
 * layer  in  index in engine_layers */
bool engine_features_find(struct engine_session *session,
                          struct engine_features *features, size_t layer,
                          const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

void engine_features_end(struct engine_session *session);

/* How the network's input is made. Valid as long as the engine. */
const struct preprocess_spec *
engine_features_input(const struct engine *engine);

#endif
