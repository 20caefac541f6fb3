#include "engine/explain/box_object.h"

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

static uint32_t rounded(double sum, size_t count)
{
    return (uint32_t)(sum / (double)count + 0.5);
}

static void take_mean(struct box *box, const struct edges *edges)
{
    box->x = rounded(edges->left, edges->count);
    box->y = rounded(edges->top, edges->count);
    box->width = rounded(edges->right, edges->count) - box->x;
    box->height = rounded(edges->bottom, edges->count) - box->y;
    box->width += box->width == 0;
    box->height += box->height == 0;
}

static bool is_same(const struct box *a, const struct box *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width &&
           a->height == b->height;
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
    take_mean(&found->box, &edges);
    for (size_t i = 0; i < found->count; i++)
        if (is_same(&found->list[i], &largest)) {
            found->list[i].x = found->box.x;
            found->list[i].y = found->box.y;
            found->list[i].width = found->box.width;
            found->list[i].height = found->box.height;
        }
    return true;
}
