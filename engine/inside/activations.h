#ifndef ENGINE_INSIDE_ACTIVATIONS_H
#define ENGINE_INSIDE_ACTIVATIONS_H

/* The activations of a layer, channel by channel: what each channel is in
 * numbers, its map, and a contact sheet of the maps.
 *
 *     struct activations activations = {0};
 *
 *     if (!activations_find(&activations, &features, &choice, &err) ||
 *         !activations_draw(&activations, &png, &picture, &style, &err))
 *         ...
 *     activations_release(&activations);
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/image/image.h"
#include "engine/image/preprocess.h"
#include "engine/render/render.h"
#include "engine/render/sheet.h"

/* At most so many channels are shown, and their pictures have so many pixels
 * together. */
enum { ACTIVATIONS_MAX = 256, ACTIVATIONS_MAX_PIXELS = 1 << 23 };

/* Sides of a picture. */
enum { ACTIVATIONS_MIN_SIZE = 8, ACTIVATIONS_MAX_SIZE = 512 };

/* X(enumerator, name in requests)
 *
 * What is drawn in full: of each map its own largest value, or the largest of
 * all maps that are shown. */
#define ACTIVATIONS_SCALES(X) \
    X(ACTIVATIONS_OWN, "own") \
    X(ACTIVATIONS_COMMON, "common")

enum activations_scale {
#define X(scale, name) scale,
    ACTIVATIONS_SCALES(X)
#undef X
};

/* X(enumerator, name in requests)
 *
 * What the maps are drawn over: the photo, or nothing. */
#define ACTIVATIONS_GROUNDS(X)    \
    X(ACTIVATIONS_PHOTO, "photo") \
    X(ACTIVATIONS_ALONE, "alone")

enum activations_ground {
#define X(ground, name) ground,
    ACTIVATIONS_GROUNDS(X)
#undef X
};

/* Which channels are shown. */
struct activations_choice {
    size_t channels[ACTIVATIONS_MAX]; /* (num_channels) indices */
    size_t num_channels; /* 0: those of the largest mean, largest first */
    size_t top;          /* at most so many of these; 1..ACTIVATIONS_MAX */
};

/* How they are drawn. HEATMAP_AUTO is HEATMAP_SIGNED if a value that is shown
 * is negative. */
struct activations_style {
    enum activations_scale scale;
    enum activations_ground ground;
    enum heatmap_colormap colormap;
    float alpha;   /* opacity of the colours over the photo, 0..1 */
    uint32_t size; /* longest side of a picture in pixels, at most the photo's;
                      ACTIVATIONS_MIN_SIZE..ACTIVATIONS_MAX_SIZE */
};

/* A channel in numbers. */
struct activation {
    size_t index;
    float mean, min, max;
    float above_zero; /* the share of cells whose value is positive */
};

/* `= {0}` is empty. */
struct activations {
    size_t height, width, num_channels; /* of the layer */
    const struct activation *list;      /* (count) those that are shown */
    size_t count;
    const float *maps; /* (count, height, width) */

    struct activation *all; /* (num_channels) owned, like what follows */
    double *sums;           /* (num_channels) */
    struct activation shown[ACTIVATIONS_MAX];
    float *planes;
    float *upsampled; /* a picture */
    uint8_t *levels;  /* likewise */
    size_t all_cap, sums_cap, planes_cap, upsampled_cap, levels_cap; /* bytes */
    struct sheet sheet;
    struct heatmap_scratch heatmap;
};

/* Measures all channels and copies the maps of those that are chosen, in their
 * order; of a list, each index is below `channels`. Channels of equal mean are
 * in the order of their indices. ERROR_MEMORY.
 *
 * features  (height, width, channels) */
bool activations_find(struct activations *activations, const float *features,
                      size_t height, size_t width, size_t channels,
                      const struct activations_choice *choice,
                      struct error *err) __attribute__((warn_unused_result));

/* The photo, and the part of it that the maps cover; everything is borrowed. */
struct activations_picture {
    const struct image *image;
    struct preprocess_region region; /* in pixels of the image */
    struct render *render;           /* scratch */
};

/* Appends a contact sheet to `png`: the maps as heatmaps of the whole photo,
 * row by row in their order, each with the index of its channel. Negative
 * values are drawn as 0, but for HEATMAP_SIGNED, whose ends are as far from 0
 * as the largest absolute value. ERROR_LIMIT if the sheet is too large;
 * ERROR_MEMORY, ERROR_INTERNAL. */
bool activations_draw(struct activations *activations, struct buf *png,
                      const struct activations_picture *picture,
                      const struct activations_style *style, struct error *err)
    __attribute__((warn_unused_result));

void activations_release(struct activations *activations);

#endif
