#include "engine/render/frame.h"

#include <stddef.h>
#include <string.h>

enum { LINE_SHARE = 400 /* of the longest side */ };

/* Columns left to right - 1, rows top to bottom - 1. */
struct edges {
    uint32_t left, top, right, bottom;
};

uint32_t frame_line(const struct frame_picture *picture)
{
    uint32_t longest =
        picture->width > picture->height ? picture->width : picture->height;

    return 1 + longest / LINE_SHARE;
}

static uint32_t scaled_down(uint64_t at, uint32_t size, uint32_t full)
{
    return (uint32_t)(at * size / full);
}

static uint32_t scaled_up(uint64_t at, uint32_t size, uint32_t full)
{
    return (uint32_t)((at * size + full - 1) / full);
}

static void fill(const struct frame_picture *picture, struct edges part,
                 uint8_t level)
{
    for (size_t y = part.top; y < part.bottom && part.left < part.right; y++)
        memset(picture->pixels + 3 * (y * picture->width + part.left), level,
               3 * (size_t)(part.right - part.left));
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Draws a ring of `line` pixels within the edges, and moves the edges to its
 * inside. */
static void draw_ring(const struct frame_picture *picture, struct edges *edges,
                      uint32_t line, uint8_t level)
{
    const uint32_t wide = smaller(line, (edges->right - edges->left + 1) / 2);
    const uint32_t high = smaller(line, (edges->bottom - edges->top + 1) / 2);
    struct edges part = *edges;

    part.bottom = edges->top + high;
    fill(picture, part, level);
    part.bottom = edges->bottom;
    part.top = edges->bottom - high;
    fill(picture, part, level);
    part.top = edges->top;
    part.right = edges->left + wide;
    fill(picture, part, level);
    part.right = edges->right;
    part.left = edges->right - wide;
    fill(picture, part, level);
    edges->left = smaller(edges->left + wide, edges->right);
    edges->right -= smaller(wide, edges->right - edges->left);
    edges->top = smaller(edges->top + high, edges->bottom);
    edges->bottom -= smaller(high, edges->bottom - edges->top);
}

void frame_draw(const struct frame_picture *picture, const struct box *box)
{
    const uint64_t right = (uint64_t)box->x + box->width;
    const uint64_t bottom = (uint64_t)box->y + box->height;
    const uint32_t line = frame_line(picture);
    struct edges edges = {
        .left = scaled_down(box->x, picture->width, picture->full_width),
        .top = scaled_down(box->y, picture->height, picture->full_height),
        .right = scaled_up(right, picture->width, picture->full_width),
        .bottom = scaled_up(bottom, picture->height, picture->full_height),
    };

    draw_ring(picture, &edges, line, 0);
    draw_ring(picture, &edges, line, 255);
}
