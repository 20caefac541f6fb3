/* Phases alone: each coefficient keeps the magnitude that it has in photos. */
#include <math.h>

#include "engine/ascend/nature.h"
#include "engine/ascend/painting_internal.h"
#include "engine/explain/random.h"

static size_t count(const struct painting *painting)
{
    return painting_num_coefficients(painting);
}

static void begin(struct painting *p, uint64_t seed)
{
    const float pi = 3.14159265f;
    size_t plane = p->shape.height * p->half;
    double unit = 1 / sqrt((double)(p->shape.height * p->shape.width));

    for (size_t i = 0; i < 3 * plane; i++) {
        double f = painting_frequency(p, i % plane / p->half, i % p->half);

        p->scale[i] = (float)(unit * nature_magnitude(i / plane, f));
        p->numbers[i] = pi * (float)(2 * random_uniform(seed, i) - 1);
    }
}

static void begin_photo(struct painting *p, const float *photo)
{
    painting_photo_coefficients(p, photo);
    for (size_t i = 0; i < p->count; i++) {
        p->scale[i] = hypotf(p->re[i], p->im[i]);
        p->numbers[i] = atan2f(p->im[i], p->re[i]);
    }
}

static void draw(struct painting *p)
{
    for (size_t i = 0; i < p->count; i++) {
        p->re[i] = p->scale[i] * cosf(p->numbers[i]);
        p->im[i] = p->scale[i] * sinf(p->numbers[i]);
    }
    painting_from_coefficients(p);
}

static void back(struct painting *p, const float *gradient)
{
    painting_to_coefficients(p, gradient);
    for (size_t i = 0; i < p->count; i++)
        p->gradient[i] = p->scale[i] * (p->im[i] * cosf(p->numbers[i]) -
                                        p->re[i] * sinf(p->numbers[i]));
}

const struct painting_kind painting_maco = {
    .count = count,
    .begin = begin,
    .begin_photo = begin_photo,
    .draw = draw,
    .back = back,
};
