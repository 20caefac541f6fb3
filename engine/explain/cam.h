#ifndef ENGINE_EXPLAIN_CAM_H
#define ENGINE_EXPLAIN_CAM_H

/* Class activation maps (Zhou et al., "Learning Deep Features for
 * Discriminative Localization", CVPR 2016), read from a head (head.h): the
 * method `cam`. Any thread. */

#include <stddef.h>

#include "engine/graph/graph.h"
#include "engine/passes/head.h"

/* The statistics by which an image's pooled features are normalized. */
struct cam_scale {
    double mean, deviation;
};

/* Equation 2 of the paper:
 *
 *     map[y][x] = sum over c of weights[c] * features[y][x][c]
 *
 * map       out  (height, width)            unscaled, of any sign
 * features  in   (height, width, channels)  last layer before pooling, NHWC
 * weights   in   (channels)                 the class's row of the final layer
 *
 * The mean of the map plus the class's bias is the class's logit. The arrays
 * must not overlap. */
void cam_weigh(float *restrict map, const float *restrict features,
               const float *restrict weights, size_t height, size_t width,
               size_t channels);

/* Computes the mean of the image's pooled features and their deviation, with
 * epsilon; 0 and 1 if the head has no normalization.
 *
 * features  in   (height, width, channels) */
void cam_scale(struct cam_scale *scale, const struct head *head,
               const struct graph *graph, const float *restrict features);

/* Writes the map of class k < num_classes; the head must have no refusal.
 *
 * map       out  (height, width)
 * features  in   (height, width, channels)
 * scale     in   by cam_scale, of these features: one for all classes */
void cam_map(float *restrict map, const struct head *head,
             const struct graph *graph, const float *restrict features,
             const struct cam_scale *scale, size_t k);

/* The bias of class k < num_classes. */
double cam_bias(const struct head *head, const struct graph *graph, size_t k);

#endif
