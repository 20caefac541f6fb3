#ifndef ENGINE_EXPLAIN_BOX_AUTHORS_H
#define ENGINE_EXPLAIN_BOX_AUTHORS_H

/* Boxes as the code finds them that was released with class activation maps. */

#include "engine/explain/box.h"

/* Follows bboxgenerator/dt_box.cpp, with the thresholds 20, 100 and 110 of
 * generate_bbox.m:
 *
 * 1. the map over its maximum is rounded to levels 0 to 255; a mask for each
 *    threshold has the cells above it;
 * 2. of a mask, a cell remains whose distance to the nearest cell outside it,
 *    over the largest such distance and rounded to levels 0 to 255, is above
 *    10. This cuts thin bridges. A mask without a cell outside remains;
 * 3. the borders of all components (8-connected) and of all holes in them
 *    (4-connected; their border lies on the cells around) are bounded by
 *    boxes, cut so that they end at least 5 cells before the right and lower
 *    edge of the map; those that become empty are left out;
 * 4. the boxes of all masks are sorted, the largest first; of equal ones, that
 *    of the lowest threshold;
 * 5. each removes the later ones of which it covers more than half of the
 *    larger area, except that the one after a removed one is not looked at.
 *
 * At most BOX_AUTHORS_POOL boxes are kept in step 4, the largest. The share of
 * a box is that of the positive values within it. */
enum { BOX_AUTHORS_POOL = 256 };

/* Like box_find, for a map with a positive maximum `max`; found->box is the
 * first of the list. */
bool box_authors_find(struct box_found *found, struct box_scratch *scratch,
                      const float *map, size_t height, size_t width, float max,
                      const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

#endif
