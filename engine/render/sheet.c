#include "engine/render/sheet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"

/* The smallest n with n * n >= count. */
static size_t side_of(size_t count)
{
    size_t n = 1;

    while (n * n < count)
        n++;
    return n;
}

/* From one picture to the next one below. */
static size_t pitch_of(const struct sheet_grid *grid)
{
    return (size_t)grid->height + SHEET_GAP +
           (grid->has_labels ? SHEET_LABEL : 0);
}

bool sheet_begin(struct sheet *sheet, const struct sheet_grid *grid,
                 struct error *err)
{
    size_t columns = grid->columns > 0 ? grid->columns : side_of(grid->count);
    size_t rows, width, height;

    assert(grid->count > 0 && grid->width > 0 && grid->height > 0);
    columns = columns < grid->count ? columns : grid->count;
    rows = (grid->count - 1) / columns + 1;
    width = SHEET_GAP + columns * ((size_t)grid->width + SHEET_GAP);
    height = SHEET_GAP + rows * pitch_of(grid);
    if (height > SHEET_MAX_PIXELS / width)
        return fail(err, ERROR_LIMIT,
                    "the sheet has %zu x %zu pixels; it may have %d at most",
                    width, height, SHEET_MAX_PIXELS);
    sheet->pixels =
        scratch_reserve(sheet->pixels, &sheet->cap, width * height, 3, err);
    if (!sheet->pixels)
        return false;
    memset(sheet->pixels, 255, width * height * 3);
    sheet->grid = *grid;
    sheet->grid.columns = columns;
    sheet->width = (uint32_t)width;
    sheet->height = (uint32_t)height;
    return true;
}

uint8_t *sheet_tile(struct sheet *sheet, size_t i)
{
    const struct sheet_grid *grid = &sheet->grid;
    size_t x = SHEET_GAP + i % grid->columns * (grid->width + SHEET_GAP);
    size_t y = SHEET_GAP + i / grid->columns * pitch_of(grid);

    assert(i < grid->count);
    return sheet->pixels + 3 * (y * sheet->width + x);
}

/* ---- numbers ---- */

/* A digit's pixels by rows, the leftmost highest. */
enum { DIGIT_WIDTH = 3, DIGIT_HEIGHT = 5 };

static const uint8_t digits[10][DIGIT_HEIGHT] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 7, 1, 7},
    {5, 5, 7, 1, 1}, {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 1, 1, 1},
    {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7},
};

/* Draws a digit of pixels of `scale` x `scale` in black. */
static void draw_digit(uint8_t *at, size_t stride, unsigned digit, size_t scale)
{
    for (size_t y = 0; y < DIGIT_HEIGHT * scale; y++)
        for (size_t x = 0; x < DIGIT_WIDTH * scale; x++)
            if (digits[digit][y / scale] >> (DIGIT_WIDTH - 1 - x / scale) & 1)
                memset(at + y * stride + 3 * x, 0, 3);
}

void sheet_label(struct sheet *sheet, size_t i, size_t number)
{
    const size_t stride = 3 * (size_t)sheet->width;
    uint8_t *at =
        sheet_tile(sheet, i) + (sheet->grid.height + SHEET_GAP) * stride;
    char text[24];
    size_t len = (size_t)snprintf(text, sizeof text, "%zu", number);
    size_t scale = len * (DIGIT_WIDTH + 1) * 2 <= sheet->grid.width ? 2 : 1;
    size_t pitch = (DIGIT_WIDTH + 1) * scale;

    for (size_t d = 0; sheet->grid.has_labels && d < len &&
                       (d + 1) * pitch <= sheet->grid.width + scale;
         d++)
        draw_digit(at + 3 * d * pitch, stride, (unsigned)(text[d] - '0'),
                   scale);
}

bool sheet_png(struct sheet *sheet, struct buf *png, struct error *err)
{
    return pngout_rgb(png, &sheet->png, sheet->pixels, sheet->width,
                      sheet->height, err);
}

void sheet_release(struct sheet *sheet)
{
    free(sheet->pixels);
    pngout_scratch_release(&sheet->png);
    *sheet = (struct sheet){0};
}
