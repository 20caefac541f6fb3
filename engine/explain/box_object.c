#include "engine/explain/box_object.h"

#include <math.h>

#include "engine/explain/object.h"

static const float thresholds[] = OBJECT_THRESHOLDS;

enum { NUM = sizeof thresholds / sizeof thresholds[0], MIDDLE = NUM / 2 };

/* The sums of the edges of `count` boxes. */
struct edges {
    double left, top, right, bottom;
    size_t count;
};

static void add(struct edges *edges, const struct box *box)
{
    edges->left += box->x;
    edges->top += box->y;
    edges->right += (double)box->x + box->width;
    edges->bottom += (double)box->y + box->height;
    edges->count++;
}

/* Scales one direction about its centre, rounds it to whole cells and clips it
 * to the map. */
static void place(uint32_t *start, uint32_t *length, double first, double last,
                  size_t size)
{
    double centre = (first + last) / 2;
    double half = (last - first) / 2 * OBJECT_SCALE;
    double low = fmax(floor(centre - half + 0.5), 0);
    double high = fmin(fmax(floor(centre + half + 0.5), low + 1), (double)size);

    *start = (uint32_t)low;
    *length = (uint32_t)(high - low);
}

static void take_mean(struct box *box, const struct edges *edges, size_t height,
                      size_t width)
{
    const double count = (double)edges->count;

    place(&box->x, &box->width, edges->left / count, edges->right / count,
          width);
    place(&box->y, &box->height, edges->top / count, edges->bottom / count,
          height);
}

static bool is_same(const struct box *a, const struct box *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width &&
           a->height == b->height;
}

/* Gives the listed components their boxes; `largest` is that of found->box. */
static void place_list(struct box_found *found, const struct box *largest,
                       size_t height, size_t width)
{
    for (size_t i = 0; i < found->count; i++) {
        struct box *box = &found->list[i];
        struct edges edges = {0};

        add(&edges, box);
        if (is_same(box, largest)) {
            box->x = found->box.x;
            box->y = found->box.y;
            box->width = found->box.width;
            box->height = found->box.height;
        } else {
            take_mean(box, &edges, height, width);
        }
    }
}

bool box_object_find(struct box_found *found, struct box_scratch *scratch,
                     const float *map, size_t height, size_t width, float max,
                     const struct box_options *options, struct error *err)
{
    struct edges edges = {0};
    struct box largest;

    for (size_t i = 0; i < NUM; i++) {
        struct box_found at = {0};

        if (!box_find_above(&at, scratch, map, height, width, max,
                            thresholds[i], box_most(options), err))
            return false;
        if (at.count == 0)
            break;
        add(&edges, &at.box);
        if (i <= MIDDLE)
            *found = at;
    }
    if (edges.count == 0)
        return true;
    largest = found->box;
    take_mean(&found->box, &edges, height, width);
    place_list(found, &largest, height, width);
    return true;
}
