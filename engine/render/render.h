#ifndef ENGINE_RENDER_RENDER_H
#define ENGINE_RENDER_RENDER_H

/* Makes boxes and heatmaps from maps. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/explain/box.h"
#include "engine/image/image.h"
#include "engine/image/preprocess.h"
#include "engine/image/resize.h"
#include "engine/render/frame.h"
#include "engine/render/heatmap.h"
#include "engine/render/pngout.h"

/* X(enumerator, name in requests)
 *
 * The map over the image (truecolour), the same with the frames of boxes, the
 * map's signed colours (truecolour, 0 is grey), the map alone (palette), a
 * mask, white where the map reaches a share of its scale and else black
 * (palette), or no heatmap. */
#define RENDER_KINDS(X)          \
    X(RENDER_OVERLAY, "overlay") \
    X(RENDER_BOXES, "boxes")     \
    X(RENDER_COLOURS, "colours") \
    X(RENDER_MAP, "map")         \
    X(RENDER_MASK, "mask")       \
    X(RENDER_NONE, "none")

enum render_kind {
#define X(kind, name) kind,
    RENDER_KINDS(X)
#undef X
};

struct render_options {
    enum render_kind kind; /* render_heatmap does not accept RENDER_NONE */
    enum heatmap_colormap colormap;
    float alpha;       /* opacity of the colours over the image, 0..1 */
    float cut;         /* of a mask: the share, 0..1 */
    uint32_t max_side; /* longest side of the output; 0: the image's */
};

/* A map, and the part of an upright image that it covers; everything is
 * borrowed. */
struct render_map {
    const float *values;             /* (height, width) */
    size_t width, height;            /* cells */
    float scale;                     /* the value that is drawn in full */
    struct preprocess_region region; /* in pixels of the image */
    const struct image *image;
    const struct box *boxes; /* (num_boxes) drawn by RENDER_BOXES */
    size_t num_boxes;
    const float *colours; /* (height, width, num_colours) signed; for
                             RENDER_COLOURS only */
    size_t num_colours;   /* 3, or 1: grey */
    bool is_bgr;          /* their order is B, G, R */
};

/* Scratch memory, reused from call to call; `= {0}` is empty. One thread at a
 * time. */
struct render {
    struct box_scratch box;
    struct pngout_scratch png;
    struct resize resize;
    struct heatmap_scratch heatmap;
    float *upsampled; /* owned */
    float *plane;     /* one of a map's colours; owned */
    uint8_t *levels;  /* owned */
    uint8_t *small;   /* the image, reduced or rotated; owned */
    uint8_t *pixels;  /* of the overlay; owned */
    size_t upsampled_cap, plane_cap, levels_cap, small_cap,
        pixels_cap; /* bytes */
};

/* The longest side of the grid on which boxes are found. */
enum { RENDER_BOX_GRID = 1024 };

/* Finds the boxes (box.h) on the map upsampled to the size of the image, or to
 * a longest side of RENDER_BOX_GRID if the image is larger; boxes are then
 * scaled to cover the cells that were found, and adjusted (box_adjust).
 * ERROR_MEMORY.
 */
bool render_boxes(struct render *render, struct box_found *found,
                  const struct render_map *map,
                  const struct box_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Appends a heatmap to `png`, coloured from 0 to the map's scale; by
 * HEATMAP_SIGNED from -scale to scale. With RENDER_COLOURS each colour has the
 * level 128 where it is 0 or not covered, 255 at the scale and 1 at -scale.
 * ERROR_MEMORY, ERROR_INTERNAL. */
bool render_heatmap(struct render *render, struct buf *png,
                    const struct render_map *map,
                    const struct render_options *options, struct error *err)
    __attribute__((warn_unused_result));

/* Computes the size of an image whose longest side is reduced to `max_side`,
 * unless it is shorter or max_side is 0. */
void render_fit(uint32_t *width, uint32_t *height, const struct image *image,
                uint32_t max_side);

/* Returns the upright image at another size, (height, width, 3) RGB: its own
 * pixels if the size is the same, else what `render` keeps until the next call.
 * NULL: ERROR_MEMORY. */
const uint8_t *render_picture(struct render *render, const struct image *image,
                              uint32_t width, uint32_t height,
                              struct error *err)
    __attribute__((warn_unused_result));

void render_release(struct render *render);

#endif
