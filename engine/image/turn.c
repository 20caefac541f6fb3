#include "engine/image/turn.h"

#include <string.h>

enum { TILE = 128 }; /* pixels; 128 x 128 x 3 stay in the L2 cache */

bool turn_swaps(unsigned orientation)
{
    return orientation >= 5;
}

bool turn_mirrors_across(unsigned orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 ||
           orientation == 8;
}

bool turn_mirrors_down(unsigned orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 ||
           orientation == 7;
}

/* Position of the upright image's pixel (x, y) in the stored one: start + x *
 * step_x + y * step_y, in pixels. */
struct turn {
    ptrdiff_t start, step_x, step_y;
};

static struct turn find_turn(unsigned orientation, uint32_t stored_width,
                             uint32_t stored_height)
{
    const ptrdiff_t down = stored_width; /* to the next row */
    const ptrdiff_t right = stored_width - 1;
    const ptrdiff_t bottom = (ptrdiff_t)(stored_height - 1) * down;

    switch (orientation) {
    case 2: /* mirrored left to right */
        return (struct turn){right, -1, down};
    case 3: /* upside down */
        return (struct turn){bottom + right, -1, -down};
    case 4: /* mirrored top to bottom */
        return (struct turn){bottom, 1, -down};
    case 5: /* transposed */
        return (struct turn){0, down, 1};
    case 6: /* has to be turned clockwise */
        return (struct turn){bottom, -down, 1};
    case 7: /* transposed along the other diagonal */
        return (struct turn){bottom + right, -down, -1};
    case 8: /* has to be turned anticlockwise */
        return (struct turn){right, down, -1};
    default:
        return (struct turn){0, 1, down};
    }
}

/* Writes the upright image, (height, width, 3), tile by tile, as one of the two
 * images is walked along its columns. One byte after `stored` may be read. */
void turn_upright(uint8_t *restrict pixels, const uint8_t *restrict stored,
                  uint32_t width, uint32_t height, unsigned orientation)
{
    const bool swaps = turn_swaps(orientation);
    const struct turn turn =
        find_turn(orientation, swaps ? height : width, swaps ? width : height);

    for (size_t top = 0; top < height; top += TILE) {
        const size_t bottom = height - top < TILE ? height : top + TILE;

        for (size_t left = 0; left < width; left += TILE) {
            const size_t right = width - left < TILE ? width : left + TILE;

            for (size_t y = top; y < bottom; y++) {
                uint8_t *out = pixels + 3 * (y * width + left);
                const uint8_t *in =
                    stored + 3 * (turn.start + (ptrdiff_t)y * turn.step_y +
                                  (ptrdiff_t)left * turn.step_x);

                /* Copies a pixel and an extra byte, which the next pixel
                 * overwrites. */
                for (size_t x = left; x + 1 < right; x++) {
                    memcpy(out, in, 4);
                    out += 3;
                    in += 3 * turn.step_x;
                }
                memcpy(out, in, 3);
            }
        }
    }
}
