#ifndef ENGINE_EXPLAIN_BOX_OBJECT_H
#define ENGINE_EXPLAIN_BOX_OBJECT_H

/* The box of a refined map (object.h). */

#include "engine/explain/box.h"

/* Like box_find, for a map with a positive maximum `max`. found->box is the
 * mean of the boxes of the largest components above each of OBJECT_THRESHOLDS
 * that has one, enlarged by OBJECT_SCALE about its centre and clipped to the
 * map: no single threshold is right for all photos. Its threshold is the
 * middle one. If several boxes are asked for, the list has the components above
 * the middle threshold instead, the largest of which has found->box. */
bool box_object_find(struct box_found *found, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width, float max,
                     const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
