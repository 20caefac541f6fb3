#ifndef ENGINE_IMAGE_TURN_H
#define ENGINE_IMAGE_TURN_H

/* EXIF's eight orientations: from a picture as it is stored to the upright one.
 * 1 is upright; from 5 on, rows are columns. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TURN_MORE = 1 }; /* bytes after a stored picture that may be read */

/* Whether the upright picture is as wide as the stored one is high. */
bool turn_swaps(unsigned orientation);

/* Whether what is stored from left to right, or from top to bottom, comes from
 * right to left, or from the bottom up, in the upright picture, or is its rows
 * and columns in that order. */
bool turn_mirrors_across(unsigned orientation);
bool turn_mirrors_down(unsigned orientation);

/* Writes the upright picture.
 *
 * pixels  out  (height, width, 3)
 * stored  in   the same, or (width, height, 3); and TURN_MORE bytes */
void turn_upright(uint8_t *restrict pixels, const uint8_t *restrict stored,
                  uint32_t width, uint32_t height, unsigned orientation);

#endif
