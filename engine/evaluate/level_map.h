#ifndef ENGINE_EVALUATE_LEVEL_MAP_H
#define ENGINE_EVALUATE_LEVEL_MAP_H

/* A map as MaxBoxAcc sees it: levels from 0 to 255 on a square grid that the
 * whole picture is stretched to (Choe et al., Evaluating Weakly Supervised
 * Object Localization Methods Right, 2020, section 3 and the published code).
 */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

enum {
    LEVEL_MAP_SIDE = 224,
    LEVEL_MAP_CELLS = LEVEL_MAP_SIDE * LEVEL_MAP_SIDE
};

/* The part of the picture that a map covers, as shares of its sides. */
struct level_map_region {
    double x, y, width, height;
};

/* Scratch memory, reused from call to call; `= {0}` is empty. One thread at a
 * time. */
struct level_map_scratch {
    float *rows; /* (height, SIDE) and (SIDE, SIDE); owned */
    size_t cap;
};

/* Upsamples a map by Keys' cubic with a = -0.75, the samples at the border
 * repeated beyond it; subtracts the minimum, divides by the maximum, and rounds
 * 255 times that down. A map that is constant or not finite has level 0
 * everywhere, and so have cells whose centres are outside the region.
 *
 * levels  out  (SIDE, SIDE)
 * map     in   (height, width)
 *
 * ERROR_MEMORY. */
bool level_map_make(uint8_t *levels, struct level_map_scratch *scratch,
                    const float *map, size_t height, size_t width,
                    const struct level_map_region *region, struct error *err)
    __attribute__((warn_unused_result));

void level_map_release(struct level_map_scratch *scratch);

#endif
