#include "engine/inside/filters_sheet.h"

#include <math.h>
#include <string.h>

#include "engine/render/sheet.h"

struct drawing {
    const struct filters *filters;
    const struct filters_style *style;
    struct sheet sheet;
    bool is_coloured;
    const uint8_t *palette; /* (256, 3), unless it is coloured */
    size_t shown;           /* filters */
    size_t inputs;          /* pictures of each filter */
    uint32_t scale;         /* pixels of a weight */
    float common;           /* the weight that is drawn in full */
};

/* The weights of one filter: (channels, height, width). */
static const float *filter_at(const struct filters *filters, size_t i)
{
    return filters->weights +
           i * filters->channels * filters->height * filters->width;
}

static float largest_of(const struct filters *filters, size_t i)
{
    const size_t len = filters->channels * filters->height * filters->width;
    const float *weights = filter_at(filters, i);
    float largest = 0;

    for (size_t k = 0; k < len; k++)
        largest = fmaxf(largest, fabsf(weights[k]));
    return largest;
}

/* Draws a weight as a square. */
static void draw_weight(struct drawing *drawing, uint8_t *at,
                        const uint8_t colour[3])
{
    for (uint32_t y = 0; y < drawing->scale; y++)
        for (uint32_t x = 0; x < drawing->scale; x++)
            memcpy(at + 3 * ((size_t)y * drawing->sheet.width + x), colour, 3);
}

/* The colour of a place in a filter, for all three channels or for one. */
static void choose_colour(uint8_t colour[3], const struct drawing *drawing,
                          const float *weights, float full)
{
    const size_t cells = drawing->filters->height * drawing->filters->width;
    uint8_t level;

    if (!drawing->is_coloured) {
        heatmap_levels_signed(&level, weights, 1, full);
        memcpy(colour, drawing->palette + (size_t)3 * level, 3);
        return;
    }
    for (size_t c = 0; c < 3; c++)
        heatmap_levels_signed(&colour[drawing->style->is_bgr ? 2 - c : c],
                              weights + c * cells, 1, full);
}

static void draw_picture(struct drawing *drawing, size_t place,
                         const float *weights, float full)
{
    const struct filters *filters = drawing->filters;
    uint8_t *tile = sheet_tile(&drawing->sheet, place), colour[3];
    const size_t stride = 3 * (size_t)drawing->sheet.width;

    for (size_t y = 0; y < filters->height; y++)
        for (size_t x = 0; x < filters->width; x++) {
            choose_colour(colour, drawing, weights + y * filters->width + x,
                          full);
            draw_weight(drawing, tile + drawing->scale * (y * stride + 3 * x),
                        colour);
        }
}

static void draw_all(struct drawing *drawing)
{
    const struct filters *filters = drawing->filters;
    const size_t cells = filters->height * filters->width;

    for (size_t i = 0; i < drawing->shown; i++) {
        float full = drawing->style->scale == FILTERS_COMMON
                         ? drawing->common
                         : largest_of(filters, i);

        if (filters->norms[i] < filters->least)
            full = 0;
        for (size_t k = 0; k < drawing->inputs; k++)
            draw_picture(drawing, i * drawing->inputs + k,
                         filter_at(filters, i) + k * cells, full);
        sheet_label(&drawing->sheet, i * drawing->inputs, i);
    }
}

static size_t at_most(size_t count, size_t most)
{
    return count < most ? count : most;
}

static bool begin(struct drawing *drawing, struct error *err)
{
    const struct filters *filters = drawing->filters;
    const struct filters_style *style = drawing->style;
    size_t longest =
        filters->height > filters->width ? filters->height : filters->width;
    size_t scale = style->size > longest ? style->size / longest : 1;
    const struct sheet_grid grid = {
        .count = drawing->shown * drawing->inputs,
        .columns = drawing->inputs > 1 ? drawing->inputs : 0,
        .width = (uint32_t)(filters->width * scale),
        .height = (uint32_t)(filters->height * scale),
        .has_labels = true,
    };

    drawing->scale = (uint32_t)scale;
    if (grid.count * grid.width * grid.height > FILTERS_MAX_PIXELS)
        return fail(err, ERROR_INPUT,
                    "option \"size\": %zu pictures of %u x %u pixels are too "
                    "many; together they may have %d",
                    grid.count, grid.width, grid.height, FILTERS_MAX_PIXELS);
    return sheet_begin(&drawing->sheet, &grid, err);
}

bool filters_sheet_draw(const struct filters *filters, struct buf *png,
                        const struct filters_style *style, struct error *err)
{
    struct drawing drawing = {
        .filters = filters,
        .style = style,
        .is_coloured = filters_is_coloured(filters, style),
        .palette = heatmap_palette(
            style->colormap == HEATMAP_AUTO ? HEATMAP_SIGNED : style->colormap),
        .shown = at_most(filters->count, style->top),
    };
    bool ok;

    drawing.inputs =
        drawing.is_coloured ? 1 : at_most(filters->channels, style->inputs);
    for (size_t i = 0; i < drawing.shown; i++)
        drawing.common = fmaxf(drawing.common, largest_of(filters, i));
    ok = begin(&drawing, err);
    if (ok)
        draw_all(&drawing);
    ok = ok && sheet_png(&drawing.sheet, png, err);
    sheet_release(&drawing.sheet);
    return ok;
}
