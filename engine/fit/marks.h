#ifndef ENGINE_FIT_MARKS_H
#define ENGINE_FIT_MARKS_H

/* Finds marks: what is at the same place of the frame, pixel for pixel, in many
 * photos of one class and in none of the others, such as a logo, a date or a
 * frame.
 *
 * Where many photos have a mark, their gradients agree (Dekel et al., "On the
 * Effectiveness of Visible Watermarks", CVPR 2017, section 3.1); where they
 * show the world, the gradients cancel. So the mean of a class's gradients,
 * without that of the other classes and without what is noise, is a template
 * of the mark. A photo is scored by a template to which neither it nor, if it
 * is of the class, its near-duplicates contributed: so photos of a class
 * without a mark score as those of the other classes do.
 *
 * The photo is reduced to a shorter side of MARKS_SIDE, so that marks of one
 * camera or agency fall on each other in upright and lying photos. Corners are
 * looked at in patches, edges in strips that are as long as the edge, reduced
 * to MARKS_ALONG pixels, so that frames of all lengths fall on each other. Each
 * pixel has eight values: its gradient g across and down, of red, green and
 * blue, as
 *
 *     g / (|g| + 8)
 *
 * which keeps strong edges of the world from outweighing the faint ones of a
 * mark; and for either direction the largest absolute value of the three
 * colours, about its mean over the patch: the outline of an opaque mark is
 * where it is, whether the world is brighter or darker there. Any thread. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

/* X(enumerator, name, words) */
#define MARKS_PLACES(X)                                          \
    X(MARKS_TOP_LEFT, "top-left", "top left corner")             \
    X(MARKS_TOP_RIGHT, "top-right", "top right corner")          \
    X(MARKS_BOTTOM_LEFT, "bottom-left", "bottom left corner")    \
    X(MARKS_BOTTOM_RIGHT, "bottom-right", "bottom right corner") \
    X(MARKS_TOP, "top", "top edge")                              \
    X(MARKS_BOTTOM, "bottom", "bottom edge")                     \
    X(MARKS_LEFT, "left", "left edge")                           \
    X(MARKS_RIGHT, "right", "right edge")

enum marks_place {
#define X(place, name, words) place,
    MARKS_PLACES(X)
#undef X
        MARKS_NUM_PLACES,
    MARKS_NUM_CORNERS = MARKS_TOP
};

enum {
    MARKS_SIDE = 128,   /* pixels of the shorter side */
    MARKS_ALONG = 64,   /* pixels of a strip along its edge, and of a patch */
    MARKS_DOWN = 48,    /* rows of a corner's patch */
    MARKS_DEPTH = 24,   /* rows of a strip, from its edge on */
    MARKS_CHANNELS = 8, /* values of a pixel */
    MARKS_CORNER_VALUES = MARKS_DOWN * MARKS_ALONG * MARKS_CHANNELS,
    MARKS_EDGE_VALUES = MARKS_DEPTH * MARKS_ALONG * MARKS_CHANNELS,
    MARKS_VALUES = 4 * (MARKS_CORNER_VALUES + MARKS_EDGE_VALUES),
    MARKS_MIN_PHOTOS = 8, /* of a class, and of the others together */
};

/* Describes a photo.
 *
 * values  out  (MARKS_VALUES) of its places, one after another; in 1 / 74
 * pixels  in   (height, width, 3) RGB; the shorter side is MARKS_SIDE
 *
 * ERROR_MEMORY. */
bool marks_describe(int8_t *values, const uint8_t *pixels, uint32_t width,
                    uint32_t height, struct error *err)
    __attribute__((warn_unused_result));

/* The photos of a class, and of others. */
struct marks_photos {
    const int8_t *const *own;    /* (num_own) each (MARKS_VALUES) */
    const uint32_t *groups;      /* (num_own) of near-duplicates */
    size_t num_own;              /* at least MARKS_MIN_PHOTOS */
    const int8_t *const *others; /* (num_others) each (MARKS_VALUES) */
    size_t num_others;           /* at least MARKS_MIN_PHOTOS */
};

/* How a class scores at a place; scores are cosines, -1..1. */
struct marks_found {
    double quarter; /* a quarter of the photos score at least so, and at least
                       3 do */
    double usual;   /* 98 % of the other photos score at most so */
};

/* Scores the photos of a class at a place.
 *
 * scores  out  (num_own)
 *
 * ERROR_MEMORY. */
bool marks_score(struct marks_found *found, float *scores,
                 const struct marks_photos *photos, enum marks_place place,
                 struct error *err) __attribute__((warn_unused_result));

#endif
