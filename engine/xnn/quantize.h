#ifndef ENGINE_XNN_QUANTIZE_H
#define ENGINE_XNN_QUANTIZE_H

/* Weights as integers of 8 bits, a scale for each row:
 *
 *     weights[o][i] is about scales[o] quantized[o][i]
 *
 * with the row's largest weight at 127 or -127, so that none is further off
 * than half a scale. Any thread. */

#include <stddef.h>
#include <stdint.h>

/* quantized  out  (rows, columns), -127..127
 * scales     out  (rows), above 0
 * weights    in   (rows, columns) */
void quantize_rows(int8_t *restrict quantized, float *restrict scales,
                   const float *restrict weights, size_t rows, size_t columns);

#endif
