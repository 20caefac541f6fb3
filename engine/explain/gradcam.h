#ifndef ENGINE_EXPLAIN_GRADCAM_H
#define ENGINE_EXPLAIN_GRADCAM_H

#include "engine/explain/probe.h"

/* Computes the map of Grad-CAM. ERROR_MEMORY.
 *
 * map       out  (height, width)
 * gradient  in   (height, width, channels), of the target at the features */
bool gradcam_compute(float *restrict map, const struct probe_features *features,
                     const float *restrict gradient, struct error *err)
    __attribute__((warn_unused_result));

#endif
