/* The samples themselves, for comparison. */
#include <math.h>
#include <string.h>

#include "engine/ascend/painting_internal.h"
#include "engine/explain/random.h"

/* Deviation of the noise that it begins with. */
static const float START = 0.01f;

static size_t count(const struct painting *painting)
{
    return 3 * painting->shape.height * painting->shape.width;
}

static void settle(struct painting *p)
{
    for (size_t i = 0; i < p->count; i++)
        p->numbers[i] = fminf(fmaxf(p->numbers[i], 0), 1);
}

static void begin(struct painting *p, uint64_t seed)
{
    random_normal(p->numbers, seed, 0, p->count);
    for (size_t i = 0; i < p->count; i++)
        p->numbers[i] = 0.5f + START * p->numbers[i];
}

static void begin_photo(struct painting *p, const float *photo)
{
    memcpy(p->numbers, photo, p->count * sizeof *photo);
}

static void draw(struct painting *p)
{
    memcpy(p->canvas, p->numbers, p->count * sizeof *p->canvas);
}

static void back(struct painting *p, const float *gradient)
{
    memcpy(p->gradient, gradient, p->count * sizeof *gradient);
}

const struct painting_kind painting_pixels = {
    .count = count,
    .begin = begin,
    .begin_photo = begin_photo,
    .draw = draw,
    .back = back,
    .settle = settle,
};
