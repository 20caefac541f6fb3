#ifndef ENGINE_ASCEND_NATURE_H
#define ENGINE_ASCEND_NATURE_H

/* What photos have in common, measured on those in static/samples by
 * tools/nature.py: how their colours go together, and how much of each
 * frequency they have. Samples are the logits of 0 to 1: what a sigmoid makes
 * samples of. Any thread. */

#include <stddef.h>

/* The root of the covariance of red, green and blue: a colour is this matrix
 * times three numbers that are uncorrelated, each with a deviation of 1. */
extern const float nature_colours[3][3];

/* The root of the power of one of these numbers, 0 to 2, for a frequency in
 * cycles per pixel: that of a coefficient of a picture of N pixels is that over
 * the root of N. 0 for the frequency 0: the mean is that of grey. */
double nature_magnitude(size_t colour, double frequency);

#endif
