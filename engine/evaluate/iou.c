#include "engine/evaluate/iou.h"

#include <math.h>

static double area(const struct iou_box *box)
{
    return fmax(box->x1 - box->x0, 0) * fmax(box->y1 - box->y0, 0);
}

double iou_of(const struct iou_box *a, const struct iou_box *b)
{
    const struct iou_box common = {fmax(a->x0, b->x0), fmax(a->y0, b->y0),
                                   fmin(a->x1, b->x1), fmin(a->y1, b->y1)};
    double shared = area(&common), all = area(a) + area(b) - shared;

    return all > 0 ? shared / all : 0;
}

double iou_best(const struct iou_box *box, const struct iou_box *others,
                size_t count)
{
    double best = 0;

    for (size_t i = 0; i < count; i++)
        best = fmax(best, iou_of(box, &others[i]));
    return best;
}
