#include "engine/render/heatmap.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"
#include "engine/base/wide.h"
#include "engine/render/heatmap_palettes.h"

/* The position of an output column or row in the map: between cells `cell` and
 * `next`, at the fraction `share` (0..1). */
struct heatmap_tap {
    uint32_t cell, next;
    float share;
};

/* The output pixels with centres in the region: first .. stop - 1. */
struct span {
    size_t first, stop;
};

/* The first pixel whose centre is at `edge` or beyond it; at most size. */
static size_t first_centre(double edge, size_t size)
{
    double at = edge - 0.5;
    size_t pixel;

    if (!(at > 0))
        return 0;
    if (at > (double)size)
        return size;
    pixel = (size_t)at;
    return (double)pixel < at ? pixel + 1 : pixel;
}

static struct span span_of(double start, double length, size_t size)
{
    struct span span = {0};

    if (length > 0) { /* neither empty nor NaN */
        span.first = first_centre(start, size);
        span.stop = first_centre(start + length, size);
    }
    return span;
}

/* Half-pixel centres, constant beyond the outermost cells. */
static struct heatmap_tap tap_of(size_t pixel, double start, double length,
                                 size_t num_cells)
{
    double at =
        ((double)pixel + 0.5 - start) / length * (double)num_cells - 0.5;
    struct heatmap_tap tap = {0};

    if (!(at > 0))
        return tap;
    if (at >= (double)(num_cells - 1)) {
        tap.cell = tap.next = (uint32_t)(num_cells - 1);
        return tap;
    }
    tap.cell = (uint32_t)at;
    tap.next = tap.cell + 1;
    tap.share = (float)(at - (double)tap.cell);
    return tap;
}

/* Stretches one row of the map to the columns of the span. */
static void expand_row(float *restrict out, const float *restrict row,
                       const struct heatmap_tap *restrict taps,
                       struct span span)
{
    for (size_t x = span.first; x < span.stop; x++) {
        const struct heatmap_tap *tap = &taps[x];

        out[x] =
            row[tap->cell] + tap->share * (row[tap->next] - row[tap->cell]);
    }
}

WIDE_BODY(blend_rows)
(float *restrict out, const float *restrict upper, const float *restrict lower,
 float share, struct span span)
{
    for (size_t x = span.first; x < span.stop; x++)
        out[x] = upper[x] + share * (lower[x] - upper[x]);
}
WIDE(blend_rows,
     (float *restrict out, const float *restrict upper,
      const float *restrict lower, float share, struct span span),
     (out, upper, lower, share, span))

/* Two stretched rows of the map, kept as long as they are needed. */
struct stretched {
    float *rows[2];   /* (out_width) each */
    uint32_t cell[2]; /* the map row each holds */
};

/* Returns map row `cell`, stretched; the row `keep` must be kept. */
static const float *stretch(struct stretched *stretched, uint32_t cell,
                            uint32_t keep, const float *map, size_t width,
                            const struct heatmap_tap *taps, struct span span)
{
    int slot = stretched->cell[0] == cell   ? 0
               : stretched->cell[1] == cell ? 1
               : stretched->cell[0] == keep ? 1
                                            : 0;

    if (stretched->cell[slot] != cell) {
        expand_row(stretched->rows[slot], map + cell * width, taps, span);
        stretched->cell[slot] = cell;
    }
    return stretched->rows[slot];
}

static void clear(float *out, size_t count)
{
    memset(out, 0, count * sizeof *out);
}

/* Fills all rows of the span; the caller fills the rows above and below. */
static void upsample_rows(float *restrict out, size_t out_width,
                          struct span rows, struct span columns,
                          const float *restrict map, size_t height,
                          size_t width, const struct heatmap_region *region,
                          struct stretched *stretched,
                          const struct heatmap_tap *taps)
{
    for (size_t y = rows.first; y < rows.stop; y++) {
        struct heatmap_tap tap = tap_of(y, region->y, region->height, height);
        float *row = out + y * out_width;
        const float *upper =
            stretch(stretched, tap.cell, tap.next, map, width, taps, columns);
        const float *lower =
            stretch(stretched, tap.next, tap.cell, map, width, taps, columns);

        clear(row, columns.first);
        blend_rows(row, upper, lower, tap.share, columns);
        clear(row + columns.stop, out_width - columns.stop);
    }
}

/* Places the columns, unless they are those of the last time, as in all bands
 * of a picture. */
static bool place_columns(struct heatmap_scratch *scratch, size_t out_width,
                          const struct heatmap_region *region, size_t num_cells,
                          struct span columns, struct error *err)
{
    const double x = region->x, width = region->width;

    if (scratch->x == x && scratch->width == width &&
        scratch->out_width == out_width && scratch->cells == num_cells)
        return true;
    scratch->cells = 0;
    scratch->taps = scratch_reserve(scratch->taps, &scratch->taps_cap,
                                    out_width, sizeof *scratch->taps, err);
    if (!scratch->taps)
        return false;
    for (size_t i = columns.first; i < columns.stop; i++)
        scratch->taps[i] = tap_of(i, x, width, num_cells);
    scratch->x = x;
    scratch->width = width;
    scratch->out_width = out_width;
    scratch->cells = num_cells;
    return true;
}

bool heatmap_upsample(float *restrict out, size_t out_height, size_t out_width,
                      const float *restrict map, size_t height, size_t width,
                      const struct heatmap_region *region,
                      struct heatmap_scratch *scratch, struct error *err)
{
    struct span rows = span_of(region->y, region->height, out_height);
    struct span columns = span_of(region->x, region->width, out_width);
    struct stretched stretched = {.cell = {UINT32_MAX, UINT32_MAX}};

    if (height == 0 || width == 0 || rows.first >= rows.stop ||
        columns.first >= columns.stop) {
        clear(out, out_height * out_width);
        return true;
    }
    scratch->rows = scratch_reserve(scratch->rows, &scratch->rows_cap,
                                    out_width, 2 * sizeof *scratch->rows, err);
    if (!scratch->rows ||
        !place_columns(scratch, out_width, region, width, columns, err))
        return false;
    stretched.rows[0] = scratch->rows;
    stretched.rows[1] = scratch->rows + out_width;
    clear(out, rows.first * out_width);
    upsample_rows(out, out_width, rows, columns, map, height, width, region,
                  &stretched, scratch->taps);
    clear(out + rows.stop * out_width, (out_height - rows.stop) * out_width);
    return true;
}

void heatmap_scratch_release(struct heatmap_scratch *scratch)
{
    free(scratch->taps);
    free(scratch->rows);
    *scratch = (struct heatmap_scratch){0};
}

WIDE_BODY(scale_levels)
(uint8_t *restrict levels, const float *restrict map, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++) {
        float level = map[i] * scale + 0.5f;

        level = level > 0 ? level : 0; /* NaN as well */
        level = level < 255 ? level : 255;
        levels[i] = (uint8_t)(int)level;
    }
}
WIDE(scale_levels,
     (uint8_t *restrict levels, const float *restrict map, size_t count,
      float scale),
     (levels, map, count, scale))

void heatmap_levels(uint8_t *restrict levels, const float *restrict map,
                    size_t count, float max)
{
    scale_levels(levels, map, count, max > 0 ? 255 / max : 0);
}

void heatmap_levels_signed(uint8_t *restrict levels, const float *restrict map,
                           size_t count, float scale)
{
    float factor = scale > 0 ? 127 / scale : 0;

    for (size_t i = 0; i < count; i++) {
        float level = map[i] * factor;

        level = level > -127 ? level : map[i] < 0 ? -127 : 0; /* NaN: 0 */
        level = level < 127 ? level : 127;
        levels[i] = (uint8_t)(int)(level + 128.5f);
    }
}

const uint8_t *heatmap_palette(enum heatmap_colormap colormap)
{
    if (colormap == HEATMAP_AUTO || (unsigned)colormap >= HEATMAP_NUM_COLORMAPS)
        colormap = HEATMAP_JET;
    return heatmap_palettes[colormap - HEATMAP_JET];
}

/* The number of pixels blended at a time; their colours fit the first-level
 * cache. */
enum { STRIP = 512 };

/* Blends an image into the colours in place, so that the arrays in the loop do
 * not overlap. 255 * 256 + 128 fits the 16 bits the compiler makes of it. */
WIDE_BODY(blend)
(uint8_t *restrict colors, const uint8_t *restrict picture, size_t count,
 unsigned alpha)
{
    uint16_t of_color = (uint16_t)alpha;
    uint16_t of_picture = (uint16_t)(256 - alpha);

    for (size_t i = 0; i < count; i++)
        colors[i] = (uint8_t)((uint16_t)(picture[i] * of_picture +
                                         colors[i] * of_color + 128) >>
                              8);
}
WIDE_INTEGERS(blend,
              (uint8_t *restrict colors, const uint8_t *restrict picture,
               size_t count, unsigned alpha),
              (colors, picture, count, alpha))

void heatmap_overlay(uint8_t *out, const uint8_t *picture,
                     const uint8_t *levels, const uint8_t *palette,
                     size_t count, float alpha)
{
    float clamped = alpha > 0 ? alpha < 1 ? alpha : 1 : 0;
    unsigned fixed = (unsigned)(clamped * 256 + 0.5f);
    uint8_t wide[256][4] = {{0}};
    uint8_t colors[STRIP * 3 + 1];

    /* four bytes per pixel are copied at once; the next pixel overwrites the
     * fourth */
    for (size_t level = 0; level < 256; level++)
        memcpy(wide[level], palette + 3 * level, 3);

    for (size_t done = 0; done < count; done += STRIP) {
        size_t num = count - done < STRIP ? count - done : STRIP;

        for (size_t i = 0; i < num; i++)
            memcpy(colors + 3 * i, wide[levels[done + i]], 4);
        blend(colors, picture + 3 * done, 3 * num, fixed);
        memcpy(out + 3 * done, colors, 3 * num);
    }
}
