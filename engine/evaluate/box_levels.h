#ifndef ENGINE_EVALUATE_BOX_LEVELS_H
#define ENGINE_EVALUATE_BOX_LEVELS_H

/* How well the boxes of a map meet the true ones at every threshold, by the
 * arithmetic of the published code of Choe et al. (2020), so that results can
 * be compared: at threshold level k, the cells above k are the foreground. Its
 * boxes are those of its outer contours (of 8-connected cells) and of the
 * contours of its holes (through the foreground's cells around them). A box
 * from cell x0 of a contour w cells wide ends at min(x0 + w, SIDE - 1), and
 * areas count that last row and column. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/evaluate/iou.h"
#include "engine/evaluate/level_map.h"

enum { BOX_LEVELS = 255 }; /* level k is the threshold k / 255 */

/* At each level, the intersection over union with the true box that is met
 * best. */
struct box_levels {
    double largest[BOX_LEVELS]; /* of the contour with the largest area */
    double any[BOX_LEVELS];     /* of the best of all contours */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. One thread at a
 * time. */
struct box_levels_scratch {
    struct box_levels_cells *cells; /* owned */
};

/* What is true of a picture, in pixels of it or of the size that the data set
 * has; the published code takes the last pixels of boxes, x1 - 1 and y1 - 1. */
struct box_levels_truth {
    double width, height;        /* of the picture */
    const struct iou_box *boxes; /* (num_boxes) */
    size_t num_boxes;
};

/* ERROR_MEMORY. */
bool box_levels_find(struct box_levels *out, struct box_levels_scratch *scratch,
                     const uint8_t levels[LEVEL_MAP_CELLS],
                     const struct box_levels_truth *truth, struct error *err)
    __attribute__((warn_unused_result));

void box_levels_release(struct box_levels_scratch *scratch);

#endif
