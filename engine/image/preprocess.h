#ifndef ENGINE_IMAGE_PREPROCESS_H
#define ENGINE_IMAGE_PREPROCESS_H

/* Turns an image into the network's input, and maps positions back. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/image/image.h"
#include "engine/image/resize.h"

/* X(enumerator, name in model.json)
 *
 *     STRETCH    the whole image, stretched to the input's shape
 *     CROP       the image is scaled, keeping its shape, until it just covers
 *                the input's size divided by crop_fraction, rounded down; then
 *                the centre is cut out. With a square input: torchvision's
 *                Resize of the shorter side, and CenterCrop.
 *     LETTERBOX  the image is scaled, keeping its shape, until it just fits
 * into the input, and centred; the rest has the colour `pad`. Pillow's
 * ImageOps.pad. */
#define PREPROCESS_RESIZES(X)        \
    X(PREPROCESS_STRETCH, "stretch") \
    X(PREPROCESS_CROP, "crop")       \
    X(PREPROCESS_LETTERBOX, "letterbox")

enum preprocess_resize {
#define X(resize, name) resize,
    PREPROCESS_RESIZES(X)
#undef X
};

enum {
    PREPROCESS_MAX_SIDE = 4096, /* of an input, in pixels */
    PREPROCESS_MAX_ZOOM = 16,
    PREPROCESS_MAX_VALUE = 1000000, /* of a given input, and of its negative */
};

/* How a model expects its input; part of model.json. For each channel, in the
 * order of the input's channels: value = (sample - mean) / std, with samples
 * 0..255. */
struct preprocess_spec {
    uint32_t width, height; /* of the network's input, in pixels */
    enum preprocess_resize resize;
    enum resize_filter filter;
    double crop_fraction; /* CROP: above 0, at most 1 */
    uint8_t pad[3];       /* LETTERBOX: red, green, blue */
    bool bgr;             /* the order of the input's channels is B, G, R */
    bool grey; /* the input has one channel, with mean[0] and std[0]: luma, like
                  Pillow's mode L */
    float mean[3]; /* 0..255 */
    float std[3];  /* > 0, in the same units */
};

/* The part of the upright image that the input shows, in its pixels. It may
 * reach beyond the image (letterbox) or cover less than it (crop). The class
 * activation map covers the same part. */
struct preprocess_region {
    double x, y, width, height;
};

/* Scratch memory that is reused from call to call. One thread at a time. */
struct preprocess;

struct preprocess *preprocess_new(const struct preprocess_spec *spec,
                                  struct error *err);

/* Writes the network's input for `image`.
 *
 *     input   out  (height, width, 3) NHWC float, as the spec says; for grey
 *                  inputs (height, width, 1)
 *     region  out  the part of the image it shows
 *
 * The image is resized like in Pillow (antialiased, 8 bits between the passes;
 * resize.h), then normalised. ERROR_MEMORY. */
bool preprocess_apply(struct preprocess *preprocess, float *input,
                      struct preprocess_region *region,
                      const struct image *image, struct error *err)
    __attribute__((warn_unused_result));

/* The same for a part of the image, stretched to the input whatever the spec's
 * way to resize: cut out of the whole image at that scale, in whole pixels of
 * the input, so that *region is a little beside it.
 *
 *     region  inout  the part: within the image, each side at least
 *                    1 / PREPROCESS_MAX_ZOOM of the image's; what the input
 *                    shows */
bool preprocess_apply_part(struct preprocess *preprocess, float *input,
                           struct preprocess_region *region,
                           const struct image *image, struct error *err)
    __attribute__((warn_unused_result));

/* Takes the network's input as it is, and makes the pixels that it stands for:
 * rounded, and cut off at 0 and 255.
 *
 *     input   out  as in preprocess_apply
 *     pixels  out  (height, width, 3) RGB, borrowed until the next call
 *     values  in   (height, width, channels), or with `is_planar` (channels,
 *                  height, width)
 *
 * ERROR_INPUT: a value is not finite, or beyond PREPROCESS_MAX_VALUE; the input
 * is then undefined. */
bool preprocess_take(struct preprocess *preprocess, float *input,
                     struct image_pixels *pixels, const float *values,
                     bool is_planar, struct error *err)
    __attribute__((warn_unused_result));

/* Frees the scratch memory that grows with images. */
void preprocess_trim(struct preprocess *preprocess);

void preprocess_free(struct preprocess *preprocess);

#endif
