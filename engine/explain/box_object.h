#ifndef ENGINE_EXPLAIN_BOX_OBJECT_H
#define ENGINE_EXPLAIN_BOX_OBJECT_H

/* The box of a refined map (object.h). */

#include "engine/explain/box.h"

/* Like box_find, for a map with a positive maximum `max`. found->box is the
 * mean of the boxes of the largest components above each of OBJECT_THRESHOLDS
 * that has one, in whole cells: no single threshold is right for all photos.
 * Its threshold is the middle one. The list has the components above the middle
 * threshold, the largest of which has found->box. box_adjust enlarges all by
 * OBJECT_SCALE. */
bool box_object_find(struct box_found *found, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width, float max,
                     const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
