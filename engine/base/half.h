#ifndef ENGINE_BASE_HALF_H
#define ENGINE_BASE_HALF_H

/* Floats of 16 bits: IEEE 754 binary16. Any thread. */

#include <stddef.h>
#include <stdint.h>

/* Rounds to the nearest half, ties to even; finite numbers beyond the largest
 * half, 65504, become that. (count) each. */
void half_from_floats(uint16_t *halves, const float *floats, size_t count);

void half_to_floats(float *floats, const uint16_t *halves, size_t count);

#endif
