#include "engine/fit/picture.h"

#include <stdlib.h>

#include "engine/base/team.h"
#include "engine/evaluate/workers.h"
#include "engine/explain/cam.h"
#include "engine/render/render.h"
#include "engine/render/webpout.h"

static const float quality = 75;

/* What a thread has for itself. */
struct worker {
    struct image image;
    struct render render;
    float *features; /* (map_height, map_width, num_features) owned */
    float *map;      /* (map_height, map_width) owned */
};

struct making {
    struct picture *pictures;
    const struct fit *fit;
    const size_t *photos;
    const struct fit_options *options;
    struct worker workers[TEAM_MAX_THREADS];
};

/* Whether the error is the photo's own, so that others are made. */
static bool is_own(const struct error *err)
{
    return err->kind != ERROR_MEMORY && err->kind != ERROR_BUSY;
}

static bool draw_photo(struct picture *picture, struct worker *worker,
                       const struct fit *fit, size_t photo,
                       const struct fit_options *options, struct error *err)
{
    uint32_t width, height;
    const uint8_t *pixels;

    if (!cancel_check(options->cancel, err) ||
        !fit_read_image(fit, &worker->image, photo, err))
        return false;
    render_fit(&width, &height, &worker->image, PICTURE_MAX_SIDE);
    pixels =
        render_picture(&worker->render, &worker->image, width, height, err);
    return pixels &&
           webpout_rgb(&picture->webp, pixels, width, height, quality, err);
}

/* Writes the levels of a class's map. */
static void draw_map(uint8_t *levels, struct worker *worker,
                     const struct fit *fit, uint32_t class)
{
    const size_t cells = fit->map_height * fit->map_width;
    float max = 0;

    cam_weigh(worker->map, worker->features,
              fit->weights + class * fit->num_features, fit->map_height,
              fit->map_width, fit->num_features);
    for (size_t i = 0; i < cells; i++)
        max = worker->map[i] > max ? worker->map[i] : max;
    heatmap_levels(levels, worker->map, cells, max);
}

static bool draw_maps(struct picture *picture, struct worker *worker,
                      const struct fit *fit, size_t index, struct error *err)
{
    const struct fit_photo *photo = &fit->photos[index];
    const size_t cells = fit->map_height * fit->map_width;

    if (!fit_read_map(fit, worker->features, index, err))
        return false;
    picture->levels = calloc(2, cells);
    if (!picture->levels)
        return fail(err, ERROR_MEMORY, "not enough memory for a map");
    draw_map(picture->levels, worker, fit, photo->class);
    draw_map(picture->levels + cells, worker, fit, photo->predicted);
    return true;
}

const uint8_t *picture_palette(void)
{
    return heatmap_palette(HEATMAP_JET);
}

static bool make(void *user, size_t number, size_t i, struct error *err)
{
    struct making *making = user;
    struct worker *worker = &making->workers[number];
    struct picture *picture = &making->pictures[i];
    const size_t photo = making->photos[i];
    struct error undrawn = {0}, unmapped = {0};

    return (draw_photo(picture, worker, making->fit, photo, making->options,
                       &undrawn) ||
            is_own(&undrawn) || error_pass(err, &undrawn)) &&
           (draw_maps(picture, worker, making->fit, photo, &unmapped) ||
            is_own(&unmapped) || error_pass(err, &unmapped));
}

static void release_workers(struct making *making)
{
    for (unsigned i = 0; i < making->options->num_threads; i++) {
        struct worker *worker = &making->workers[i];

        image_release(&worker->image);
        render_release(&worker->render);
        free(worker->features);
        free(worker->map);
    }
}

/* Gives each thread a map's memory. */
static bool prepare(struct making *making, struct error *err)
{
    const struct fit *fit = making->fit;

    for (unsigned i = 0; i < making->options->num_threads; i++) {
        struct worker *worker = &making->workers[i];

        worker->map =
            calloc(fit->map_height * fit->map_width, sizeof *worker->map);
        worker->features =
            calloc(fit->map_height * fit->map_width * fit->num_features,
                   sizeof *worker->features);
        if (!worker->map || !worker->features)
            return fail(err, ERROR_MEMORY, "not enough memory for a map");
    }
    return true;
}

/* Keeps the files for which there is room. */
static void keep_first(struct picture *pictures, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += pictures[i].webp.len;
        if (bytes > PICTURE_MAX_BYTES)
            buf_release(&pictures[i].webp);
    }
}

bool picture_make(struct picture *pictures, const struct fit *fit,
                  const size_t *photos, size_t count,
                  const struct fit_options *options, struct error *err)
{
    struct making *making = calloc(1, sizeof *making);
    bool ok;

    if (!making)
        return fail(err, ERROR_MEMORY, "not enough memory for pictures");
    making->pictures = pictures;
    making->fit = fit;
    making->photos = photos;
    making->options = options;
    ok = prepare(making, err) &&
         workers_each(options->num_threads, count, make, making, err);
    if (ok)
        keep_first(pictures, count);
    release_workers(making);
    free(making);
    return ok;
}

void picture_release(struct picture *pictures, size_t count)
{
    for (size_t i = 0; pictures && i < count; i++) {
        buf_release(&pictures[i].webp);
        free(pictures[i].levels);
        pictures[i] = (struct picture){0};
    }
}
