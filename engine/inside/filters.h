#ifndef ENGINE_INSIDE_FILTERS_H
#define ENGINE_INSIDE_FILTERS_H

/* The filters of a convolution: their weights, how large they are, which of
 * them do nothing or the same, and a contact sheet.
 *
 *     struct filters filters = {0};
 *
 *     if (!filters_find(&filters, &network, &unfolded, layer, &err) ||
 *         !filters_draw(&filters, &png, &style, &err))
 *         ...
 *     filters_release(&filters);
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/network/network.h"
#include "engine/render/heatmap.h"

/* A filter is dead if its norm is below this share of the largest one; it is
 * nearly the same as another if the cosine between them is above the second. */
#define FILTERS_DEAD 1e-6
#define FILTERS_SAME 0.99

/* Filters are compared in pairs if that takes at most so many products. */
#define FILTERS_MAX_PRODUCTS ((uint64_t)1 << 31)

/* At most so many filters, and input channels of each, are drawn; the longest
 * side of a kernel in pixels; and the pixels of all together. */
enum {
    FILTERS_MAX_SHOWN = 256,
    FILTERS_MAX_INPUTS = 64,
    FILTERS_MIN_SIZE = 4,
    FILTERS_MAX_SIZE = 256,
    FILTERS_MAX_PIXELS = 1 << 23
};

/* X(enumerator, name in requests)
 *
 * What is drawn in full: of each filter its own largest weight, or the largest
 * of all that are shown. */
#define FILTERS_SCALES(X) \
    X(FILTERS_OWN, "own") \
    X(FILTERS_COMMON, "common")

enum filters_scale {
#define X(scale, name) scale,
    FILTERS_SCALES(X)
#undef X
};

struct filters_style {
    enum filters_scale scale;
    enum heatmap_colormap colormap; /* HEATMAP_AUTO: see filters_draw */
    size_t top;    /* the first so many filters; 1..FILTERS_MAX_SHOWN */
    size_t inputs; /* the first so many inputs; 1..FILTERS_MAX_INPUTS */
    uint32_t size; /* longest side of a kernel in pixels;
                      FILTERS_MIN_SIZE..FILTERS_MAX_SIZE */
    bool is_bgr;   /* three input channels are blue, green and red */
};

/* In filters_find: the first convolution. */
#define FILTERS_FIRST SIZE_MAX

/* `= {0}` is empty. */
struct filters {
    char *node;   /* the convolution's name in the file; owned */
    size_t layer; /* the first layer that it makes, or FILTERS_FIRST */
    size_t count, channels, height, width; /* `channels` are those of one group
                                              of the input */
    size_t groups, stride[2], dilation[2]; /* rows, columns */
    float *weights; /* (count, channels, height, width) owned */
    double *norms;  /* (count) L2; owned */
    double least;   /* filters of a smaller norm are dead; infinite if all are 0
                     */
    size_t num_dead;
    size_t num_same;  /* filters, none of them dead, that are nearly the same as
                         an earlier one of their group */
    bool is_compared; /* num_same is known: FILTERS_MAX_PRODUCTS */
};

/* Finds the convolution that makes a layer, through what follows it with no
 * other operand: normalization, activation, pooling.
 *
 * network   read up to NETWORK_FOLD
 * unfolded  the same read up to NETWORK_INFER: the weights are then those of
 * the file, before normalization and scales are folded into them; or NULL layer
 * index in the layers of `network`, or FILTERS_FIRST
 *
 * ERROR_UNSUPPORTED  the layer is not made by a convolution, or the network has
 *                    none with constant weights; the text says so
 * ERROR_MEMORY; `filters` is empty then. */
bool filters_find(struct filters *filters, const struct network *network,
                  const struct network *unfolded, size_t layer,
                  struct error *err) __attribute__((warn_unused_result));

/* Whether the filters are drawn as colours: they have three input channels,
 * and no colormap is chosen. */
bool filters_is_coloured(const struct filters *filters,
                         const struct filters_style *style);

/* Appends a contact sheet to `png`. Filters with three input channels are
 * pictures in colour, where 0 is mid-grey; those with one are maps, both in a
 * grid. Of others, each row is a filter, with a map for each input channel.
 * Maps are HEATMAP_SIGNED by default; all colormaps range from minus to plus
 * the largest absolute weight. Dead filters are drawn as zeros. Below a filter
 * is its index.
 * ERROR_INPUT if that are too many pixels; ERROR_MEMORY, ERROR_INTERNAL. */
bool filters_draw(const struct filters *filters, struct buf *png,
                  const struct filters_style *style, struct error *err)
    __attribute__((warn_unused_result));

void filters_release(struct filters *filters);

#endif
