/* Fourier coefficients, each times a scale that falls with its frequency. */
#include <math.h>

#include "engine/ascend/painting_internal.h"
#include "engine/explain/random.h"

/* Deviation of the coefficients that noise begins with: nearly grey. */
static const float START = 0.01f;

static size_t count(const struct painting *painting)
{
    return 2 * painting_num_coefficients(painting);
}

/* 1 / frequency, but no more than at the lowest one, for a quarter of the
 * amplitude of white noise. */
static void set_scale(struct painting *p)
{
    const struct painting_shape *shape = &p->shape;
    size_t longest =
        shape->height > shape->width ? shape->height : shape->width;
    double unit = 0.25 / sqrt((double)(shape->height * shape->width));

    for (size_t c = 0; c < 3; c++)
        for (size_t v = 0; v < shape->height; v++)
            for (size_t u = 0; u < p->half; u++)
                p->scale[(c * shape->height + v) * p->half + u] =
                    (float)(unit / fmax(painting_frequency(p, v, u),
                                        1 / (double)longest));
}

static void begin(struct painting *p, uint64_t seed)
{
    set_scale(p);
    random_normal(p->numbers, seed, 0, p->count);
    for (size_t i = 0; i < p->count; i++)
        p->numbers[i] *= START;
}

static void begin_photo(struct painting *p, const float *photo)
{
    size_t num = painting_num_coefficients(p);

    set_scale(p);
    painting_photo_coefficients(p, photo);
    for (size_t i = 0; i < num; i++) {
        p->numbers[i] = p->re[i] / p->scale[i];
        p->numbers[num + i] = p->im[i] / p->scale[i];
    }
}

static void draw(struct painting *p)
{
    size_t num = painting_num_coefficients(p);

    for (size_t i = 0; i < num; i++) {
        p->re[i] = p->numbers[i] * p->scale[i];
        p->im[i] = p->numbers[num + i] * p->scale[i];
    }
    painting_from_coefficients(p);
}

static void back(struct painting *p, const float *gradient)
{
    size_t num = painting_num_coefficients(p);

    painting_to_coefficients(p, gradient);
    for (size_t i = 0; i < num; i++) {
        p->gradient[i] = p->re[i] * p->scale[i];
        p->gradient[num + i] = p->im[i] * p->scale[i];
    }
}

const struct painting_kind painting_fourier = {
    .count = count,
    .begin = begin,
    .begin_photo = begin_photo,
    .draw = draw,
    .back = back,
};
