#ifndef ENGINE_EVALUATE_EVALUATE_CURVES_H
#define ENGINE_EVALUATE_EVALUATE_CURVES_H

/* Deletion and insertion (pixel_curve.h) for the maps of one photo, which share
 * what they begin and end with. One thread at a time. */

#include "engine/engine.h"

struct evaluate_curves;

/* Everything is borrowed. Returns NULL on ERROR_MEMORY. */
struct evaluate_curves *
evaluate_curves_new(const struct engine *engine, struct engine_session *session,
                    size_t num_maps, size_t steps, struct error *err)
    __attribute__((warn_unused_result));

/* Keeps the order of pixels by map `i` of the session's sample.
 *
 * values  in  (height, width)
 *
 * ERROR_MEMORY. */
bool evaluate_curves_add(struct evaluate_curves *curves, size_t i,
                         const float *values, size_t height, size_t width,
                         struct error *err) __attribute__((warn_unused_result));

struct evaluate_curve_areas {
    double deletion, insertion;
};

/* Measures all maps; the session's last run must have been on its sample, which
 * is changed.
 *
 * areas  out  (num_maps)
 *
 * ERROR_INTERNAL. */
bool evaluate_curves_measure(struct evaluate_curves *curves,
                             struct evaluate_curve_areas *areas,
                             size_t class_index, struct error *err)
    __attribute__((warn_unused_result));

void evaluate_curves_free(struct evaluate_curves *curves);

#endif
