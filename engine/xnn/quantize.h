#ifndef ENGINE_XNN_QUANTIZE_H
#define ENGINE_XNN_QUANTIZE_H

/* Weights as 8-bit integers, with a scale for each row:
 *
 *     weights[o][i] is about scales[o] quantized[o][i]
 *
 * The largest weight of a row becomes `most` or -most, so the error is at most
 * half a scale. Any thread. */

#include <stddef.h>
#include <stdint.h>

enum { QUANTIZE_MOST = 127 }; /* of 8 bits */

/* The largest magnitude of `count` weights. */
float quantize_largest(const float *weights, size_t count);

/* quantized  out  (rows, columns), -most..most
 * scales     out  (rows), above 0
 * weights    in   (rows, columns)
 * most       at most QUANTIZE_MOST */
void quantize_rows(int8_t *restrict quantized, float *restrict scales,
                   const float *restrict weights, size_t rows, size_t columns,
                   int most);

#endif
