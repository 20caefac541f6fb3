#ifndef ENGINE_ENGINE_EXEMPLARS_H
#define ENGINE_ENGINE_EXEMPLARS_H

/* How strongly a photo excites each channel of a layer, where, and what part of
 * the photo is seen there.
 *
 *     struct peaks peaks = {0};
 *     struct crop_frame frame;
 *
 *     if (!engine_session_sample(session, bytes, len, &limits, NULL, &err) ||
 *         !engine_exemplars_find(session, &peaks, &frame, layer, NULL, &err))
 *         ...
 *     engine_exemplars_crop(&crop, engine, layer, &frame, peaks.list[k].x,
 *                           peaks.list[k].y);
 *     peaks_release(&peaks);
 *
 * Sessions as in engine.h: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/cancel.h"
#include "engine/base/error.h"
#include "engine/engine.h"
#include "engine/inside/crop.h"
#include "engine/inside/peaks.h"

/* Runs the network on the sample and finds the largest cell of each channel of
 * a layer, an index in engine_layers. Fails like engine_activations_find. */
bool engine_exemplars_find(struct engine_session *session, struct peaks *peaks,
                           struct crop_frame *frame, size_t layer,
                           const struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

/* The part of a photo that cell (x, y) of the layer sees (crop_find). Any
 * thread. */
void engine_exemplars_crop(struct crop *crop, const struct engine *engine,
                           size_t layer, const struct crop_frame *frame,
                           uint32_t x, uint32_t y);

#endif
