#ifndef ENGINE_EXPLAIN_LAYER_MAP_H
#define ENGINE_EXPLAIN_LAYER_MAP_H

/* What the methods share that compute a map from the features of a layer and
 * the gradient of the target at them. */

#include "engine/explain/method.h"

/* Computes a map. Both arrays are (height, width, channels).
 *
 * map       out  (height, width)
 * features  in   A
 * gradient  in   g = dt/dA */
typedef bool layer_map_fn(float *restrict map,
                          const struct probe_features *features,
                          const float *restrict gradient, struct error *err);

/* Makes all maps. Fails like a method. */
bool layer_map_make(struct explain_maps *maps,
                    const struct explain_input *input, layer_map_fn *compute,
                    struct error *err) __attribute__((warn_unused_result));

/* Where only a mean and a linear layer follow, adds checks to maps that are
 * then class activation maps, divided by the number of cells: the largest
 * difference from them; and, unless their negative values were replaced by 0,
 * the sum plus the bias. Takes no pass. ERROR_MEMORY. */
bool layer_map_check(struct explain_maps *maps,
                     const struct explain_input *input, bool is_rectified,
                     struct error *err) __attribute__((warn_unused_result));

/* What such a method's row says: the network has a layer. */
const char *layer_map_refuse(const struct explain_task *task);

/* Features take a pass unless the plan that classifies has them, and gradients
 * one for each map unless only a mean and a linear layer follow. */
size_t layer_map_passes(const struct explain_task *task);

/* Replaces negative values by 0. */
void layer_map_rectify(float *map, size_t count);

#endif
