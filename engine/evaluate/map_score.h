#ifndef ENGINE_EVALUATE_MAP_SCORE_H
#define ENGINE_EVALUATE_MAP_SCORE_H

/* Whether a map's evidence is inside the true boxes. Any thread. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/evaluate/iou.h"

/* Finds the centre of the map's largest cell, the first in reading order.
 *
 * x, y    out  shares of the map's sides
 * map     in   (height, width)
 *
 * Returns false if no cell is above 0 or one is not a number: nothing is
 * pointed at. */
bool map_score_peak(double *x, double *y, const float *map, size_t height,
                    size_t width);

/* Whether a point is in any of the boxes. */
bool map_score_hits(double x, double y, const struct iou_box *boxes,
                    size_t num_boxes);

/* The part of the sum of all positive values that is of cells with their
 * centres in any of the boxes (Wang et al., Score-CAM, 2020, section 4.3); NAN
 * if no cell is above 0.
 *
 * map    in  (height, width)
 * boxes  in  in cells of the map */
double map_score_energy(const float *map, size_t height, size_t width,
                        const struct iou_box *boxes, size_t num_boxes);

#endif
