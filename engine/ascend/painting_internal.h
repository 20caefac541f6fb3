#ifndef ENGINE_ASCEND_PAINTING_INTERNAL_H
#define ENGINE_ASCEND_PAINTING_INTERNAL_H

/* The struct behind painting.h, and what its methods are. Private to
 * painting*.c. */

#include "engine/ascend/fft.h"
#include "engine/ascend/painting.h"

struct painting {
    enum painting_method method;
    struct painting_shape shape;
    size_t half;                /* columns of the half spectrum */
    struct team_member *member; /* borrowed, or NULL */
    struct fft *fft;            /* owned; NULL: pixels */
    float *numbers, *gradient;  /* (count) owned, like all that follow */
    size_t count;
    float *canvas;      /* (3, height, width) */
    float *colours;     /* likewise: decorrelated ones, or their gradient */
    float *scale;       /* (3, height, half) of the coefficients */
    float *re, *im;     /* likewise: coefficients, or their gradient */
    const float *given; /* the canvas's gradient, while it goes back */
};

/* A method: how coefficients are made of the numbers, and the way back. */
struct painting_kind {
    size_t (*count)(const struct painting *painting);
    void (*begin)(struct painting *painting, uint64_t seed);
    void (*begin_photo)(struct painting *painting, const float *photo);
    void (*draw)(struct painting *painting);
    void (*back)(struct painting *painting, const float *gradient);
    void (*settle)(struct painting *painting); /* NULL: nothing is to be done */
};

extern const struct painting_kind painting_fourier, painting_maco,
    painting_pixels;

/* The number of coefficients, and their frequency in cycles per pixel. */
size_t painting_num_coefficients(const struct painting *painting);
double painting_frequency(const struct painting *painting, size_t v, size_t u);

/* From re and im to the canvas, and back from its gradient to theirs. */
void painting_from_coefficients(struct painting *painting);
void painting_to_coefficients(struct painting *painting, const float *gradient);

/* The coefficients of a photo. */
void painting_photo_coefficients(struct painting *painting, const float *photo);

#endif
