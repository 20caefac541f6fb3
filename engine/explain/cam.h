#ifndef ENGINE_EXPLAIN_CAM_H
#define ENGINE_EXPLAIN_CAM_H

/* Class activation maps (Zhou et al., "Learning Deep Features for
 * Discriminative Localization", CVPR 2016). */

#include <stddef.h>

/* Writes the activation map of one class (equation 2 of the paper):
 *
 *     map[y][x] = sum over c of weights[c] * features[y][x][c]
 *
 * map       out  (height, width)            raw scores, any sign
 * features  in   (height, width, channels)  last layer before pooling, NHWC
 * weights   in   (channels)                 the class's row of the final layer
 *
 * The mean of the map plus the class's bias is the class's logit. The arrays
 * must not overlap. Any thread. */
void cam_map(float *restrict map, const float *restrict features,
             const float *restrict weights, size_t height, size_t width,
             size_t channels);

#endif
