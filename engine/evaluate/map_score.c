#include "engine/evaluate/map_score.h"

#include <math.h>

bool map_score_peak(double *x, double *y, const float *map, size_t height,
                    size_t width)
{
    size_t at = 0;

    for (size_t i = 0; i < height * width; i++) {
        if (isnan(map[i]))
            return false;
        if (map[i] > map[at])
            at = i;
    }
    *x = ((double)(at % width) + 0.5) / (double)width;
    *y = ((double)(at / width) + 0.5) / (double)height;
    return map[at] > 0;
}

bool map_score_hits(double x, double y, const struct iou_box *boxes,
                    size_t num_boxes)
{
    for (size_t i = 0; i < num_boxes; i++)
        if (x >= boxes[i].x0 && x < boxes[i].x1 && y >= boxes[i].y0 &&
            y < boxes[i].y1)
            return true;
    return false;
}

double map_score_energy(const float *map, size_t height, size_t width,
                        const struct iou_box *boxes, size_t num_boxes)
{
    double inside = 0, all = 0;

    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            float value = map[y * width + x];

            if (!(value > 0))
                continue;
            all += (double)value;
            if (map_score_hits((double)x + 0.5, (double)y + 0.5, boxes,
                               num_boxes))
                inside += (double)value;
        }
    return all > 0 ? inside / all : NAN;
}
