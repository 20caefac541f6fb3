#ifndef ENGINE_EVALUATE_IOU_H
#define ENGINE_EVALUATE_IOU_H

/* Boxes against boxes. Any thread. */

#include <stddef.h>

/* Columns x0 to x1 and rows y0 to y1, half-open, in any unit. */
struct iou_box {
    double x0, y0, x1, y1;
};

/* The area that two boxes share, divided by the area that they cover together;
 * 0 if that is empty. */
double iou_of(const struct iou_box *a, const struct iou_box *b);

/* The largest of a box with any of `count` others; 0 without others. */
double iou_best(const struct iou_box *box, const struct iou_box *others,
                size_t count);

#endif
