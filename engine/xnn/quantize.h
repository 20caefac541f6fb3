#ifndef ENGINE_XNN_QUANTIZE_H
#define ENGINE_XNN_QUANTIZE_H

/* Weights as 8-bit integers, with a scale for each row:
 *
 *     weights[o][i] is about scales[o] quantized[o][i]
 *
 * The largest weight of a row becomes 127 or -127, so the error is at most half
 * a scale. Any thread. */

#include <stddef.h>
#include <stdint.h>

/* quantized  out  (rows, columns), -127..127
 * scales     out  (rows), above 0
 * weights    in   (rows, columns) */
void quantize_rows(int8_t *restrict quantized, float *restrict scales,
                   const float *restrict weights, size_t rows, size_t columns);

#endif
