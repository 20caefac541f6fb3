#ifndef ENGINE_ENGINE_ACTIVATIONS_H
#define ENGINE_ENGINE_ACTIVATIONS_H

/* The activations of a layer on an image.
 *
 *     struct engine_activations_request request =
 *         ENGINE_ACTIVATIONS_REQUEST_DEFAULT;
 *     struct engine_activations found;
 *
 *     if (!engine_session_sample(session, bytes, len, &limits, NULL, &err) ||
 *         !engine_activations_find(session, &found, &request, NULL, &err))
 *         ...
 *
 * Sessions as in engine.h: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/inside/activations.h"

/* The most values that an answer has: as rows of numbers, and as floats. */
enum {
    ENGINE_ACTIVATIONS_MAX_NUMBERS = 1 << 18,
    ENGINE_ACTIVATIONS_MAX_FLOATS = 1 << 22
};

struct engine_activations_request {
    size_t layer; /* index in engine_layers, or EXPLAIN_LAYER_DEFAULT */
    struct activations_choice choice;
    struct activations_style style;
    bool has_sheet; /* a contact sheet is drawn */
    enum explain_values values;
};

#define ENGINE_ACTIVATIONS_REQUEST_DEFAULT                     \
    {                                                          \
        .layer = EXPLAIN_LAYER_DEFAULT, .choice = {.top = 16}, \
        .style = {.alpha = 0.5f, .size = 128},                 \
    }

/* Everything is borrowed from the session, until its next image. */
struct engine_activations {
    const struct image *image;
    struct preprocess_region region; /* the part of the image that maps cover */
    const struct layer *layer;
    const struct activations *found;
    struct buf *sheet; /* a PNG, or empty. The caller may take its bytes */
    struct engine_timing timing;
};

struct probe_features;

/* Runs the network on the sample, as a whole if that computes the layer, or
 * else up to it. The features are valid until the next call of probe_end.
 * Fails like engine_activations_find. */
bool engine_activations_features(struct engine_session *session,
                                 struct probe_features *features, size_t layer,
                                 const struct explain_watch *watch,
                                 struct error *err)
    __attribute__((warn_unused_result));

/* Checks what is asked against the model, without an image.
 * ERROR_UNSUPPORTED  the network has no feature maps
 * ERROR_INPUT        the layer does not have a channel; or the answer would
 * have too many values, or too many pixels */
bool engine_activations_check(const struct engine *engine,
                              const struct engine_activations_request *request,
                              struct error *err)
    __attribute__((warn_unused_result));

/* Runs the network on the sample, up to the layer or as a whole, and shows the
 * channels of the layer: one pass, always computed in floats but for the
 * default layer of a network of 8-bit integers. As in engine_activations_check,
 * and ERROR_BUSY   cancelled ERROR_IO     model.onnx has changed since the
 * model was opened ERROR_LIMIT, ERROR_MEMORY, ERROR_INTERNAL */
bool engine_activations_find(struct engine_session *session,
                             struct engine_activations *found,
                             const struct engine_activations_request *request,
                             const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

#endif
