#ifndef ENGINE_RENDER_FRAME_H
#define ENGINE_RENDER_FRAME_H

/* Draws the frames of boxes into a picture. */

#include <stdint.h>

#include "engine/explain/box.h"

struct frame_picture {
    uint8_t *pixels; /* (height, width, 3) RGB */
    uint32_t width, height;
    uint32_t full_width, full_height; /* of the image, where boxes lie */
};

/* The width of a frame's white line, in pixels of the picture; a black one of
 * the same width is around it. */
uint32_t frame_line(const struct frame_picture *picture);

/* Draws the frame of a box within the box, whose edges are rounded down and up
 * to whole pixels of the picture. */
void frame_draw(const struct frame_picture *picture, const struct box *box);

#endif
