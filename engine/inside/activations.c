#include "engine/inside/activations.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/scratch.h"

/* Memory beyond this is not kept from one call to the next. */
enum { MAX_KEPT = 16 << 20 };

/* ---- numbers ---- */

static void add_cell(struct activation *all, double *sums, const float *cell,
                     size_t channels)
{
    for (size_t k = 0; k < channels; k++) {
        sums[k] += (double)cell[k];
        all[k].min = cell[k] < all[k].min ? cell[k] : all[k].min;
        all[k].max = cell[k] > all[k].max ? cell[k] : all[k].max;
        all[k].above_zero += cell[k] > 0 ? 1.0f : 0.0f;
    }
}

/* Cell by cell, in the order of the features. */
static void measure(struct activations *activations, const float *features,
                    size_t cells)
{
    const size_t channels = activations->num_channels;
    struct activation *all = activations->all;
    double *sums = activations->sums;

    for (size_t k = 0; k < channels; k++) {
        all[k] = (struct activation){
            .index = k, .min = features[k], .max = features[k]};
        sums[k] = 0;
    }
    for (size_t cell = 0; cell < cells; cell++)
        add_cell(all, sums, features + cell * channels, channels);
    for (size_t k = 0; k < channels; k++) {
        all[k].mean = (float)(sums[k] / (double)cells);
        all[k].above_zero /= (float)cells;
    }
}

/* The largest mean first; what is not a number last. */
static int compare_means(const void *a, const void *b)
{
    const struct activation *one = a, *other = b;
    bool is_nan = isnan(one->mean), other_is_nan = isnan(other->mean);

    if (is_nan != other_is_nan)
        return is_nan ? 1 : -1;
    if (one->mean > other->mean || one->mean < other->mean)
        return one->mean > other->mean ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

static void choose(struct activations *activations,
                   const struct activations_choice *choice)
{
    size_t channels = activations->num_channels;

    assert(choice->num_channels <= ACTIVATIONS_MAX &&
           choice->top <= ACTIVATIONS_MAX);
    activations->list = activations->shown;
    activations->count = choice->num_channels;
    for (size_t i = 0; i < choice->num_channels; i++) {
        assert(choice->channels[i] < channels);
        activations->shown[i] = activations->all[choice->channels[i]];
    }
    if (choice->num_channels > 0)
        return;
    qsort(activations->all, channels, sizeof *activations->all, compare_means);
    activations->count = choice->top < channels ? choice->top : channels;
    memcpy(activations->shown, activations->all,
           activations->count * sizeof *activations->all);
}

static void copy_maps(struct activations *activations, const float *features,
                      size_t cells)
{
    float *to = activations->planes;

    for (size_t i = 0; i < activations->count; i++)
        for (size_t cell = 0; cell < cells; cell++)
            *to++ = features[cell * activations->num_channels +
                             activations->list[i].index];
    activations->maps = activations->planes;
}

static void drop_large(struct activations *activations)
{
    if (activations->planes_cap > MAX_KEPT) {
        free(activations->planes);
        activations->planes = NULL;
        activations->planes_cap = 0;
    }
    if (activations->sheet.cap > MAX_KEPT)
        sheet_release(&activations->sheet);
}

bool activations_find(struct activations *activations, const float *features,
                      size_t height, size_t width, size_t channels,
                      const struct activations_choice *choice,
                      struct error *err)
{
    size_t cells = height * width;

    drop_large(activations);
    activations->height = height;
    activations->width = width;
    activations->num_channels = channels;
    activations->count = 0;
    activations->all = scratch_reserve(activations->all, &activations->all_cap,
                                       channels, sizeof *activations->all, err);
    activations->sums =
        scratch_reserve(activations->sums, &activations->sums_cap, channels,
                        sizeof *activations->sums, err);
    if (!activations->all || !activations->sums)
        return false;
    measure(activations, features, cells);
    choose(activations, choice);
    activations->planes =
        scratch_reserve(activations->planes, &activations->planes_cap,
                        activations->count * cells, sizeof(float), err);
    if (!activations->planes)
        return false;
    copy_maps(activations, features, cells);
    return true;
}

/* ---- the sheet ---- */

/* What the maps of one sheet share. */
struct drawing {
    struct activations *activations;
    const struct activations_style *style;
    bool is_signed;
    const uint8_t *palette;
    const uint8_t *picture; /* (height, width, 3); NULL: nothing is below */
    uint32_t width, height; /* of each picture */
    struct heatmap_region region;
    float common; /* the value that is drawn in full in a common scale */
};

static float full_of(const struct activation *channel, bool is_signed)
{
    return is_signed ? fmaxf(fabsf(channel->min), fabsf(channel->max))
                     : channel->max;
}

static void choose_colours(struct drawing *drawing)
{
    const struct activations *activations = drawing->activations;
    enum heatmap_colormap colormap = drawing->style->colormap;

    for (size_t i = 0; colormap == HEATMAP_AUTO && i < activations->count; i++)
        if (activations->list[i].min < 0)
            colormap = HEATMAP_SIGNED;
    drawing->is_signed = colormap == HEATMAP_SIGNED;
    drawing->palette = heatmap_palette(colormap);
    for (size_t i = 0; i < activations->count; i++)
        drawing->common = fmaxf(drawing->common, full_of(&activations->list[i],
                                                         drawing->is_signed));
}

static bool prepare(struct drawing *drawing,
                    const struct activations_picture *picture,
                    struct error *err)
{
    struct activations *activations = drawing->activations;
    const struct image *image = picture->image;
    size_t count;

    render_fit(&drawing->width, &drawing->height, image, drawing->style->size);
    drawing->region = (struct heatmap_region){
        .x = picture->region.x * drawing->width / image->width,
        .y = picture->region.y * drawing->height / image->height,
        .width = picture->region.width * drawing->width / image->width,
        .height = picture->region.height * drawing->height / image->height,
    };
    if (drawing->style->ground == ACTIVATIONS_PHOTO) {
        drawing->picture = render_picture(picture->render, image,
                                          drawing->width, drawing->height, err);
        if (!drawing->picture)
            return false;
    }
    count = (size_t)drawing->width * drawing->height;
    activations->upsampled =
        scratch_reserve(activations->upsampled, &activations->upsampled_cap,
                        count, sizeof(float), err);
    activations->levels = scratch_reserve(
        activations->levels, &activations->levels_cap, count, 1, err);
    return activations->upsampled && activations->levels;
}

/* Colours the levels of one picture into its place. */
static void colour(const struct drawing *drawing, uint8_t *tile, size_t stride)
{
    const uint8_t *levels = drawing->activations->levels;
    const uint8_t *picture = drawing->picture;
    const size_t width = drawing->width;

    for (uint32_t y = 0; y < drawing->height; y++, tile += stride) {
        const uint8_t *row = levels + y * width;

        if (picture)
            heatmap_overlay(tile, picture + 3 * y * width, row,
                            drawing->palette, width, drawing->style->alpha);
        for (size_t x = 0; !picture && x < width; x++)
            memcpy(tile + 3 * x, drawing->palette + (size_t)3 * row[x], 3);
    }
}

static bool draw_one(const struct drawing *drawing, size_t i, struct error *err)
{
    struct activations *activations = drawing->activations;
    const struct activation *channel = &activations->list[i];
    const size_t count = (size_t)drawing->width * drawing->height;
    float full = drawing->style->scale == ACTIVATIONS_COMMON
                     ? drawing->common
                     : full_of(channel, drawing->is_signed);

    if (!heatmap_upsample(
            activations->upsampled, drawing->height, drawing->width,
            activations->maps + i * activations->height * activations->width,
            activations->height, activations->width, &drawing->region,
            &activations->heatmap, err))
        return false;
    if (drawing->is_signed)
        heatmap_levels_signed(activations->levels, activations->upsampled,
                              count, full);
    else
        heatmap_levels(activations->levels, activations->upsampled, count,
                       full);
    colour(drawing, sheet_tile(&activations->sheet, i),
           3 * (size_t)activations->sheet.width);
    sheet_label(&activations->sheet, i, channel->index);
    return true;
}

bool activations_draw(struct activations *activations, struct buf *png,
                      const struct activations_picture *picture,
                      const struct activations_style *style, struct error *err)
{
    struct drawing drawing = {.activations = activations, .style = style};
    struct sheet_grid grid = {.count = activations->count, .has_labels = true};

    choose_colours(&drawing);
    if (!prepare(&drawing, picture, err))
        return false;
    grid.width = drawing.width;
    grid.height = drawing.height;
    if (!sheet_begin(&activations->sheet, &grid, err))
        return false;
    for (size_t i = 0; i < activations->count; i++)
        if (!draw_one(&drawing, i, err))
            return false;
    return sheet_png(&activations->sheet, png, err);
}

void activations_release(struct activations *activations)
{
    free(activations->all);
    free(activations->sums);
    free(activations->planes);
    free(activations->upsampled);
    free(activations->levels);
    sheet_release(&activations->sheet);
    heatmap_scratch_release(&activations->heatmap);
    *activations = (struct activations){0};
}
