#ifndef ENGINE_ASCEND_FFT_H
#define ENGINE_ASCEND_FFT_H

/* Fourier transforms of real pictures, divided among the cores of a team.
 *
 * Of a picture of `height` rows and `width` columns, the half spectrum has as
 * many rows and width / 2 + 1 columns of complex numbers; the rest are their
 * conjugates. Planes of real and imaginary parts are apart. Nothing is divided
 * by the number of pixels.
 *
 * Stockham's order of Cooley and Tukey's algorithm, with the radices 4, 2, 3, 5
 * and 7. One thread at a time; its results do not depend on the number of
 * threads. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/team.h"

enum { FFT_MAX_PLANES = 3 }; /* pictures at a time */

struct fft;

/* The next number from n on whose prime factors are 2, 3, 5 and 7. */
size_t fft_good_size(size_t n);

/* Both sides must be good sizes. `member` is borrowed, and may be NULL.
 * Returns NULL on ERROR_MEMORY. */
struct fft *fft_new(size_t height, size_t width, struct team_member *member,
                    struct error *err) __attribute__((warn_unused_result));

/* picture[y][x] = sum over the whole spectrum of
 *                 spectrum[v][u] exp(2 pi i (v y / height + u x / width)),
 * as numpy.fft.irfft2 does times height x width: of the columns that are their
 * own conjugates, the part that is not counts nothing.
 *
 * picture  out  (num, height, width), num at most FFT_MAX_PLANES
 * re, im   in   (num, height, width / 2 + 1) */
void fft_inverse(struct fft *fft, float *picture, const float *re,
                 const float *im, size_t num);

/* spectrum[v][u] = sum of picture[y][x] exp(-2 pi i (...)): numpy.fft.rfft2. */
void fft_forward(struct fft *fft, float *re, float *im, const float *picture,
                 size_t num);

void fft_free(struct fft *fft);

#endif
