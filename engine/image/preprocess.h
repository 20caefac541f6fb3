#ifndef ENGINE_IMAGE_PREPROCESS_H
#define ENGINE_IMAGE_PREPROCESS_H

/* What the network sees of a picture, and the way back. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/image/image.h"
#include "engine/image/resize.h"

/* X(enumerator, name in model.json)
 *
 * STRETCH    the whole picture, squeezed to the input's shape
 * CROP       the picture is scaled, its shape kept, until it just covers the
 *            input's size divided by crop_fraction, rounded down; of that, the
 *            centre is cut out. On a square input: torchvision's Resize of the
 *            shorter side, and CenterCrop.
 * LETTERBOX  the picture is scaled, its shape kept, until it just fits into
 *            the input, and put in its middle; the rest is of the colour `pad`.
 *            Pillow's ImageOps.pad. */
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
    PREPROCESS_MAX_SIDE = 4096, /* of an input, pixels */
};

/* How a model wants its input; part of model.json. Per channel, in the order
 * of the input's channels: value = (sample - mean) / std, samples 0..255. */
struct preprocess_spec {
    uint32_t width, height; /* of the network's input, pixels */
    enum preprocess_resize resize;
    enum resize_filter filter;
    double crop_fraction; /* CROP: above 0, at most 1 */
    uint8_t pad[3];       /* LETTERBOX: red, green, blue */
    bool bgr;             /* channel order of the input is B, G, R */
    bool grey;            /* the input has one channel, of which mean[0] and
                             std[0] are: luma, as Pillow's mode L has it */
    float mean[3];        /* 0..255 */
    float std[3];         /* > 0, in the same units */
};

/* The part of the upright picture that the input shows, in its pixels. May
 * reach beyond the picture (letterbox) or cover less than it (crop). The
 * class activation map covers the same part. */
struct preprocess_region {
    double x, y, width, height;
};

/* Scratch memory, reused from call to call. One thread at a time. */
struct preprocess;

struct preprocess *preprocess_new(const struct preprocess_spec *spec,
                                  struct error *err);

/* Writes the network's input for `image`.
 *
 * input  out  (height, width, 3) NHWC float, as the spec says; of grey
 *             inputs (height, width, 1)
 * region   out  the part of the picture it shows
 *
 * The picture is resized as Pillow does it (antialiased, 8 bits between the
 * passes; resize.h), then normalised. ERROR_MEMORY. */
bool preprocess_apply(struct preprocess *preprocess, float *input,
                      struct preprocess_region *region,
                      const struct image *image, struct error *err)
    __attribute__((warn_unused_result));

void preprocess_free(struct preprocess *preprocess);

#endif
