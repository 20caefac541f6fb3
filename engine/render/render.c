#include "engine/render/render.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "engine/base/scratch.h"
#include "engine/image/orient.h"

/* The number of rows upsampled at a time, so that they are still in the cache
 * when coloured. */
enum { BAND_ROWS = 32 };

void render_fit(uint32_t *width, uint32_t *height, const struct image *image,
                uint32_t max_side)
{
    uint32_t longest =
        image->width > image->height ? image->width : image->height;
    double scale = 1;

    if (max_side > 0 && longest > max_side)
        scale = (double)max_side / longest;
    *width = (uint32_t)(image->width * scale + 0.5);
    *height = (uint32_t)(image->height * scale + 0.5);
    *width += *width == 0;
    *height += *height == 0;
}

/* The part of an output of this size that the map covers, moved up by `top`
 * rows. */
static struct heatmap_region view_in(const struct render_map *map,
                                     uint32_t width, uint32_t height,
                                     uint32_t top)
{
    double x = (double)width / map->image->width;
    double y = (double)height / map->image->height;

    return (struct heatmap_region){
        .x = map->region.x * x,
        .y = map->region.y * y - top,
        .width = map->region.width * x,
        .height = map->region.height * y,
    };
}

/* Scales a box from a grid to the image it lies in. */
static void scale_box(struct box *box, uint32_t width, uint32_t height,
                      const struct image *image)
{
    uint64_t right =
        ((uint64_t)(box->x + box->width) * image->width + width - 1) / width;
    uint64_t bottom =
        ((uint64_t)(box->y + box->height) * image->height + height - 1) /
        height;

    box->x = (uint32_t)((uint64_t)box->x * image->width / width);
    box->y = (uint32_t)((uint64_t)box->y * image->height / height);
    box->width = (uint32_t)right - box->x;
    box->height = (uint32_t)bottom - box->y;
}

/* The part of the image that the map covers, at least a pixel. */
static struct box_place place_of(const struct render_map *map)
{
    const struct preprocess_region *region = &map->region;
    const double width = map->image->width, height = map->image->height;
    struct box_place place = {
        .width = map->image->width,
        .height = map->image->height,
        .left = (uint32_t)fmin(fmax(floor(region->x), 0), width - 1),
        .top = (uint32_t)fmin(fmax(floor(region->y), 0), height - 1),
        .right = (uint32_t)fmin(ceil(region->x + region->width), width),
        .bottom = (uint32_t)fmin(ceil(region->y + region->height), height),
        .cell_width = region->width / (double)map->width,
        .cell_height = region->height / (double)map->height,
    };

    place.right += place.right <= place.left;
    place.bottom += place.bottom <= place.top;
    return place;
}

bool render_boxes(struct render *render, struct box_found *found,
                  const struct render_map *map,
                  const struct box_options *options, struct error *err)
{
    const struct box_place place = place_of(map);
    struct heatmap_region region;
    uint32_t width, height;

    *found = (struct box_found){0};
    render_fit(&width, &height, map->image, RENDER_BOX_GRID);
    region = view_in(map, width, height, 0);
    render->upsampled =
        scratch_reserve(render->upsampled, &render->upsampled_cap,
                        (size_t)width * height, sizeof(float), err);
    if (!render->upsampled ||
        !heatmap_upsample(render->upsampled, height, width, map->values,
                          map->height, map->width, &region, &render->heatmap,
                          err) ||
        !box_find(found, &render->box, render->upsampled, height, width,
                  options, err))
        return false;
    for (size_t i = 0; found->count > 0 && i <= found->count; i++) {
        struct box *box = i > 0 ? &found->list[i - 1] : &found->box;

        scale_box(box, width, height, map->image);
        box_adjust(box, options, &place);
    }
    return true;
}

const uint8_t *render_picture(struct render *render, const struct image *image,
                              uint32_t width, uint32_t height,
                              struct error *err)
{
    const bool whole = width == image->width && height == image->height;
    const struct resize_part part = {
        .full_width = width,
        .full_height = height,
        .width = width,
        .height = height,
        .orientation = image->orientation,
    };
    uint32_t in_width, in_height;
    const uint8_t *in = image_lying(image, &in_width, &in_height);

    if (whole && in == image->pixels)
        return in;
    render->small = scratch_reserve(render->small, &render->small_cap,
                                    (size_t)width * height, 3, err);
    if (!render->small)
        return NULL;
    if (whole)
        orient_upright(render->small, in, width, height, image->orientation);
    else if (!resize_rgb_part(&render->resize, render->small, &part, in,
                              in_width, in_height, err))
        return NULL;
    return render->small;
}

static bool reserve_all(struct render *render, uint32_t width, uint32_t height,
                        bool overlay, struct error *err)
{
    size_t count = (size_t)width * height;

    render->levels =
        scratch_reserve(render->levels, &render->levels_cap, count, 1, err);
    render->upsampled =
        scratch_reserve(render->upsampled, &render->upsampled_cap,
                        (size_t)width * BAND_ROWS, sizeof(float), err);
    if (overlay)
        render->pixels =
            scratch_reserve(render->pixels, &render->pixels_cap, count, 3, err);
    return render->levels && render->upsampled && (render->pixels || !overlay);
}

static void draw_frames(uint8_t *pixels, uint32_t width, uint32_t height,
                        const struct render_map *map)
{
    const struct frame_picture picture = {
        .pixels = pixels,
        .width = width,
        .height = height,
        .full_width = map->image->width,
        .full_height = map->image->height,
    };

    for (size_t i = 0; i < map->num_boxes; i++)
        frame_draw(&picture, &map->boxes[i]);
}

/* Writes one of the map's colours to every third level from `levels` on. */
static bool draw_colour(struct render *render, uint8_t *levels,
                        const struct render_map *map, size_t colour,
                        uint32_t width, uint32_t height, struct error *err)
{
    for (size_t i = 0; i < map->width * map->height; i++)
        render->plane[i] = map->colours[i * map->num_colours + colour];
    for (uint32_t top = 0; top < height; top += BAND_ROWS) {
        uint32_t rows = height - top < BAND_ROWS ? height - top : BAND_ROWS;
        struct heatmap_region region = view_in(map, width, height, top);
        size_t start = (size_t)top * width, num = (size_t)rows * width;

        if (!heatmap_upsample(render->upsampled, rows, width, render->plane,
                              map->height, map->width, &region,
                              &render->heatmap, err))
            return false;
        heatmap_levels_signed(render->levels, render->upsampled, num,
                              map->scale);
        for (size_t i = 0; i < num; i++)
            levels[3 * (start + i)] = render->levels[i];
    }
    return true;
}

static bool render_colours(struct render *render, struct buf *png,
                           const struct render_map *map,
                           const struct render_options *options,
                           struct error *err)
{
    uint32_t width, height;

    assert(map->colours && map->num_colours > 0);
    render_fit(&width, &height, map->image, options->max_side);
    render->plane =
        scratch_reserve(render->plane, &render->plane_cap,
                        map->width * map->height, sizeof(float), err);
    if (!render->plane || !reserve_all(render, width, height, true, err))
        return false;
    for (size_t i = 0; i < 3; i++) {
        size_t colour = map->num_colours < 3 ? 0 : map->is_bgr ? 2 - i : i;

        if (!draw_colour(render, render->pixels + i, map, colour, width, height,
                         err))
            return false;
    }
    return pngout_rgb(png, &render->png, render->pixels, width, height, err);
}

/* White from the cut on. */
static void fill_mask(uint8_t palette[3 * 256], float cut)
{
    for (size_t level = 0; level < 256; level++)
        memset(palette + 3 * level, (float)level >= cut * 255 ? 255 : 0, 3);
}

bool render_heatmap(struct render *render, struct buf *png,
                    const struct render_map *map,
                    const struct render_options *options, struct error *err)
{
    const bool masks = options->kind == RENDER_MASK;
    const bool overlay = options->kind != RENDER_MAP && !masks;
    const uint8_t *picture = NULL;
    uint8_t mask[3 * 256];
    const uint8_t *palette = masks ? mask : heatmap_palette(options->colormap);
    uint32_t width, height;

    if (options->kind == RENDER_COLOURS)
        return render_colours(render, png, map, options, err);
    if (masks)
        fill_mask(mask, options->cut);
    render_fit(&width, &height, map->image, options->max_side);
    if (overlay) {
        picture = render_picture(render, map->image, width, height, err);
        if (!picture)
            return false;
    }
    if (!reserve_all(render, width, height, overlay, err))
        return false;
    for (uint32_t top = 0; top < height; top += BAND_ROWS) {
        uint32_t rows = height - top < BAND_ROWS ? height - top : BAND_ROWS;
        struct heatmap_region region = view_in(map, width, height, top);
        size_t start = (size_t)top * width, num = (size_t)rows * width;

        if (!heatmap_upsample(render->upsampled, rows, width, map->values,
                              map->height, map->width, &region,
                              &render->heatmap, err))
            return false;
        if (options->colormap == HEATMAP_SIGNED && !masks)
            heatmap_levels_signed(render->levels + start, render->upsampled,
                                  num, map->scale);
        else
            heatmap_levels(render->levels + start, render->upsampled, num,
                           map->scale);
        if (overlay)
            heatmap_overlay(render->pixels + 3 * start, picture + 3 * start,
                            render->levels + start, palette, num,
                            options->alpha);
    }
    if (options->kind == RENDER_BOXES)
        draw_frames(render->pixels, width, height, map);
    if (overlay)
        return pngout_rgb(png, &render->png, render->pixels, width, height,
                          err);
    return pngout_palette(png, &render->png, render->levels, palette, width,
                          height, err);
}

void render_release(struct render *render)
{
    box_scratch_release(&render->box);
    pngout_scratch_release(&render->png);
    resize_release(&render->resize);
    heatmap_scratch_release(&render->heatmap);
    free(render->upsampled);
    free(render->plane);
    free(render->levels);
    free(render->small);
    free(render->pixels);
    *render = (struct render){0};
}
