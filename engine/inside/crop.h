#ifndef ENGINE_INSIDE_CROP_H
#define ENGINE_INSIDE_CROP_H

/* The part of a photo that a cell of a layer sees: its receptive field, mapped
 * back through cutting and resizing to pixels of the photo. Any thread. */

#include <stddef.h>
#include <stdint.h>

#include "engine/image/preprocess.h"
#include "engine/network/layers.h"

/* Whole pixels of the upright photo, at least one. */
struct crop {
    uint32_t x, y, width, height;
};

/* A photo as the network was shown it. */
struct crop_frame {
    uint32_t width, height;          /* of the upright photo, in pixels */
    struct preprocess_region region; /* the part of it that the input shows */
};

/* Finds what cell (x, y) sees: all pixels of the photo that any part of the
 * field touches. Where the field is infinite, it is the whole input. What the
 * field has outside the input or the photo is cut off; if nothing is left, the
 * nearest pixel is the crop.
 *
 * input_width, input_height  of the network's input, in pixels */
void crop_find(struct crop *crop, const struct layer *layer,
               uint32_t input_width, uint32_t input_height,
               const struct crop_frame *frame, uint32_t x, uint32_t y);

#endif
