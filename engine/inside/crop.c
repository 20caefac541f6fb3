#include "engine/inside/crop.h"

#include <math.h>

/* What rounding may add to a position, in pixels of the photo. */
static const double HAIR = 1e-6;

static double clip(double value, double most)
{
    return fmin(fmax(value, 0), most);
}

/* A cell's field along one axis, begun and ended in pixels of the input. */
struct field {
    double begin, end;
};

static struct field field_of(double first, double size, double stride,
                             uint32_t cell)
{
    double begin = first + cell * stride;

    if (!isfinite(first) || !isfinite(size))
        return (struct field){-INFINITY, INFINITY};
    return (struct field){begin, begin + size};
}

/* The whole pixels from *begin on that a field touches.
 *
 * input       the input's side
 * start, len  the part of the photo that the input shows
 * side        the photo's */
static uint32_t pixels_of(uint32_t *begin, const struct field *field,
                          uint32_t input, double start, double len,
                          uint32_t side)
{
    double each = len / input;
    double first = clip(start + clip(field->begin, input) * each, side);
    double last = clip(start + clip(field->end, input) * each, side);

    first = fmin(floor(first + HAIR), side - 1.0);
    last = fmax(ceil(last - HAIR), first + 1);
    *begin = (uint32_t)first;
    return (uint32_t)(last - first);
}

void crop_find(struct crop *crop, const struct layer *layer,
               uint32_t input_width, uint32_t input_height,
               const struct crop_frame *frame, uint32_t x, uint32_t y)
{
    const struct preprocess_region *region = &frame->region;
    struct field across =
        field_of(layer->first_x, layer->field_x, layer->stride_x, x);
    struct field down =
        field_of(layer->first_y, layer->field_y, layer->stride_y, y);

    crop->width = pixels_of(&crop->x, &across, input_width, region->x,
                            region->width, frame->width);
    crop->height = pixels_of(&crop->y, &down, input_height, region->y,
                             region->height, frame->height);
}
