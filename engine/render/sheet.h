#ifndef ENGINE_RENDER_SHEET_H
#define ENGINE_RENDER_SHEET_H

/* A contact sheet: pictures of one size in a grid on white, each with a number
 * below it.
 *
 *     struct sheet sheet = {0};
 *
 *     if (!sheet_begin(&sheet, &grid, &err))
 *         ...
 *     for (i = 0; i < grid.count; i++) {
 *         ... write to sheet_tile(&sheet, i), row after row
 *         sheet_label(&sheet, i, number);
 *     }
 *     if (!sheet_png(&sheet, &png, &err))
 *         ...
 *     sheet_release(&sheet);
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/render/pngout.h"

/* White pixels around each picture, and those below it where its number is; and
 * the most pixels of a sheet. */
enum { SHEET_GAP = 2, SHEET_LABEL = 14, SHEET_MAX_PIXELS = 1 << 25 };

struct sheet_grid {
    size_t count;           /* pictures; at least 1 */
    size_t columns;         /* 0: about as many as rows */
    uint32_t width, height; /* of a picture, in pixels; at least 1 */
    bool has_labels;        /* there is space for numbers */
};

/* `= {0}` is empty. */
struct sheet {
    struct sheet_grid grid; /* with `columns` set */
    uint32_t width, height; /* of the whole, in pixels */
    uint8_t *pixels;        /* (height, width, 3) RGB; owned */
    size_t cap;             /* bytes allocated */
    struct pngout_scratch png;
};

/* Makes a white sheet, and reuses the memory of an earlier one. ERROR_LIMIT if
 * it has more than SHEET_MAX_PIXELS; ERROR_MEMORY. */
bool sheet_begin(struct sheet *sheet, const struct sheet_grid *grid,
                 struct error *err) __attribute__((warn_unused_result));

/* The first pixel of picture i; from row to row there are 3 * sheet->width
 * bytes. */
uint8_t *sheet_tile(struct sheet *sheet, size_t i);

/* Writes a number below picture i, as far as it fits. */
void sheet_label(struct sheet *sheet, size_t i, size_t number);

/* Appends the sheet as a PNG. ERROR_MEMORY, ERROR_INTERNAL. */
bool sheet_png(struct sheet *sheet, struct buf *png, struct error *err)
    __attribute__((warn_unused_result));

void sheet_release(struct sheet *sheet);

#endif
