#ifndef ENGINE_IMAGE_TURN_H
#define ENGINE_IMAGE_TURN_H

/* EXIF's eight orientations: from an image as stored to the upright one. 1 is
 * upright; from 5 on, rows and columns are swapped. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TURN_MORE = 1 }; /* bytes after a stored image that may be read */

/* Whether width and height of the upright and the stored image are swapped. */
bool turn_swaps(unsigned orientation);

/* Whether what is stored from left to right, or from top to bottom, comes from
 * right to left, or from bottom to top, in the upright image; if rows and
 * columns are swapped, this is about rows and columns in that order. */
bool turn_mirrors_across(unsigned orientation);
bool turn_mirrors_down(unsigned orientation);

/* Writes the upright image.
 *
 *     pixels  out  (height, width, 3)
 *     stored  in   the same, or (width, height, 3); and TURN_MORE bytes */
void turn_upright(uint8_t *restrict pixels, const uint8_t *restrict stored,
                  uint32_t width, uint32_t height, unsigned orientation);

#endif
