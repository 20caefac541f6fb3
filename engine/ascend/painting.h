#ifndef ENGINE_ASCEND_PAINTING_H
#define ENGINE_ASCEND_PAINTING_H

/* A picture as a function of the numbers that gradient ascent changes.
 *
 *     painting = painting_new(PAINTING_FOURIER, 224, 224, &member, &err);
 *     painting_begin(painting, seed);
 *     for (...) {
 *         painting_draw(painting);
 *         ... painting_canvas(painting)
 *         painting_back(painting, gradient);
 *         ... changes painting_numbers() by painting_gradient()
 *         painting_settle(painting);
 *     }
 *     painting_free(painting);
 *
 * The canvas is a little larger than the picture where a Fourier transform of
 * the picture's size would be slow; the picture is its middle. One thread at a
 * time; the results do not depend on the number of threads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/team.h"

/* X(enumerator, name in requests)
 *
 * fourier  Fourier coefficients, each divided by its frequency, of three
 *          decorrelated colours, and a sigmoid (Olah et al., Feature
 *          Visualization, 2017): a step changes all frequencies alike, where a
 *          step of pixels changes mostly the finest
 * maco     only the phases of the coefficients; their magnitudes are those of
 *          photos (Fel et al., MaCo, 2023, arXiv 2306.06805)
 * pixels   the samples themselves */
#define PAINTING_METHODS(X)        \
    X(PAINTING_FOURIER, "fourier") \
    X(PAINTING_MACO, "maco")       \
    X(PAINTING_PIXELS, "pixels")

enum painting_method {
#define X(method, name) method,
    PAINTING_METHODS(X)
#undef X
        PAINTING_NUM_METHODS
};

struct painting;

/* `member` is borrowed and may be NULL. Returns NULL on ERROR_MEMORY. */
struct painting *painting_new(enum painting_method method, size_t height,
                              size_t width, struct team_member *member,
                              struct error *err)
    __attribute__((warn_unused_result));

/* About how much memory it takes, in bytes. */
size_t painting_len(enum painting_method method, size_t height, size_t width);

/* Begins with noise, the same for the same seed, */
void painting_begin(struct painting *painting, uint64_t seed);

/* or with a photo, whose magnitudes are those of PAINTING_MACO then.
 *
 * photo  in  (3, height, width) red, green and blue of the canvas, 0 to 1 */
void painting_begin_photo(struct painting *painting, const float *photo);

/* The size of the canvas, and where the picture begins in it. */
struct painting_shape {
    size_t height, width, top, left;
};

struct painting_shape painting_shape(const struct painting *painting);

/* Computes the canvas from the numbers. */
void painting_draw(struct painting *painting);

/* (3, height, width) red, green and blue, 0 to 1. */
const float *painting_canvas(const struct painting *painting);

/* Computes the gradient of the numbers from that of the canvas that was drawn
 * last.
 *
 * gradient  in  (3, height, width) */
void painting_back(struct painting *painting, const float *gradient);

/* (count) The numbers and their gradient. */
float *painting_numbers(struct painting *painting);
const float *painting_gradient(const struct painting *painting);
size_t painting_count(const struct painting *painting);

/* Brings numbers that have been changed back to where they are defined. */
void painting_settle(struct painting *painting);

void painting_free(struct painting *painting);

#endif
