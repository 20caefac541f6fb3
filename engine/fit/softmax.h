#ifndef ENGINE_FIT_SOFTMAX_H
#define ENGINE_FIT_SOFTMAX_H

/* Softmaxes of many logits, in vectors of eight floats. Any thread. */

#include <stddef.h>

/* Arrays have room for a multiple of so many. */
enum { SOFTMAX_LANES = 8 };

/* What biases are behind the last class. */
#define SOFTMAX_NONE (-1e30f)

/* Writes the softmax of logits + biases, to about 1e-6 of each share, and
 * returns the logarithm of the sum of their exponentials. `padded` is the
 * number of classes, rounded up to SOFTMAX_LANES; the biases of those that are
 * no classes are SOFTMAX_NONE, and their logits finite.
 *
 *     shares  out  (padded)
 *     logits  in   (padded)
 *     biases  in   (padded) */
double softmax_find(float *shares, const float *logits, const float *biases,
                    size_t padded);

#endif
